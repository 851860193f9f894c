//! What travels from endpoint to endpoint inside the tunnel.
//!
//! ```text
//! 0            4      5
//! | sequence   | kind | body …             numbers are big-endian
//!   u32          u8
//!
//! kind  name         body
//! 00    frame        the whole frame
//! 01    first half   its first bytes; the other half has the next sequence number
//! 02    second half  the remaining bytes
//! 03    probe        sent u64, link u32 (number of the newest link state seen, 0: none)
//! 04    echo         sent u64 (from the probe), expected u64, received u64
//! 05    link         number u32, state u8 (0 down, 1 up)
//! 06    link seen    number u32
//! ```
//!
//! Every payload has a sequence number of its own, so that both ends can tell what was lost.
//! *Sent* is the probing end's clock in nanoseconds; nobody else reads it. *Expected* and
//! *received* count the payloads the echoing end should have received and did.

use bytes::{Buf, Bytes};
use node::Instant;

/// Bytes before the body of a payload.
pub const PAYLOAD_HEADER: usize = 5;

const FRAME: u8 = 0;
const FIRST_HALF: u8 = 1;
const SECOND_HALF: u8 = 2;
const PROBE: u8 = 3;
const ECHO: u8 = 4;
const LINK: u8 = 5;
const LINK_SEEN: u8 = 6;

/// One payload without its sequence number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A whole frame.
    Frame(Bytes),
    /// The first bytes of a frame.
    FirstHalf(Bytes),
    /// The remaining bytes of a frame.
    SecondHalf(Bytes),
    /// Asks for an echo.
    Probe {
        /// When it was sent.
        sent: Instant,
        /// Number of the newest link state the probing end has seen; zero when none.
        link: u32,
    },
    /// Answers a probe.
    Echo {
        /// From the probe.
        sent: Instant,
        /// Payloads the answering end should have received since pairing.
        expected: u64,
        /// Payloads it did receive.
        received: u64,
    },
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

/// The kinds of payload whose body is a frame or half of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramePart {
    /// A whole frame.
    Whole,
    /// The first bytes of a frame.
    First,
    /// The remaining bytes.
    Second,
}

impl FramePart {
    /// Returns the header of a payload that carries this part of a frame.
    pub const fn header(self, sequence: u32) -> [u8; PAYLOAD_HEADER] {
        let kind = match self {
            Self::Whole => FRAME,
            Self::First => FIRST_HALF,
            Self::Second => SECOND_HALF,
        };
        header(sequence, kind)
    }
}

impl Payload {
    /// Returns header and body.
    pub fn encode(&self, sequence: u32) -> ([u8; PAYLOAD_HEADER], Bytes) {
        match self {
            Self::Frame(bytes) => (FramePart::Whole.header(sequence), bytes.clone()),
            Self::FirstHalf(bytes) => (FramePart::First.header(sequence), bytes.clone()),
            Self::SecondHalf(bytes) => (FramePart::Second.header(sequence), bytes.clone()),
            Self::Probe { sent, link } => {
                let sent = sent.as_nanos().to_be_bytes();
                let body = sent.into_iter().chain(link.to_be_bytes()).collect();
                (header(sequence, PROBE), body)
            }
            Self::Echo { sent, expected, received } => {
                let words = [sent.as_nanos(), *expected, *received];
                let body = words.into_iter().flat_map(u64::to_be_bytes).collect();
                (header(sequence, ECHO), body)
            }
            Self::Link { number, up } => {
                let body = number.to_be_bytes().into_iter().chain([u8::from(*up)]).collect();
                (header(sequence, LINK), body)
            }
            Self::LinkSeen { number } => {
                (header(sequence, LINK_SEEN), Bytes::copy_from_slice(&number.to_be_bytes()))
            }
        }
    }

    /// Reads a payload; `None` when it is not one.
    pub fn decode(mut bytes: Bytes) -> Option<(u32, Self)> {
        let (&[a, b, c, d, kind], body) = bytes.split_first_chunk::<PAYLOAD_HEADER>()?;
        let length = body.len();
        let sequence = u32::from_be_bytes([a, b, c, d]);
        bytes.advance(PAYLOAD_HEADER);
        let payload = match (kind, length) {
            (FRAME, _) => Self::Frame(bytes),
            (FIRST_HALF, _) => Self::FirstHalf(bytes),
            (SECOND_HALF, _) => Self::SecondHalf(bytes),
            (PROBE, 12) => {
                Self::Probe { sent: Instant::from_nanos(bytes.get_u64()), link: bytes.get_u32() }
            }
            (ECHO, 24) => Self::Echo {
                sent: Instant::from_nanos(bytes.get_u64()),
                expected: bytes.get_u64(),
                received: bytes.get_u64(),
            },
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
        };
        Some((sequence, payload))
    }
}

const fn header(sequence: u32, kind: u8) -> [u8; PAYLOAD_HEADER] {
    let [a, b, c, d] = sequence.to_be_bytes();
    [a, b, c, d, kind]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn payload() -> impl Strategy<Value = Payload> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..1600).prop_map(Bytes::from);
        let sent = || any::<u64>().prop_map(Instant::from_nanos);
        prop_oneof![
            bytes().prop_map(Payload::Frame),
            bytes().prop_map(Payload::FirstHalf),
            bytes().prop_map(Payload::SecondHalf),
            (sent(), any::<u32>()).prop_map(|(sent, link)| Payload::Probe { sent, link }),
            (sent(), any::<u64>(), any::<u64>())
                .prop_map(|(sent, expected, received)| Payload::Echo { sent, expected, received }),
            (any::<u32>(), any::<bool>()).prop_map(|(number, up)| Payload::Link { number, up }),
            any::<u32>().prop_map(|number| Payload::LinkSeen { number }),
        ]
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(payload in payload(), sequence: u32) {
            let (head, body) = payload.encode(sequence);
            let bytes = Bytes::from([&head[..], &body[..]].concat());
            prop_assert_eq!(Payload::decode(bytes), Some((sequence, payload)));
        }

        #[test]
        fn no_bytes_upset_the_decoder(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some((sequence, payload)) = Payload::decode(Bytes::from(bytes.clone())) {
                let (head, body) = payload.encode(sequence);
                prop_assert_eq!([&head[..], &body[..]].concat(), bytes);
            }
        }
    }
}
