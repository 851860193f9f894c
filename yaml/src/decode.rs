//! Turning a tree into types through serde; an error knows the innermost node it is about.

mod access;
mod failure;

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::forward_to_deserialize_any;

use self::access::{Choice, Entries, Items, Place};
use self::failure::Failure;
use crate::mistake::Mistake;
use crate::placed;
use crate::tree::{Tree, Value, shorten};

/// Turns a tree into a type.
///
/// # Errors
///
/// Says which node does not fit the type, and what would.
pub fn decode<'de, T: de::Deserialize<'de>>(tree: &'de Tree) -> Result<T, Mistake> {
    T::deserialize(Decoder { tree }).map_err(|failure| failure.into_mistake(tree))
}

/// Reads one node.
///
/// Its methods exist once for every type that is read: what does not depend on the type is said
/// in functions beside them.
struct Decoder<'de> {
    tree: &'de Tree,
}

impl<'de> Decoder<'de> {
    #[cold]
    fn unfit(&self, expected: &dyn de::Expected) -> Failure {
        let message = match &self.tree.value {
            Value::Null => "there is nothing here".to_owned(),
            Value::Scalar { text, .. } => format!("`{}` does not fit here", shorten(text)),
            Value::List(_) => "a list does not fit here".to_owned(),
            Value::Map(_) => "keys with values do not fit here".to_owned(),
        };
        let expected = expected.to_string().replace("a string", "text");
        Failure::new(message, Some(format!("write {expected}"))).about(&self.tree.span)
    }

    /// Says which keys would be right.
    #[cold]
    fn no_keys(&self, fields: &[&str]) -> Failure {
        let example = fields.first().copied().unwrap_or("key");
        let keys = quoted(fields);
        self.unfit(&format!("keys, such as `{{ {example}: … }}`; keys: {keys}").as_str())
    }

    fn boolean(&self) -> Result<bool, Failure> {
        match &self.tree.value {
            Value::Scalar { text, .. } if text == "true" => Ok(true),
            Value::Scalar { text, .. } if text == "false" => Ok(false),
            Value::Null | Value::Scalar { .. } | Value::List(_) | Value::Map(_) => {
                Err(self.unfit(&"`true` or `false`"))
            }
        }
    }

    fn number<N: FromStr + fmt::Display>(&self, low: N, high: N) -> Result<N, Failure> {
        let number = match &self.tree.value {
            Value::Scalar { text, .. } => text.replace('_', "").parse().ok(),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        };
        let expected = || format!("a whole number between {low} and {high}");
        number.ok_or_else(|| self.unfit(&expected().as_str()))
    }

    fn scalar(&self, visitor: &dyn de::Expected) -> Result<&'de str, Failure> {
        match &self.tree.value {
            Value::Scalar { text, .. } => Ok(text),
            Value::Null | Value::List(_) | Value::Map(_) => Err(self.unfit(visitor)),
        }
    }

    fn items(&self, visitor: &dyn de::Expected) -> Result<Items<'de>, Failure> {
        match &self.tree.value {
            Value::List(items) => Ok(Items::new(items)),
            Value::Null | Value::Scalar { .. } | Value::Map(_) => Err(self.unfit(visitor)),
        }
    }

    fn entries(&self) -> Option<Entries<'de>> {
        match &self.tree.value {
            Value::Map(entries) => Some(Entries::new(entries)),
            Value::Null | Value::Scalar { .. } | Value::List(_) => None,
        }
    }

    fn choice(&self, variants: &[&str]) -> Result<Choice<'de>, Failure> {
        match &self.tree.value {
            Value::Scalar { text, .. } => {
                Ok(Choice { name: text, span: &self.tree.span, content: None })
            }
            Value::Map(entries) => match entries.as_slice() {
                [(key, content)] => {
                    Ok(Choice { name: &key.text, span: &key.span, content: Some(content) })
                }
                [(first, _), (second, _), ..] => {
                    let (one, two) = (shorten(&first.text), shorten(&second.text));
                    let message = format!("there is a second key `{two}` beside `{one}`");
                    let help = Some("write exactly one key here".to_owned());
                    Err(Failure::new(message, help).about(&second.span))
                }
                [] => Err(self.unfit(&format!("one of {}", quoted(variants)).as_str())),
            },
            Value::Null | Value::List(_) => {
                Err(self.unfit(&format!("one of {}", quoted(variants)).as_str()))
            }
        }
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

macro_rules! deserialize_numbers {
    ($($method:ident $visit:ident $type:ty,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            visitor.$visit(self.number(<$type>::MIN, <$type>::MAX)?)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Decoder<'de> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
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

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_bool(self.boolean()?)
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

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let text = self.scalar(&visitor)?;
        visitor.visit_borrowed_str(text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.tree.value {
            // A key whose value was forgotten, or is an unset variable, is not one left out.
            Value::Null => Err(self.unfit(&"a value, or leave the key out")),
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        if name == placed::NAME {
            return visitor.visit_map(Place::new(self.tree));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let items = self.items(&visitor)?;
        visitor.visit_seq(items)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.entries() {
            Some(entries) => visitor.visit_map(entries),
            None => Err(self.unfit(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match self.entries() {
            Some(entries) => visitor.visit_map(entries),
            None => Err(self.no_keys(fields)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_enum(self.choice(variants)?)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.tree.value {
            Value::Null => visitor.visit_unit(),
            Value::Scalar { .. } | Value::List(_) | Value::Map(_) => Err(self.unfit(&"nothing")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit_struct tuple_struct
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
        Wait(Seconds),
    }

    #[derive(Debug, PartialEq)]
    struct Seconds(u32);

    impl<'de> Deserialize<'de> for Seconds {
        fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = <&str>::deserialize(deserializer)?;
            let number = text.strip_suffix('s').and_then(|number| number.parse().ok());
            let wrong = || de::Error::custom(format!("`{text}` is no time: write `2s`"));
            number.map(Self).ok_or_else(wrong)
        }
    }

    #[test]
    fn reads_every_shape() {
        let text = "name: 0010\ncount: 7\ndeeds:\n  - rest\n  - walk: { steps: 3 }\n  - wait: 2s\n";
        let thing: Thing = decode(&Tree::parse(text, 0).unwrap()).unwrap();
        assert_eq!(thing.name, "0010");
        assert_eq!(thing.count, Some(7));
        let wait = Deed::Wait(Seconds(2));
        assert_eq!(thing.deeds, [Deed::Rest, Deed::Walk { steps: 3 }, wait]);
    }

    #[rstest]
    #[case::unknown_key("name: a\ncont: 7\n", "cont")]
    #[case::too_large("name: a\ncount: 256\n", "256")]
    #[case::nothing("name: a\ncount:\n", "count")]
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
        assert_eq!(&text[error.span.bytes], place);
        assert!(error.help.is_some());
    }
}
