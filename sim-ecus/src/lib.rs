//! Answers UDS requests as a control unit would.

#![cfg_attr(not(test), expect(dead_code, reason = "the engine that uses it follows"))]

pub mod coding;
pub mod ecu;
pub mod end_state;
pub mod image;
pub mod interface;
pub mod ledger;
pub mod profile;
pub mod security;
pub mod software;

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
