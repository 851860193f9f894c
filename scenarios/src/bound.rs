//! Comparisons: `< 35min`, `1..3`, `2`.

use std::fmt;
use std::str::FromStr;

use netem_rs::{DurationText, UnitError};

use crate::text::text_type;

/// What a measured value is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound<T> {
    /// Less than this.
    Below(T),
    /// This or less.
    AtMost(T),
    /// More than this.
    Above(T),
    /// This or more.
    AtLeast(T),
    /// From the first to the second, both included.
    Between(T, T),
    /// This and nothing else.
    Exactly(T),
}

text_type!(
    Bound<u64>,
    "Count",
    r"^((<|<=|>|>=) ?)?[0-9]+(\.\.[0-9]+)?$",
    "a count such as `2`, `1..3`, `< 4` or `>= 1`",
    ["string", "integer"], "minimum": 0
);

text_type!(
    Bound<DurationText>,
    "Duration bound",
    r"^((<|<=|>|>=) ?)?[0-9.]+ ?[a-zµ]+(\.\.[0-9.]+ ?[a-zµ]+)?$",
    "a comparison such as `< 35min`, `>= 2s` or `5min..35min`"
);

/// A value that can be compared with.
pub trait Comparable: Copy + PartialOrd + Default {
    /// Reads a value.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the text, and what would be right.
    fn read(text: &str) -> Result<Self, String>;
}

/// Why a text is no comparison.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundError {
    /// The value is not of its kind.
    #[error("{0}")]
    Value(String),
    /// The second value of a range is smaller than the first.
    #[error("the range `{0}` ends before it begins: write the smaller value first")]
    Backwards(String),
    /// Nothing is less than nothing.
    #[error("`{0}` can never hold: write a larger value")]
    Impossible(String),
}

impl<T: PartialOrd> Bound<T> {
    /// Returns whether the comparison holds for a measured value.
    pub fn holds(&self, measured: &T) -> bool {
        match self {
            Self::Below(value) => measured < value,
            Self::AtMost(value) => measured <= value,
            Self::Above(value) => measured > value,
            Self::AtLeast(value) => measured >= value,
            Self::Between(low, high) => low <= measured && measured <= high,
            Self::Exactly(value) => measured == value,
        }
    }
}

impl Comparable for u64 {
    fn read(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| format!("`{text}` is not a count: write a whole number such as `2`"))
    }
}

impl Comparable for DurationText {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: UnitError| error.to_string())
    }
}

impl<T: Comparable> FromStr for Bound<T> {
    type Err = BoundError;

    fn from_str(text: &str) -> Result<Self, BoundError> {
        let read = |value: &str| T::read(value.trim()).map_err(BoundError::Value);
        let text = text.trim();
        if let Some(value) = text.strip_prefix("<=") {
            return read(value).map(Self::AtMost);
        }
        if let Some(value) = text.strip_prefix(">=") {
            return read(value).map(Self::AtLeast);
        }
        if let Some(value) = text.strip_prefix('>') {
            return read(value).map(Self::Above);
        }
        if let Some(value) = text.strip_prefix('<') {
            let value = read(value)?;
            if value == T::default() {
                return Err(BoundError::Impossible(text.to_owned()));
            }
            return Ok(Self::Below(value));
        }
        let Some((low, high)) = text.split_once("..") else {
            return read(text).map(Self::Exactly);
        };
        let (low, high) = (read(low)?, read(high)?);
        if low > high {
            return Err(BoundError::Backwards(text.to_owned()));
        }
        Ok(Self::Between(low, high))
    }
}

impl<T: fmt::Display> fmt::Display for Bound<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Below(value) => write!(f, "< {value}"),
            Self::AtMost(value) => write!(f, "<= {value}"),
            Self::Above(value) => write!(f, "> {value}"),
            Self::AtLeast(value) => write!(f, ">= {value}"),
            Self::Between(low, high) => write!(f, "{low}..{high}"),
            Self::Exactly(value) => write!(f, "{value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::exactly("2", &[2], &[1, 3])]
    #[case::range("1..3", &[1, 2, 3], &[0, 4])]
    #[case::below("< 4", &[3], &[4])]
    #[case::at_most("<=4", &[4], &[5])]
    #[case::above("> 4", &[5], &[4])]
    #[case::at_least(">= 4", &[4], &[3])]
    fn compares_counts(#[case] text: &str, #[case] holds: &[u64], #[case] fails: &[u64]) {
        let bound: Bound<u64> = text.parse().unwrap();
        assert!(holds.iter().all(|count| bound.holds(count)));
        assert!(!fails.iter().any(|count| bound.holds(count)));
    }

    #[test]
    fn compares_durations() {
        let bound: Bound<DurationText> = "< 35min".parse().unwrap();
        assert!(bound.holds(&DurationText(Duration::from_secs(2_099))));
        assert!(!bound.holds(&DurationText(Duration::from_secs(2_100))));
    }

    #[rstest]
    #[case::backwards("3..1")]
    #[case::never("< 0")]
    #[case::a_word("two")]
    #[case::sign_alone("<")]
    #[case::open("1..")]
    fn refuses_what_is_no_comparison(#[case] text: &str) {
        assert!(text.parse::<Bound<u64>>().is_err());
    }

    #[rstest]
    #[case("< 35min")]
    #[case("5min..35min")]
    #[case(">= 2s")]
    fn prints_what_it_reads(#[case] text: &str) {
        assert_eq!(text.parse::<Bound<DurationText>>().unwrap().to_string(), text);
    }
}
