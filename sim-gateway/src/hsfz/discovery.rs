//! Identification on UDP 6811, announcements to UDP 7811 (`hsfz-and-doip.md` §5).

use std::net::{Ipv4Addr, SocketAddrV4};

use node::{Instant, SocketAction};
use wire::hsfz::{ANNOUNCEMENT_PORT, CONTROL_PORT, Message, decode_datagram};

use super::Hsfz;
use crate::dialect::IdentificationControl;

impl Hsfz {
    /// Answers an identification request to whoever asked; anything else is ignored.
    pub(crate) fn datagram(&mut self, peer: SocketAddrV4, data: &[u8], now: Instant) {
        let asked = match decode_datagram(data) {
            Ok(Message::Identification { text }) => text.is_empty(),
            Ok(_) | Err(_) => false,
        };
        if asked {
            let (low, high) = self.dialect.identification_delay;
            let at = now + self.delays.between(low, high);
            let data = self.identification().to_bytes();
            self.later.answer(at, SocketAction::SendTo { port: CONTROL_PORT, peer, data });
        }
    }

    /// Announces the vehicle as often as the dialect says.
    pub(crate) fn announce(&mut self, now: Instant) {
        let (low, high) = self.dialect.announce_wait;
        let first = now + self.delays.between(low, high);
        let interval = self.dialect.announce_interval;
        let data = self.identification().to_bytes();
        let peer = SocketAddrV4::new(Ipv4Addr::BROADCAST, ANNOUNCEMENT_PORT);
        self.later.announce((0..self.dialect.announcements).map(|index| {
            let datagram = SocketAction::SendTo { port: CONTROL_PORT, peer, data: data.clone() };
            (first + interval * index, datagram)
        }));
    }

    /// Returns what the vehicle says of itself.
    pub(super) fn identification(&self) -> Message {
        let text = self.identification.to_text();
        match self.dialect.identification_control {
            IdentificationControl::Standard => Message::Identification { text },
            IdentificationControl::Toolkit => Message::Unknown { control: 0x0004, body: text },
        }
    }
}
