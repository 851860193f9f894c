//! Amounts of memory as text.

use std::fmt;
use std::str::FromStr;

use super::decimal::{Quantity, UnitError};
use super::serialised::serialised_as_text;

/// An amount of memory such as `256KiB`, at most 1 TiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl ByteSize {
    const FORMS: &'static str = "an amount of memory such as `512B`, `256KiB` or `2MiB`";
    #[cfg(any(test, feature = "schema"))]
    const PATTERN: &'static str = r"^[0-9]+(\.[0-9]+)? ?([KMG]i)?B$";
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        QUANTITY.parse(text, LIMIT).map(Self)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&QUANTITY.print(self.0))
    }
}

serialised_as_text!(ByteSize);

const QUANTITY: Quantity = Quantity {
    name: "an amount of memory",
    units: &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)],
    usual: "B",
    step: "1B",
};

const LIMIT: u64 = 1 << 40;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::bytes("512B", 512, "512B")]
    #[case::kibibytes("256KiB", 262_144, "256KiB")]
    #[case::fraction("1.5MiB", 1_572_864, "1536KiB")]
    #[case::zero("0B", 0, "0B")]
    fn reads_and_prints(#[case] text: &str, #[case] bytes: u64, #[case] printed: &str) {
        let size: ByteSize = text.parse().unwrap();
        assert_eq!(size, ByteSize(bytes));
        assert_eq!(size.to_string(), printed);
    }

    #[test]
    fn says_what_would_be_right() {
        let wrong = ["2048", "2MB", "0.3KiB", "1025GiB"];
        let answers = wrong.map(|text| text.parse::<ByteSize>().unwrap_err().to_string());
        insta::assert_snapshot!(answers.join("\n"));
    }
}
