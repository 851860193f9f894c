//! How a run ended; the object `--json` prints.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::Outcome;
use crate::header::Engine;
use crate::latency::LatencySummary;
use crate::timeliness::Timeliness;

/// How one run of one scenario from one seed ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Title of the scenario.
    pub scenario: String,
    /// The scenario's file, or its name in the library.
    pub file: String,
    /// The seed everything random was drawn from.
    pub seed: u64,
    /// Which clock drove the run.
    pub engine: Engine,
    /// The diagnostic protocol: `hsfz` or `doip`.
    pub protocol: String,
    /// What was plugged into the vehicle: `enet-cable` or `icom-next`.
    pub vci: String,
    /// The judgement.
    pub verdict: Verdict,
    /// End state of each control unit, by short name.
    pub ends: BTreeMap<String, String>,
    /// How often the gateway was reset.
    pub gateway_resets: u32,
    /// Length of the run in seconds of its own clock.
    pub virtual_s: f64,
    /// When the tester was done, in seconds of the run's clock since the run began; what comes
    /// after shows how the car comes to rest.
    #[serde(default)]
    pub completed_s: f64,
    /// Length of the run in seconds of the machine's clock.
    pub wall_s: f64,
    /// Frames that entered any link.
    pub frames: u64,
    /// Digest of every frame at every tap point; equal runs have equal digests.
    pub digest: String,
    /// The command that repeats this run.
    pub repeat: String,
    /// What was not as expected; empty when the verdict is `pass`.
    #[serde(default)]
    pub failures: Vec<Failure>,
    /// The steps, in order.
    #[serde(default)]
    pub steps: Vec<StepSummary>,
    /// Latencies by name, such as `transfer-data`.
    #[serde(default)]
    pub latencies: BTreeMap<String, LatencySummary>,
    /// The last exchange before the first failure, or of the run.
    #[serde(default)]
    pub last_exchange: Option<LastExchange>,
    /// Whether the run was interrupted before its end.
    #[serde(default)]
    pub partial: bool,
    /// How well the machine kept up, where the run was in real time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeliness: Option<Timeliness>,
}

/// The judgement of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything was as expected.
    Pass,
    /// An expectation or a threshold was missed.
    Fail,
    /// The run could not be judged.
    Error,
    /// The run came to its end, but the machine did not keep up with it: it shows nothing.
    Void,
}

impl Verdict {
    /// Returns the word a record uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Error => "error",
            Self::Void => "void",
        }
    }
}

/// One thing that was not as expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of thing.
    pub kind: FailureKind,
    /// The step it belongs to, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
    /// What was expected and what was found, in one sentence.
    pub message: String,
}

/// Kinds of [`Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// A step ended otherwise than expected.
    Step,
    /// The world ended otherwise than expected.
    Expectation,
    /// A measured figure is outside its bounds.
    Threshold,
    /// The run could not go on.
    Error,
}

/// How one step ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepSummary {
    /// Number of the step, counted from 1.
    pub index: usize,
    /// The step as people name it.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, when it did not end well.
    #[serde(default)]
    pub why: Option<String>,
    /// How long it took, in seconds of the run's clock.
    pub virtual_s: f64,
}

/// An exchange in hex and in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastExchange {
    /// Short name of the control unit.
    pub ecu: String,
    /// When the request was sent, in seconds since the run began.
    pub at_s: f64,
    /// The request in hex, shortened when long.
    pub request: String,
    /// The request in words.
    pub request_words: String,
    /// The answer in hex; nothing when none came.
    pub response: Option<String>,
    /// The answer in words, or that none came.
    pub response_words: String,
    /// Milliseconds from the request to the answer, or to giving up.
    pub latency_ms: f64,
}

/// Returns a duration in seconds, for people; never for arithmetic.
pub fn seconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e9
}
