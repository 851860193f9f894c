//! What a DoIP message carries.

use bytes::Bytes;

use super::{
    ActivationCode, HeaderNack, LogicalAddress, NackCode, NodeType, PayloadType, PowerMode,
};

/// The payload of a message, by payload type (§16).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// `0000`: a header was refused.
    HeaderNack(HeaderNack),
    /// `0001`: who is there?
    IdentificationRequest,
    /// `0002`: is this entity there?
    IdentificationRequestEid([u8; 6]),
    /// `0003`: is this vehicle there?
    IdentificationRequestVin([u8; 17]),
    /// `0004`: vehicle announcement, also the answer to an identification request.
    Announcement(Announcement),
    /// `0005`: a tester asks for its messages to be routed.
    RoutingActivationRequest(RoutingActivationRequest),
    /// `0006`: the answer.
    RoutingActivationResponse(RoutingActivationResponse),
    /// `0007`: the entity asks whether the tester is alive.
    AliveCheckRequest,
    /// `0008`: it is.
    AliveCheckResponse {
        /// The tester.
        source: LogicalAddress,
    },
    /// `4001`: how many sockets has the entity?
    EntityStatusRequest,
    /// `4002`: the answer.
    EntityStatus(EntityStatus),
    /// `4003`: is the vehicle ready for diagnosis?
    PowerModeRequest,
    /// `4004`: the answer.
    PowerMode(PowerMode),
    /// `8001`: a UDS request or response.
    Diagnostic {
        /// Who sends.
        source: LogicalAddress,
        /// To whom.
        target: LogicalAddress,
        /// The UDS bytes; at least one, or the receiver refuses the message.
        data: Bytes,
    },
    /// `8002`: a request was taken. The addresses are swapped against the request (§19).
    DiagnosticAck {
        /// The ECU that was asked.
        source: LogicalAddress,
        /// The tester.
        target: LogicalAddress,
        /// `00`; other values are reserved.
        code: u8,
        /// The first bytes of the request, or none.
        echo: Bytes,
    },
    /// `8003`: a request was not taken. The addresses are swapped against the request (§19).
    DiagnosticNack {
        /// The ECU that was asked.
        source: LogicalAddress,
        /// The tester.
        target: LogicalAddress,
        /// Why not.
        code: NackCode,
        /// The first bytes of the request, or none.
        echo: Bytes,
    },
    /// Anything else.
    Unknown {
        /// None of those above.
        payload_type: u16,
        /// The payload.
        body: Bytes,
    },
}

impl Payload {
    /// Returns the payload type of the header.
    pub const fn payload_type(&self) -> PayloadType {
        match self {
            Self::HeaderNack(_) => PayloadType::HeaderNack,
            Self::IdentificationRequest => PayloadType::IdentificationRequest,
            Self::IdentificationRequestEid(_) => PayloadType::IdentificationRequestEid,
            Self::IdentificationRequestVin(_) => PayloadType::IdentificationRequestVin,
            Self::Announcement(_) => PayloadType::Announcement,
            Self::RoutingActivationRequest(_) => PayloadType::RoutingActivationRequest,
            Self::RoutingActivationResponse(_) => PayloadType::RoutingActivationResponse,
            Self::AliveCheckRequest => PayloadType::AliveCheckRequest,
            Self::AliveCheckResponse { .. } => PayloadType::AliveCheckResponse,
            Self::EntityStatusRequest => PayloadType::EntityStatusRequest,
            Self::EntityStatus(_) => PayloadType::EntityStatus,
            Self::PowerModeRequest => PayloadType::PowerModeRequest,
            Self::PowerMode(_) => PayloadType::PowerMode,
            Self::Diagnostic { .. } => PayloadType::Diagnostic,
            Self::DiagnosticAck { .. } => PayloadType::DiagnosticAck,
            Self::DiagnosticNack { .. } => PayloadType::DiagnosticNack,
            Self::Unknown { payload_type, .. } => PayloadType::Other(*payload_type),
        }
    }
}

/// What a vehicle says of itself (§16, §17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The vehicle identification number in ASCII.
    pub vin: [u8; 17],
    /// The entity's logical address.
    pub address: LogicalAddress,
    /// Entity identification: its MAC address.
    pub eid: [u8; 6],
    /// Group identification; all `00` or all `FF` when unset.
    pub gid: [u8; 6],
    /// `00` nothing, `10` routing activation needed for central security.
    pub further_action: u8,
    /// VIN and GID are synchronised `00`, or not `10`; absent in the 32-byte form.
    pub sync: Option<u8>,
}

/// Asks for the messages of a tester to be routed (§18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoutingActivationRequest {
    /// The tester.
    pub source: LogicalAddress,
    /// What for.
    pub activation_type: ActivationType,
    /// Reserved by the standard, zero.
    pub reserved: [u8; 4],
    /// Manufacturer's bytes, if any.
    pub oem: Option<[u8; 4]>,
}

/// What routing is activated for; one byte, but two in the draft of 2010 (§16).
///
/// Which form is read depends on the version of the message; which one is written, on this value
/// alone: [`ActivationType::for_version`] picks the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivationType {
    /// Since 2012.
    Byte(u8),
    /// The draft of 2010.
    Word(u16),
}

impl ActivationType {
    /// `00`: default.
    pub const DEFAULT: Self = Self::Byte(0x00);
    /// `01`: diagnosis required by regulation, WWH-OBD.
    pub const WWH_OBD: Self = Self::Byte(0x01);
    /// `E0`: central security.
    pub const CENTRAL_SECURITY: Self = Self::Byte(0xE0);

    /// Creates the form that `version` has.
    pub const fn for_version(version: super::Version, number: u8) -> Self {
        match version {
            super::Version::V2010 => Self::Word(number as u16),
            super::Version(_) => Self::Byte(number),
        }
    }

    /// Returns the number.
    pub const fn number(self) -> u16 {
        match self {
            Self::Byte(number) => number as u16,
            Self::Word(number) => number,
        }
    }
}

/// Says whether the messages of a tester are routed (§18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoutingActivationResponse {
    /// The tester that asked.
    pub tester: LogicalAddress,
    /// The entity that answers.
    pub entity: LogicalAddress,
    /// Whether it does.
    pub code: ActivationCode,
    /// Reserved by the standard, zero.
    pub reserved: [u8; 4],
    /// Manufacturer's bytes, if any.
    pub oem: Option<[u8; 4]>,
}

/// What an entity has room for (§16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntityStatus {
    /// Gateway or node.
    pub node_type: NodeType,
    /// TCP_DATA sockets it can serve.
    pub max_sockets: u8,
    /// TCP_DATA sockets in use.
    pub open_sockets: u8,
    /// Longest payload in bytes; absent in the 3-byte form.
    pub max_data: Option<u32>,
}
