//! Bytes into words for people.

use crate::Hex;

/// Turns a UDS request or response into words.
pub fn describe(bytes: &[u8]) -> String {
    Hex(bytes).to_string()
}
