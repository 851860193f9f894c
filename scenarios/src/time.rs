//! Durations, and ranges of them that are drawn from the seed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

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

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// There are no digits.
    #[error("`{0}` is not a duration: write a number and a unit, such as `50ms`, `2s` or `3min`")]
    NotANumber(String),
    /// A number without a unit.
    #[error("a duration needs a unit: `{0}ms`, `{0}s` or `{0}min`")]
    NoUnit(String),
    /// The unit is unknown.
    #[error("`{unit}` is not a unit of time: use ns, us, ms, s, min or h, such as `{digits}ms`")]
    Unit {
        /// The number before the unit.
        digits: String,
        /// What stands where the unit should.
        unit: String,
    },
    /// Longer than a run may last.
    #[error("`{0}` is longer than {max}h", max = LIMIT_HOURS)]
    TooLong(String),
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
            return parse_duration(text).map(Self::exactly);
        };
        let (low, high) = (parse_duration(low)?, parse_duration(high)?);
        if low > high {
            return Err(TimeError::Backwards(text.to_owned()));
        }
        Ok(Self { low, high })
    }
}

impl fmt::Display for TimeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.low == self.high {
            return f.write_str(&print_duration(self.low));
        }
        write!(f, "{}..{}", print_duration(self.low), print_duration(self.high))
    }
}

/// Reads a duration such as `1.5s`, exact to the nanosecond.
///
/// # Errors
///
/// Says what is wrong with the text, and which forms are right.
pub fn parse_duration(text: &str) -> Result<Duration, TimeError> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = !whole.is_empty() && !fraction.contains('.') && !digits.ends_with('.');
    if !is_number {
        return Err(TimeError::NotANumber(text.to_owned()));
    }
    let unit_nanos: u64 = match unit.trim_start() {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "" => return Err(TimeError::NoUnit(digits.to_owned())),
        other => {
            let unit = other.to_owned();
            return Err(TimeError::Unit { digits: digits.to_owned(), unit });
        }
    };
    let too_long = || TimeError::TooLong(text.to_owned());
    let whole: u64 = whole.parse().map_err(|_| too_long())?;
    let mut nanos = whole.checked_mul(unit_nanos).ok_or_else(too_long)?;
    let mut place = unit_nanos;
    for digit in fraction.bytes() {
        place /= 10;
        nanos = nanos.saturating_add(place * u64::from(digit - b'0'));
    }
    if nanos > LIMIT_HOURS * 3_600_000_000_000 {
        return Err(too_long());
    }
    Ok(Duration::from_nanos(nanos))
}

/// Prints a duration in the largest unit that keeps it whole, such as `1500ms`.
pub fn print_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let units = [("h", 3_600_000_000_000), ("min", 60_000_000_000), ("s", 1_000_000_000)];
    let small = [("ms", 1_000_000), ("us", 1_000)];
    for (unit, size) in units.into_iter().chain(small) {
        if nanos >= size && nanos.is_multiple_of(size) {
            return format!("{}{unit}", nanos / size);
        }
    }
    if nanos == 0 { "0s".to_owned() } else { format!("{nanos}ns") }
}

/// The longest duration a scenario may name.
const LIMIT_HOURS: u64 = 1_000;

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
    #[case::too_long("1001h")]
    #[case::overflow("99999999999999999999h")]
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
