//! DoIP messages and how they are written.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::{ActivationType, Announcement, EntityStatus, HEADER_LENGTH, Payload, Version};
use super::{RoutingActivationRequest, RoutingActivationResponse};
use crate::hsfz::Address;

/// Sixteen-bit address of a tester, gateway or ECU. Prints as four hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogicalAddress(pub u16);

impl LogicalAddress {
    /// BMW's gateway (§21).
    pub const GATEWAY: Self = Self(0x0010);
    /// Reaches every ECU of a BMW (§21).
    pub const FUNCTIONAL: Self = Self(0x00DF);
    /// BMW's default tester (§21).
    pub const TESTER: Self = Self(0x0EF3);

    /// Returns the ECU's 8-bit address, `None` if the address is not an ECU's (§21).
    pub fn ecu(self) -> Option<Address> {
        u8::try_from(self.0).ok().map(Address)
    }
}

impl From<Address> for LogicalAddress {
    fn from(ecu: Address) -> Self {
        Self(u16::from(ecu.0))
    }
}

impl fmt::Display for LogicalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

/// One DoIP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The edition it is written in.
    pub version: Version,
    /// What it carries.
    pub payload: Payload,
}

impl Message {
    /// Creates a message.
    pub const fn new(version: Version, payload: Payload) -> Self {
        Self { version, payload }
    }

    /// Appends the message to `out`.
    ///
    /// # Panics
    ///
    /// If the payload has 4 GiB or more.
    pub fn encode(&self, out: &mut BytesMut) {
        let length = self.payload.length();
        out.reserve(HEADER_LENGTH + length);
        out.put_u8(self.version.0);
        out.put_u8(self.version.inverse());
        out.put_u16(self.payload.payload_type().number());
        out.put_u32(u32::try_from(length).expect("a payload is shorter than 4 GiB"));
        self.payload.encode(out);
    }

    /// Returns the message as bytes.
    ///
    /// # Panics
    ///
    /// If the payload has 4 GiB or more.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = BytesMut::new();
        self.encode(&mut out);
        out.freeze()
    }
}

impl Payload {
    /// Returns the length of the payload in bytes: the length field.
    pub fn length(&self) -> usize {
        match self {
            Self::IdentificationRequest
            | Self::AliveCheckRequest
            | Self::EntityStatusRequest
            | Self::PowerModeRequest => 0,
            Self::HeaderNack(_) | Self::PowerMode(_) => 1,
            Self::AliveCheckResponse { .. } => 2,
            Self::IdentificationRequestEid(eid) => eid.len(),
            Self::IdentificationRequestVin(vin) => vin.len(),
            Self::Announcement(it) => 32 + usize::from(it.sync.is_some()),
            Self::RoutingActivationRequest(it) => it.length(),
            Self::RoutingActivationResponse(it) => 9 + it.oem.map_or(0, |oem| oem.len()),
            Self::EntityStatus(it) => 3 + it.max_data.map_or(0, |_| 4),
            Self::Diagnostic { data, .. } => 4 + data.len(),
            Self::DiagnosticAck { echo, .. } | Self::DiagnosticNack { echo, .. } => 5 + echo.len(),
            Self::Unknown { body, .. } => body.len(),
        }
    }

    fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::IdentificationRequest
            | Self::AliveCheckRequest
            | Self::EntityStatusRequest
            | Self::PowerModeRequest => {}
            Self::HeaderNack(code) => out.put_u8(code.number()),
            Self::PowerMode(mode) => out.put_u8(mode.number()),
            Self::AliveCheckResponse { source } => out.put_u16(source.0),
            Self::IdentificationRequestEid(eid) => out.put_slice(eid),
            Self::IdentificationRequestVin(vin) => out.put_slice(vin),
            Self::Announcement(it) => it.encode(out),
            Self::RoutingActivationRequest(it) => it.encode(out),
            Self::RoutingActivationResponse(it) => it.encode(out),
            Self::EntityStatus(it) => it.encode(out),
            Self::Diagnostic { source, target, data } => {
                put_addresses(out, *source, *target);
                out.put_slice(data);
            }
            Self::DiagnosticAck { source, target, code, echo } => {
                put_addresses(out, *source, *target);
                out.put_u8(*code);
                out.put_slice(echo);
            }
            Self::DiagnosticNack { source, target, code, echo } => {
                put_addresses(out, *source, *target);
                out.put_u8(code.number());
                out.put_slice(echo);
            }
            Self::Unknown { payload_type: _, body } => out.put_slice(body),
        }
    }
}

impl Announcement {
    fn encode(&self, out: &mut BytesMut) {
        out.put_slice(&self.vin);
        out.put_u16(self.address.0);
        out.put_slice(&self.eid);
        out.put_slice(&self.gid);
        out.put_u8(self.further_action);
        out.extend(self.sync);
    }
}

impl RoutingActivationRequest {
    fn length(&self) -> usize {
        let activation_type = match self.activation_type {
            ActivationType::Byte(_) => 1,
            ActivationType::Word(_) => 2,
        };
        2 + activation_type + 4 + self.oem.map_or(0, |oem| oem.len())
    }

    fn encode(&self, out: &mut BytesMut) {
        out.put_u16(self.source.0);
        match self.activation_type {
            ActivationType::Byte(number) => out.put_u8(number),
            ActivationType::Word(number) => out.put_u16(number),
        }
        out.put_slice(&self.reserved);
        out.extend(self.oem.into_iter().flatten());
    }
}

impl RoutingActivationResponse {
    fn encode(&self, out: &mut BytesMut) {
        put_addresses(out, self.tester, self.entity);
        out.put_u8(self.code.number());
        out.put_slice(&self.reserved);
        out.extend(self.oem.into_iter().flatten());
    }
}

impl EntityStatus {
    fn encode(&self, out: &mut BytesMut) {
        out.put_slice(&[self.node_type.number(), self.max_sockets, self.open_sockets]);
        out.extend(self.max_data.map(u32::to_be_bytes).into_iter().flatten());
    }
}

fn put_addresses(out: &mut BytesMut, first: LogicalAddress, second: LogicalAddress) {
    out.put_u16(first.0);
    out.put_u16(second.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ecu_addresses_have_a_zero_byte_in_front() {
        assert_eq!(LogicalAddress::from(Address(0x12)), LogicalAddress(0x0012));
        assert_eq!(LogicalAddress(0x0012).ecu(), Some(Address(0x12)));
        assert_eq!(LogicalAddress::TESTER.ecu(), None);
    }
}
