//! The bodies of an alive check (§9).

use bytes::{BufMut, Bytes, BytesMut};

use super::Address;

const GATEWAY_MARK: &[u8] = b"DIAGADR10BMWVIN";

/// What the body of a `0012` frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AliveBody {
    /// Nothing.
    Empty,
    /// The long form of a gateway that asks: `DIAGADR10BMWVIN` and the VIN, 32 bytes.
    Vehicle {
        /// The vehicle identification number in ASCII.
        vin: [u8; 17],
    },
    /// The short form: two addresses. A gateway that asks sends `F4 00`, one that answers
    /// `10 F4`; a tester answers `00 F4`.
    Addresses {
        /// The first byte.
        first: Address,
        /// The second byte.
        second: Address,
    },
    /// Anything else.
    Other(Bytes),
}

impl AliveBody {
    /// Returns the reply of a tester.
    pub const fn tester_reply(tester: Address) -> Self {
        Self::Addresses { first: Address(0), second: tester }
    }

    /// Returns the short request of a gateway.
    pub const fn short_request(tester: Address) -> Self {
        Self::Addresses { first: tester, second: Address(0) }
    }

    /// Returns the reply of a gateway to a tester that asks.
    pub const fn gateway_reply(gateway: Address, tester: Address) -> Self {
        Self::Addresses { first: gateway, second: tester }
    }

    /// Reads a body.
    pub fn parse(body: &Bytes) -> Self {
        if let [first, second] = body[..] {
            return Self::Addresses { first: Address(first), second: Address(second) };
        }
        if body.is_empty() {
            return Self::Empty;
        }
        let vin = body.strip_prefix(GATEWAY_MARK).and_then(|vin| vin.try_into().ok());
        vin.map_or_else(|| Self::Other(body.clone()), |vin| Self::Vehicle { vin })
    }

    /// Writes the body.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Self::Empty => Bytes::new(),
            Self::Vehicle { vin } => {
                let mut body = BytesMut::with_capacity(GATEWAY_MARK.len() + vin.len());
                body.put_slice(GATEWAY_MARK);
                body.put_slice(vin);
                body.freeze()
            }
            Self::Addresses { first, second } => Bytes::copy_from_slice(&[first.0, second.0]),
            Self::Other(body) => body.clone(),
        }
    }
}
