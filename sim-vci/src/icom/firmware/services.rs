//! Datagrams: finding the car, giving it an address, answering the workshop.

use super::*;
use crate::icom::config::{Framing, Service};

impl Firmware {
    /// Answers a datagram from the workshop, always to who asked and from the port asked.
    pub(super) fn answer_workshop(&mut self, port: u16, peer: SocketAddrV4, data: &[u8]) {
        let answer = match port {
            slp::PORT => self.answer_slp(data),
            hsfz::CONTROL_PORT => self.search.answer_hsfz(data),
            doip::PORT => self.search.answer_doip(data),
            _ => None,
        };
        if let Some(data) = answer {
            self.ask(Side::Workshop, SocketAction::SendTo { port, peer, data });
        }
    }

    fn answer_slp(&self, data: &[u8]) -> Option<Bytes> {
        let transaction = slp::parse_request(data)?;
        let attributes = slp::Attributes {
            serial: &self.config.serial,
            mac: self.config.workshop_mac,
            address: self.workshop_address?,
            vin: self.search.vin(),
            terminal_15: self.voltages.0,
            terminal_30: self.voltages.1,
            port: self.port_for(Framing::Hsfz, hsfz::DIAGNOSTIC_PORT),
            control_port: self.port_for(Framing::Hsfz, hsfz::CONTROL_PORT),
            doip_port: self.port_for(Framing::Doip, doip::PORT),
        };
        Some(slp::reply(transaction, &attributes))
    }

    /// Returns the first workshop port behind which a port of the car is; zero when there is none.
    fn port_for(&self, framing: Framing, car_port: u16) -> u16 {
        let is_it = |s: &&Service| s.framing == framing && s.car_port == car_port;
        self.config.services.iter().find(is_it).map_or(0, |service| service.port)
    }

    /// Takes a datagram from the car's side.
    pub(super) fn hear_car(&mut self, now: Instant, port: u16, peer: SocketAddrV4, data: &[u8]) {
        let word = match port {
            dhcp::SERVER_PORT => return self.serve_dhcp(now, data),
            hsfz::CONTROL_PORT | hsfz::ANNOUNCEMENT_PORT => self.search.read_hsfz(data),
            doip::PORT | DOIP_QUESTION_PORT => self.search.read_doip(data),
            _ => search::Word::Noise,
        };
        match word {
            search::Word::Noise => {}
            search::Word::Identity => {
                let is_announcement = port == hsfz::ANNOUNCEMENT_PORT || port == doip::PORT;
                self.found(now, *peer.ip(), is_announcement);
            }
        }
    }

    fn serve_dhcp(&mut self, now: Instant, data: &[u8]) {
        let Some(reply) = self.dhcp.handle(now, data) else {
            return;
        };
        let peer = SocketAddrV4::new(Ipv4Addr::BROADCAST, dhcp::CLIENT_PORT);
        let (port, data) = (dhcp::SERVER_PORT, reply.datagram);
        self.ask(Side::Car, SocketAction::SendTo { port, peer, data });
        if let Some((mac, address)) = reply.leased {
            self.tell(VciEvent::Leased { mac, address });
            if let Presence::Asked { .. } = self.search.presence() {
                self.search.begin();
                self.timers.set(Timer::Search, now + AFTER_LEASE);
            }
        }
    }

    /// Asks the car who it is, and again later while it does not answer.
    pub(super) fn ask_car(&mut self, now: Instant) {
        let (first, longest) = (self.config.search_interval, self.config.search_interval_max);
        let Some(wait) = self.search.asked(first, longest) else {
            return;
        };
        self.timers.set(Timer::Search, now + wait);
        self.broadcast_questions();
    }

    /// Asks everyone on the car's side who is there, in both protocols.
    pub(super) fn broadcast_questions(&mut self) {
        let questions = [
            (hsfz::CONTROL_PORT, hsfz::CONTROL_PORT, search::hsfz_question()),
            (DOIP_QUESTION_PORT, doip::PORT, search::doip_question()),
        ];
        for (port, to, data) in questions {
            let peer = SocketAddrV4::new(Ipv4Addr::BROADCAST, to);
            self.ask(Side::Car, SocketAction::SendTo { port, peer, data });
        }
    }
}
