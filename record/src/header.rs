//! What was run, from which seed, by which version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The version of the record format this crate writes.
pub const FORMAT: u32 = 1;

/// The first line of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the record format, see [`FORMAT`].
    pub format: u32,
    /// The program that wrote the record, with its version.
    pub program: String,
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
    /// The vehicle profile.
    pub vehicle: String,
    /// Everything else the world was built from, by name: network, supply, faults.
    #[serde(default)]
    pub world: BTreeMap<String, serde_json::Value>,
}

/// Which clock drives a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// A discrete-event loop in virtual time.
    Virtual,
    /// The machine's clock.
    Live,
}

impl Engine {
    /// Returns the word a record uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Virtual => "virtual",
            Self::Live => "live",
        }
    }
}
