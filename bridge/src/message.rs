//! The datagrams between endpoint and relay, format 2.
//!
//! A datagram whose first byte has bit 0x40 is a packet of the tunnel: it travels as it is, and
//! the relay knows by the address it comes from where it goes. Every other begins with the format
//! number and a kind; the rest depends on the kind. Numbers are big-endian. A datagram of another
//! length than its kind has is refused.
//!
//! ```text
//! 0        1      2
//! | format | kind | body …
//!
//! kind  name       from      body
//! 01    hello      endpoint  role u8, instance u64, order u64
//! 02    challenge  relay     instance u64, cookie u64
//! 03    open       mechanic  instance u64, order u64, cookie u64
//! 04    join       technic.  instance u64, order u64, cookie u64
//! 05    granted    relay     instance u64, channel u64, peer u32 (0: not there)
//! 06    refused    relay     instance u64, reason u8, retry u32 (ms)
//! 07    ping       endpoint  channel u64, number u32
//! 08    pong       relay     channel u64, number u32, peer u32 (0: not there)
//! 09    unknown    relay     channel u64 (0: a packet of the tunnel from an unknown address)
//! 0A    leave      endpoint  channel u64
//! 0B    left       relay     channel u64
//! 0C    admit      mechanic  channel u64, candidate u32
//! 0D    reject     mechanic  channel u64, candidate u32, wrong u8
//! 0E    gone       relay     channel u64, candidate u32
//! 10    wrapped    both      candidate u32, instance u64, packet of the tunnel
//! ```
//!
//! *Instance* is drawn for every connection an endpoint makes; only its owner, the relay and the
//! mechanic ever see it. *Cookie* proves that the sender receives at the address it sends from;
//! the relay keeps nothing for anyone who has not returned it, and answers such a sender with no
//! more bytes than it sent. *Channel* names an order at one relay for as long as it runs.
//!
//! Nothing here depends on the passcode. Whoever joins is a *candidate*: what it says reaches the
//! mechanic wrapped, under its number, until the mechanic, to whom it proves itself inside the
//! tunnel, admits it. Only then do its packets travel as they are. To the mechanic, *peer* is the
//! number of the admitted technician; to the technician, its own, while the mechanic is there.

use std::fmt;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Number of this message format.
pub const FORMAT: u8 = 2;

/// Bytes before the packet in a wrapped message.
pub const WRAPPED_HEADER: usize = 14;

/// What tells a packet of the tunnel from a message: QUIC's fixed bit.
const PACKET_BIT: u8 = 0x40;

const HELLO: u8 = 0x01;
const CHALLENGE: u8 = 0x02;
const OPEN: u8 = 0x03;
const JOIN: u8 = 0x04;
const GRANTED: u8 = 0x05;
const REFUSED: u8 = 0x06;
const PING: u8 = 0x07;
const PONG: u8 = 0x08;
const UNKNOWN: u8 = 0x09;
const LEAVE: u8 = 0x0A;
const LEFT: u8 = 0x0B;
const ADMIT: u8 = 0x0C;
const REJECT: u8 = 0x0D;
const GONE: u8 = 0x0E;
const WRAPPED: u8 = 0x10;

/// The number by which both sides name their common work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderNumber(pub u64);

impl fmt::Display for OrderNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "order {}", self.0)
    }
}

/// Which end of the bridge an endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The end with the tester.
    Technician,
    /// The end with the vehicle.
    Mechanic,
}

/// Why a relay does not let an endpoint into an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The passcode is wrong.
    WrongPasscode,
    /// The order is closed to newcomers for a while, because a passcode was wrong.
    TryLater,
    /// No mechanic has opened this order.
    NoSuchOrder,
    /// The relay holds as many orders as it may.
    Full,
    /// The order had one side only for too long.
    Expired,
    /// Another program with the right passcode has taken this side's place.
    Replaced,
    /// A mechanic that was heard not long ago holds this order.
    Taken,
}

/// One datagram between endpoint and relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// An endpoint asks to be let into an order.
    Hello {
        /// Which end it is.
        role: Role,
        /// The endpoint's own number.
        instance: u64,
        /// The order.
        order: OrderNumber,
    },
    /// The relay asks for the cookie back.
    Challenge {
        /// The endpoint's own number.
        instance: u64,
        /// What to send back.
        cookie: u64,
    },
    /// A mechanic opens an order, or comes back to it.
    Open {
        /// The endpoint's own number.
        instance: u64,
        /// The order.
        order: OrderNumber,
        /// From the challenge.
        cookie: u64,
    },
    /// A technician joins an order, or comes back to it.
    Join {
        /// The endpoint's own number.
        instance: u64,
        /// The order.
        order: OrderNumber,
        /// From the challenge.
        cookie: u64,
    },
    /// The endpoint is in; sent again whenever the other side comes or goes.
    Granted {
        /// The endpoint's own number.
        instance: u64,
        /// The order's number at this relay.
        channel: u64,
        /// The technician's number, while the other side is there.
        peer: Option<u32>,
    },
    /// The endpoint is not let in, or no longer.
    Refused {
        /// The endpoint's own number.
        instance: u64,
        /// Why.
        reason: Refusal,
        /// How long to wait before asking again, in whole milliseconds.
        retry: Duration,
    },
    /// An endpoint asks whether the relay still knows it.
    Ping {
        /// The order's number at this relay.
        channel: u64,
        /// Counts the pings of this endpoint.
        number: u32,
    },
    /// The relay still does.
    Pong {
        /// The order's number at this relay.
        channel: u64,
        /// From the ping.
        number: u32,
        /// The technician's number, while the other side is there.
        peer: Option<u32>,
    },
    /// The relay knows no such channel, or not from this address.
    Unknown {
        /// The channel asked for.
        channel: u64,
    },
    /// An endpoint leaves the order on purpose.
    Leave {
        /// The order's number at this relay.
        channel: u64,
    },
    /// The other side left the order on purpose.
    Left {
        /// The order's number at this relay.
        channel: u64,
    },
    /// The mechanic takes a candidate as its technician.
    Admit {
        /// The order's number at this relay.
        channel: u64,
        /// The candidate.
        candidate: u32,
    },
    /// The mechanic wants nothing more from a candidate.
    Reject {
        /// The order's number at this relay.
        channel: u64,
        /// The candidate.
        candidate: u32,
        /// Whether it did not know the passcode.
        wrong: bool,
    },
    /// A candidate the mechanic has not admitted is not there any more.
    Gone {
        /// The order's number at this relay.
        channel: u64,
        /// The candidate.
        candidate: u32,
    },
    /// A packet of the tunnel from or for a candidate, on the mechanic's leg.
    Wrapped {
        /// The candidate.
        candidate: u32,
        /// The candidate's own number.
        instance: u64,
        /// The packet.
        packet: Bytes,
    },
}

/// Why a datagram is not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It is shorter than format number and kind.
    #[error("datagram of {0} bytes has no kind")]
    Short(usize),
    /// It has another format.
    #[error("message format {0} is not {FORMAT}")]
    Format(u8),
    /// Its kind is not known.
    #[error("message kind 0x{0:02X} is not known")]
    Kind(u8),
    /// Its length is not that of its kind.
    #[error("message kind 0x{kind:02X} has a body of {body} bytes")]
    Length {
        /// The kind.
        kind: u8,
        /// Bytes after the kind.
        body: usize,
    },
    /// A field has a value that is not known.
    #[error("message kind 0x{kind:02X} has value 0x{value:02X} where it is not known")]
    Value {
        /// The kind.
        kind: u8,
        /// The value.
        value: u8,
    },
}

impl Message {
    /// Returns the datagram's bytes.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(64);
        match self {
            Self::Hello { role, instance, order } => {
                begin(&mut out, HELLO);
                out.put_u8(role.code());
                out.put_u64(*instance);
                out.put_u64(order.0);
            }
            Self::Challenge { instance, cookie } => {
                begin(&mut out, CHALLENGE);
                out.put_u64(*instance);
                out.put_u64(*cookie);
            }
            Self::Open { instance, order, cookie } | Self::Join { instance, order, cookie } => {
                let open = matches!(self, Self::Open { .. });
                begin(&mut out, if open { OPEN } else { JOIN });
                out.put_u64(*instance);
                out.put_u64(order.0);
                out.put_u64(*cookie);
            }
            Self::Granted { instance, channel, peer } => {
                begin(&mut out, GRANTED);
                out.put_u64(*instance);
                out.put_u64(*channel);
                out.put_u32(peer.unwrap_or(0));
            }
            Self::Refused { instance, reason, retry } => {
                begin(&mut out, REFUSED);
                out.put_u64(*instance);
                out.put_u8(reason.code());
                out.put_u32(u32::try_from(retry.as_millis()).unwrap_or(u32::MAX));
            }
            Self::Ping { channel, number } => {
                begin(&mut out, PING);
                out.put_u64(*channel);
                out.put_u32(*number);
            }
            Self::Pong { channel, number, peer } => {
                begin(&mut out, PONG);
                out.put_u64(*channel);
                out.put_u32(*number);
                out.put_u32(peer.unwrap_or(0));
            }
            Self::Unknown { channel } => put_channel(&mut out, UNKNOWN, *channel),
            Self::Leave { channel } => put_channel(&mut out, LEAVE, *channel),
            Self::Left { channel } => put_channel(&mut out, LEFT, *channel),
            Self::Admit { channel, candidate } | Self::Gone { channel, candidate } => {
                let admit = matches!(self, Self::Admit { .. });
                put_channel(&mut out, if admit { ADMIT } else { GONE }, *channel);
                out.put_u32(*candidate);
            }
            Self::Reject { channel, candidate, wrong } => {
                put_channel(&mut out, REJECT, *channel);
                out.put_u32(*candidate);
                out.put_u8(u8::from(*wrong));
            }
            Self::Wrapped { candidate, instance, packet } => {
                begin(&mut out, WRAPPED);
                out.put_u32(*candidate);
                out.put_u64(*instance);
                out.put_slice(packet);
            }
        }
        out.freeze()
    }

    /// Reads a datagram.
    pub fn decode(mut datagram: Bytes) -> Result<Self, DecodeError> {
        if datagram.len() < 2 {
            return Err(DecodeError::Short(datagram.len()));
        }
        let (format, kind) = (datagram.get_u8(), datagram.get_u8());
        if format != FORMAT {
            return Err(DecodeError::Format(format));
        }
        check_length(kind, datagram.len())?;
        let mut body = datagram;
        Ok(match kind {
            HELLO => Self::Hello {
                role: Role::from_code(body.get_u8(), kind)?,
                instance: body.get_u64(),
                order: OrderNumber(body.get_u64()),
            },
            CHALLENGE => Self::Challenge { instance: body.get_u64(), cookie: body.get_u64() },
            OPEN => Self::Open {
                instance: body.get_u64(),
                order: OrderNumber(body.get_u64()),
                cookie: body.get_u64(),
            },
            JOIN => Self::Join {
                instance: body.get_u64(),
                order: OrderNumber(body.get_u64()),
                cookie: body.get_u64(),
            },
            GRANTED => Self::Granted {
                instance: body.get_u64(),
                channel: body.get_u64(),
                peer: take_peer(&mut body),
            },
            REFUSED => Self::Refused {
                instance: body.get_u64(),
                reason: Refusal::from_code(body.get_u8(), kind)?,
                retry: Duration::from_millis(u64::from(body.get_u32())),
            },
            PING => Self::Ping { channel: body.get_u64(), number: body.get_u32() },
            PONG => Self::Pong {
                channel: body.get_u64(),
                number: body.get_u32(),
                peer: take_peer(&mut body),
            },
            UNKNOWN => Self::Unknown { channel: body.get_u64() },
            LEAVE => Self::Leave { channel: body.get_u64() },
            LEFT => Self::Left { channel: body.get_u64() },
            ADMIT => Self::Admit { channel: body.get_u64(), candidate: body.get_u32() },
            REJECT => Self::Reject {
                channel: body.get_u64(),
                candidate: body.get_u32(),
                wrong: match body.get_u8() {
                    0 => false,
                    1 => true,
                    value => return Err(DecodeError::Value { kind, value }),
                },
            },
            GONE => Self::Gone { channel: body.get_u64(), candidate: body.get_u32() },
            WRAPPED => {
                Self::Wrapped { candidate: body.get_u32(), instance: body.get_u64(), packet: body }
            }
            other => return Err(DecodeError::Kind(other)),
        })
    }
}

/// Returns whether a datagram is a packet of the tunnel.
pub fn is_packet(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| first & PACKET_BIT != 0)
}

impl Role {
    /// Returns the other end.
    pub const fn other(self) -> Self {
        match self {
            Self::Technician => Self::Mechanic,
            Self::Mechanic => Self::Technician,
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Technician => 1,
            Self::Mechanic => 2,
        }
    }

    const fn from_code(value: u8, kind: u8) -> Result<Self, DecodeError> {
        match value {
            1 => Ok(Self::Technician),
            2 => Ok(Self::Mechanic),
            _ => Err(DecodeError::Value { kind, value }),
        }
    }
}

impl Refusal {
    const fn code(self) -> u8 {
        match self {
            Self::WrongPasscode => 1,
            Self::TryLater => 2,
            Self::NoSuchOrder => 3,
            Self::Full => 4,
            Self::Expired => 5,
            Self::Replaced => 6,
            Self::Taken => 7,
        }
    }

    const fn from_code(value: u8, kind: u8) -> Result<Self, DecodeError> {
        match value {
            1 => Ok(Self::WrongPasscode),
            2 => Ok(Self::TryLater),
            3 => Ok(Self::NoSuchOrder),
            4 => Ok(Self::Full),
            5 => Ok(Self::Expired),
            6 => Ok(Self::Replaced),
            7 => Ok(Self::Taken),
            _ => Err(DecodeError::Value { kind, value }),
        }
    }
}

fn begin(out: &mut BytesMut, kind: u8) {
    out.put_u8(FORMAT);
    out.put_u8(kind);
}

fn put_channel(out: &mut BytesMut, kind: u8, channel: u64) {
    begin(out, kind);
    out.put_u64(channel);
}

fn check_length(kind: u8, body: usize) -> Result<(), DecodeError> {
    let fits = match kind {
        HELLO => body == 17,
        CHALLENGE => body == 16,
        OPEN | JOIN => body == 24,
        GRANTED => body == 20,
        REFUSED => body == 13,
        PING => body == 12,
        PONG => body == 16,
        UNKNOWN | LEAVE | LEFT => body == 8,
        ADMIT | GONE => body == 12,
        REJECT => body == 13,
        WRAPPED => body >= 12,
        other => return Err(DecodeError::Kind(other)),
    };
    if fits { Ok(()) } else { Err(DecodeError::Length { kind, body }) }
}

fn take_peer(body: &mut Bytes) -> Option<u32> {
    Some(body.get_u32()).filter(|peer| *peer != 0)
}

#[cfg(test)]
mod tests;
