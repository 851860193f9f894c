//! When a fault strikes: at a time, with a step, with an event of the car, or with a frame.

use std::fmt;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::TimeRange;

/// When a fault strikes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(try_from = "TriggerKeys")]
#[cfg_attr(test, schemars(with = "TriggerKeys"))]
pub struct Trigger {
    /// What has to happen.
    pub event: Event,
    /// Which time it happens counts, from one.
    pub nth: u32,
    /// How long after it; zero is at once.
    pub after: TimeRange,
}

/// What has to happen for a fault to strike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// So much time has passed since the run began.
    At(TimeRange),
    /// The step with this number begins, counted from one.
    Step(usize),
    /// A control unit accepts the block with this number, counted from one in each download.
    Block {
        /// The control unit.
        ecu: String,
        /// The number of the block.
        block: u32,
    },
    /// A control unit begins or ends erasing.
    Erase {
        /// The control unit.
        ecu: String,
        /// Which of both.
        phase: Phase,
    },
    /// A control unit begins or ends a reset.
    Reset {
        /// The control unit.
        ecu: String,
        /// Which of both.
        phase: Phase,
    },
    /// The gateway begins or ends a reset.
    GatewayReset(Phase),
    /// The frame with this number enters one direction of the network.
    Frame {
        /// Where.
        link: LinkName,
        /// The number of the frame, counted from 0 in its direction.
        frame: u64,
    },
}

/// The beginning or the end of something that takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// When it begins.
    Begins,
    /// When it ends.
    Ends,
}

/// One direction of one leg of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LinkName {
    /// From the technician to the relay.
    TechnicianUp,
    /// From the relay to the technician.
    TechnicianDown,
    /// From the mechanic to the relay.
    MechanicUp,
    /// From the relay to the mechanic.
    MechanicDown,
}

/// When a fault strikes: one of `at`, `step`, `block`, `erase`, `reset`, `gateway-reset`, `frame`.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[cfg_attr(test, schemars(rename = "Trigger"))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct TriggerKeys {
    /// Time since the run began, such as `90s`.
    at: Option<TimeRange>,
    /// The step that begins, counted from 1.
    step: Option<usize>,
    /// The control unit whose `block`, `erase` or `reset` is waited for.
    ecu: Option<String>,
    /// The block that is accepted, counted from 1 in each download.
    block: Option<u32>,
    /// Whether the erase `begins` or `ends`.
    erase: Option<Phase>,
    /// Whether the reset of the control unit `begins` or `ends`.
    reset: Option<Phase>,
    /// Whether the reset of the gateway `begins` or `ends`.
    gateway_reset: Option<Phase>,
    /// The direction whose frames are counted.
    link: Option<LinkName>,
    /// The frame that enters that direction, counted from 0.
    frame: Option<u64>,
    /// Which time it happens counts, 1 for the first.
    nth: Option<u32>,
    /// How long after it, such as `10s`.
    after: Option<TimeRange>,
}

/// Why keys do not make a trigger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum TriggerError {
    #[error("nothing says when: write one of {EVENTS}")]
    Nothing,
    #[error("`{0}` and `{1}` cannot both say when: keep one of them")]
    Two(&'static str, &'static str),
    #[error("`{0}` needs the control unit: add `ecu: …`")]
    NoEcu(&'static str),
    #[error("`ecu` alone does not say when: add `block: …`, `erase: begins` or `reset: begins`")]
    EcuAlone,
    #[error("`{0}` has no control unit: take `ecu` away")]
    EcuUnused(&'static str),
    #[error("`frame` and `link` belong together: write `link: mechanic-down, frame: 100`")]
    FrameOrLink,
    #[error("`{0}` happens once: take `nth` away")]
    Once(&'static str),
    #[error("`{0}` is counted from 1: write 1 for the first")]
    Zero(&'static str),
    #[error("`at` and `after` are one duration: write `at` alone")]
    AtAndAfter,
}

impl TryFrom<TriggerKeys> for Trigger {
    type Error = TriggerError;

    fn try_from(keys: TriggerKeys) -> Result<Self, TriggerError> {
        let named = keys.named();
        let (name, event) = match named.as_slice() {
            [] if keys.ecu.is_some() => return Err(TriggerError::EcuAlone),
            [] => return Err(TriggerError::Nothing),
            [name] => (*name, keys.event(name)?),
            [first, second, ..] => return Err(TriggerError::Two(first, second)),
        };
        let happens_once = match &event {
            Event::At(_) | Event::Step(_) | Event::Frame { .. } => true,
            Event::Block { .. } | Event::Erase { .. } => false,
            Event::Reset { .. } | Event::GatewayReset(_) => false,
        };
        match (&event, &keys) {
            (Event::Step(0) | Event::Block { block: 0, .. }, _) => {
                return Err(TriggerError::Zero(name));
            }
            (_, TriggerKeys { nth: Some(0), .. }) => return Err(TriggerError::Zero("nth")),
            (_, TriggerKeys { nth: Some(_), .. }) if happens_once => {
                return Err(TriggerError::Once(name));
            }
            (Event::At(_), TriggerKeys { after: Some(_), .. }) => {
                return Err(TriggerError::AtAndAfter);
            }
            (_, _) => {}
        }
        let after = keys.after.unwrap_or(TimeRange::exactly(std::time::Duration::ZERO));
        Ok(Self { event, nth: keys.nth.unwrap_or(1), after })
    }
}

impl TriggerKeys {
    /// Returns the keys that say when.
    fn named(&self) -> Vec<&'static str> {
        let all = [
            ("at", self.at.is_some()),
            ("step", self.step.is_some()),
            ("block", self.block.is_some()),
            ("erase", self.erase.is_some()),
            ("reset", self.reset.is_some()),
            ("gateway-reset", self.gateway_reset.is_some()),
            ("frame", self.frame.is_some() || self.link.is_some()),
        ];
        all.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect()
    }

    /// Makes the event, when `name` is the only key that says when.
    fn event(&self, name: &'static str) -> Result<Event, TriggerError> {
        let ecu = || self.ecu.clone().ok_or(TriggerError::NoEcu(name));
        let event = if let Some(at) = self.at {
            Event::At(at)
        } else if let Some(step) = self.step {
            Event::Step(step)
        } else if let Some(block) = self.block {
            Event::Block { ecu: ecu()?, block }
        } else if let Some(phase) = self.erase {
            Event::Erase { ecu: ecu()?, phase }
        } else if let Some(phase) = self.reset {
            Event::Reset { ecu: ecu()?, phase }
        } else if let Some(phase) = self.gateway_reset {
            Event::GatewayReset(phase)
        } else {
            let (Some(link), Some(frame)) = (self.link, self.frame) else {
                return Err(TriggerError::FrameOrLink);
            };
            Event::Frame { link, frame }
        };
        match (&event, &self.ecu) {
            (Event::Block { .. } | Event::Erase { .. } | Event::Reset { .. }, _) | (_, None) => {
                Ok(event)
            }
            (_, Some(_)) => Err(TriggerError::EcuUnused(name)),
        }
    }
}

impl Event {
    /// Returns the control unit whose event this is.
    pub fn ecu(&self) -> Option<&str> {
        match self {
            Self::Block { ecu, .. } | Self::Erase { ecu, .. } | Self::Reset { ecu, .. } => {
                Some(ecu)
            }
            Self::At(_) | Self::Step(_) | Self::GatewayReset(_) | Self::Frame { .. } => None,
        }
    }
}

impl LinkName {
    /// Returns the name used in scenarios, captures and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::TechnicianUp => "technician-up",
            Self::TechnicianDown => "technician-down",
            Self::MechanicUp => "mechanic-up",
            Self::MechanicDown => "mechanic-down",
        }
    }
}

impl fmt::Display for LinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Begins => "begins",
            Self::Ends => "ends",
        })
    }
}

/// For people: `block 120 of egs`, `+10s after step 4 begins`.
impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.after.high() > std::time::Duration::ZERO {
            write!(f, "{} after ", self.after)?;
        }
        match &self.event {
            Event::At(time) => write!(f, "{time} into the run"),
            Event::Step(number) => write!(f, "step {number} begins"),
            Event::Block { ecu, block } => write!(f, "block {block} of {ecu}"),
            Event::Erase { ecu, phase } => write!(f, "the erase of {ecu} {phase}"),
            Event::Reset { ecu, phase } => write!(f, "the reset of {ecu} {phase}"),
            Event::GatewayReset(phase) => write!(f, "the gateway's reset {phase}"),
            Event::Frame { link, frame } => write!(f, "frame {frame} of {link}"),
        }?;
        if self.nth > 1 { write!(f, ", time {}", self.nth) } else { Ok(()) }
    }
}

const EVENTS: &str = "`at`, `step`, `block`, `erase`, `reset`, `gateway-reset` or `frame`";

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use yaml::Tree;
    use yaml::{Mistake, decode};

    #[rstest]
    #[case("{ at: 90s }", "90s into the run")]
    #[case("{ step: 4, after: 10s }", "10s after step 4 begins")]
    #[case("{ ecu: egs, block: 120 }", "block 120 of egs")]
    #[case("{ ecu: egs, erase: ends, nth: 2 }", "the erase of egs ends, time 2")]
    #[case("{ ecu: egs, reset: begins }", "the reset of egs begins")]
    #[case("{ gateway-reset: ends, after: 1s..3s }", "1s..3s after the gateway's reset ends")]
    #[case("{ link: mechanic-down, frame: 0 }", "frame 0 of mechanic-down")]
    fn reads_a_trigger(#[case] text: &str, #[case] printed: &str) {
        assert_eq!(trigger(text).unwrap().to_string(), printed);
    }

    #[test]
    fn says_what_would_be_right() {
        let wrong = [
            "{}",
            "{ ecu: egs }",
            "{ block: 1 }",
            "{ at: 1s, step: 2 }",
            "{ at: 1s, ecu: egs }",
            "{ at: 1s, after: 1s }",
            "{ at: 1s, nth: 2 }",
            "{ step: 0 }",
            "{ ecu: egs, block: 0 }",
            "{ ecu: egs, block: 3, nth: 0 }",
            "{ frame: 3 }",
            "{ link: mechanic-up }",
            "{ ecu: egs, erase: starts }",
        ];
        let answers = wrong.map(|text| {
            let error = trigger(text).unwrap_err();
            format!("{text}\n    {}: {}", error.message, error.help.unwrap_or_default())
        });
        insta::assert_snapshot!(answers.join("\n"));
    }

    fn trigger(text: &str) -> Result<Trigger, Mistake> {
        decode(&Tree::parse(text, 0).unwrap())
    }
}
