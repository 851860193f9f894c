//! DoIP, ISO 13400-2: how a tester talks to a DoIP entity (`hsfz-and-doip.md` part B).
//!
//! ```text
//! 0         1          2      4        8
//! | version | ~version | type | length | payload        length counts the payload only
//!   u8        u8         u16    u32
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `version` | [`Version`], [`Versions`] |
//! | `code` | the numbers with names: [`PayloadType`], [`HeaderNack`], [`ActivationCode`], … |
//! | `payload` | [`Payload`] and the structs of its variants |
//! | `message` | [`Message`], [`LogicalAddress`], the encoder |
//! | `parse` | payload bytes into a [`Payload`] |
//! | `check` | the header checks and their order, [`DecodeError`] |
//! | `decoder` | [`Decoder`], [`decode_datagram`] |

mod check;
mod code;
mod decoder;
mod message;
mod parse;
mod payload;
#[cfg(test)]
mod properties;
mod version;

pub use check::{DecodeError, Rules, Side, Transport};
pub use code::{ActivationCode, HeaderNack, NackCode, NodeType, PayloadType, PowerMode};
pub use decoder::{Decoder, decode_datagram};
pub use message::{LogicalAddress, Message};
pub use payload::{ActivationType, Announcement, EntityStatus, Payload};
pub use payload::{RoutingActivationRequest, RoutingActivationResponse};
pub use version::{Version, Versions};

/// UDP and TCP port of a DoIP entity (§2).
pub const PORT: u16 = 13400;
/// TCP port of a DoIP entity for TLS (§2).
pub const TLS_PORT: u16 = 3496;
/// Bytes of a message before its payload (§16).
pub const HEADER_LENGTH: usize = 8;
/// Default limit for the payload in bytes (§20).
pub const DEFAULT_LIMIT: u32 = 0x1_0000;
