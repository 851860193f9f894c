//! What goes wrong in a run, and when.

use std::fmt;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ecu_fault::EcuAction;
use crate::leg::Leg;
use crate::time::TimeRange;
use crate::trigger::Trigger;
use crate::voltage::{Charger, Voltage};

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Fault {
    /// When it strikes.
    pub when: Trigger,
    /// What happens.
    #[serde(rename = "do")]
    pub action: Action,
}

/// What happens when a fault strikes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The gateway resets.
    GatewayReset(GatewayReset),
    /// Nothing passes a part of the network for a while.
    Blackout(Blackout),
    /// The network changes; keys not named stay as they are.
    Network(Box<NetworkChange>),
    /// The tester is killed.
    TesterCrash(Crash),
    /// The bridge's relay is killed.
    RelayCrash(Crash),
    /// The supply changes.
    Supply(SupplyChange),
    /// The link at the vehicle's port is gone for a while, as when the plug is pulled.
    LinkDown(LinkDown),
    /// The frame that triggers the fault is lost, with those that follow it.
    Drop(Frames),
    /// One bit of the frame that triggers the fault is flipped, and of those that follow it.
    Damage(Frames),
    /// The frame that triggers the fault arrives twice, as do those that follow it.
    Duplicate(Frames),
    /// A control unit misbehaves.
    Ecu(EcuAction),
}

/// Steps of a gateway reset that differ from the vehicle's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct GatewayReset {
    /// How its connections go: `silent`, `reset` or `finish`.
    pub stack: Option<StackLoss>,
    /// How long there is no link; `0s` keeps it up.
    pub link_down: Option<TimeRange>,
    /// How long there is link and nobody answers.
    pub boot: Option<TimeRange>,
    /// How long testers are refused after that.
    pub starting: Option<TimeRange>,
    /// Whether it comes back under the `same` address or a `new` one.
    pub address: Option<Readdress>,
}

/// How the connections of a gateway go when it resets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum StackLoss {
    /// Without a word.
    Silent,
    /// Every connection is reset (RST).
    Reset,
    /// Every connection is finished (FIN).
    Finish,
}

/// Under which address a gateway comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Readdress {
    /// The one it had.
    Same,
    /// Another one.
    New,
}

/// A time in which nothing passes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Blackout {
    /// Which leg of the network; both where nothing is said.
    #[serde(default)]
    pub leg: Legs,
    /// Which direction; both where nothing is said.
    #[serde(default)]
    pub direction: Directions,
    /// How long.
    #[serde(rename = "for")]
    pub lasts: TimeRange,
}

/// One leg of the network, or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Legs {
    /// Between the technician and the relay.
    Technician,
    /// Between the mechanic and the relay.
    Mechanic,
    /// Both legs.
    #[default]
    Both,
}

/// One direction of a leg, or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Directions {
    /// To the relay.
    Up,
    /// From the relay.
    Down,
    /// Both directions.
    #[default]
    Both,
}

/// What the network does from now on; keys not named stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct NetworkChange {
    /// What changes between the technician and the relay.
    pub technician: Option<Leg>,
    /// What changes between the mechanic and the relay.
    pub mechanic: Option<Leg>,
}

/// A program that dies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Crash {
    /// After how long it is started again; never where nothing is said. A tester goes on with
    /// the step after the one it died in.
    pub restart: Option<TimeRange>,
}

/// What the supply is from now on; what is not named stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SupplyChange {
    /// The voltage of the battery without load; a curve ends here.
    pub battery: Option<Voltage>,
    /// The voltage of the charger, or `off`.
    pub charger: Option<Charger>,
}

/// A link that goes and comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LinkDown {
    /// How long.
    #[serde(rename = "for")]
    pub lasts: TimeRange,
}

/// How many frames a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Frames {
    /// How many in a row, 1 where nothing is said.
    #[cfg_attr(test, schemars(range(min = 1, max = 10_000)))]
    pub frames: u32,
}

impl Default for Frames {
    fn default() -> Self {
        Self { frames: 1 }
    }
}

impl Action {
    /// Returns the key of the action in YAML.
    pub fn key(&self) -> &'static str {
        match self {
            Self::GatewayReset(_) => "gateway-reset",
            Self::Blackout(_) => "blackout",
            Self::Network(_) => "network",
            Self::TesterCrash(_) => "tester-crash",
            Self::RelayCrash(_) => "relay-crash",
            Self::Supply(_) => "supply",
            Self::LinkDown(_) => "link-down",
            Self::Drop(_) => "drop",
            Self::Damage(_) => "damage",
            Self::Duplicate(_) => "duplicate",
            Self::Ecu(_) => "ecu",
        }
    }
}

/// For people: `blackout for 3s at block 120 of egs`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.action.key())?;
        match &self.action {
            Action::Blackout(Blackout { lasts, .. }) => write!(f, " for {lasts}")?,
            Action::LinkDown(LinkDown { lasts }) => write!(f, " for {lasts}")?,
            Action::TesterCrash(Crash { restart: Some(time) })
            | Action::RelayCrash(Crash { restart: Some(time) }) => {
                write!(f, ", back after {time}")?
            }
            Action::Ecu(action) => write!(f, " {} {}", action.name, action.fault)?,
            Action::GatewayReset(_)
            | Action::Network(_)
            | Action::TesterCrash(_)
            | Action::RelayCrash(_)
            | Action::Supply(_)
            | Action::Drop(_)
            | Action::Damage(_)
            | Action::Duplicate(_) => {}
        }
        write!(f, " at {}", self.when)
    }
}
