//! Voltages of the car's supply.

use std::fmt;
use std::str::FromStr;

use crate::text::text_type;

/// A voltage of a 12 V supply, `0V` to `18V`, exact to the millivolt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Voltage(u32);

/// Whether a charger holds the supply up, and at what voltage: `14.2V` or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charger {
    /// No charger, or one that was switched off.
    Off,
    /// A charger that holds this voltage.
    At(Voltage),
}

text_type!(
    Voltage,
    "Voltage",
    r"^[0-9]+(\.[0-9]+)? ?(V|mV)$",
    "a voltage such as `12.4V`, from `0V` to `18V`"
);

text_type!(
    Charger,
    "Charger",
    r"^(off|[0-9]+(\.[0-9]+)? ?(V|mV))$",
    "a voltage such as `14.2V`, or `off`"
);

/// Why a text is no [`Voltage`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VoltageError {
    /// There is no number.
    #[error("`{0}` is not a voltage: write a number and a unit, such as `12.4V`")]
    NotANumber(String),
    /// A number without a unit.
    #[error("a voltage needs a unit: write `{0}V`")]
    NoUnit(String),
    /// The unit is unknown.
    #[error("`{unit}` is not a unit of voltage: write `{digits}V`")]
    Unit {
        /// The number before the unit.
        digits: String,
        /// What stands where the unit should.
        unit: String,
    },
    /// More than a 12 V supply ever has.
    #[error("`{0}` is more than a 12 V supply ever has: write a voltage from `0V` to `18V`")]
    TooHigh(String),
    /// Finer than a millivolt.
    #[error("`{0}` is too fine: the smallest step is 1mV")]
    TooFine(String),
}

impl Voltage {
    /// Makes a voltage from millivolts; none above 18 V.
    pub const fn from_millivolts(millivolts: u32) -> Option<Self> {
        if millivolts > LIMIT { None } else { Some(Self(millivolts)) }
    }

    /// Returns the voltage in millivolts.
    pub const fn millivolts(self) -> u32 {
        self.0
    }
}

impl Charger {
    /// Returns the voltage the charger holds, in millivolts; none when it is off.
    pub const fn millivolts(self) -> Option<u32> {
        match self {
            Self::Off => None,
            Self::At(voltage) => Some(voltage.0),
        }
    }
}

impl FromStr for Voltage {
    type Err = VoltageError;

    fn from_str(text: &str) -> Result<Self, VoltageError> {
        let text = text.trim();
        let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (digits, unit) = text.split_at(split);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
            return Err(VoltageError::NotANumber(text.to_owned()));
        }
        let places = match unit.trim_start() {
            "V" => 3,
            "mV" => 0,
            "" => return Err(VoltageError::NoUnit(digits.to_owned())),
            comma if comma.starts_with(',') => {
                return Err(VoltageError::NotANumber(text.to_owned()));
            }
            other => {
                let unit = other.to_owned();
                return Err(VoltageError::Unit { digits: digits.to_owned(), unit });
            }
        };
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > places {
            return Err(VoltageError::TooFine(text.to_owned()));
        }
        let millivolts = format!("{whole}{fraction:0<places$}").parse().unwrap_or(u32::MAX);
        Self::from_millivolts(millivolts).ok_or_else(|| VoltageError::TooHigh(text.to_owned()))
    }
}

impl FromStr for Charger {
    type Err = VoltageError;

    fn from_str(text: &str) -> Result<Self, VoltageError> {
        match text.trim() {
            "off" => Ok(Self::Off),
            voltage => voltage.parse().map(Self::At),
        }
    }
}

impl fmt::Display for Voltage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 1_000, self.0 % 1_000) {
            (volts, 0) => write!(f, "{volts}V"),
            (volts, rest) => {
                let rest = format!("{rest:03}");
                write!(f, "{volts}.{}V", rest.trim_end_matches('0'))
            }
        }
    }
}

impl fmt::Display for Charger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(voltage) => voltage.fmt(f),
        }
    }
}

/// The highest voltage in millivolts.
const LIMIT: u32 = 18_000;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::volts("12.4V", 12_400, "12.4V")]
    #[case::millivolts("12400mV", 12_400, "12.4V")]
    #[case::whole("13 V", 13_000, "13V")]
    #[case::millivolt_steps("9.005V", 9_005, "9.005V")]
    #[case::nothing("0V", 0, "0V")]
    fn reads_and_prints(#[case] text: &str, #[case] millivolts: u32, #[case] printed: &str) {
        let voltage: Voltage = text.parse().unwrap();
        assert_eq!(voltage.millivolts(), millivolts);
        assert_eq!(voltage.to_string(), printed);
    }

    #[rstest]
    #[case::too_high("40V")]
    #[case::far_too_high("99999999999V")]
    #[case::no_unit("12.4")]
    #[case::other_unit("12.4A")]
    #[case::negative("-1V")]
    #[case::too_fine("12.0001V")]
    #[case::fraction_of_a_millivolt("1.5mV")]
    #[case::empty("")]
    fn refuses_what_is_no_voltage(#[case] text: &str) {
        assert!(text.parse::<Voltage>().is_err());
    }

    #[rstest]
    #[case("off", None)]
    #[case("14.2V", Some(14_200))]
    fn a_charger_may_be_off(#[case] text: &str, #[case] millivolts: Option<u32>) {
        assert_eq!(text.parse::<Charger>().unwrap().millivolts(), millivolts);
    }
}
