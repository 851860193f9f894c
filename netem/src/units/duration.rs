//! Durations as text.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::decimal::{Quantity, UnitError};
use super::serialised::serialised_as_text;

/// A duration such as `50ms`, exact to the nanosecond, at most 10 000 hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DurationText(pub Duration);

impl DurationText {
    const FORMS: &'static str = "a duration such as `50ms`, `1.5s`, `35min` or `2h`";
    #[cfg(any(test, feature = "schema"))]
    const PATTERN: &'static str = r"^[0-9]+(\.[0-9]+)? ?(ns|us|µs|ms|s|min|h)$";

    /// Returns the duration in nanoseconds; what does not fit into 64 bits is their maximum.
    pub fn as_nanos(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl FromStr for DurationText {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        QUANTITY.parse(text, LIMIT_NANOS).map(Duration::from_nanos).map(Self)
    }
}

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&QUANTITY.print(self.as_nanos()))
    }
}

impl From<Duration> for DurationText {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl From<DurationText> for Duration {
    fn from(text: DurationText) -> Self {
        text.0
    }
}

serialised_as_text!(DurationText);

const QUANTITY: Quantity = Quantity {
    name: "a duration",
    units: &[
        ("ns", 1),
        ("µs", 1_000),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("min", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ],
    usual: "ms",
    step: "1ns",
};

const LIMIT_NANOS: u64 = 10_000 * 3_600_000_000_000;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::milliseconds("50ms", 50_000_000, "50ms")]
    #[case::fraction("1.5s", 1_500_000_000, "1500ms")]
    #[case::minutes("35min", 2_100_000_000_000, "35min")]
    #[case::fraction_of_a_minute("0.1min", 6_000_000_000, "6s")]
    #[case::micro_sign("7µs", 7_000, "7us")]
    #[case::with_a_space("2 s", 2_000_000_000, "2s")]
    #[case::zero("0s", 0, "0ms")]
    #[case::the_longest("10000h", LIMIT_NANOS, "10000h")]
    fn reads_and_prints(#[case] text: &str, #[case] nanos: u64, #[case] printed: &str) {
        let duration: DurationText = text.parse().unwrap();
        assert_eq!(duration, DurationText(Duration::from_nanos(nanos)));
        assert_eq!(duration.to_string(), printed);
        assert_eq!(printed.parse(), Ok(duration));
    }

    #[test]
    fn says_what_would_be_right() {
        let wrong = [
            "50",
            "50sec",
            "ms",
            "",
            "-1s",
            "1.2.3s",
            "1.s",
            ".5s",
            "1.5ns",
            "10000.1h",
            "99999999999999999999h",
            "20ms..80ms",
        ];
        let answers = wrong.map(|text| text.parse::<DurationText>().unwrap_err().to_string());
        insta::assert_snapshot!(answers.join("\n"));
    }
}
