//! Amounts of memory.

use std::fmt;
use std::str::FromStr;

use crate::text::text_type;

/// An amount of memory in bytes, written `64KiB` or `2MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

text_type!(
    Size,
    "Size",
    r"^[0-9]+ ?(B|KiB|MiB)$",
    "an amount of memory such as `512B`, `64KiB` or `2MiB`"
);

/// Why a text is no [`Size`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// There are no digits.
    #[error("`{0}` is not a size: write a whole number and a unit, `512B`, `64KiB` or `2MiB`")]
    NotANumber(String),
    /// The unit is missing or unknown.
    #[error("`{unit}` is not a unit of memory: use B, KiB or MiB, such as `{digits}KiB`")]
    Unit {
        /// The number before the unit.
        digits: String,
        /// What stands where the unit should.
        unit: String,
    },
    /// A number without a unit.
    #[error("a size needs a unit: `{0}B`, `{0}KiB` or `{0}MiB`")]
    NoUnit(String),
    /// More than 64 bits of bytes.
    #[error("`{0}` is more memory than can be counted")]
    TooLarge(String),
}

impl Size {
    /// Makes a size from bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Returns the number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let text = text.trim();
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(split);
        if digits.is_empty() {
            return Err(SizeError::NotANumber(text.to_owned()));
        }
        let factor = match unit.trim_start() {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "" => return Err(SizeError::NoUnit(digits.to_owned())),
            other => {
                let unit = other.to_owned();
                return Err(SizeError::Unit { digits: digits.to_owned(), unit });
            }
        };
        let number: u64 = digits.parse().map_err(|_| SizeError::TooLarge(text.to_owned()))?;
        number.checked_mul(factor).map(Self).ok_or_else(|| SizeError::TooLarge(text.to_owned()))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes > 0 && bytes % (1 << 20) == 0 => write!(f, "{}MiB", bytes >> 20),
            bytes if bytes > 0 && bytes % (1 << 10) == 0 => write!(f, "{}KiB", bytes >> 10),
            bytes => write!(f, "{bytes}B"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::bytes("512B", 512)]
    #[case::kibibytes("64KiB", 65_536)]
    #[case::with_a_space("2 MiB", 2_097_152)]
    fn reads_a_size(#[case] text: &str, #[case] bytes: u64) {
        assert_eq!(text.parse(), Ok(Size(bytes)));
    }

    #[rstest]
    #[case::no_unit("2048")]
    #[case::decimal_unit("2MB")]
    #[case::fraction("1.5MiB")]
    #[case::negative("-1KiB")]
    #[case::too_large("99999999999999999MiB")]
    #[case::empty("")]
    fn refuses_what_is_no_size(#[case] text: &str) {
        assert!(text.parse::<Size>().is_err());
    }

    #[test]
    fn prints_the_largest_whole_unit() {
        assert_eq!(Size(3 << 20).to_string(), "3MiB");
        assert_eq!(Size(0).to_string(), "0B");
        assert_eq!(Size(1536).to_string(), "1536B");
    }
}
