//! A value that knows where it was written.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, MapAccess, Visitor};

use crate::span::Span;

/// A value with its place; for keys with values and for lists that of the key they are below.
///
/// Only trees know places: nothing but [`decode`](crate::decode()) can make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub span: Span,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Placed<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, PlacedVisitor(PhantomData))
    }
}

/// What a [`Placed`] calls itself; the decoder answers with one entry, place and value.
pub(crate) const NAME: &str = "yaml::Placed";

struct PlacedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for PlacedVisitor<T> {
    type Value = Placed<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a YAML file")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Placed<T>, A::Error> {
        let Some([text, start, end]) = access.next_key::<[usize; 3]>()? else {
            return Err(de::Error::custom("this value has no place"));
        };
        Ok(Placed { value: access.next_value()?, span: Span { text, bytes: start..end } })
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Car {
        name: Placed<String>,
        doors: Vec<Placed<u8>>,
        size: Option<Placed<Vec<u8>>>,
        vin: Option<Placed<String>>,
    }

    const TEXT: &str = "name: \"g05\"\ndoors: [2, 14]\nsize:\n  - 1\n";

    #[test]
    fn a_value_knows_its_place() {
        let tree = crate::Tree::parse(TEXT, 3).unwrap();
        let car: Car = crate::decode(&tree).unwrap();
        let at = |span: &Span| &TEXT[span.bytes.clone()];
        assert_eq!((car.name.value.as_str(), at(&car.name.span)), ("g05", "\"g05\""));
        assert_eq!((car.doors[1].value, at(&car.doors[1].span)), (14, "14"));
        let size = car.size.unwrap();
        assert_eq!((size.value, at(&size.span)), (vec![1], "size"));
        assert_eq!((car.name.span.text, car.vin), (3, None));
    }

    #[test]
    fn a_mistake_below_is_at_its_own_place() {
        let error = crate::from_str::<Car>(&TEXT.replace("14", "256")).err().unwrap();
        assert_eq!((error.line, error.column), (2, 12));
    }
}
