//! Whether the car is there, and who it is.

use std::net::Ipv4Addr;

use bytes::Bytes;
use node::Duration;
use wire::{doip, hsfz};

/// The car as an ICOM sees it.
#[derive(Clone, Debug)]
pub struct Search {
    presence: Presence,
    /// Kept while the car is away.
    identification: Option<hsfz::Identification>,
    announcement: Option<doip::Announcement>,
    /// DoIP version the car announced itself in.
    version: doip::Version,
}

/// Whether the car is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Its port has no carrier.
    Unplugged,
    /// It has carrier and was asked so many times without an answer.
    Asked {
        /// How many times.
        times: u32,
    },
    /// It answers.
    Found {
        /// Its address.
        address: Ipv4Addr,
    },
}

/// What a datagram from the car said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Who it is.
    Identity,
    /// Nothing an ICOM knows.
    Noise,
}

impl Search {
    /// Makes a search for a car that is not plugged in.
    pub fn new() -> Self {
        Self {
            presence: Presence::Unplugged,
            identification: None,
            announcement: None,
            version: doip::Version::V2019,
        }
    }

    /// Returns whether the car is there.
    pub fn presence(&self) -> Presence {
        self.presence
    }

    /// Returns the car's address while it answers.
    pub fn address(&self) -> Option<Ipv4Addr> {
        match self.presence {
            Presence::Found { address } => Some(address),
            Presence::Unplugged | Presence::Asked { .. } => None,
        }
    }

    /// Notes that the car's carrier is there, or that it must be asked again.
    pub fn begin(&mut self) {
        self.presence = Presence::Asked { times: 0 };
    }

    /// Notes that the car's carrier is gone.
    pub fn unplug(&mut self) {
        self.presence = Presence::Unplugged;
    }

    /// Notes that the car answers under this address.
    pub fn found(&mut self, address: Ipv4Addr) {
        self.presence = Presence::Found { address };
    }

    /// Notes that the car was asked and returns how long to wait for an answer.
    pub fn asked(&mut self, first: Duration, longest: Duration) -> Option<Duration> {
        let Presence::Asked { times } = &mut self.presence else {
            return None;
        };
        let factor = 1_u32.checked_shl(*times).unwrap_or(u32::MAX);
        *times = times.saturating_add(1);
        Some(first.saturating_mul(factor).min(longest))
    }

    /// Reads an HSFZ datagram from the car.
    pub fn read_hsfz(&mut self, datagram: &[u8]) -> Word {
        let Ok(hsfz::Message::Identification { text }) = hsfz::decode_datagram(datagram) else {
            return Word::Noise;
        };
        match hsfz::Identification::parse(&text) {
            Ok(identification) => {
                self.identification = Some(identification);
                Word::Identity
            }
            Err(_) => Word::Noise,
        }
    }

    /// Reads a DoIP datagram from the car.
    pub fn read_doip(&mut self, datagram: &[u8]) -> Word {
        let rules = doip::Rules::tester(doip::DEFAULT_LIMIT);
        match doip::decode_datagram(&rules, datagram) {
            Ok(doip::Message { version, payload: doip::Payload::Announcement(announcement) }) => {
                self.announcement = Some(announcement);
                self.version = version;
                Word::Identity
            }
            Ok(_) | Err(_) => Word::Noise,
        }
    }

    /// Returns what the car would answer to an HSFZ datagram, when it is known.
    pub fn answer_hsfz(&self, datagram: &[u8]) -> Option<Bytes> {
        let Ok(hsfz::Message::Identification { text }) = hsfz::decode_datagram(datagram) else {
            return None;
        };
        let identification = self.identification.filter(|_| text.is_empty())?;
        let text = identification.to_text();
        Some(hsfz::Message::Identification { text }.to_bytes())
    }

    /// Returns what the car would answer to a DoIP datagram, when it is known.
    pub fn answer_doip(&self, datagram: &[u8]) -> Option<Bytes> {
        let rules = doip::Rules::entity(doip::DEFAULT_LIMIT);
        let request = doip::decode_datagram(&rules, datagram).ok()?;
        let known = self.announcement?;
        let is_meant = match request.payload {
            doip::Payload::IdentificationRequest => true,
            doip::Payload::IdentificationRequestEid(eid) => eid == known.eid,
            doip::Payload::IdentificationRequestVin(vin) => vin == known.vin,
            doip::Payload::HeaderNack(_)
            | doip::Payload::Announcement(_)
            | doip::Payload::RoutingActivationRequest(_)
            | doip::Payload::RoutingActivationResponse(_)
            | doip::Payload::AliveCheckRequest
            | doip::Payload::AliveCheckResponse { .. }
            | doip::Payload::EntityStatusRequest
            | doip::Payload::EntityStatus(_)
            | doip::Payload::PowerModeRequest
            | doip::Payload::PowerMode(_)
            | doip::Payload::Diagnostic { .. }
            | doip::Payload::DiagnosticAck { .. }
            | doip::Payload::DiagnosticNack { .. }
            | doip::Payload::Unknown { .. } => false,
        };
        let answer = doip::Payload::Announcement(known);
        is_meant.then(|| doip::Message::new(self.version, answer).to_bytes())
    }

    /// Returns the vehicle's identification number, when it is known and readable.
    pub fn vin(&self) -> Option<&str> {
        let hsfz = self.identification.as_ref().map(|known| &known.vin);
        let vin = hsfz.or(self.announcement.as_ref().map(|known| &known.vin))?;
        std::str::from_utf8(vin).ok().filter(|vin| vin.bytes().all(|b| b.is_ascii_alphanumeric()))
    }
}

/// Returns the question who is there, in HSFZ.
pub fn hsfz_question() -> Bytes {
    hsfz::Message::Identification { text: Bytes::new() }.to_bytes()
}

/// Returns the question who is there, in DoIP.
pub fn doip_question() -> Bytes {
    doip::Message::new(doip::Version::ANY, doip::Payload::IdentificationRequest).to_bytes()
}
