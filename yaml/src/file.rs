//! A whole file into a type, or what is wrong with it, with line and column.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::decode::decode;
use crate::mistake::Mistake;
use crate::span::{fit, position};
use crate::tree::Tree;

/// The most bytes a file may have.
pub const LIMIT: usize = 256 * 1024;

/// Reads as much of a file as tells whether it has more than [`LIMIT`] bytes.
///
/// # Errors
///
/// Returns what the system says.
pub fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LIMIT as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What is wrong with a file, and where.
///
/// Prints as `line 2, column 7: message; help`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong, as a fragment.
    pub message: String,
    /// What would be right, when that can be said.
    pub help: Option<String>,
    /// The line, counted from one.
    pub line: u64,
    /// The column, counted from one in characters.
    pub column: u64,
}

/// Reads a whole file into a type; a byte order mark is skipped.
///
/// # Errors
///
/// Says what is wrong first: in the YAML, or with the innermost node that does not fit its type.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let tree = tree_of(text)?;
    decode(&tree).map_err(|mistake| Error::new(text, mistake))
}

fn tree_of(text: &str) -> Result<Tree, Error> {
    if text.len() > LIMIT {
        let message = format!("this is larger than any file needs to be: {LIMIT} bytes at most");
        return Err(Error { message, help: None, line: 1, column: 1 });
    }
    Tree::parse(without_mark(text), 0).map_err(|mistake| Error::new(text, mistake))
}

/// Skips a byte order mark.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{FEFF}').unwrap_or(text)
}

impl Error {
    /// Gives a mistake its line and column in the file it was found in.
    pub fn new(text: &str, mistake: Mistake) -> Self {
        let text = without_mark(text);
        let Mistake { message, help, span } = mistake;
        let (line, column) = position(text, fit(text, span.bytes).start);
        Self { message, help, line: line as u64, column: column as u64 }
    }

    /// Returns what is wrong and what would be right, without the place.
    pub fn explanation(&self) -> String {
        match &self.help {
            Some(help) => format!("{}; {help}", self.message),
            None => self.message.clone(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.explanation())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Car {
        doors: u8,
    }

    #[rstest]
    #[case::plain("doors: 5\n")]
    #[case::byte_order_mark("\u{FEFF}doors: 5\n")]
    fn reads_a_file(#[case] text: &str) {
        assert_eq!(from_str(text), Ok(Car { doors: 5 }));
    }

    #[rstest]
    #[case::value(
        "# ü\ndoors:   many\n",
        "line 2, column 10: `many` does not fit here; write a whole number between 0 and 255"
    )]
    #[case::key(
        "doors: 5\nseets: 5\n",
        "line 2, column 1: there is no key `seets` here; keys: `doors`"
    )]
    #[case::missing("{}", "line 1, column 1: the key `doors` is missing; add `doors: …`")]
    #[case::nothing(
        "",
        "line 1, column 1: there is nothing here; write keys, such as `{ doors: … }`; keys: `doors`"
    )]
    #[case::twice(
        "doors: 5\ndoors: 3\n",
        "line 2, column 1: the key `doors` is here twice; keep one of them"
    )]
    fn says_what_is_wrong_and_where(#[case] text: &str, #[case] told: &str) {
        assert_eq!(from_str::<Car>(text).unwrap_err().to_string(), told);
    }

    #[test]
    fn a_file_has_a_largest_size() {
        let largest = format!("doors: 5{}", " ".repeat(LIMIT - 8));
        assert!(from_str::<Car>(&largest).is_ok());
        assert!(from_str::<Car>(&(largest + " ")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_without_end_is_read_to_just_beyond_the_limit() {
        assert_eq!(bytes_of(Path::new("/dev/zero")).unwrap().len(), LIMIT + 1);
    }
}
