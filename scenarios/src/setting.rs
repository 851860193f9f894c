//! Values given on the command line, put into the tree before it becomes types.

use std::str::FromStr;

use yaml::{Key, Mistake, Span, Tree, Value, shorten};

/// A value put in the place of what a scenario says: `network.mechanic.loss=1%`.
///
/// Keys are separated by points; elements of a list are counted from one, as in `steps.3.wait`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The whole text, as it was given.
    text: String,
    /// Where `=` stands.
    equals: usize,
}

/// Why a text is no setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// There is no `=`.
    #[error("`{0}` has no `=`: write path=value, such as `network.mechanic.loss=1%`")]
    NoValue(String),
    /// Nothing before `=`, or two points in a row.
    #[error("`{0}` has an empty key: write path=value, such as `network.mechanic.loss=1%`")]
    EmptyKey(String),
    /// More keys than any path of a scenario has.
    #[error("`{0}` has more keys than a scenario is deep")]
    TooDeep(String),
}

impl Setting {
    /// Makes a setting from its path and its value.
    ///
    /// # Errors
    ///
    /// When the path is empty, has an empty key, or more keys than a scenario is deep.
    pub fn new(path: &str, value: &str) -> Result<Self, SettingError> {
        format!("{path}={value}").parse()
    }

    /// Returns the setting as it is written on the command line.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the path, such as `network.mechanic.loss`.
    pub fn path(&self) -> &str {
        &self.text[..self.equals]
    }

    /// Puts the value into a tree; `text` is the number errors know this setting by.
    pub(crate) fn apply(&self, tree: &mut Tree, text: usize) -> Result<(), Mistake> {
        let source = &self.text[self.equals + 1..];
        let shift = self.equals + 1;
        let mut value = Tree::parse(source, text).map_err(|mut error| {
            error.span.move_by(shift);
            error
        })?;
        value.move_by(shift);
        let mut keys = Vec::new();
        let mut start = 0;
        for key in self.path().split('.') {
            let span = Span { text, bytes: start..start + key.len() };
            keys.push(Key { text: key.to_owned(), span });
            start += key.len() + 1;
        }
        put(tree, &keys, value)
    }
}

impl FromStr for Setting {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let Some(equals) = text.find('=') else {
            return Err(SettingError::NoValue(text.to_owned()));
        };
        let path = &text[..equals];
        if path.split('.').any(|key| key.trim() != key || key.is_empty()) {
            return Err(SettingError::EmptyKey(text.to_owned()));
        }
        if path.split('.').count() > DEPTH {
            return Err(SettingError::TooDeep(text.to_owned()));
        }
        Ok(Self { text: text.to_owned(), equals })
    }
}

/// Walks down the keys, making mappings where there is nothing, and puts the value at the end.
fn put(tree: &mut Tree, keys: &[Key], value: Tree) -> Result<(), Mistake> {
    let Some((key, rest)) = keys.split_first() else {
        // A container points at the key it is below, as if it stood in the file.
        *tree = Tree { span: tree_span(tree, &value), value: value.value };
        return Ok(());
    };
    let wrong = |message: String, help: &str| Mistake {
        message,
        help: Some(help.to_owned()),
        span: key.span.clone(),
    };
    if tree.value == Value::Null {
        tree.value = Value::Map(Vec::new());
    }
    match &mut tree.value {
        Value::Map(entries) => {
            let known = entries.iter().position(|(name, _)| name.text == key.text);
            let index = known.unwrap_or_else(|| {
                let empty = Tree { span: key.span.clone(), value: Value::Null };
                entries.push((key.clone(), empty));
                entries.len() - 1
            });
            if rest.is_empty() {
                entries[index].0.span = key.span.clone();
                entries[index].1.span = key.span.clone();
            }
            put(&mut entries[index].1, rest, value)
        }
        Value::List(items) => {
            let count = items.len();
            let item = key.text.parse().ok().and_then(|number: usize| number.checked_sub(1));
            let Some(item) = item.and_then(|index| items.get_mut(index)) else {
                let message = format!("there is no element `{}` in the list", shorten(&key.text));
                return Err(wrong(message, &format!("elements are counted from 1 to {count}")));
            };
            if rest.is_empty() {
                item.span = key.span.clone();
            }
            put(item, rest, value)
        }
        Value::Scalar { text, .. } => {
            let message = format!("`{}` cannot be set below `{}`", key.text, shorten(text));
            Err(wrong(message, "the scenario has a plain value there"))
        }
        Value::Null => unreachable!("nothing was made a mapping above"),
    }
}

/// Returns the place of a value that was put into a node: its own when it is a scalar.
fn tree_span(node: &Tree, value: &Tree) -> Span {
    match &value.value {
        Value::Scalar { .. } => value.span.clone(),
        Value::Null | Value::List(_) | Value::Map(_) => node.span.clone(),
    }
}

/// More keys than any path of a scenario has.
const DEPTH: usize = 16;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::an_inner_key("a: {b: 1, c: 2}", "a.c=3", "a: {b: 1, c: 3}")]
    #[case::a_new_key("a: {b: 1}", "x.y=3", "a: {b: 1}\nx: {y: 3}")]
    #[case::below_nothing("a:", "a.b=1", "a: {b: 1}")]
    #[case::an_element("s: [one, {w: 2s}]", "s.2.w=3s", "s: [one, {w: 3s}]")]
    #[case::keys_and_values("a: 1", "a={b: 2}", "a: {b: 2}")]
    fn puts_a_value_into_its_place(#[case] file: &str, #[case] setting: &str, #[case] same: &str) {
        let mut tree = Tree::parse(file, 0).unwrap();
        setting.parse::<Setting>().unwrap().apply(&mut tree, 1).unwrap();
        assert_eq!(shape(&tree), shape(&Tree::parse(same, 0).unwrap()));
    }

    #[rstest]
    #[case::below_a_plain_value("a: 1", "a.b=2", 2..3)]
    #[case::no_such_element("s: [one]", "s.2=two", 2..3)]
    #[case::element_zero("s: [one]", "s.0=two", 2..3)]
    #[case::broken_value("a: 1", "a=[", 2..2)]
    fn says_where_it_does_not_fit(
        #[case] file: &str,
        #[case] setting: &str,
        #[case] place: std::ops::Range<usize>,
    ) {
        let mut tree = Tree::parse(file, 0).unwrap();
        let error = setting.parse::<Setting>().unwrap().apply(&mut tree, 1).unwrap_err();
        assert_eq!(error.span.bytes.start, place.start);
    }

    #[test]
    fn a_value_knows_that_it_came_from_the_command_line() {
        let mut tree = Tree::parse("a: {b: 1}", 0).unwrap();
        "a.b=22".parse::<Setting>().unwrap().apply(&mut tree, 1).unwrap();
        let place = &tree.get("a").unwrap().get("b").unwrap().span;
        assert_eq!((place.text, place.bytes.clone()), (1, 4..6));
    }

    #[rstest]
    #[case("loss")]
    #[case("=1%")]
    #[case("a..b=1")]
    #[case("a. b=1")]
    #[case("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a=1")]
    fn refuses_what_is_no_setting(#[case] text: &str) {
        assert!(text.parse::<Setting>().is_err());
    }

    /// The tree without its places.
    fn shape(tree: &Tree) -> String {
        match &tree.value {
            Value::Null => "~".to_owned(),
            Value::Scalar { text, .. } => text.clone(),
            Value::List(items) => format!("{:?}", items.iter().map(shape).collect::<Vec<_>>()),
            Value::Map(entries) => {
                let entry = |(key, tree): &(Key, Tree)| format!("{}={}", key.text, shape(tree));
                format!("{:?}", entries.iter().map(entry).collect::<Vec<_>>())
            }
        }
    }
}
