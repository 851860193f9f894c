//! UDS, ISO 14229-1: what testers ask ECUs and what ECUs answer (`uds-and-bmw-ecus.md`).
//!
//! | file | holds |
//! |---|---|
//! | `nrc` | [`Nrc`], negative responses |
//! | `service` | service identifiers and their names |
//! | `number` | [`Did`], [`RoutineId`], [`Dtc`], [`BlockCounter`], [`Session`] |
//! | `answer` | [`Answer`]: what kind of response bytes are |
//! | `names` | what BMW calls identifiers and routines |
//! | `describe` | [`describe`]: bytes into words for people |

mod answer;
mod describe;
mod names;
mod nrc;
mod number;
pub mod service;

pub use answer::{Answer, classify};
pub use describe::describe;
pub use nrc::{Nrc, negative};
pub use number::{BlockCounter, Did, Dtc, RoutineId, Session};

/// First byte of a negative response.
pub const NEGATIVE_RESPONSE: u8 = 0x7F;
/// What a positive response adds to the service identifier of its request.
pub const POSITIVE_OFFSET: u8 = 0x40;
/// The bit of a sub-function that asks for no positive response.
pub const SUPPRESS_POSITIVE_RESPONSE: u8 = 0x80;
