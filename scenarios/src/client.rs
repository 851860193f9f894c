//! How a scenario's tester differs from the usual one.

use std::fmt;
use std::str::FromStr;

use netem_rs::DurationText;
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tester::TesterConfig;
use crate::text::text_type;
use crate::voltage::Voltage;

/// How the tester differs from the usual one; an EDIABAS-like client where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ClientSetup {
    /// The TCP of the tester's computer; `linux` where nothing is said.
    pub tcp: TcpStack,
    /// The tester's HSFZ address, `F4` or `F5`.
    pub address: Option<TesterAddress>,
    /// Spacing of tester present while a session is held, `2s` where nothing is said.
    pub keep_alive: Option<DurationText>,
    /// How long it waits for what.
    pub timeouts: ClientTimeouts,
    /// How it programs.
    pub programming: ClientProgramming,
}

/// A TCP with a retransmission floor of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TcpStack {
    /// Linux: floor 200 ms.
    #[default]
    Linux,
    /// Windows: floor 300 ms.
    Windows,
    /// Small devices: floor 500 ms.
    Embedded,
}

/// An HSFZ address a gateway accepts from testers, `F4` or `F5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TesterAddress(u8);

text_type!(TesterAddress, "TesterAddress", "^(F4|F5)$", "the address of a tester, `F4` or `F5`");

/// A text that is no address of a tester.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the address of a tester: write `F4` or `F5`")]
pub struct AddressError(String);

/// How long a tester waits for what. What is not named is as EDIABAS-like clients have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ClientTimeouts {
    /// TCP connect, `5s`.
    pub connect: Option<DurationText>,
    /// HSFZ acknowledge, `10s`; then one reconnect and one resend.
    pub acknowledge: Option<DurationText>,
    /// DoIP acknowledge, `7s`; then routing activation and one resend.
    pub doip_acknowledge: Option<DurationText>,
    /// DoIP routing activation, `7s`.
    pub activation: Option<DurationText>,
    /// First answer, `1200ms`; 1 s is added over a cable, 2 s over an ICOM.
    pub answer: Option<DurationText>,
    /// Next answer after a response pending, `5s`, with the same addition.
    pub after_pending: Option<DurationText>,
    /// How many responses pending of one control unit are tolerated, 3.
    pub pending_limit: Option<u32>,
    /// How long the tester looks for the car again before a step fails, `60s`.
    pub patience: Option<DurationText>,
    /// How often a request that is safe to repeat is sent again after the car was lost, 3.
    pub interruptions: Option<u32>,
}

/// How a tester programs. What is not named is as programming clients have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ClientProgramming {
    /// Supply below which nothing is begun, `13V`.
    pub minimum_voltage: Option<Voltage>,
    /// How often one software unit, or one coding, is begun anew, 1.
    pub repeats: Option<u32>,
    /// How often one block is sent again when nothing answers, 1.
    pub block_repeats: Option<u32>,
}

impl ClientSetup {
    /// Puts what a scenario says in the place of a tester's usual habits.
    pub fn apply_to(&self, config: &mut TesterConfig) {
        let set = |place: &mut std::time::Duration, value: Option<DurationText>| {
            if let Some(DurationText(duration)) = value {
                *place = duration;
            }
        };
        let count = |place: &mut u32, value: Option<u32>| {
            if let Some(number) = value {
                *place = number;
            }
        };
        config.address = self.address.map_or(config.address, |address| address.0);
        set(&mut config.keep_alive, self.keep_alive);
        let (to, from) = (&mut config.timeouts, &self.timeouts);
        set(&mut to.connect, from.connect);
        set(&mut to.acknowledge, from.acknowledge);
        set(&mut to.doip_acknowledge, from.doip_acknowledge);
        set(&mut to.activation, from.activation);
        set(&mut to.answer, from.answer);
        set(&mut to.after_pending, from.after_pending);
        set(&mut to.patience, from.patience);
        count(&mut to.pending_limit, from.pending_limit);
        count(&mut to.interruptions, from.interruptions);
        let (to, from) = (&mut config.programming, &self.programming);
        count(&mut to.minimum_millivolts, from.minimum_voltage.map(Voltage::millivolts));
        count(&mut to.repeats, from.repeats);
        count(&mut to.block_repeats, from.block_repeats);
    }
}

impl TesterAddress {
    /// Returns the address.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl FromStr for TesterAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text {
            "F4" | "f4" => Ok(Self(0xF4)),
            "F5" | "f5" => Ok(Self(0xF5)),
            other => Err(AddressError(other.to_owned())),
        }
    }
}

impl fmt::Display for TesterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Interface, Protocol};
    use yaml::Tree;
    use yaml::decode;

    #[test]
    fn what_is_said_takes_the_place_of_the_usual() {
        let text = "{ address: F5, keep-alive: 3s, timeouts: { acknowledge: 4s, pending-limit: 9 },\
                    programming: { minimum-voltage: 12V } }";
        let setup: ClientSetup = decode(&Tree::parse(text, 0).unwrap()).unwrap();
        let key = |_, _, _: &[u8], _| Vec::new();
        let mut config = TesterConfig::new(Protocol::Hsfz, Interface::EnetCable, "VIN", key);
        setup.apply_to(&mut config);
        assert_eq!(config.address, 0xF5);
        assert_eq!(config.keep_alive, Duration::from_secs(3));
        assert_eq!(config.timeouts.acknowledge, Duration::from_secs(4));
        assert_eq!(config.timeouts.pending_limit, 9);
        assert_eq!(config.programming.minimum_millivolts, 12_000);
    }

    #[test]
    fn what_is_not_said_stays() {
        let key = |_, _, _: &[u8], _| Vec::new();
        let usual = TesterConfig::new(Protocol::Hsfz, Interface::EnetCable, "VIN", key);
        let mut config = usual.clone();
        ClientSetup::default().apply_to(&mut config);
        assert_eq!(config.timeouts, usual.timeouts);
        assert_eq!(config.programming, usual.programming);
        assert_eq!((config.address, config.keep_alive), (usual.address, usual.keep_alive));
    }
}
