//! What both protocols have in common for a tester: what is heard, and how a request is written.

use std::time::Duration;

use bytes::Bytes;
use node::Instant;
use wire::doip::{ActivationCode, HeaderNack, NackCode};
use wire::hsfz::ErrorCode;

use super::{doip, hsfz};
use crate::Protocol;
use crate::tester::TesterConfig;

/// What a tester hears from the gateway.
#[derive(Debug)]
pub(super) enum Heard {
    /// A request was taken.
    Acknowledge {
        /// Who was asked.
        target: u8,
        /// What is repeated of the request.
        echo: Bytes,
    },
    /// UDS bytes from a control unit.
    Answer {
        /// Who answers.
        source: u8,
        /// The bytes.
        data: Bytes,
    },
    /// Something was not taken.
    Refusal(Refusal),
    /// The answer to a routing activation.
    Activation(ActivationCode),
    /// The gateway asks whether the tester is alive.
    AliveCheck,
}

/// How a gateway refuses.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refusal {
    /// An HSFZ error word.
    Word {
        /// Which.
        code: ErrorCode,
        /// Whether it came without addresses.
        is_bare: bool,
    },
    /// A DoIP negative acknowledge.
    Nack {
        /// Who was asked.
        target: u8,
        /// Why not.
        code: NackCode,
    },
    /// A DoIP header negative acknowledge.
    Header(HeaderNack),
}

/// The protocol of one connection.
#[derive(Debug)]
pub(super) enum Codec {
    Hsfz(hsfz::Codec),
    Doip(doip::Codec),
}

impl Codec {
    pub fn new(config: &TesterConfig) -> Self {
        match config.protocol {
            Protocol::Hsfz => Self::Hsfz(hsfz::Codec::new(config.address)),
            Protocol::Doip => Self::Doip(doip::Codec::new(config.doip_address)),
        }
    }

    /// Takes bytes from the stream; returns whether a partial frame was dropped before them.
    pub fn feed(&mut self, now: Instant, data: &[u8], gap: Duration) -> bool {
        match self {
            Self::Hsfz(codec) => codec.feed(now, data, gap),
            Self::Doip(codec) => codec.feed(now, data, gap),
        }
    }

    pub fn next(&mut self) -> Option<Heard> {
        match self {
            Self::Hsfz(codec) => codec.next(),
            Self::Doip(codec) => codec.next(),
        }
    }

    pub fn is_echo(&self, request: &[u8], echo: &[u8]) -> bool {
        match self {
            Self::Hsfz(_) => hsfz::Codec::is_echo(request, echo),
            Self::Doip(_) => doip::Codec::is_echo(request, echo),
        }
    }

    pub fn request(&self, target: u8, head: &[u8], body: &[u8]) -> Bytes {
        match self {
            Self::Hsfz(codec) => codec.request(target, head, body),
            Self::Doip(codec) => codec.request(target, head, body),
        }
    }

    /// Returns how many bytes of a request stand before its UDS bytes.
    pub fn uds_offset(&self) -> usize {
        match self {
            Self::Hsfz(_) => hsfz::UDS_OFFSET,
            Self::Doip(_) => doip::UDS_OFFSET,
        }
    }

    pub fn alive(&self) -> Bytes {
        match self {
            Self::Hsfz(codec) => codec.alive(),
            Self::Doip(codec) => codec.alive(),
        }
    }

    /// Writes what has to be said before the first request, if anything.
    pub fn activation(&self) -> Option<Bytes> {
        match self {
            Self::Hsfz(_) => None,
            Self::Doip(codec) => Some(codec.activation()),
        }
    }
}

/// When the last piece of a frame arrived: a frame whose pieces come too far apart is dropped
/// (`hsfz-and-doip.md` §3).
#[derive(Debug, Default)]
pub(super) struct Pieces {
    last: Instant,
}

impl Pieces {
    pub fn is_late(&self, now: Instant, gap: Duration) -> bool {
        now.saturating_since(self.last) > gap
    }

    pub fn arrived(&mut self, now: Instant) {
        self.last = now;
    }
}
