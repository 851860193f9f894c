//! Payload bytes into a payload. The length has been checked against the type before.

use bytes::{Buf, Bytes};

use super::{ActivationType, Announcement, EntityStatus, LogicalAddress, Payload, PayloadType};
use super::{RoutingActivationRequest, RoutingActivationResponse, Version};

impl Payload {
    /// Reads a payload, `None` if its length does not fit its type. Shares `body`.
    pub(super) fn from_body(version: Version, kind: PayloadType, body: Bytes) -> Option<Self> {
        if !length_fits(version, kind, u32::try_from(body.len()).ok()?) {
            return None;
        }
        let mut body = body;
        Some(match kind {
            PayloadType::HeaderNack => Self::HeaderNack(body.get_u8().into()),
            PayloadType::IdentificationRequest => Self::IdentificationRequest,
            PayloadType::IdentificationRequestEid => {
                Self::IdentificationRequestEid(array(&mut body))
            }
            PayloadType::IdentificationRequestVin => {
                Self::IdentificationRequestVin(array(&mut body))
            }
            PayloadType::Announcement => Self::Announcement(announcement(&mut body)),
            PayloadType::RoutingActivationRequest => {
                Self::RoutingActivationRequest(activation_request(version, &mut body))
            }
            PayloadType::RoutingActivationResponse => {
                Self::RoutingActivationResponse(activation_response(&mut body))
            }
            PayloadType::AliveCheckRequest => Self::AliveCheckRequest,
            PayloadType::AliveCheckResponse => {
                Self::AliveCheckResponse { source: address(&mut body) }
            }
            PayloadType::EntityStatusRequest => Self::EntityStatusRequest,
            PayloadType::EntityStatus => Self::EntityStatus(entity_status(&mut body)),
            PayloadType::PowerModeRequest => Self::PowerModeRequest,
            PayloadType::PowerMode => Self::PowerMode(body.get_u8().into()),
            PayloadType::Diagnostic => {
                let (source, target) = (address(&mut body), address(&mut body));
                Self::Diagnostic { source, target, data: body }
            }
            PayloadType::DiagnosticAck => {
                let (source, target) = (address(&mut body), address(&mut body));
                Self::DiagnosticAck { source, target, code: body.get_u8(), echo: body }
            }
            PayloadType::DiagnosticNack => {
                let (source, target) = (address(&mut body), address(&mut body));
                Self::DiagnosticNack { source, target, code: body.get_u8().into(), echo: body }
            }
            PayloadType::PeriodicDiagnostic | PayloadType::Other(_) => {
                Self::Unknown { payload_type: kind.number(), body }
            }
        })
    }
}

/// Tells whether a payload of this type may have this length in bytes (§16).
pub(super) fn length_fits(version: Version, kind: PayloadType, length: u32) -> bool {
    match kind {
        PayloadType::IdentificationRequest
        | PayloadType::AliveCheckRequest
        | PayloadType::EntityStatusRequest
        | PayloadType::PowerModeRequest => length == 0,
        PayloadType::HeaderNack | PayloadType::PowerMode => length == 1,
        PayloadType::AliveCheckResponse => length == 2,
        PayloadType::IdentificationRequestEid => length == 6,
        PayloadType::IdentificationRequestVin => length == 17,
        PayloadType::Announcement => matches!(length, 32 | 33),
        PayloadType::RoutingActivationRequest => match version {
            Version::V2010 => matches!(length, 8 | 12),
            Version(_) => matches!(length, 7 | 11),
        },
        PayloadType::RoutingActivationResponse => matches!(length, 9 | 13),
        PayloadType::EntityStatus => matches!(length, 3 | 7),
        PayloadType::Diagnostic | PayloadType::DiagnosticAck | PayloadType::DiagnosticNack => {
            length >= 5
        }
        PayloadType::PeriodicDiagnostic | PayloadType::Other(_) => true,
    }
}

fn announcement(body: &mut Bytes) -> Announcement {
    Announcement {
        vin: array(body),
        address: address(body),
        eid: array(body),
        gid: array(body),
        further_action: body.get_u8(),
        sync: body.first().copied(),
    }
}

fn activation_request(version: Version, body: &mut Bytes) -> RoutingActivationRequest {
    RoutingActivationRequest {
        source: address(body),
        activation_type: match version {
            Version::V2010 => ActivationType::Word(body.get_u16()),
            Version(_) => ActivationType::Byte(body.get_u8()),
        },
        reserved: array(body),
        oem: body.has_remaining().then(|| array(body)),
    }
}

fn activation_response(body: &mut Bytes) -> RoutingActivationResponse {
    RoutingActivationResponse {
        tester: address(body),
        entity: address(body),
        code: body.get_u8().into(),
        reserved: array(body),
        oem: body.has_remaining().then(|| array(body)),
    }
}

fn entity_status(body: &mut Bytes) -> EntityStatus {
    EntityStatus {
        node_type: body.get_u8().into(),
        max_sockets: body.get_u8(),
        open_sockets: body.get_u8(),
        max_data: body.has_remaining().then(|| body.get_u32()),
    }
}

fn address(body: &mut Bytes) -> LogicalAddress {
    LogicalAddress(body.get_u16())
}

fn array<const N: usize>(body: &mut Bytes) -> [u8; N] {
    let mut array = [0; N];
    body.copy_to_slice(&mut array);
    array
}
