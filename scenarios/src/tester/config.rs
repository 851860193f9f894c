//! What a tester is told before it starts.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Timeouts;
use crate::{Interface, Outcome, Protocol, TimeRange};

/// Computes the key for a seed: control unit, level of the seed request (`11`, `01`), seed, and
/// whether the control unit takes the wide form (`uds-and-bmw-ecus.md` §2.5).
pub type KeyFunction = fn(u8, u8, &[u8], bool) -> Vec<u8>;

/// Everything a tester knows about itself, the car and its own habits.
#[derive(Clone, Debug)]
pub struct TesterConfig {
    /// The protocol between tester and gateway.
    pub protocol: Protocol,
    /// What is plugged into the car: decides ports and the answer wait.
    pub interface: Interface,
    /// The tester's HSFZ address, `F4` by default (`hsfz-and-doip.md` §15).
    pub address: u8,
    /// The tester's DoIP address, `0EF3` by default (`hsfz-and-doip.md` §21).
    pub doip_address: u16,
    /// How long the tester waits for what.
    pub timeouts: Timeouts,
    /// Spacing of `3E 80` while a session is held, 2 s (`uds-and-bmw-ecus.md` §2.1).
    pub keep_alive: Duration,
    /// The control units the tester may be sent to, by name.
    pub ecus: BTreeMap<String, TesterEcu>,
    /// The manufacturer's service for plans and keys.
    pub backend: Backend,
    /// The placeholder algorithm.
    pub key: KeyFunction,
    /// The VIN written into a control unit that was flashed; its last seven characters are the
    /// coding stamp unless [`Coding`] brings its own.
    pub vin: String,
    /// How the tester programs.
    pub programming: Programming,
    /// Steps (counted from 1) that are expected to end other than `done`.
    pub expected_failures: BTreeMap<usize, Outcome>,
}

/// One control unit, as the tester's data know it.
#[derive(Clone, Debug, Default)]
pub struct TesterEcu {
    /// Its diagnostic address.
    pub address: u8,
    /// Images the tester can flash into it, by the name used in the step.
    pub images: BTreeMap<String, Image>,
    /// What the tester writes when it codes it.
    pub coding: Coding,
    /// How long a hard reset takes (`22 25 04`, fifth word), in which nothing answers.
    pub reset_time: Duration,
    /// Whether it takes a key of 4 + 128 bytes instead of 4 + 64.
    pub wide_key: bool,
}

/// What is flashed: the software units of one control unit, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Its name.
    pub name: String,
    /// The software units.
    pub segments: Vec<Segment>,
}

/// One software unit (SWFL, BTLD, …).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where it is written.
    pub address: u32,
    /// Process class, `08` for SWFL (`uds-and-bmw-ecus.md` §5).
    pub class: u8,
    /// Identifier of four bytes.
    pub id: u32,
    /// Main, sub and patch version.
    pub version: [u8; 3],
    /// Its bytes; blocks are slices of them.
    pub data: Bytes,
}

/// The coding of one control unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coding {
    /// Identifiers and what is written to them, in order.
    pub records: Vec<(u16, Bytes)>,
    /// The coding stamp written to `37FE`; empty for the short VIN.
    pub stamp: Bytes,
}

/// How the manufacturer's service behaves (`uds-and-bmw-ecus.md` §12 W1 steps 5 and 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backend {
    /// How long each answer takes; a range is drawn anew for each.
    pub latency: TimeRange,
    /// What it does not deliver.
    pub fails: Option<BackendFailure>,
}

/// What the manufacturer's service does not deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum BackendFailure {
    /// No plan: the tester gives up before anything is erased.
    Plan,
    /// No key: the tester gives up between seed and key.
    Key,
    /// A wrong key: the control unit refuses it.
    WrongKey,
}

/// How a tester programs, repeats and gives up (`uds-and-bmw-ecus.md` §7, §11, §12 W1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Programming {
    /// Supply below which nothing is begun, 13 000 mV (§11.3).
    pub minimum_millivolts: u32,
    /// How often one software unit, or one coding, is begun anew; 1, the internet variant 3
    /// (§7.1).
    pub repeats: u32,
    /// How often one block is sent again when nothing answers, 1 (§2.6, §11.1).
    pub block_repeats: u32,
    /// Rest after `10 02`, in which the control unit jumps into its bootloader, 1 s (§2.4).
    pub bootloader_pause: Duration,
    /// How many `78` are tolerated while erasing, verifying and checking dependencies. A control
    /// unit's own job description decides; 1 300 covers 3 600 s at one every 3 s (§2.1, §3).
    pub routine_pending: u32,
    /// The fingerprint, written before each erase run (§6.2).
    pub fingerprint: [u8; 13],
}

impl Default for Programming {
    fn default() -> Self {
        Self {
            minimum_millivolts: 13_000,
            repeats: 1,
            block_repeats: 1,
            bootloader_pause: Duration::from_secs(1),
            routine_pending: 1_300,
            fingerprint: [0x24, 0x03, 0x15, 0x8A, 0, 0x01, 0x01, 0, 0, 0x10, 0, 0, 0],
        }
    }
}

impl Default for Backend {
    fn default() -> Self {
        Self { latency: TimeRange::exactly(Duration::from_millis(800)), fails: None }
    }
}

impl TesterConfig {
    /// Makes a tester with the habits of an EDIABAS-like client that knows no control unit yet.
    pub fn new(protocol: Protocol, interface: Interface, vin: &str, key: KeyFunction) -> Self {
        Self {
            protocol,
            interface,
            address: 0xF4,
            doip_address: 0x0EF3,
            timeouts: Timeouts::default(),
            keep_alive: Duration::from_secs(2),
            ecus: BTreeMap::new(),
            backend: Backend::default(),
            key,
            vin: vin.to_owned(),
            programming: Programming::default(),
            expected_failures: BTreeMap::new(),
        }
    }
}

impl Image {
    /// Returns how many bytes are written.
    pub fn size(&self) -> u64 {
        self.segments.iter().map(|segment| segment.data.len() as u64).sum()
    }
}
