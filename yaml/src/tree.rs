//! Reading YAML text into a tree, within limits.

use std::fmt;
use std::ops::Range;

use serde::de::{self, MapAccess, SeqAccess};
use serde_saphyr::Spanned;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};

use crate::mistake::Mistake;
use crate::span::Span;

/// A YAML node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// A scalar's own place; that of its key for what is written below a key.
    pub span: Span,
    /// What it holds.
    pub value: Value,
}

/// What a YAML node holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing, or `null`.
    Null,
    /// A scalar as it was written, without its quotes.
    Scalar {
        /// The text.
        text: String,
        /// Whether it could be a number or a boolean, being written without quotes.
        plain: bool,
    },
    /// A sequence.
    List(Vec<Tree>),
    /// A mapping in the order of the file; no key twice.
    Map(Vec<(Key, Tree)>),
}

/// A key of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key as it was written.
    pub text: String,
    /// Where.
    pub span: Span,
}

impl Tree {
    /// Reads a text; `text` is the number its places know it by.
    ///
    /// # Errors
    ///
    /// Says why the text is no YAML, or more of it than any file needs.
    pub fn parse(source: &str, text: usize) -> Result<Self, Mistake> {
        if let Some(offset) = source.find(is_control) {
            return Err(control_in(text, offset..offset + 1));
        }
        let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(source, options())
            .map_err(|error| explain(&error, source, text))?;
        let tree = Grower { source, text }.grow(raw, None);
        match tree.control() {
            // Written as an escape: a terminal it is printed on would obey it.
            Some(span) => Err(control_in(text, span.bytes.clone())),
            None => Ok(tree),
        }
    }

    /// Returns the first scalar or key with a control character in it.
    fn control(&self) -> Option<&Span> {
        match &self.value {
            Value::Null => None,
            Value::Scalar { text, .. } => is_controlling(text).then_some(&self.span),
            Value::List(items) => items.iter().find_map(Self::control),
            Value::Map(entries) => entries.iter().find_map(|(key, tree)| {
                let own = is_controlling(&key.text).then_some(&key.span);
                own.or_else(|| tree.control())
            }),
        }
    }

    /// Returns the node under a key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|(_, tree)| tree)
    }

    /// Returns a key with the node under it.
    pub fn entry(&self, key: &str) -> Option<&(Key, Self)> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(name, _)| name.text == key),
            Value::Null | Value::Scalar { .. } | Value::List(_) => None,
        }
    }

    /// Returns the elements of a sequence; nothing for anything else.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Null | Value::Scalar { .. } | Value::Map(_) => &[],
        }
    }

    /// Returns the entries of a mapping; nothing for anything else.
    pub fn entries(&self) -> &[(Key, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Null | Value::Scalar { .. } | Value::List(_) => &[],
        }
    }

    /// Moves every place by a number of bytes, for a text that is the end of a longer one.
    pub fn move_by(&mut self, bytes: usize) {
        self.span.move_by(bytes);
        match &mut self.value {
            Value::Null | Value::Scalar { .. } => {}
            Value::List(items) => items.iter_mut().for_each(|item| item.move_by(bytes)),
            Value::Map(entries) => {
                for (key, tree) in entries {
                    key.span.move_by(bytes);
                    tree.move_by(bytes);
                }
            }
        }
    }

    /// Says what the node is, for messages.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Scalar { text, .. } => format!("`{}`", shorten(text)),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "keys with values".to_owned(),
        }
    }
}

fn control_in(text: usize, bytes: Range<usize>) -> Mistake {
    let help = Some("use plain text in UTF-8");
    Mistake::new(text, bytes, "a control character has no place here", help)
}

fn is_controlling(text: &str) -> bool {
    text.contains(is_control)
}

/// Line breaks and tabs aside.
fn is_control(c: char) -> bool {
    c.is_control() && !"\t\n\r".contains(c)
}

/// Cuts what is quoted in messages down to a readable length.
pub fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(QUOTED).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// What the YAML reader hands over, before scalars have got their own spelling back.
#[derive(Debug)]
enum Raw {
    Null,
    /// A number or boolean; its spelling is in the source.
    Plain,
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> de::Deserialize<'de> for Raw {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> de::Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, a list or keys with values")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Plain)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

/// Gives nodes their place, and scalars their spelling.
struct Grower<'a> {
    source: &'a str,
    text: usize,
}

impl Grower<'_> {
    fn grow(&self, raw: Spanned<Raw>, key: Option<&Span>) -> Tree {
        let own = self.span(&raw.referenced);
        let above = || key.unwrap_or(&own).clone();
        match raw.value {
            Raw::Null => Tree { span: above(), value: Value::Null },
            Raw::Plain => {
                let defined = self.span(&raw.defined).bytes;
                let text = self.source.get(defined).unwrap_or_default().trim().to_owned();
                Tree { span: own, value: Value::Scalar { text, plain: true } }
            }
            Raw::Text(text) => Tree { span: own, value: Value::Scalar { text, plain: false } },
            Raw::List(items) => {
                let items = items.into_iter().map(|item| self.grow(item, None)).collect();
                Tree { span: above(), value: Value::List(items) }
            }
            Raw::Map(entries) => {
                let entries = entries.into_iter().map(|(key, value)| {
                    let span = self.span(&key.referenced);
                    let value = self.grow(value, Some(&span));
                    (Key { text: key.value, span }, value)
                });
                Tree { span: above(), value: Value::Map(entries.collect()) }
            }
        }
    }

    fn span(&self, location: &serde_saphyr::Location) -> Span {
        Span { text: self.text, bytes: bytes_of(location, self.source) }
    }
}

/// Returns the bytes a location covers; one byte when only its line and column are known.
fn bytes_of(location: &serde_saphyr::Location, source: &str) -> Range<usize> {
    let span = location.span();
    let number = |value: Option<u64>| value.and_then(|value| usize::try_from(value).ok());
    match (number(span.byte_offset()), number(span.byte_len())) {
        (Some(start), Some(len)) => start..start.saturating_add(len),
        (Some(_), None) | (None, _) => {
            let start = offset_of(source, location.line(), location.column());
            start..start + 1
        }
    }
}

/// Returns the byte at which a line and column, counted from one in characters, begin.
fn offset_of(source: &str, line: u64, column: u64) -> usize {
    let skipped = line.saturating_sub(1);
    let lines = source.split_inclusive('\n');
    let start: usize = lines.zip(0..skipped).map(|(text, _)| text.len()).sum();
    let mut columns = source[start..].char_indices().zip(1..);
    let found = columns.find(|(_, number)| *number >= column);
    start + found.map_or(0, |((index, _), _)| index)
}

/// Turns the YAML reader's error into ours.
fn explain(error: &serde_saphyr::Error, source: &str, text: usize) -> Mistake {
    let error = error.without_snippet();
    let bytes = match error.location() {
        Some(location) => bytes_of(&location, source),
        None => 0..1,
    };
    let (message, help) = match error {
        serde_saphyr::Error::DuplicateMappingKey { key, .. } => {
            let key = shorten(key.as_deref().unwrap_or_default());
            (format!("the key `{key}` is here twice"), Some("keep one of them"))
        }
        serde_saphyr::Error::UnknownAnchor { .. } => {
            ("this alias names no anchor".to_owned(), Some("set the anchor, `&name`, before it"))
        }
        serde_saphyr::Error::MergeKeyNotAllowed { .. } => {
            ("merge keys are not part of YAML 1.2".to_owned(), Some("write the keys out"))
        }
        serde_saphyr::Error::UnsupportedTag { tag, .. } => {
            (format!("the tag `{}` means nothing here", shorten(tag)), Some("remove it"))
        }
        serde_saphyr::Error::Unexpected { expected: "string scalar", .. } => {
            ("a key has to be plain text".to_owned(), Some("write `key: value`"))
        }
        serde_saphyr::Error::Eof { .. } => ("there is nothing in this file".to_owned(), None),
        serde_saphyr::Error::RecursiveReferencesRequireWeakTypes { .. } => {
            ("this alias stands inside of what it stands for".to_owned(), Some("write it out"))
        }
        serde_saphyr::Error::AliasError { error, .. } => return explain(error, source, text),
        serde_saphyr::Error::Budget { breach, .. } => explain_breach(breach),
        serde_saphyr::Error::AliasReplayLimitExceeded { .. }
        | serde_saphyr::Error::AliasReplayStackDepthExceeded { .. } => {
            ("aliases expand to more than any file needs".to_owned(), Some("write them out"))
        }
        other => (without_position(&other.to_string()), Some(LOOK)),
    };
    Mistake::new(text, bytes, message, help)
}

fn explain_breach(breach: &serde_saphyr::budget::BudgetBreach) -> (String, Option<&'static str>) {
    use serde_saphyr::budget::BudgetBreach;
    match breach {
        BudgetBreach::Documents { .. } => {
            let help = "keep one, without `---` between";
            ("there is a second document in this file".to_owned(), Some(help))
        }
        BudgetBreach::Depth { .. } => {
            (format!("this is nested deeper than {DEPTH} levels"), Some("unfold it"))
        }
        other => (format!("this is larger than any file needs to be: {other:?}"), None),
    }
}

/// Cuts off the position that the YAML reader appends: it is shown in its own way.
fn without_position(message: &str) -> String {
    let message = message.lines().next().unwrap_or_default();
    message.rsplit_once(" at line ").map_or(message, |(message, _)| message).to_owned()
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH,
            max_nodes: 100_000,
            max_anchors: 200,
            max_documents: 1,
            max_aliases: 1_000,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 20_000,
            max_replay_stack_depth: 8,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    }
}

/// What helps with most texts that are not YAML.
const LOOK: &str = "look at colons, quotes, brackets and indentation here and one line above";
/// How deep nodes may be nested; a repeat of a repeat takes four levels.
const DEPTH: usize = 24;
/// How many characters of a value are quoted in a message.
const QUOTED: usize = 40;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn scalars_keep_their_spelling_and_their_place() {
        let text = "a: 0010\nb: off\nc: \"1%\"\nd: 1e3\ne: [x, ~]\n";
        let tree = Tree::parse(text, 0).unwrap();
        let place = |key: &str| &text[tree.get(key).unwrap().span.bytes.clone()];
        assert_eq!((place("a"), place("b"), place("c")), ("0010", "off", "\"1%\""));
        assert_eq!(place("e"), "e");
        assert_eq!(tree.get("d").unwrap().describe(), "`1e3`");
        assert_eq!(tree.get("e").unwrap().items().len(), 2);
    }

    #[test]
    fn an_alias_stands_for_what_it_names_and_has_its_own_place() {
        let text = "a: &x 12\nb: *x\n";
        let tree = Tree::parse(text, 0).unwrap();
        let b = tree.get("b").unwrap();
        assert_eq!((b.describe().as_str(), &text[b.span.bytes.clone()]), ("`12`", "*x"));
    }

    #[rstest]
    #[case::tab("a:\n\tb: 1\n")]
    #[case::duplicate("a: 1\nb: 2\na: 3\n")]
    #[case::unclosed("a: [1, 2\n")]
    #[case::two_documents("a: 1\n---\nb: 2\n")]
    #[case::unknown_alias("a: *nobody\n")]
    #[case::merge_key("a: &x {b: 1}\nc: {<<: *x}\n")]
    #[case::tag("a: !secret 1\n")]
    #[case::control("a: \u{7}\n")]
    #[case::escaped_control("a: b\nc: \"\\e[31m\"\n")]
    #[case::escaped_control_in_a_key("\"\\a\": 1\n")]
    #[case::complex_key("? [a, b]\n: 1\n")]
    #[case::bare_quote("a: \"b\nc: d\n")]
    fn broken_yaml_is_explained(#[case] text: &str) {
        let error = Tree::parse(text, 0).unwrap_err();
        insta::with_settings!({ description => text, omit_expression => true }, {
            insta::assert_snapshot!(
                std::thread::current().name().unwrap_or("test").rsplit("::").next().unwrap(),
                format!("{:?}\n{}\n{:?}", error.span.bytes, error.message, error.help)
            );
        });
    }

    #[test]
    fn nested_aliases_do_not_explode() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..9 {
            let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
            text += &format!("a{level}: &a{level} [{aliases}]\n");
        }
        assert!(Tree::parse(&text, 0).is_err());
    }

    #[test]
    fn depth_is_bounded() {
        let text = "[".repeat(5_000) + &"]".repeat(5_000);
        assert!(Tree::parse(&text, 0).is_err());
    }
}
