//! Identification, announcements, entity status and power mode on UDP (`hsfz-and-doip.md` §17).

use std::net::{Ipv4Addr, SocketAddrV4};

use node::{Instant, SocketAction};
use wire::doip::{
    Announcement, EntityStatus, LogicalAddress, Message, NodeType, PORT, Payload, PayloadType,
    PowerMode, Version, decode_datagram,
};

use super::Doip;
use crate::entity::Group;
use crate::outbox::Outbox;

/// VIN and group identification are synchronised.
const SYNCHRONISED: u8 = 0x00;

impl Doip {
    /// Answers a datagram to whoever sent it.
    pub(crate) fn datagram(
        &mut self,
        peer: SocketAddrV4,
        data: &[u8],
        now: Instant,
        out: &mut Outbox,
    ) {
        let own = Version(self.profile.version);
        let message = match decode_datagram(&self.rules, data) {
            Ok(message) => message,
            Err(_) if is_from_an_entity(data) => return,
            Err(error) => {
                let version = self.version_of(data).unwrap_or(own);
                let nack = error.header_nack().map(Payload::HeaderNack);
                out_to(peer, version, nack, out);
                return;
            }
        };
        let version = if message.version == Version::ANY { own } else { message.version };
        if self.is_asked(&message.payload) {
            let (low, high) = self.profile.identification_delay;
            let at = now + self.delays.between(low, high);
            let answer = Message::new(version, Payload::Announcement(self.announcement()));
            let data = answer.to_bytes();
            self.later.answer(at, SocketAction::SendTo { port: PORT, peer, data });
        }
        out_to(peer, version, self.reply(&message.payload), out);
    }

    /// Returns the version of a datagram, when it is one that is spoken here.
    fn version_of(&self, data: &[u8]) -> Option<Version> {
        let [version, inverse, ..] = *data else { return None };
        let version = Version(version);
        let fits = inverse == version.inverse() && self.rules.versions.contains(version);
        fits.then_some(version)
    }

    /// Announces the entity as often as its profile says.
    pub(crate) fn announce(&mut self, now: Instant) {
        let (low, high) = self.profile.announce_wait;
        let first = now + self.delays.between(low, high);
        let interval = self.profile.announce_interval;
        let version = Version(self.profile.version);
        let data = Message::new(version, Payload::Announcement(self.announcement())).to_bytes();
        let peer = SocketAddrV4::new(Ipv4Addr::BROADCAST, PORT);
        self.later.announce((0..self.profile.announcements).map(|index| {
            let datagram = SocketAction::SendTo { port: PORT, peer, data: data.clone() };
            (first + interval * index, datagram)
        }));
    }

    /// Returns whether this is an identification request that means this vehicle.
    fn is_asked(&self, payload: &Payload) -> bool {
        match payload {
            Payload::IdentificationRequest => true,
            Payload::IdentificationRequestEid(eid) => *eid == self.eid,
            Payload::IdentificationRequestVin(vin) => *vin == self.vin,
            Payload::HeaderNack(_)
            | Payload::Announcement(_)
            | Payload::RoutingActivationRequest(_)
            | Payload::RoutingActivationResponse(_)
            | Payload::AliveCheckRequest
            | Payload::AliveCheckResponse { .. }
            | Payload::EntityStatusRequest
            | Payload::EntityStatus(_)
            | Payload::PowerModeRequest
            | Payload::PowerMode(_)
            | Payload::Diagnostic { .. }
            | Payload::DiagnosticAck { .. }
            | Payload::DiagnosticNack { .. }
            | Payload::Unknown { .. } => false,
        }
    }

    /// Returns what is answered at once.
    fn reply(&self, payload: &Payload) -> Option<Payload> {
        match payload {
            Payload::EntityStatusRequest => Some(Payload::EntityStatus(EntityStatus {
                node_type: NodeType::Gateway,
                max_sockets: self.profile.sockets,
                open_sockets: self.open_sockets(),
                max_data: self.profile.status_with_data_size.then_some(self.profile.data_size),
            })),
            Payload::PowerModeRequest => Some(Payload::PowerMode(match self.ready {
                _ if !self.profile.power_mode => PowerMode::NotSupported,
                true => PowerMode::Ready,
                false => PowerMode::NotReady,
            })),
            Payload::IdentificationRequest
            | Payload::IdentificationRequestEid(_)
            | Payload::IdentificationRequestVin(_)
            | Payload::HeaderNack(_)
            | Payload::Announcement(_)
            | Payload::EntityStatus(_)
            | Payload::PowerMode(_) => None,
            Payload::RoutingActivationRequest(_)
            | Payload::RoutingActivationResponse(_)
            | Payload::AliveCheckRequest
            | Payload::AliveCheckResponse { .. }
            | Payload::Diagnostic { .. }
            | Payload::DiagnosticAck { .. }
            | Payload::DiagnosticNack { .. }
            | Payload::Unknown { .. } => {
                Some(Payload::HeaderNack(wire::doip::HeaderNack::UnknownType))
            }
        }
    }

    /// Returns how many sockets are open, activated or not; the one more that is only accepted to be
    /// told that there is no place does not count.
    fn open_sockets(&self) -> u8 {
        let most = self.profile.sockets;
        u8::try_from(self.sockets.len()).map_or(most, |open| open.min(most))
    }

    fn announcement(&self) -> Announcement {
        Announcement {
            vin: self.vin,
            address: LogicalAddress(self.profile.address),
            eid: self.eid,
            gid: match self.profile.group {
                Group::Entity => self.eid,
                Group::Zero => [0x00; 6],
                Group::Unset => [0xFF; 6],
            },
            further_action: self.profile.further_action,
            sync: self.profile.sync_byte.then_some(SYNCHRONISED),
        }
    }
}

/// Returns whether a datagram is an announcement or a refusal, in any version and however broken:
/// entities that cannot read each other would refuse each other's refusals for ever.
fn is_from_an_entity(data: &[u8]) -> bool {
    let [version, inverse, high, low, ..] = *data else { return false };
    let payload_type = PayloadType::from(u16::from_be_bytes([high, low]));
    inverse == Version(version).inverse()
        && matches!(payload_type, PayloadType::Announcement | PayloadType::HeaderNack)
}

fn out_to(peer: SocketAddrV4, version: Version, payload: Option<Payload>, out: &mut Outbox) {
    if let Some(payload) = payload {
        let data = Message::new(version, payload).to_bytes();
        out.push(SocketAction::SendTo { port: PORT, peer, data });
    }
}
