//! Percentages as text.

use std::fmt;
use std::str::FromStr;

use node::Ratio;

use super::decimal::{Quantity, UnitError};
use super::serialised::serialised_as_text;

/// A share of all, from `0%` to `100%`, exact to a billionth (`0.0000001%`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(pub Ratio);

impl Percent {
    const FORMS: &'static str = "a percentage such as `0.1%`, from `0%` to `100%`";
    #[cfg(any(test, feature = "schema"))]
    const PATTERN: &'static str = r"^(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?) ?%$";

    /// None.
    pub const ZERO: Self = Self(Ratio::ZERO);
    /// All.
    pub const ALL: Self = Self(Ratio::ONE);
}

impl FromStr for Percent {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let billionths = QUANTITY.parse(text, u64::from(Ratio::ONE.as_ppb()))?;
        Ok(Self(Ratio::from_ppb(billionths as u32)))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let billionths = self.0.as_ppb();
        let (whole, fraction) = (billionths / PER_CENT, billionths % PER_CENT);
        if fraction == 0 {
            return write!(f, "{whole}%");
        }
        let fraction = format!("{fraction:07}");
        write!(f, "{whole}.{}%", fraction.trim_end_matches('0'))
    }
}

serialised_as_text!(Percent);

const QUANTITY: Quantity = Quantity {
    name: "a percentage",
    units: &[("%", PER_CENT as u64)],
    usual: "%",
    step: "0.0000001%",
};

/// Billionths in one hundredth.
const PER_CENT: u32 = 10_000_000;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing("0%", 0, "0%")]
    #[case::all("100%", 1_000_000_000, "100%")]
    #[case::a_tenth_of_a_percent("0.1%", 1_000_000, "0.1%")]
    #[case::a_billionth("0.0000001%", 1, "0.0000001%")]
    #[case::with_a_space("12.50 %", 125_000_000, "12.5%")]
    fn reads_and_prints(#[case] text: &str, #[case] ppb: u32, #[case] printed: &str) {
        let percent: Percent = text.parse().unwrap();
        assert_eq!(percent, Percent(Ratio::from_ppb(ppb)));
        assert_eq!(percent.to_string(), printed);
    }

    #[test]
    fn says_what_would_be_right() {
        let wrong = ["0.1", "101%", "100.0000001%", "0.00000001%", "1‰", "-1%"];
        let answers = wrong.map(|text| text.parse::<Percent>().unwrap_err().to_string());
        insta::assert_snapshot!(answers.join("\n"));
    }
}
