//! Turning a tree into types through serde; an error knows the innermost node it is about.

use std::fmt;

use serde::de::{self, DeserializeSeed, Visitor};
use serde::forward_to_deserialize_any;

use super::suggest;
use super::tree::{Key, Span, Tree, Value, shorten};

/// Why a tree is not of the wanted type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DecodeError {
    pub message: String,
    pub help: Option<String>,
    /// The innermost node or key the error is about.
    pub span: Option<Span>,
}

/// Turns a tree into a type.
pub(crate) fn decode<'de, T: de::Deserialize<'de>>(tree: &'de Tree) -> Result<T, DecodeError> {
    T::deserialize(Decoder { tree }).map_err(|error| error.about_node(tree))
}

impl DecodeError {
    fn new(message: String, help: Option<String>) -> Self {
        Self { message, help, span: None }
    }

    fn about(mut self, span: &Span) -> Self {
        self.span.get_or_insert_with(|| span.clone());
        self
    }

    /// Makes the error about a node; about the key of it that the message names first, if one.
    fn about_node(self, tree: &Tree) -> Self {
        if self.span.is_some() {
            return self;
        }
        let mut quoted = self.message.split('`').skip(1).step_by(2);
        let named = quoted.find_map(|word| tree.get(word)).unwrap_or(tree).span.clone();
        self.about(&named)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DecodeError {}

impl de::Error for DecodeError {
    /// Takes what follows the first `: ` outside of quotes as the help.
    fn custom<T: fmt::Display>(text: T) -> Self {
        let text = text.to_string();
        let mut quoted = false;
        for (index, byte) in text.bytes().enumerate() {
            quoted ^= byte == b'`';
            if let (false, Some((": ", help))) = (quoted, split_two(&text, index)) {
                return Self::new(text[..index].to_owned(), Some(help.to_owned()));
            }
        }
        Self::new(text, None)
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("{found} does not fit here"), Some(format!("write {expected}")))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("{found} does not fit here"), Some(format!("write {expected}")))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let help = suggest::among(field, "keys", expected.iter().copied());
        Self::new(format!("there is no key `{}` here", shorten(field)), Some(help))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let help = suggest::among(variant, "choices", expected.iter().copied());
        Self::new(format!("`{}` is not one of the choices", shorten(variant)), Some(help))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is missing"), Some(format!("add `{field}: …`")))
    }
}

/// Reads one node.
struct Decoder<'de> {
    tree: &'de Tree,
}

impl<'de> Decoder<'de> {
    fn unfit(&self, expected: &dyn de::Expected) -> DecodeError {
        let message = match &self.tree.value {
            Value::Null => "there is nothing here".to_owned(),
            Value::Scalar { text, .. } => format!("`{}` does not fit here", shorten(text)),
            Value::List(_) => "a list does not fit here".to_owned(),
            Value::Map(_) => "keys with values do not fit here".to_owned(),
        };
        let expected = expected.to_string().replace("a string", "text");
        DecodeError::new(message, Some(format!("write {expected}"))).about(&self.tree.span)
    }

    fn scalar(&self, visitor: &dyn de::Expected) -> Result<&'de str, DecodeError> {
        match &self.tree.value {
            Value::Scalar { text, .. } => Ok(text),
            Value::Null | Value::List(_) | Value::Map(_) => Err(self.unfit(visitor)),
        }
    }

    fn list(&self, visitor: &dyn de::Expected) -> Result<&'de [Tree], DecodeError> {
        match &self.tree.value {
            Value::List(items) => Ok(items),
            Value::Null | Value::Scalar { .. } | Value::Map(_) => Err(self.unfit(visitor)),
        }
    }
}

/// Splits off the two bytes at `index`, when they are whole characters.
fn split_two(text: &str, index: usize) -> Option<(&str, &str)> {
    text.get(index..)?.split_at_checked(2)
}

macro_rules! deserialize_numbers {
    ($($method:ident $visit:ident $type:ty,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            let number = match &self.tree.value {
                Value::Scalar { text, .. } => text.replace('_', "").parse().ok(),
                Value::Null | Value::List(_) | Value::Map(_) => None,
            };
            let number: $type = number.ok_or_else(|| {
                let (low, high) = (<$type>::MIN, <$type>::MAX);
                self.unfit(&format!("a whole number between {low} and {high}").as_str())
            })?;
            visitor.$visit(number)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Decoder<'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.tree.value {
            Value::Null => visitor.visit_unit(),
            Value::Scalar { text, plain } => {
                if let (true, Ok(number)) = (*plain, text.parse::<u64>()) {
                    return visitor.visit_u64(number);
                }
                match (*plain, text.as_str()) {
                    (true, "true") => visitor.visit_bool(true),
                    (true, "false") => visitor.visit_bool(false),
                    (_, text) => visitor.visit_borrowed_str(text),
                }
            }
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Map(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.tree.value {
            Value::Scalar { text, .. } if text == "true" => visitor.visit_bool(true),
            Value::Scalar { text, .. } if text == "false" => visitor.visit_bool(false),
            Value::Null | Value::Scalar { .. } | Value::List(_) | Value::Map(_) => {
                Err(self.unfit(&"`true` or `false`"))
            }
        }
    }

    deserialize_numbers! {
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let text = self.scalar(&visitor)?;
        visitor.visit_borrowed_str(text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.tree.value {
            Value::Null => visitor.visit_none(),
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let items = self.list(&visitor)?;
        visitor.visit_seq(Items { items: items.iter() })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.tree.value {
            Value::Map(entries) => {
                visitor.visit_map(Entries { entries: entries.iter(), value: None })
            }
            Value::Null | Value::Scalar { .. } | Value::List(_) => Err(self.unfit(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match &self.tree.value {
            Value::Map(_) => self.deserialize_map(visitor),
            Value::Null | Value::Scalar { .. } | Value::List(_) => {
                let example = fields.first().copied().unwrap_or("key");
                let keys = fields.iter().map(|f| format!("`{f}`")).collect::<Vec<_>>().join(", ");
                Err(self
                    .unfit(&format!("keys, such as `{{ {example}: … }}`; keys: {keys}").as_str()))
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let choices = || variants.iter().map(|v| format!("`{v}`")).collect::<Vec<_>>().join(", ");
        match &self.tree.value {
            Value::Scalar { text, .. } => {
                visitor.visit_enum(Choice { name: text, span: &self.tree.span, content: None })
            }
            Value::Map(entries) => match entries.as_slice() {
                [(key, content)] => {
                    let content = Some(content);
                    visitor.visit_enum(Choice { name: &key.text, span: &key.span, content })
                }
                [(first, _), (second, _), ..] => {
                    let (one, two) = (shorten(&first.text), shorten(&second.text));
                    let message = format!("there is a second key `{two}` beside `{one}`");
                    let help = Some("write exactly one key here".to_owned());
                    Err(DecodeError::new(message, help).about(&second.span))
                }
                [] => Err(self.unfit(&format!("one of {}", choices()).as_str())),
            },
            Value::Null | Value::List(_) => {
                Err(self.unfit(&format!("one of {}", choices()).as_str()))
            }
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.tree.value {
            Value::Null => visitor.visit_unit(),
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) => Err(self.unfit(&"nothing")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit_struct tuple_struct
    }
}

struct Items<'de> {
    items: std::slice::Iter<'de, Tree>,
}

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = DecodeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        let Some(tree) = self.items.next() else {
            return Ok(None);
        };
        seed.deserialize(Decoder { tree }).map(Some).map_err(|error| error.about_node(tree))
    }
}

struct Entries<'de> {
    entries: std::slice::Iter<'de, (Key, Tree)>,
    value: Option<&'de Tree>,
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = DecodeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, DecodeError> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        let name = de::value::BorrowedStrDeserializer::new(&key.text);
        seed.deserialize(name).map(Some).map_err(|error: DecodeError| error.about(&key.span))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, DecodeError> {
        let tree = self.value.take().expect("a value is asked for after its key");
        seed.deserialize(Decoder { tree }).map_err(|error| error.about_node(tree))
    }
}

/// One variant of an enum: its name, and what is below it.
struct Choice<'de> {
    name: &'de str,
    span: &'de Span,
    content: Option<&'de Tree>,
}

impl<'de> de::EnumAccess<'de> for Choice<'de> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), DecodeError> {
        let name: de::value::BorrowedStrDeserializer<'de, DecodeError> =
            de::value::BorrowedStrDeserializer::new(self.name);
        let variant = seed.deserialize(name).map_err(|error| error.about(self.span))?;
        Ok((variant, self))
    }
}

impl<'de> Choice<'de> {
    fn content(&self) -> Result<&'de Tree, DecodeError> {
        self.content.ok_or_else(|| {
            let message = format!("`{}` needs more than its name", self.name);
            let help = Some(format!("write `{}: …` with what it needs", self.name));
            DecodeError::new(message, help).about(self.span)
        })
    }
}

impl<'de> de::VariantAccess<'de> for Choice<'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        match self.content {
            None | Some(Tree { value: Value::Null, .. }) => Ok(()),
            Some(tree) => {
                let message = format!("`{}` takes no value", self.name);
                let help = Some(format!("write `{}` alone", self.name));
                Err(DecodeError::new(message, help).about(&tree.span))
            }
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<S::Value, DecodeError> {
        let tree = self.content()?;
        seed.deserialize(Decoder { tree }).map_err(|error| error.about_node(tree))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let tree = self.content()?;
        de::Deserializer::deserialize_seq(Decoder { tree }, visitor)
            .map_err(|error| error.about_node(tree))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let tree = self.content()?;
        de::Deserializer::deserialize_struct(Decoder { tree }, "", fields, visitor)
            .map_err(|error| error.about_node(tree))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case", deny_unknown_fields)]
    struct Thing {
        name: String,
        #[serde(default)]
        count: Option<u8>,
        #[serde(default)]
        deeds: Vec<Deed>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Deed {
        Rest,
        Walk { steps: u32 },
        Wait(crate::TimeRange),
    }

    #[test]
    fn reads_every_shape() {
        let text = "name: 0010\ncount: 7\ndeeds:\n  - rest\n  - walk: { steps: 3 }\n  - wait: 2s\n";
        let thing: Thing = decode(&Tree::parse(text, 0).unwrap()).unwrap();
        assert_eq!(thing.name, "0010");
        assert_eq!(thing.count, Some(7));
        let wait = Deed::Wait("2s".parse().unwrap());
        assert_eq!(thing.deeds, [Deed::Rest, Deed::Walk { steps: 3 }, wait]);
    }

    #[rstest]
    #[case::unknown_key("name: a\ncont: 7\n", "cont")]
    #[case::too_large("name: a\ncount: 256\n", "256")]
    #[case::negative("name: a\ncount: -1\n", "-1")]
    #[case::wrong_shape("name: [a]\n", "name")]
    #[case::unknown_choice("name: a\ndeeds: [rst]\n", "rst")]
    #[case::two_keys("name: a\ndeeds:\n- rest:\n  wait: 2s\n", "wait")]
    #[case::unit_with_value("name: a\ndeeds: [{rest: 5}]\n", "5")]
    #[case::value_missing("name: a\ndeeds: [walk]\n", "walk")]
    #[case::inner_key_missing("name: a\ndeeds: [{walk: {}}]\n", "walk")]
    #[case::wrong_unit("name: a\ndeeds: [{wait: 2sec}]\n", "2sec")]
    fn points_at_the_innermost_node(#[case] text: &str, #[case] place: &str) {
        let tree = Tree::parse(text, 0).unwrap();
        let error = decode::<Thing>(&tree).unwrap_err();
        assert_eq!(&text[error.span.unwrap().bytes], place);
        assert!(error.help.is_some());
    }

    #[test]
    fn help_follows_the_first_colon_outside_of_quotes() {
        let error: DecodeError = de::Error::custom("`a: b` is wrong: write `c`");
        assert_eq!(error.message, "`a: b` is wrong");
        assert_eq!(error.help.as_deref(), Some("write `c`"));
    }
}
