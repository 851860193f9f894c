//! The frames of `vectors/wire-vectors.json`, decoded and encoded back byte for byte.
//!
//! Every field a vector gives is compared: first the decoded message is turned into the vector's
//! own vocabulary, then each field must be found there with the same value.

mod doip;
mod hsfz;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Hex;

type Fields = Map<String, Value>;

/// Fields that speak to people, or of more than the one frame; `expect` and `acknowledges` have
/// tests of their own.
const REMARKS: [&str; 4] = ["note", "reply_to", "expect", "acknowledges"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    transport: String,
    direction: String,
    hex: String,
    fields: Fields,
    #[serde(rename = "source")]
    _source: String,
    #[serde(rename = "confidence")]
    _confidence: String,
}

impl Vector {
    fn bytes(&self) -> Vec<u8> {
        unhex(&self.hex)
    }

    fn is_from_tester(&self) -> bool {
        self.direction.starts_with("tester->")
    }

    fn is_malformed(&self) -> bool {
        self.name.contains(".malformed.")
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(|value| value.as_str().expect("the field is text"))
    }

    /// Compares every field given with what was seen.
    fn assert_fields(&self, seen: &Fields) {
        for (key, expected) in &self.fields {
            if !REMARKS.contains(&key.as_str()) {
                assert_eq!(seen.get(key), Some(expected), "{}: {key}", self.name);
            }
        }
    }
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../vectors/wire-vectors.json")).expect("valid vectors")
}

fn named(name: &str) -> Vector {
    let found = vectors().into_iter().find(|vector| vector.name == name);
    found.unwrap_or_else(|| panic!("no vector {name}"))
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    assert!(text.len().is_multiple_of(2), "whole bytes: {text}");
    text.as_bytes().chunks(2).map(byte).collect()
}

fn hex(bytes: &[u8]) -> Value {
    format!("{:#}", Hex(bytes)).into()
}

fn ascii(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).expect("ASCII").into()
}

#[test]
fn the_file_holds_122_frames() {
    let vectors = vectors();
    let count = |prefix| vectors.iter().filter(|it| it.transport.starts_with(prefix)).count();
    assert_eq!((count("hsfz"), count("doip"), vectors.len()), (58, 64, 122));
}

#[test]
fn names_are_unique() {
    let names: std::collections::BTreeSet<_> = vectors().into_iter().map(|it| it.name).collect();
    assert_eq!(names.len(), 122);
}
