//! A scenario: the car, what is between it and the tester, what is done, what is expected.

use std::collections::BTreeMap;

use netem_rs::DurationText;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::ClientSetup;
use crate::ecu::EcuSetup;
use crate::expect::Expectations;
use crate::fault::Fault;
use crate::leg::Leg;
use crate::link::{Interface, Protocol};
use crate::step::Step;
use crate::tester::{Backend, BackendFailure};
use crate::threshold::Threshold;
use crate::time::TimeRange;
use crate::voltage::{Charger, Voltage};

/// One scenario, checked: everything it names exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The name of its file without folders and extension, such as `8hp-hsfz-icom-60ms`.
    pub name: String,
    /// What it is, for people.
    pub title: String,
    /// What it proves, for people.
    pub proves: Option<String>,
    /// The vehicle by its name.
    pub vehicle: String,
    /// Control units that differ from how the vehicle has them.
    pub ecus: BTreeMap<String, EcuSetup>,
    /// What feeds the car.
    pub supply: Supply,
    /// What is plugged into the car.
    pub vci: Interface,
    /// The protocol between tester and gateway.
    pub protocol: Protocol,
    /// What carries frames between tester and workshop.
    pub bridge: Bridge,
    /// What the network beneath the bridge does.
    pub network: Network,
    /// How the manufacturer's service behaves.
    pub backend: Backend,
    /// How the tester differs from the usual one.
    pub tester: ClientSetup,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// What the tester does, in order.
    pub steps: Vec<Step>,
    /// What is expected of the car and of the run.
    pub expect: Expectations,
    /// Limits on latencies.
    pub thresholds: Vec<Threshold>,
}

/// What feeds the car. What is not named is as the vehicle has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Supply {
    /// The voltage of the battery without load, such as `12.4V`.
    pub battery: Option<Voltage>,
    /// The voltage the charger holds, such as `14.2V`, or `off`.
    pub charger: Option<Charger>,
    /// The voltage of battery and charger together over time: points in order, joined by
    /// straight lines, the last one held. It takes their place from its first point on.
    pub curve: Vec<SupplyPoint>,
}

/// One point of a voltage over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SupplyPoint {
    /// When, from the beginning of the run.
    pub at: DurationText,
    /// The voltage then, before the load draws it down.
    pub voltage: Voltage,
}

/// What carries frames between tester and workshop.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Bridge {
    /// Our own bridge: technician, relay, mechanic.
    #[default]
    Reference,
    /// None: the tester is in the workshop.
    None,
}

/// What the network beneath the bridge does; nothing where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Network {
    /// Between the technician and the relay.
    pub technician: Leg,
    /// Between the mechanic and the relay.
    pub mechanic: Leg,
}

/// How the manufacturer's service for plans and keys behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct BackendSetup {
    /// How long each answer takes; a range is drawn anew for each. `800ms` where nothing is said.
    latency: Option<TimeRange>,
    /// What it does not deliver.
    fails: Option<BackendFailure>,
}

impl From<BackendSetup> for Backend {
    fn from(setup: BackendSetup) -> Self {
        let usual = Self::default();
        Self { latency: setup.latency.unwrap_or(usual.latency), fails: setup.fails }
    }
}
