//! Turns bytes into HSFZ, DoIP and UDS messages, and back.
//!
//! | module | holds |
//! |---|---|
//! | [`hsfz`] | BMW's transport: 6-byte header, acknowledges, discovery text, terminal 15 |
//! | [`doip`] | ISO 13400-2: 8-byte header, discovery, routing activation, diagnostic messages |
//! | [`uds`] | ISO 14229-1: negative response codes, numbers with a meaning, words for people |
//!
//! Streams are decoded in any chunking, with a limit for everything; nothing here waits, answers or
//! remembers a peer. A service or code that is not known is kept as bytes.

mod codes;
pub mod doip;
mod hex;
pub mod hsfz;
pub mod uds;

#[cfg(test)]
mod vectors;

pub use hex::Hex;
