//! HSFZ: how a BMW tester talks to a gateway (`hsfz-and-doip.md` part A).
//!
//! ```text
//! 0        4      6     7     8
//! | length | ctrl | src | tgt | data …        src and tgt only where the control word has them
//!   u32      u16    u8    u8                  length counts everything after the control word
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `message` | [`Message`], [`Address`], control words, the encoder |
//! | `decoder` | [`Decoder`], [`decode_datagram`] |
//! | `error` | [`DecodeError`], [`ErrorCode`] |
//! | `identification` | the text of a vehicle identification |
//! | `alive` | the bodies of an alive check |
//!
//! What a gateway answers, and in which dialect, is decided elsewhere.

mod alive;
mod decoder;
mod error;
mod identification;
mod message;
#[cfg(test)]
mod properties;

pub use alive::AliveBody;
pub use decoder::{Decoder, decode_datagram};
pub use error::{DecodeError, ErrorCode};
pub use identification::{Identification, IdentificationError};
pub use message::{Address, Message, control};

/// TCP port of the vehicle for diagnosis (§2).
pub const DIAGNOSTIC_PORT: u16 = 6801;
/// UDP port of the vehicle for identification, TCP port for terminal 15 (§2).
pub const CONTROL_PORT: u16 = 6811;
/// UDP port to which the vehicle announces itself (§2).
pub const ANNOUNCEMENT_PORT: u16 = 7811;
/// Bytes of a frame before its body: length and control word (§3).
pub const HEADER_LENGTH: usize = 6;
/// Default limit for the bytes after the header (§3).
pub const DEFAULT_LIMIT: u32 = 0x1_0000;

/// Tells whether terminal 15 (ignition) is on in a status byte: bits 2 and 3 read `01` (§10).
pub const fn is_ignition_on(status: u8) -> bool {
    status & 0x0C == 0x04
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::on(0x05, true)]
    #[case::on_bdc(0x45, true)]
    #[case::off(0x01, false)]
    #[case::off_bdc(0x41, false)]
    #[case::dark(0x00, false)]
    #[case::both_bits(0x0D, false)]
    fn ignition_is_bits_2_and_3(#[case] status: u8, #[case] on: bool) {
        assert_eq!(is_ignition_on(status), on);
    }
}
