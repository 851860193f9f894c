//! Control units: in what state they enter a run, and in what state they are to leave it.

use std::fmt;

use netem_rs::Percent;
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One control unit at the beginning of a run. What is not named is as the vehicle has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct EcuSetup {
    /// In what state it enters the run; `factory` where nothing is said.
    pub state: Condition,
    /// How much of its longest erase and verify times it takes, such as `30%`; the vehicle's
    /// share where nothing is said.
    pub erase_factor: Option<Percent>,
}

/// In what state a control unit enters a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Programmed and coded.
    #[default]
    Factory,
    /// A blank replacement part: no software, no VIN, bootloader only.
    Virgin,
    /// A replacement part with software, without VIN and coding.
    Uncoded,
    /// An earlier flash broke off: partly erased, bootloader only.
    HalfFlashed,
    /// A part that belongs to another vehicle.
    Used,
}

/// In what state a control unit leaves a run, judged from what was done to its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum EndState {
    /// Nothing was erased or written.
    Untouched,
    /// New software is verified and runs, coding is complete.
    Programmed,
    /// The software is the one it had, coding was written anew and is complete.
    Coded,
    /// The software runs, coding is missing.
    Uncoded,
    /// The software runs, coding is half written.
    MixedCoding,
    /// Only the bootloader answers; a new flash can save it.
    Stranded,
    /// It will never answer again.
    Dead,
    /// Verified as good, but not what the tester sent: must never happen.
    CorruptAccepted,
}

impl fmt::Display for EndState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untouched => "untouched",
            Self::Programmed => "programmed",
            Self::Coded => "coded",
            Self::Uncoded => "uncoded",
            Self::MixedCoding => "mixed-coding",
            Self::Stranded => "stranded",
            Self::Dead => "dead",
            Self::CorruptAccepted => "corrupt-accepted",
        })
    }
}
