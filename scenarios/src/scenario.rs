//! A scenario: the car, what is between it and the tester, what is done, what is expected.

use std::collections::BTreeMap;

use netem_rs::DurationText;
#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;

use crate::bridge::Bridge;
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SupplyPoint {
    /// When, from the beginning of the run.
    pub at: DurationText,
    /// The voltage then, before the load draws it down.
    pub voltage: Voltage,
}

/// What the network beneath the bridge does; nothing where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Network {
    /// Between the technician and the relay.
    pub technician: Leg,
    /// Between the mechanic and the relay.
    pub mechanic: Leg,
}

/// How the manufacturer's service for plans and keys behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::catalogue;
    use crate::{parse, time};

    #[test]
    fn a_file_may_say_everything() {
        let scenario = parse("folder/everything.yaml", EVERYTHING, &[], &catalogue());
        insta::assert_debug_snapshot!(scenario.unwrap());
    }

    #[test]
    fn what_is_not_said_is_usual() {
        let text = "scenario: A\nvehicle: g70\nsteps: [identify]\n";
        let scenario = parse("a.yaml", text, &[], &catalogue()).unwrap();
        assert_eq!(scenario.protocol, Protocol::Doip);
        assert_eq!(scenario.vci, Interface::EnetCable);
        assert_eq!(scenario.bridge, Bridge::default());
        assert_eq!(scenario.network, Network::default());
        assert_eq!(scenario.backend, Backend::default());
        assert_eq!(scenario.backend.latency, time::TimeRange::exactly(EIGHT_HUNDRED));
    }

    const EIGHT_HUNDRED: std::time::Duration = std::time::Duration::from_millis(800);
    const EVERYTHING: &str = r#"
scenario: Everything a scenario can say
proves: That every key is read.
vehicle: g05
ecus:
  egs: { state: virgin, erase-factor: 30% }
  dme: {}
supply:
  battery: 12.4V
  charger: off
  curve:
    - { at: 1min, voltage: 12.4V }
    - { at: 2min, voltage: 11900mV }
vci: icom-next
protocol: doip
bridge: { carry: stream, guard: enforce }
network:
  technician: { rtt: 20ms..40ms, jitter: 2ms, up: { loss: 1% }, down: { rate: 10Mbit/s } }
  mechanic:
    preset: garage-wifi
    loss: 0.1%
    schedule:
      - { at: 5min, set: { loss: 2% } }
backend: { latency: 500ms..2s, fails: key }
tester:
  tcp: windows
  address: F5
  keep-alive: 1500ms
  timeouts: { connect: 4s, patience: 90s, pending-limit: 9 }
  programming: { minimum-voltage: 12.5V, repeats: 3, block-repeats: 0 }
faults:
  - when: { at: 10s..20s }
    do: { network: { mechanic: { loss: 5% } } }
  - when: { step: 3, after: 5s }
    do: { tester-crash: { restart: 30s } }
  - when: { ecu: egs, block: 12, nth: 2 }
    do: { gateway-reset: { link-down: 6s, stack: silent, boot: 5s, address: new } }
  - when: { ecu: egs, erase: ends }
    do: { blackout: { leg: mechanic, direction: up, for: 3s } }
  - when: { ecu: egs, reset: begins }
    do: { ecu: { name: egs, refuse: { request: 22 F1 01, nrc: 22, times: 2 } } }
  - when: { gateway-reset: ends }
    do: { supply: { battery: 11V, charger: 14V } }
  - when: { link: mechanic-down, frame: 100 }
    do: { drop: { frames: 3 } }
  - when: { at: 1h }
    do: { link-down: { for: 2s } }
  - when: { at: 2h }
    do: { relay-crash: {} }
steps:
  - identify
  - scan
  - program: { ecu: egs, image: 8hp.swfl, size: 512KiB }
  - code: { ecu: egs }
  - initialise-adaptations: { ecu: egs }
  - reset: { ecu: zgw }
  - clear-faults
  - wait: 2s
  - repeat:
      times: 3
      steps:
        - request: { ecu: dme, send: 22 F1 90, expect: "62 F1 90 5?" }
        - request: { functional: true, send: 3E 80, expect: silence }
expect:
  egs: { ends: programmed, faults: [4F8001, "480002"] }
  dme: { faults: some }
  gateway-resets: 1..3
  duration: < 35min
  steps: { 3: crashed, 4: failed }
thresholds:
  - transfer-data.p99 < 400ms
  - erase.count >= 3
"#;
}
