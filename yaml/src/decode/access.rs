//! What is inside of a node, one after the other.

use serde::de::value::{BorrowedStrDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeSeed, Visitor};

use super::{Decoder, Failure};
use crate::span::Span;
use crate::tree::{Key, Tree, Value};

/// The elements of a list.
pub(super) struct Items<'de> {
    items: std::slice::Iter<'de, Tree>,
}

impl<'de> Items<'de> {
    pub fn new(items: &'de [Tree]) -> Self {
        Self { items: items.iter() }
    }
}

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = Failure;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Failure> {
        let Some(tree) = self.items.next() else {
            return Ok(None);
        };
        seed.deserialize(Decoder { tree }).map(Some).map_err(|failure| failure.about_node(tree))
    }
}

/// The entries of a mapping.
pub(super) struct Entries<'de> {
    entries: std::slice::Iter<'de, (Key, Tree)>,
    /// What stands under the key that was read last.
    value: Option<&'de Tree>,
}

impl<'de> Entries<'de> {
    pub fn new(entries: &'de [(Key, Tree)]) -> Self {
        Self { entries: entries.iter(), value: None }
    }
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = Failure;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Failure> {
        let Some((key, value)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        let name = BorrowedStrDeserializer::new(&key.text);
        seed.deserialize(name).map(Some).map_err(|failure: Failure| failure.about(&key.span))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Failure> {
        let tree = self.value.take().expect("a value is asked for after its key");
        seed.deserialize(Decoder { tree }).map_err(|failure| failure.about_node(tree))
    }
}

/// One entry: the place of a node, and the node.
pub(super) struct Place<'de> {
    tree: &'de Tree,
    done: bool,
}

impl<'de> Place<'de> {
    pub fn new(tree: &'de Tree) -> Self {
        Self { tree, done: false }
    }
}

impl<'de> de::MapAccess<'de> for Place<'de> {
    type Error = Failure;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Failure> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(None);
        }
        let Span { text, bytes } = &self.tree.span;
        let place = SeqDeserializer::new([*text, bytes.start, bytes.end].into_iter());
        seed.deserialize(place).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Failure> {
        seed.deserialize(Decoder { tree: self.tree })
    }
}

/// One variant of an enum: its name, and what is below it.
pub(super) struct Choice<'de> {
    pub name: &'de str,
    pub span: &'de Span,
    pub content: Option<&'de Tree>,
}

impl<'de> de::EnumAccess<'de> for Choice<'de> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Failure> {
        let name: BorrowedStrDeserializer<'de, Failure> = BorrowedStrDeserializer::new(self.name);
        let variant = seed.deserialize(name).map_err(|failure| failure.about(self.span))?;
        Ok((variant, self))
    }
}

impl<'de> Choice<'de> {
    fn content(&self) -> Result<&'de Tree, Failure> {
        self.content.ok_or_else(|| {
            let message = format!("`{}` needs more than its name", self.name);
            let help = Some(format!("write `{}: …` with what it needs", self.name));
            Failure::new(message, help).about(self.span)
        })
    }
}

impl<'de> de::VariantAccess<'de> for Choice<'de> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        match self.content {
            None | Some(Tree { value: Value::Null, .. }) => Ok(()),
            Some(tree) => {
                let message = format!("`{}` takes no value", self.name);
                let help = Some(format!("write `{}` alone", self.name));
                Err(Failure::new(message, help).about(&tree.span))
            }
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Failure> {
        let tree = self.content()?;
        seed.deserialize(Decoder { tree }).map_err(|failure| failure.about_node(tree))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Failure> {
        let tree = self.content()?;
        de::Deserializer::deserialize_seq(Decoder { tree }, visitor)
            .map_err(|failure| failure.about_node(tree))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let tree = self.content()?;
        de::Deserializer::deserialize_struct(Decoder { tree }, "", fields, visitor)
            .map_err(|failure| failure.about_node(tree))
    }
}
