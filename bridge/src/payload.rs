//! What travels from endpoint to endpoint inside the tunnel.
//!
//! ```text
//! 0      1
//! | kind | body …             numbers are big-endian
//!
//! kind  name         body
//! 00    frame        the whole frame
//! 01    first half   number u16, its first bytes
//! 02    second half  number u16 (the same), the remaining bytes
//! 03    probe        sent u64, link u32 (newest link state seen, 0: none), count u64
//! 04    echo         sent u64, expected u64, received u64, count u64, delivered u64
//! 05    link         number u32, state u8 (0 down, 1 up)
//! 06    link seen    number u32
//! ```
//!
//! *Sent* is the probing end's clock in nanoseconds; nobody else reads it. The echo tells what the
//! probing end's payloads met: *expected* is the probe's *count* of payloads so far, *received*
//! how many of them arrived; and of the echoing end's own, how many it sent (*count*) and how many
//! of those it knows to have arrived (*delivered*; zero when it cannot know).

use bytes::{Buf, BufMut, Bytes, BytesMut};
use node::Instant;

/// Bytes before a whole frame.
pub const FRAME_HEADER: usize = 1;

/// Bytes before half a frame.
pub const HALF_HEADER: usize = 3;

const FRAME: u8 = 0;
const FIRST_HALF: u8 = 1;
const SECOND_HALF: u8 = 2;
const PROBE: u8 = 3;
const ECHO: u8 = 4;
const LINK: u8 = 5;
const LINK_SEEN: u8 = 6;

/// One payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A whole frame.
    Frame(Bytes),
    /// The first bytes of a frame.
    FirstHalf {
        /// What both halves have in common.
        number: u16,
        /// The bytes.
        bytes: Bytes,
    },
    /// The remaining bytes of a frame.
    SecondHalf {
        /// What both halves have in common.
        number: u16,
        /// The bytes.
        bytes: Bytes,
    },
    /// Asks for an echo.
    Probe {
        /// When it was sent.
        sent: Instant,
        /// Number of the newest link state the probing end has seen; zero when none.
        link: u32,
        /// Payloads the probing end has sent, this one included.
        count: u64,
    },
    /// Answers a probe.
    Echo(Echo),
    /// The vehicle side's link state; repeated until it was seen.
    Link {
        /// Counts the changes, from one.
        number: u32,
        /// Whether there is carrier.
        up: bool,
    },
    /// The link state with this number was seen.
    LinkSeen {
        /// From the link state.
        number: u32,
    },
}

/// What an echo tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// From the probe.
    pub sent: Instant,
    /// The probe's count.
    pub expected: u64,
    /// How many of them arrived at the echoing end.
    pub received: u64,
    /// Payloads or packets the echoing end has sent.
    pub count: u64,
    /// How many of those the echoing end knows to have arrived.
    pub delivered: u64,
}

impl Payload {
    /// Returns its bytes.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(48);
        match self {
            Self::Frame(bytes) => return whole(bytes),
            Self::FirstHalf { number, bytes } => return half(FIRST_HALF, *number, bytes),
            Self::SecondHalf { number, bytes } => return half(SECOND_HALF, *number, bytes),
            Self::Probe { sent, link, count } => {
                out.put_u8(PROBE);
                out.put_u64(sent.as_nanos());
                out.put_u32(*link);
                out.put_u64(*count);
            }
            Self::Echo(echo) => {
                out.put_u8(ECHO);
                out.put_u64(echo.sent.as_nanos());
                for number in [echo.expected, echo.received, echo.count, echo.delivered] {
                    out.put_u64(number);
                }
            }
            Self::Link { number, up } => {
                out.put_u8(LINK);
                out.put_u32(*number);
                out.put_u8(u8::from(*up));
            }
            Self::LinkSeen { number } => {
                out.put_u8(LINK_SEEN);
                out.put_u32(*number);
            }
        }
        out.freeze()
    }

    /// Reads a payload; `None` when it is not one.
    pub fn decode(mut bytes: Bytes) -> Option<Self> {
        let kind = *bytes.first()?;
        bytes.advance(1);
        Some(match (kind, bytes.len()) {
            (FRAME, _) => Self::Frame(bytes),
            (FIRST_HALF, 2..) => Self::FirstHalf { number: bytes.get_u16(), bytes },
            (SECOND_HALF, 2..) => Self::SecondHalf { number: bytes.get_u16(), bytes },
            (PROBE, 20) => Self::Probe {
                sent: Instant::from_nanos(bytes.get_u64()),
                link: bytes.get_u32(),
                count: bytes.get_u64(),
            },
            (ECHO, 40) => Self::Echo(Echo {
                sent: Instant::from_nanos(bytes.get_u64()),
                expected: bytes.get_u64(),
                received: bytes.get_u64(),
                count: bytes.get_u64(),
                delivered: bytes.get_u64(),
            }),
            (LINK, 5) => {
                let number = bytes.get_u32();
                let up = match bytes.get_u8() {
                    0 => false,
                    1 => true,
                    _ => return None,
                };
                Self::Link { number, up }
            }
            (LINK_SEEN, 4) => Self::LinkSeen { number: bytes.get_u32() },
            _ => return None,
        })
    }
}

/// Returns the payload that carries a whole frame.
pub fn whole(frame: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(FRAME_HEADER + frame.len());
    out.push(FRAME);
    out.extend_from_slice(frame);
    out.into()
}

fn half(kind: u8, number: u16, bytes: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(HALF_HEADER + bytes.len());
    out.push(kind);
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(bytes);
    out.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn payload() -> impl Strategy<Value = Payload> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..1600).prop_map(Bytes::from);
        let sent = || any::<u64>().prop_map(Instant::from_nanos);
        let halves = || (any::<u16>(), bytes());
        prop_oneof![
            bytes().prop_map(Payload::Frame),
            halves().prop_map(|(number, bytes)| Payload::FirstHalf { number, bytes }),
            halves().prop_map(|(number, bytes)| Payload::SecondHalf { number, bytes }),
            (sent(), any::<u32>(), any::<u64>()).prop_map(|(sent, link, count)| Payload::Probe {
                sent,
                link,
                count
            }),
            (sent(), any::<[u64; 4]>()).prop_map(
                |(sent, [expected, received, count, delivered])| {
                    Payload::Echo(Echo { sent, expected, received, count, delivered })
                }
            ),
            (any::<u32>(), any::<bool>()).prop_map(|(number, up)| Payload::Link { number, up }),
            any::<u32>().prop_map(|number| Payload::LinkSeen { number }),
        ]
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(payload in payload()) {
            prop_assert_eq!(Payload::decode(payload.encode()), Some(payload));
        }

        #[test]
        fn no_bytes_upset_the_decoder(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let bytes = Bytes::from(bytes);
            if let Some(payload) = Payload::decode(bytes.clone()) {
                prop_assert_eq!(payload.encode(), bytes);
            }
        }
    }
}
