//! Exact reading and printing of a number with a unit.

use thiserror::Error;

/// A kind of quantity: its units and how people are told about it.
pub(super) struct Quantity {
    /// What it is, with its article: `a duration`.
    pub name: &'static str,
    /// Its units, smallest first, with their size in the smallest step the type can hold.
    pub units: &'static [(&'static str, u64)],
    /// The unit proposed where there is none.
    pub usual: &'static str,
    /// The smallest step, for people.
    pub step: &'static str,
}

/// Why a text is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnitError {
    /// There is no number.
    #[error("`{text}` is not {quantity}: write a number and a unit, such as `1{usual}`")]
    NotANumber {
        /// What was read.
        text: String,
        /// What it should have been.
        quantity: &'static str,
        /// A unit that fits.
        usual: &'static str,
    },
    /// There is a number without a unit.
    #[error("{quantity} needs a unit: write `{text}{usual}` (units: {units})")]
    NoUnit {
        /// What was read.
        text: String,
        /// What it should have been.
        quantity: &'static str,
        /// A unit that fits.
        usual: &'static str,
        /// All units.
        units: String,
    },
    /// The unit is none of the known ones.
    #[error("`{unit}` is not a unit of {quantity}: write `{number}{usual}` (units: {units})")]
    UnknownUnit {
        /// The number before the unit.
        number: String,
        /// The unit that was read.
        unit: String,
        /// What it should have been.
        quantity: &'static str,
        /// A unit that fits.
        usual: &'static str,
        /// All units.
        units: String,
    },
    /// The number has more digits than the type can hold exactly.
    #[error("`{text}` is too fine: the smallest step is {step}")]
    TooFine {
        /// What was read.
        text: String,
        /// The smallest step.
        step: &'static str,
    },
    /// The number is larger than is allowed.
    #[error("`{text}` is too large: {limit} is the most")]
    TooLarge {
        /// What was read.
        text: String,
        /// The largest allowed.
        limit: String,
    },
    /// The number may not be zero.
    #[error("`{text}` is nothing: {quantity} must be more than zero")]
    Zero {
        /// What was read.
        text: String,
        /// What it should have been.
        quantity: &'static str,
    },
}

impl Quantity {
    /// Reads a quantity up to `limit` smallest steps.
    pub fn parse(&self, text: &str, limit: u64) -> Result<u64, UnitError> {
        let trimmed = text.trim();
        let end = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = (&trimmed[..end], trimmed[end..].trim_start());
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
            return Err(self.not_a_number(text));
        }
        let scale = self.scale(number, unit)?;
        let Some(fraction) = fraction_steps(fraction, scale) else {
            return Err(UnitError::TooFine { text: text.to_owned(), step: self.step });
        };
        let steps = whole_steps(whole, scale).and_then(|whole| whole.checked_add(fraction));
        steps
            .filter(|steps| *steps <= limit)
            .ok_or_else(|| UnitError::TooLarge { text: text.to_owned(), limit: self.print(limit) })
    }

    /// Prints in the largest unit that needs no fraction.
    pub fn print(&self, steps: u64) -> String {
        let fitting = |(_, scale): &&(&str, u64)| steps > 0 && steps.is_multiple_of(*scale);
        let usual = |(unit, _): &&(&str, u64)| *unit == self.usual;
        let unit = self.units.iter().rev().find(fitting);
        let unit = unit.or_else(|| self.units.iter().find(usual));
        let (unit, scale) = unit.unwrap_or(&self.units[0]);
        format!("{}{unit}", steps / scale)
    }

    fn scale(&self, number: &str, unit: &str) -> Result<u64, UnitError> {
        let units = || self.units.iter().map(|(unit, _)| *unit).collect::<Vec<_>>().join(", ");
        if unit.is_empty() {
            return Err(UnitError::NoUnit {
                text: number.to_owned(),
                quantity: self.name,
                usual: self.usual,
                units: units(),
            });
        }
        let known = self.units.iter().find(|(name, _)| *name == unit);
        known.map(|(_, scale)| *scale).ok_or_else(|| UnitError::UnknownUnit {
            number: number.to_owned(),
            unit: unit.to_owned(),
            quantity: self.name,
            usual: self.meant(unit),
            units: units(),
        })
    }

    /// The unit that begins most like what was written.
    fn meant(&self, unit: &str) -> &'static str {
        let alike = |name: &str| {
            let pairs = name.bytes().zip(unit.bytes());
            pairs.take_while(|(known, read)| known.eq_ignore_ascii_case(read)).count()
        };
        let best = self.units.iter().map(|(name, _)| *name).max_by_key(|name| alike(name));
        best.filter(|name| alike(name) > 0).unwrap_or(self.usual)
    }

    fn not_a_number(&self, text: &str) -> UnitError {
        UnitError::NotANumber { text: text.to_owned(), quantity: self.name, usual: self.usual }
    }
}

/// Nothing when the number is beyond 64 bits.
fn whole_steps(digits: &str, scale: u64) -> Option<u64> {
    digits.parse::<u64>().ok()?.checked_mul(scale)
}

/// Nothing when the digits are finer than one step.
fn fraction_steps(digits: &str, scale: u64) -> Option<u64> {
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    if digits.len() > MAX_PLACES {
        return None;
    }
    let parts = digits.parse::<u128>().ok()? * u128::from(scale);
    let whole = 10u128.pow(digits.len() as u32);
    parts.is_multiple_of(whole).then_some((parts / whole) as u64)
}

/// More decimal places than any unit here can hold.
const MAX_PLACES: usize = 18;
