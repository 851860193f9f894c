//! Rates as text.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use super::decimal::{Quantity, UnitError};
use super::serialised::serialised_as_text;

/// A rate such as `10Mbit/s`, from 1 bit/s to 1000 Gbit/s. Prefixes are decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BitRate(NonZeroU64);

impl BitRate {
    const FORMS: &'static str = "a rate such as `512kbit/s`, `10Mbit/s` or `1Gbit/s`";
    #[cfg(any(test, feature = "schema"))]
    const PATTERN: &'static str = r"^[0-9]+(\.[0-9]+)? ?[kMG]?bit/s$";

    /// Makes a rate from bits per second; nothing is no rate.
    pub const fn from_bits_per_second(bits: u64) -> Option<Self> {
        match NonZeroU64::new(bits) {
            Some(bits) => Some(Self(bits)),
            None => None,
        }
    }

    /// Returns bits per second.
    pub const fn bits_per_second(self) -> u64 {
        self.0.get()
    }

    /// Returns how many nanoseconds that many bytes take, rounded up.
    pub fn nanos_for(self, bytes: u64) -> u64 {
        let bits = u128::from(bytes) * 8;
        let nanos = (bits * 1_000_000_000).div_ceil(u128::from(self.0.get()));
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

impl FromStr for BitRate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let bits = QUANTITY.parse(text, LIMIT)?;
        let zero = || UnitError::Zero { text: text.to_owned(), quantity: QUANTITY.name };
        Self::from_bits_per_second(bits).ok_or_else(zero)
    }
}

impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&QUANTITY.print(self.0.get()))
    }
}

serialised_as_text!(BitRate);

const QUANTITY: Quantity = Quantity {
    name: "a rate",
    units: &[("bit/s", 1), ("kbit/s", 1_000), ("Mbit/s", 1_000_000), ("Gbit/s", 1_000_000_000)],
    usual: "Mbit/s",
    step: "1bit/s",
};

const LIMIT: u64 = 1_000_000_000_000;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::megabit("10Mbit/s", 10_000_000, "10Mbit/s")]
    #[case::fraction("1.6Mbit/s", 1_600_000, "1600kbit/s")]
    #[case::bit("9600 bit/s", 9_600, "9600bit/s")]
    fn reads_and_prints(#[case] text: &str, #[case] bits: u64, #[case] printed: &str) {
        let rate: BitRate = text.parse().unwrap();
        assert_eq!(rate.bits_per_second(), bits);
        assert_eq!(rate.to_string(), printed);
    }

    #[test]
    fn says_what_would_be_right() {
        let wrong = ["10", "10Mbps", "0Mbit/s", "1001Gbit/s", "0.5bit/s"];
        let answers = wrong.map(|text| text.parse::<BitRate>().unwrap_err().to_string());
        insta::assert_snapshot!(answers.join("\n"));
    }

    #[rstest]
    #[case::exact("8Mbit/s", 1_500, 1_500_000)]
    #[case::rounded_up("3bit/s", 1, 2_666_666_667)]
    #[case::saturated("1bit/s", u64::MAX, u64::MAX)]
    fn bytes_take_time(#[case] rate: &str, #[case] bytes: u64, #[case] nanos: u64) {
        assert_eq!(rate.parse::<BitRate>().unwrap().nanos_for(bytes), nanos);
    }
}
