//! Answers UDS requests as a control unit would.

//! | module | holds |
//! |---|---|
//! | [`ecu`] | [`Ecu`]: power, faults, the way of a request |
//! | [`interface`] | what a control unit is told, and what it tells |
//! | [`profile`] | what YAML says about one kind of control unit |
//! | `engine` | order of checks, one request at a time, response pending |
//! | `sessions`, [`security`] | `10`, `11`, `28`, `85`, `86`; `27` |
//! | `flash`, `memory` | `34`, `36`, `37`, erase and check; the bytes themselves |
//! | `identification`, `svk`, `dynamic` | `22`, `2E`, `2F`; F101; `2C` |
//! | `faults` | `14`, `19`, monitors |
//! | `routines`, `pairing`, `calibration` | `31` and what it works on |
//! | [`coding`], [`image`], [`software`] | what testers write |
//! | [`ledger`], [`end_state`] | what was done to it, and what became of it |
//! | [`supply`] | what the voltage allows |

mod calibration;
pub mod coding;
mod dynamic;
pub mod ecu;
pub mod end_state;
mod engine;
mod faults;
mod flash;
mod identification;
pub mod image;
pub mod interface;
pub mod ledger;
mod memory;
mod pairing;
pub mod profile;
mod routines;
pub mod security;
mod sessions;
pub mod software;
pub mod supply;
mod svk;
#[cfg(test)]
mod tests;
mod unit;

pub use coding::Coding;
pub use ecu::Ecu;
pub use end_state::EndState;
pub use image::{Image, Segment};
pub use interface::{
    Condition, EcuEvent, EcuFault, EcuInput, Partner, Request, ResetKind, Response, Slot,
};
pub use ledger::{LedgerEntry, LedgerKind};
pub use profile::{EcuProfile, ProfileError};
pub use software::SgbmId;
