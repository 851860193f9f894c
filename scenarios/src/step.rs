//! What a scenario does, one key per step; how a step may end.

use std::fmt;

use netem_rs::ByteSize;
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hex::{Expected, HexBytes};
use crate::time::TimeRange;

/// One step of a scenario: a single key, its deed in [`conversation`](crate::conversation).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Finds the interface and the car, connects, reads the identification of the gateway.
    Identify,
    /// Reads software versions and fault memories of all control units.
    Scan,
    /// Sends one request and looks at the answer.
    Request(Request),
    /// Flashes one control unit: plan, erase, download, verify, reset.
    Program(Program),
    /// Writes the coding of one control unit.
    Code(Target),
    /// Resets the learned values of one control unit.
    InitialiseAdaptations(Target),
    /// Asks one control unit for a hard reset and waits until it answers again.
    Reset(Target),
    /// Clears the fault memories of all control units, the secondary and the central one too.
    ClearFaults,
    /// Does nothing but keep the session alive, such as `2s`.
    Wait(TimeRange),
    /// Repeats steps.
    Repeat(Repeat),
}

/// One request to one control unit, or to all.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Request {
    /// The control unit by its name in the vehicle, such as `dme`; absent when functional.
    #[serde(default)]
    pub ecu: Option<String>,
    /// Whether the request goes to all control units at once (address DF).
    #[serde(default)]
    pub functional: bool,
    /// The request in hex, such as `22 F1 90`.
    pub send: HexBytes,
    /// What the answer has to begin with, such as `62 F1 90`; `silence` when none may come.
    #[serde(default)]
    pub expect: Option<Expected>,
}

/// What is flashed, and into which control unit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Program {
    /// The control unit by its name in the vehicle, such as `egs`.
    pub ecu: String,
    /// The name of the image; its content is invented from the name, the address and the size.
    pub image: String,
    /// How much is written, such as `64KiB`; absent for as much as the control unit holds.
    #[serde(default)]
    pub size: Option<ByteSize>,
    /// Whether the image is a new bootloader instead of new software: the one programming that
    /// can kill a control unit.
    #[serde(default)]
    pub bootloader: bool,
}

/// The control unit a step works on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Target {
    /// The control unit by its name in the vehicle, such as `egs`.
    pub ecu: String,
}

/// Steps that are carried out several times.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Repeat {
    /// How often, 1 to 100 000.
    #[cfg_attr(test, schemars(range(min = 1, max = 100_000)))]
    pub times: u32,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

impl Step {
    /// Returns the key of the step in YAML.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Identify => "identify",
            Self::Scan => "scan",
            Self::Request(_) => "request",
            Self::Program(_) => "program",
            Self::Code(_) => "code",
            Self::InitialiseAdaptations(_) => "initialise-adaptations",
            Self::Reset(_) => "reset",
            Self::ClearFaults => "clear-faults",
            Self::Wait(_) => "wait",
            Self::Repeat(_) => "repeat",
        }
    }
}

/// For people: `program egs`, `wait 2s`, `repeat 3 times`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())?;
        match self {
            Self::Identify | Self::Scan | Self::ClearFaults => Ok(()),
            Self::Request(request) => match &request.ecu {
                Some(ecu) => write!(f, " {ecu} {}", request.send),
                None => write!(f, " all {}", request.send),
            },
            Self::Program(program) => write!(f, " {}", program.ecu),
            Self::Code(target) | Self::InitialiseAdaptations(target) | Self::Reset(target) => {
                write!(f, " {}", target.ecu)
            }
            Self::Wait(time) => write!(f, " {time}"),
            Self::Repeat(repeat) => write!(f, " {} times", repeat.times),
        }
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The step did all it had to.
    Done,
    /// The step gave up.
    Failed,
    /// The tester was killed during the step.
    Crashed,
    /// The step was never begun.
    Skipped,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Crashed => "crashed",
            Self::Skipped => "skipped",
        })
    }
}
