//! Limits on measured latencies: `transfer-data.p99 < 400ms`.

use std::fmt;
use std::str::FromStr;

use netem_rs::DurationText;

use crate::bound::{Bound, BoundError};
use crate::tester::LATENCY_NAMES;
use crate::text::text_type;
use yaml::suggest;

/// A limit on what one kind of exchange took.
///
/// A request that was given up counts with the time the tester waited for it. A threshold on
/// exchanges that never happened is not met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// Which exchanges, one of [`LATENCY_NAMES`].
    pub latency: &'static str,
    /// Which value of them, and what it is compared with.
    pub limit: Limit,
}

/// What a threshold limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// How many exchanges there were.
    Count(Bound<u64>),
    /// How long they took.
    Time(Quantile, Bound<DurationText>),
}

/// Which latency of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantile {
    /// Half of the exchanges took no longer.
    P50,
    /// 99 of 100 exchanges took no longer.
    P99,
    /// The longest.
    Max,
}

text_type!(
    Threshold,
    "Threshold",
    r"^[a-z-]+\.(count|p50|p99|max) ?(<|<=|>|>=) ?[0-9.]+ ?[a-zµ]*$",
    "a limit on a latency such as `transfer-data.p99 < 400ms`"
);

/// Why a text is no [`Threshold`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// There is no comparison.
    #[error("`{0}` compares nothing: write a threshold such as `transfer-data.p99 < 400ms`")]
    NoComparison(String),
    /// There is no point between name and quantile.
    #[error("`{0}` names no value: write `{0}.p50`, `{0}.p99`, `{0}.max` or `{0}.count`")]
    NoQuantile(String),
    /// Nothing is measured under that name.
    #[error("nothing is measured under `{name}`: {help}")]
    Latency {
        /// The name.
        name: String,
        /// What would be right.
        help: String,
    },
    /// The value is unknown.
    #[error("`{0}` is not a value of a latency: write `p50`, `p99`, `max` or `count`")]
    Quantile(String),
    /// What it is compared with is wrong.
    #[error("{0}")]
    Value(String),
}

impl Quantile {
    /// Returns the name used in thresholds.
    pub fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::Max => "max",
        }
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let text = text.trim();
        let Some(split) = text.find(['<', '>']) else {
            return Err(ThresholdError::NoComparison(text.to_owned()));
        };
        let (subject, comparison) = (text[..split].trim(), &text[split..]);
        let Some((name, value)) = subject.split_once('.') else {
            return Err(ThresholdError::NoQuantile(subject.to_owned()));
        };
        let known = LATENCY_NAMES.iter().copied();
        let latency = known.clone().find(|known| *known == name);
        let latency = latency.ok_or_else(|| ThresholdError::Latency {
            name: name.to_owned(),
            help: suggest::among(name, "latencies", known),
        })?;
        let time = |quantile| {
            let bound = comparison.parse().map_err(|error| value_error(&error))?;
            Ok(Limit::Time(quantile, bound))
        };
        let limit = match value {
            "p50" => time(Quantile::P50)?,
            "p99" => time(Quantile::P99)?,
            "max" => time(Quantile::Max)?,
            "count" => Limit::Count(comparison.parse().map_err(|error| value_error(&error))?),
            other => return Err(ThresholdError::Quantile(other.to_owned())),
        };
        Ok(Self { latency, limit })
    }
}

fn value_error(error: &BoundError) -> ThresholdError {
    ThresholdError::Value(error.to_string())
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.", self.latency)?;
        match self.limit {
            Limit::Count(bound) => write!(f, "count {bound}"),
            Limit::Time(quantile, bound) => write!(f, "{} {bound}", quantile.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("transfer-data.p99 < 400ms")]
    #[case("erase.max <= 90s")]
    #[case("transfer-data.count > 700")]
    fn prints_what_it_reads(#[case] text: &str) {
        assert_eq!(text.parse::<Threshold>().unwrap().to_string(), text);
    }

    #[test]
    fn says_what_would_be_right() {
        let wrong = [
            "transfer-data.p99",
            "transfer-data < 1s",
            "transfer-dat.p99 < 1s",
            "bandwidth.p99 < 1s",
            "transfer-data.p98 < 1s",
            "transfer-data.p99 < 400",
            "transfer-data.p99 < 0s",
            "transfer-data.count > many",
        ];
        let answers = wrong.map(|text| text.parse::<Threshold>().unwrap_err().to_string());
        insta::assert_snapshot!(answers.join("\n"));
    }
}
