//! The header checks of an entity, in their order (§16).

use bytes::Buf;

use super::parse::length_fits;
use super::{DEFAULT_LIMIT, HEADER_LENGTH, HeaderNack, PayloadType, Version, Versions};

/// What carries a message. Many payload types travel on one of the two only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A TCP_DATA socket.
    Tcp,
    /// A UDP datagram.
    Udp,
}

/// Who reads a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A DoIP entity: takes what testers send and refuses everything else.
    Entity,
    /// A tester: takes what entities send, and keeps types it does not know.
    Tester,
    /// Someone who watches both, as a capture does: takes what either may send.
    Observer,
}

/// What a decoder takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Who reads.
    pub side: Side,
    /// Which editions are understood; default all.
    pub versions: Versions,
    /// Longest payload in bytes; a longer one is refused as too large.
    pub limit: u32,
    /// Bytes there is room for now; a longer payload is refused for want of memory. Default all.
    pub room: u32,
}

impl Rules {
    /// Returns the rules of an entity.
    pub const fn entity(limit: u32) -> Self {
        Self { side: Side::Entity, versions: Versions::ALL, limit, room: u32::MAX }
    }

    /// Returns the rules of a tester.
    pub const fn tester(limit: u32) -> Self {
        Self { side: Side::Tester, ..Self::entity(limit) }
    }

    /// Returns the rules of an observer.
    pub const fn observer() -> Self {
        Self { side: Side::Observer, ..Self::entity(DEFAULT_LIMIT) }
    }

    /// Checks a header: pattern, type, size, memory, length.
    pub(super) fn check(&self, transport: Transport, header: &Header) -> Result<(), DecodeError> {
        let Header { version, inverse, kind, length } = *header;
        if inverse != version.inverse() || !self.understands(version, transport, kind) {
            return Err(DecodeError::IncorrectPattern { version: version.0, inverse });
        }
        let payload_type = kind.number();
        if !self.takes(transport, kind) {
            return Err(DecodeError::UnknownType { payload_type, length });
        }
        if length > self.limit {
            return Err(DecodeError::TooLarge { payload_type, length, limit: self.limit });
        }
        if length > self.room {
            return Err(DecodeError::OutOfMemory { payload_type, length, room: self.room });
        }
        if !length_fits(version, kind, length) {
            return Err(DecodeError::InvalidLength { payload_type, length });
        }
        Ok(())
    }

    fn understands(&self, version: Version, transport: Transport, kind: PayloadType) -> bool {
        match version {
            Version::ANY => transport == Transport::Udp && is_identification_request(kind),
            Version(_) => self.versions.contains(version),
        }
    }

    pub(super) fn takes(&self, transport: Transport, kind: PayloadType) -> bool {
        match Travel::of(kind) {
            Travel::On(by, _) if by != transport => false,
            Travel::On(_, from) => self.hears(from),
            Travel::OnBoth => true,
            Travel::Unknown => self.side != Side::Entity,
        }
    }

    fn hears(&self, from: Sender) -> bool {
        match self.side {
            Side::Entity => from != Sender::Entity,
            Side::Tester => from != Sender::Tester,
            Side::Observer => true,
        }
    }
}

/// How a payload type travels.
enum Travel {
    /// By one transport, sent by one side.
    On(Transport, Sender),
    /// By both, sent by both.
    OnBoth,
    /// The type is not known.
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sender {
    Tester,
    Entity,
    Both,
}

impl Travel {
    const fn of(kind: PayloadType) -> Self {
        match kind {
            PayloadType::HeaderNack => Self::OnBoth,
            PayloadType::IdentificationRequest
            | PayloadType::IdentificationRequestEid
            | PayloadType::IdentificationRequestVin
            | PayloadType::EntityStatusRequest
            | PayloadType::PowerModeRequest => Self::On(Transport::Udp, Sender::Tester),
            PayloadType::EntityStatus | PayloadType::PowerMode => {
                Self::On(Transport::Udp, Sender::Entity)
            }
            // Broadcast: other entities receive it too, and ignore it.
            PayloadType::Announcement => Self::On(Transport::Udp, Sender::Both),
            PayloadType::RoutingActivationRequest | PayloadType::AliveCheckResponse => {
                Self::On(Transport::Tcp, Sender::Tester)
            }
            PayloadType::RoutingActivationResponse
            | PayloadType::AliveCheckRequest
            | PayloadType::DiagnosticAck
            | PayloadType::DiagnosticNack => Self::On(Transport::Tcp, Sender::Entity),
            PayloadType::Diagnostic => Self::On(Transport::Tcp, Sender::Both),
            PayloadType::PeriodicDiagnostic | PayloadType::Other(_) => Self::Unknown,
        }
    }
}

const fn is_identification_request(kind: PayloadType) -> bool {
    matches!(
        kind,
        PayloadType::IdentificationRequest
            | PayloadType::IdentificationRequestEid
            | PayloadType::IdentificationRequestVin
    )
}

/// The first eight bytes of a message.
#[derive(Clone, Copy)]
pub(super) struct Header {
    pub version: Version,
    pub inverse: u8,
    pub kind: PayloadType,
    pub length: u32,
}

impl Header {
    /// Reads a header, `None` if there are fewer than eight bytes.
    pub fn read(mut bytes: &[u8]) -> Option<Self> {
        if bytes.len() < HEADER_LENGTH {
            return None;
        }
        Some(Self {
            version: Version(bytes.get_u8()),
            inverse: bytes.get_u8(),
            kind: bytes.get_u16().into(),
            length: bytes.get_u32(),
        })
    }
}

/// Why bytes are not a DoIP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Version and inverse version do not fit, or the version is not understood.
    #[error("version {version:02X} with inverse {inverse:02X}")]
    IncorrectPattern {
        /// The first byte.
        version: u8,
        /// The second byte.
        inverse: u8,
    },
    /// The payload type is not known, or does not belong to this transport or direction.
    #[error("payload type {payload_type:04X} is not taken here")]
    UnknownType {
        /// The payload type.
        payload_type: u16,
        /// What the length field says, in bytes.
        length: u32,
    },
    /// The payload is longer than the limit.
    #[error("payload type {payload_type:04X} announces {length} bytes, the limit is {limit}")]
    TooLarge {
        /// The payload type.
        payload_type: u16,
        /// What the length field says, in bytes.
        length: u32,
        /// What the reader takes, in bytes.
        limit: u32,
    },
    /// There is no room for the payload now.
    #[error("payload type {payload_type:04X} announces {length} bytes, there is room for {room}")]
    OutOfMemory {
        /// The payload type.
        payload_type: u16,
        /// What the length field says, in bytes.
        length: u32,
        /// What the reader takes now, in bytes.
        room: u32,
    },
    /// The payload's length does not fit its type.
    #[error("payload type {payload_type:04X} with a payload of {length} bytes")]
    InvalidLength {
        /// The payload type.
        payload_type: u16,
        /// What the length field says, in bytes.
        length: u32,
    },
    /// A datagram's payload is not as long as its header says.
    #[error("datagram carries {actual} bytes of payload, its header says {length}")]
    DatagramLength {
        /// What the length field says, in bytes.
        length: u32,
        /// What follows the header, in bytes.
        actual: usize,
    },
    /// A datagram is shorter than a header.
    #[error("datagram of {length} bytes")]
    Truncated {
        /// Length of the datagram in bytes.
        length: usize,
    },
}

impl DecodeError {
    /// Returns the code an entity answers with; `None` for a datagram without a whole header.
    pub const fn header_nack(&self) -> Option<HeaderNack> {
        match self {
            Self::IncorrectPattern { .. } => Some(HeaderNack::IncorrectPattern),
            Self::UnknownType { .. } => Some(HeaderNack::UnknownType),
            Self::TooLarge { .. } => Some(HeaderNack::TooLarge),
            Self::OutOfMemory { .. } => Some(HeaderNack::OutOfMemory),
            Self::InvalidLength { .. } | Self::DatagramLength { .. } => {
                Some(HeaderNack::InvalidLength)
            }
            Self::Truncated { .. } => None,
        }
    }

    /// Tells whether the socket stays: the decoder skips the payload and reads on.
    pub const fn is_recoverable(&self) -> bool {
        match self {
            Self::UnknownType { .. } | Self::TooLarge { .. } | Self::OutOfMemory { .. } => true,
            Self::IncorrectPattern { .. }
            | Self::InvalidLength { .. }
            | Self::DatagramLength { .. }
            | Self::Truncated { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every payload type, and by which transport which side takes it.
    #[test]
    fn who_takes_what() {
        let sides = [Side::Entity, Side::Tester, Side::Observer];
        let mut table = String::new();
        for kind in PayloadType::NAMED.iter().copied().chain([PayloadType::Other(0x9000)]) {
            table += &format!("{:04X}", kind.number());
            for (transport, name) in [(Transport::Tcp, "TCP"), (Transport::Udp, "UDP")] {
                table += &format!("  {name}:");
                for side in sides {
                    let taken = Rules { side, ..Rules::entity(0) }.takes(transport, kind);
                    table +=
                        &format!(" {:8}", if taken { format!("{side:?}") } else { "-".into() });
                }
            }
            table += &format!("  {kind}\n");
        }
        insta::assert_snapshot!(table);
    }
}
