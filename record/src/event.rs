//! What happened, and when.

use std::collections::BTreeMap;

use node::Instant;
use serde::{Deserialize, Serialize};

/// One event and the time it happened at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Nanoseconds since the run began.
    pub at: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

impl Line {
    /// Makes a line from an event that happened at `at`.
    pub fn new(at: Instant, event: Event) -> Self {
        Self { at: at.as_nanos(), event }
    }

    /// Returns the time of the event.
    pub fn at(&self) -> Instant {
        Instant::from_nanos(self.at)
    }
}

/// What happened. The key `event` names the variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The tester began a step.
    StepStarted {
        /// Number of the step, counted from 1.
        step: usize,
        /// The step as people name it.
        name: String,
    },
    /// The tester ended a step, or gave it up.
    StepFinished {
        /// Number of the step, counted from 1.
        step: usize,
        /// How it ended.
        outcome: Outcome,
        /// Why, when it did not end well.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// Long work went on.
    Progress {
        /// Number of the step, counted from 1.
        step: usize,
        /// How much is done.
        done: u64,
        /// How much there is to do.
        total: u64,
        /// What is counted, such as `bytes`.
        unit: String,
    },
    /// The tester asked a control unit and got an answer, or none.
    Exchange(Exchange),
    /// A connection was opened, lost or closed.
    Connection {
        /// Whose connection.
        party: String,
        /// What became of it, such as `connected` or `reset`.
        state: String,
    },
    /// The gateway goes through a reset.
    GatewayReset {
        /// What caused it.
        cause: String,
        /// The phase it entered.
        phase: String,
    },
    /// A control unit did something to itself or its memory: a flash ledger entry, a restart.
    Ecu {
        /// Short name of the control unit.
        ecu: String,
        /// What it did, such as `erase-started` or `block`.
        what: String,
        /// The figures that belong to it.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        details: BTreeMap<String, serde_json::Value>,
    },
    /// The supply voltage changed.
    Supply {
        /// The voltage in millivolts.
        millivolts: u32,
    },
    /// A port's carrier came or went.
    Carrier {
        /// The port.
        port: String,
        /// Whether there is carrier now.
        up: bool,
    },
    /// A frame met a fate other than plain delivery.
    Frame {
        /// The direction of the link it was on.
        link: String,
        /// Number of the frame in that direction, counted from 0.
        index: u64,
        /// Its length in bytes.
        bytes: u64,
        /// What became of it.
        fate: FrameFate,
    },
    /// The parameters of a link changed.
    Link {
        /// The direction of the link.
        link: String,
        /// The parameters in force from now on.
        parameters: serde_json::Value,
    },
    /// A fault of the scenario struck.
    Fault {
        /// The fault as people name it.
        fault: String,
    },
    /// Something worth telling people.
    Note {
        /// Who says it.
        party: String,
        /// What.
        text: String,
    },
    /// An expectation of the scenario was judged.
    Expectation {
        /// What was expected, such as `egs ends programmed`.
        expected: String,
        /// What was found.
        found: String,
        /// Whether that is good.
        met: bool,
    },
}

/// One request and its answer, as the tester saw them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// Short name of the control unit, or its address where it has no name.
    pub ecu: String,
    /// Whether the request went to all control units.
    #[serde(default)]
    pub functional: bool,
    /// The request in hex, shortened when long.
    pub request: String,
    /// The answer in hex, shortened when long; nothing when none came.
    pub response: Option<String>,
    /// Nanoseconds since the run began at which the request was sent.
    pub sent: u64,
    /// Nanoseconds from the request to the final answer, or to giving up.
    pub latency: u64,
    /// How often the control unit asked for more time.
    #[serde(default)]
    pub pending: u32,
    /// Whether the request had to be sent again.
    #[serde(default)]
    pub resent: bool,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// As it should.
    Done,
    /// With an error.
    Failed,
    /// The tester was killed in it.
    Crashed,
    /// The run ended in it.
    Interrupted,
    /// It was never begun.
    Skipped,
}

impl Outcome {
    /// Returns the word a record uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Crashed => "crashed",
            Self::Interrupted => "interrupted",
            Self::Skipped => "skipped",
        }
    }
}

/// What became of a frame that was not simply delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FrameFate {
    /// It was lost, for this reason.
    Lost(String),
    /// It arrived with a bit flipped.
    Damaged,
    /// It arrived twice.
    Duplicated,
    /// It was held back, so that later ones could overtake it.
    HeldBack,
}
