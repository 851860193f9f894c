//! Durations, and ranges of them that are drawn from the seed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use netem_rs::{DurationText, UnitError};
use node::Seed;

use crate::text::text_type;

/// A duration such as `50ms`, or a range such as `20ms..80ms` drawn once per run from the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    low: Duration,
    high: Duration,
}

text_type!(
    TimeRange,
    "TimeRange",
    r"^[0-9]+(\.[0-9]+)? ?(ns|us|µs|ms|s|min|h)(\.\.[0-9]+(\.[0-9]+)? ?(ns|us|µs|ms|s|min|h))?$",
    "a duration such as `50ms`, `2s` or `3min`, or a range such as `20ms..80ms`"
);

/// Why a text is no duration, or no range of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// A duration is not one.
    #[error(transparent)]
    Unit(#[from] UnitError),
    /// The range ends before it begins.
    #[error("the range `{0}` ends before it begins: write the smaller duration first")]
    Backwards(String),
}

impl TimeRange {
    /// Makes a range of one duration.
    pub const fn exactly(duration: Duration) -> Self {
        Self { low: duration, high: duration }
    }

    /// Returns the shortest duration of the range.
    pub const fn low(self) -> Duration {
        self.low
    }

    /// Returns the longest duration of the range.
    pub const fn high(self) -> Duration {
        self.high
    }

    /// Draws the duration of this run; `purpose` names the place, such as `faults/1/at`.
    ///
    /// The same seed and purpose always give the same duration.
    pub fn draw(self, seed: Seed, purpose: &str) -> Duration {
        if self.low == self.high {
            return self.low;
        }
        seed.stream(purpose).between(self.low, self.high)
    }
}

impl FromStr for TimeRange {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let Some((low, high)) = text.split_once("..") else {
            return Ok(Self::exactly(text.parse::<DurationText>()?.0));
        };
        let (low, high) = (low.parse::<DurationText>()?.0, high.parse::<DurationText>()?.0);
        if low > high {
            return Err(TimeError::Backwards(text.to_owned()));
        }
        Ok(Self { low, high })
    }
}

impl fmt::Display for TimeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.low == self.high {
            return DurationText(self.low).fmt(f);
        }
        write!(f, "{}..{}", DurationText(self.low), DurationText(self.high))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::milliseconds("50ms", Duration::from_millis(50))]
    #[case::fraction("1.5s", Duration::from_millis(1_500))]
    #[case::minutes("35min", Duration::from_secs(2_100))]
    #[case::space("2 s", Duration::from_secs(2))]
    #[case::micro_sign("7µs", Duration::from_micros(7))]
    fn reads_a_duration(#[case] text: &str, #[case] duration: Duration) {
        assert_eq!(text.parse(), Ok(TimeRange::exactly(duration)));
    }

    #[rstest]
    #[case::no_unit("50")]
    #[case::unknown_unit("50sec")]
    #[case::no_number("ms")]
    #[case::negative("-1s")]
    #[case::two_points("1.2.3s")]
    #[case::open_point("1.s")]
    #[case::backwards("80ms..20ms")]
    #[case::open("20ms..")]
    fn refuses_what_is_no_duration(#[case] text: &str) {
        assert!(text.parse::<TimeRange>().is_err());
    }

    #[test]
    fn a_range_draws_inside_itself_and_repeats() {
        let range: TimeRange = "20ms..80ms".parse().unwrap();
        let drawn = range.draw(Seed(7), "faults/1/at");
        assert!(range.low() <= drawn && drawn <= range.high());
        assert_eq!(drawn, range.draw(Seed(7), "faults/1/at"));
        assert_ne!(drawn, range.draw(Seed(8), "faults/1/at"));
    }

    #[rstest]
    #[case("90s")]
    #[case("20ms..80ms")]
    #[case("1500ms")]
    #[case("35min")]
    fn prints_what_it_reads(#[case] text: &str) {
        assert_eq!(text.parse::<TimeRange>().unwrap().to_string(), text);
    }
}
