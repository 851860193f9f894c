//! Bytes to send, and patterns an answer has to begin with.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use crate::text::text_type;

/// Bytes written in hex, such as `22 F1 90`; at least one, at most 4095.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HexBytes(pub Bytes);

/// What the beginning of an answer looks like, nibble by nibble, such as `62 F1 ?? 57`.
///
/// An answer may be longer than its pattern, never shorter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// A mask of the bits that are compared, and what they must be.
    bytes: Vec<(u8, u8)>,
}

/// What a request is expected to draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// An answer that begins like this.
    Answer(Pattern),
    /// No answer at all, until the tester's time-out.
    Silence,
}

text_type!(
    HexBytes,
    "HexBytes",
    r"^\s*([0-9A-Fa-f]{2}\s*)+$",
    "bytes in hex such as `22 F1 90`",
    ["string", "number"], "minimum": 0
);

text_type!(
    Expected,
    "Expected",
    r"^\s*(silence|([0-9A-Fa-f?]{2}\s*)+)$",
    "the beginning of an answer in hex such as `62 F1 ??`, where `?` is any digit, or `silence`",
    ["string", "number"], "minimum": 0
);

/// Why a text is not hex.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HexError {
    /// There is nothing in it.
    #[error("there are no bytes here: write hex such as `22 F1 90`")]
    Empty,
    /// A character is no hex digit.
    #[error("`{0}` is not a hex digit: write bytes such as `22 F1 90`")]
    Digit(char),
    /// The last byte has one digit only, or two bytes run into each other.
    #[error("`{0}` is not a whole number of bytes: each byte takes two digits")]
    Odd(String),
    /// More bytes than one message carries.
    #[error("{0} bytes are too many for one request: at most {max}", max = LIMIT)]
    TooLong(usize),
}

impl Pattern {
    /// Returns whether an answer begins as the pattern says.
    pub fn matches(&self, answer: &[u8]) -> bool {
        answer.len() >= self.bytes.len()
            && self.bytes.iter().zip(answer).all(|((mask, value), byte)| byte & mask == *value)
    }
}

impl Expected {
    /// Returns whether this is what came; `None` stands for no answer.
    pub fn is_met(&self, answer: Option<&[u8]>) -> bool {
        match (self, answer) {
            (Self::Answer(pattern), Some(answer)) => pattern.matches(answer),
            (Self::Silence, None) => true,
            (Self::Answer(_), None) | (Self::Silence, Some(_)) => false,
        }
    }
}

impl FromStr for HexBytes {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        let pairs = nibbles(text, false)?;
        Ok(Self(pairs.into_iter().map(|(_, value)| value).collect()))
    }
}

impl FromStr for Pattern {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        Ok(Self { bytes: nibbles(text, true)? })
    }
}

impl FromStr for Expected {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        match text.trim() {
            "silence" => Ok(Self::Silence),
            pattern => pattern.parse().map(Self::Answer),
        }
    }
}

impl fmt::Display for HexBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (mask, value)) in self.bytes.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { " " })?;
            for shift in [4, 0] {
                match (mask >> shift) & 0xF {
                    0 => f.write_str("?")?,
                    _ => write!(f, "{:X}", (value >> shift) & 0xF)?,
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(pattern) => pattern.fmt(f),
            Self::Silence => f.write_str("silence"),
        }
    }
}

/// Reads pairs of digits into masks and values; white space may stand between bytes only.
fn nibbles(text: &str, wildcards: bool) -> Result<Vec<(u8, u8)>, HexError> {
    let mut bytes = Vec::new();
    for word in text.split_whitespace() {
        let digits = word
            .chars()
            .map(|c| match c.to_digit(16) {
                Some(digit) => Ok((0xF, digit as u8)),
                None if wildcards && c == '?' => Ok((0, 0)),
                None => Err(HexError::Digit(c)),
            })
            .collect::<Result<Vec<(u8, u8)>, _>>()?;
        if digits.len() % 2 != 0 {
            return Err(HexError::Odd(word.to_owned()));
        }
        bytes.extend(
            digits
                .chunks_exact(2)
                .map(|pair| (pair[0].0 << 4 | pair[1].0, pair[0].1 << 4 | pair[1].1)),
        );
    }
    match bytes.len() {
        0 => Err(HexError::Empty),
        count if count > LIMIT => Err(HexError::TooLong(count)),
        _ => Ok(bytes),
    }
}

/// The longest message of ISO-TP's first generation, which the vehicle's inner buses still have.
const LIMIT: usize = 4_095;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::spaced("22 F1 90")]
    #[case::joined("22f190")]
    fn reads_bytes(#[case] text: &str) {
        assert_eq!(text.parse(), Ok(HexBytes(Bytes::from_static(&[0x22, 0xF1, 0x90]))));
    }

    #[rstest]
    #[case::empty("", HexError::Empty)]
    #[case::odd("22 F", HexError::Odd("F".into()))]
    #[case::letter("22 XX", HexError::Digit('X'))]
    #[case::wildcard("22 ??", HexError::Digit('?'))]
    fn refuses_what_is_not_hex(#[case] text: &str, #[case] error: HexError) {
        assert_eq!(text.parse::<HexBytes>(), Err(error));
    }

    #[rstest]
    #[case::longer_answer("62 F1 90", &[0x62, 0xF1, 0x90, 0x57], true)]
    #[case::shorter_answer("62 F1 90", &[0x62, 0xF1], false)]
    #[case::any_byte("62 ?? 90", &[0x62, 0x00, 0x90], true)]
    #[case::any_nibble("6? F1", &[0x6F, 0xF1], true)]
    #[case::other_nibble("6? F1", &[0x7F, 0xF1], false)]
    fn a_pattern_is_a_beginning(#[case] text: &str, #[case] answer: &[u8], #[case] met: bool) {
        assert_eq!(text.parse::<Expected>().unwrap().is_met(Some(answer)), met);
    }

    #[test]
    fn silence_is_met_by_no_answer_alone() {
        let silence: Expected = "silence".parse().unwrap();
        assert!(silence.is_met(None));
        assert!(!silence.is_met(Some(&[0x7F])));
    }

    #[test]
    fn prints_what_it_reads() {
        let text = "62 F? ??";
        assert_eq!(text.parse::<Pattern>().unwrap().to_string(), text);
    }
}
