//! Reads scenarios; plays the tester's part in them.
//!
//! * [`read`](mod@read): from a file to a [`Scenario`], or to everything that is wrong with it.
//! * [`scenario`]: what a scenario says.
//! * [`step`]: what is done, one key per step; how a step may end.
//! * [`fault`], [`trigger`], [`ecu_fault`]: what goes wrong, and when.
//! * [`expect`], [`threshold`], [`bound`]: what has to come out.
//! * [`link`], [`leg`], [`bridge`], [`ecu`], [`client`]: what is between tester and car, the car, the tester.
//! * [`hex`], [`time`], [`voltage`]: values written as text.
//! * [`setting`]: values given on the command line, put into the tree before it becomes types.
//! * [`library`]: the scenarios that are shipped.
//! * [`schema`](mod@schema): the JSON Schema of a scenario file.
//! * [`manifest`]: how a bridge is started, what it needs, what it claims; the shipped ones.
//! * [`catalogue`]: what exists, told by whoever knows the vehicles.
//! * [`error`]: what is wrong with a scenario, and where.
//! * [`tester`]: the client that carries out the steps.
//! * [`conversation`]: steps of several exchanges, written as straight lines.
//!
//! Beneath: `check` (what types cannot say), `text` (types that are written as text).

pub mod bound;
pub mod bridge;
pub mod catalogue;
mod check;
pub mod client;
pub mod conversation;
pub mod ecu;
pub mod ecu_fault;
pub mod error;
pub mod expect;
pub mod fault;
#[cfg(test)]
mod fixture;
pub mod hex;
pub mod leg;
pub mod library;
pub mod link;
#[cfg(test)]
mod malformed;
pub mod manifest;
pub mod read;
pub mod scenario;
pub mod schema;
pub mod setting;
pub mod step;
pub mod tester;
mod text;
pub mod threshold;
pub mod time;
pub mod trigger;
pub mod voltage;

pub use bound::Bound;
pub use bridge::{Bridge, BridgeSetup, Carry, Guard};
pub use catalogue::{Catalogue, EcuFacts, VehicleFacts};
pub use client::{ClientSetup, TcpStack};
pub use ecu::{Condition, EcuSetup, EndState};
pub use ecu_fault::{DtcNumber, EcuAction, EcuFault};
pub use error::{ScenarioError, ScenarioErrors};
pub use expect::{EcuExpectation, Expectations, FaultsExpected};
pub use fault::{Action, Fault};
pub use hex::{Expected, HexBytes, Pattern};
pub use leg::Leg;
pub use library::{LIBRARY, Shipped, shipped};
pub use link::{Interface, Protocol};
pub use manifest::Manifest;
pub use read::{bytes_of, parse, parse_bytes, read};
pub use scenario::{Network, Scenario, Supply};
pub use schema::schema;
pub use setting::{Setting, SettingError};
pub use step::{Outcome, Step};
pub use threshold::{Limit, Quantile, Threshold};
pub use time::TimeRange;
pub use trigger::{Event, LinkName, Phase, Trigger};
pub use voltage::{Charger, Voltage};
