//! What a vehicle says and allows on DoIP where ISO 13400-2 leaves a choice.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::quantity;

/// The parameters of a DoIP entity (`hsfz-and-doip.md` §16–§21).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct EntityProfile {
    /// The protocol version it speaks of its own accord.
    #[serde(deserialize_with = "quantity::byte")]
    pub version: u8,
    /// Versions it accepts; it answers in the one asked.
    #[serde(deserialize_with = "quantity::bytes")]
    pub versions: Vec<u8>,
    /// Its logical address.
    #[serde(deserialize_with = "quantity::word")]
    pub address: u16,
    /// Addresses that reach every control unit.
    #[serde(deserialize_with = "quantity::word_ranges")]
    pub functional: Vec<(u16, u16)>,
    /// Tester addresses that may activate routing.
    #[serde(deserialize_with = "quantity::word_ranges")]
    pub testers: Vec<(u16, u16)>,
    /// Activation types it knows, in hex, and what each needs.
    pub activation_types: BTreeMap<String, Requirement>,
    /// Whether a socket stays after code 02 (another source address).
    pub keep_on_other_source: bool,
    /// Whether a socket stays after code 04 (authentication missing).
    pub keep_on_missing_authentication: bool,
    /// MCTS: how many sockets may be activated at once; one more is accepted to be told so.
    pub sockets: u8,
    /// The longest payload accepted, in bytes; longer ones get header NACK 02.
    pub data_size: u32,
    /// The longest UDS request forwarded, in bytes; longer ones get 8003 with code 04.
    pub request_size: u32,
    /// How many request bytes 8002 and 8003 repeat.
    pub echo: usize,
    /// The code of 8003 for a unit that is known but not there: 06, 07 or 08.
    #[serde(deserialize_with = "quantity::byte")]
    pub unreachable_code: u8,
    /// The code of 8003 when too many requests wait for one unit: 05, or 09 since 2025.
    #[serde(deserialize_with = "quantity::byte")]
    pub overflow_code: u8,
    /// Whether a tester's alive check request is answered, or refused with header NACK 01.
    pub answers_alive_check: bool,
    /// What happens when general inactivity runs out.
    pub on_inactivity: OnInactivity,
    /// T_TCP_Initial_Inactivity.
    #[serde(deserialize_with = "quantity::duration")]
    pub initial_inactivity: Duration,
    /// T_TCP_General_Inactivity.
    #[serde(deserialize_with = "quantity::duration")]
    pub general_inactivity: Duration,
    /// T_TCP_Alive_Check.
    #[serde(deserialize_with = "quantity::duration")]
    pub alive_check: Duration,
    /// A_DoIP_Announce_Wait.
    #[serde(deserialize_with = "quantity::range")]
    pub announce_wait: (Duration, Duration),
    /// A_DoIP_Announce_Interval.
    #[serde(deserialize_with = "quantity::duration")]
    pub announce_interval: Duration,
    /// A_DoIP_Announce_Num.
    pub announcements: u32,
    /// How long answers to identification requests take.
    #[serde(deserialize_with = "quantity::range")]
    pub identification_delay: (Duration, Duration),
    /// Whether announcements end with a sync byte (33 bytes) or not (32).
    pub sync_byte: bool,
    /// What stands for the group identification.
    pub group: Group,
    /// Further action required: 00 none, 10 routing activation for central security.
    #[serde(deserialize_with = "quantity::byte")]
    pub further_action: u8,
    /// Whether entity status carries the longest payload.
    pub status_with_data_size: bool,
    /// Whether the power mode can be asked; `02` is the answer when not.
    pub power_mode: bool,
}

/// What an activation type needs (`hsfz-and-doip.md` §18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    /// Nothing: code 10.
    Open,
    /// An authentication nobody can have: code 04.
    Authentication,
    /// A confirmation, which is given: code 11.
    Confirmed,
    /// A confirmation, which is refused: code 05.
    Rejected,
    /// TLS: code 07.
    Tls,
}

/// What happens to a socket when general inactivity runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnInactivity {
    /// It is closed.
    Close,
    /// It is asked first whether its tester is alive.
    AliveCheck,
}

/// What stands for the group identification in announcements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// The entity identification, that is the MAC address.
    Entity,
    /// Six times 00.
    Zero,
    /// Six times FF: not set.
    Unset,
}

impl Default for EntityProfile {
    /// The standard's values, with BMW's addresses (§21).
    fn default() -> Self {
        let types = [("00", Requirement::Open), ("01", Requirement::Open)];
        Self {
            version: 0x03,
            versions: vec![0x02, 0x03],
            address: 0x0010,
            functional: vec![(0x00DF, 0x00DF)],
            testers: vec![(0x0E00, 0x0E7F), (0x0E80, 0x0EFF)],
            activation_types: types.map(|(name, need)| (name.to_owned(), need)).into(),
            keep_on_other_source: false,
            keep_on_missing_authentication: true,
            sockets: 4,
            data_size: 0x10000,
            request_size: 0x10000,
            echo: 5,
            unreachable_code: 0x06,
            overflow_code: 0x05,
            answers_alive_check: false,
            on_inactivity: OnInactivity::Close,
            initial_inactivity: Duration::from_secs(2),
            general_inactivity: Duration::from_secs(300),
            alive_check: Duration::from_millis(500),
            announce_wait: (Duration::ZERO, Duration::from_millis(500)),
            announce_interval: Duration::from_millis(500),
            announcements: 3,
            identification_delay: (Duration::ZERO, Duration::from_millis(50)),
            sync_byte: true,
            group: Group::Entity,
            further_action: 0x00,
            status_with_data_size: true,
            power_mode: true,
        }
    }
}

impl EntityProfile {
    /// Returns what an activation type needs, or `None` when it is not known.
    pub fn requirement(&self, activation_type: u8) -> Option<Requirement> {
        self.activation_types.get(&format!("{activation_type:02X}")).copied()
    }

    /// Returns whether a tester may activate routing.
    pub fn permits(&self, tester: u16) -> bool {
        contains(&self.testers, tester)
    }

    /// Returns whether an address reaches every control unit.
    pub fn is_functional(&self, target: u16) -> bool {
        contains(&self.functional, target)
    }

    /// Returns what is wrong with these parameters.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let codes = [self.unreachable_code, self.overflow_code];
        let types = self.activation_types.keys();
        if !self.versions.contains(&self.version) {
            Some("a DoIP entity must accept the version it speaks")
        } else if self.testers.is_empty() || self.functional.is_empty() {
            Some("a DoIP entity needs a tester range and a functional address")
        } else if self.sockets == 0 || self.sockets > 100 {
            Some("a DoIP entity has 1 to 100 sockets")
        } else if self.data_size > 1 << 20 || self.data_size < 64 {
            Some("a DoIP entity's data size is 64 to 1048576 bytes")
        } else if self.announcements > 100 {
            Some("a DoIP entity announces itself 100 times at most")
        } else if codes.iter().any(|code| !(0x02..=0x09).contains(code)) {
            Some("the code of a diagnostic negative acknowledge is 02 to 09")
        } else if types.into_iter().any(|name| !is_type(name)) {
            Some("an activation type is two hex digits, upper case")
        } else {
            None
        }
    }
}

fn contains(ranges: &[(u16, u16)], address: u16) -> bool {
    ranges.iter().any(|(low, high)| (*low..=*high).contains(&address))
}

fn is_type(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b))
}
