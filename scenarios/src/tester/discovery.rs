//! How a tester finds the car, or the ICOM before it (`hsfz-and-doip.md` §2, §5, §17, §21).

use std::net::{Ipv4Addr, SocketAddrV4};

use node::SocketAction;
use wire::doip::{Announcement, LogicalAddress, Payload, Rules};
use wire::hsfz::{ANNOUNCEMENT_PORT, CONTROL_PORT, DIAGNOSTIC_PORT, Identification, Message};

use super::client::doip::{VERSION, to_bytes};
use super::slp;
use crate::{Interface, Protocol};

/// The ICOM's port for diagnosis over HSFZ (§2).
const ICOM_HSFZ_PORT: u16 = 50_160;
/// The ICOM's port for diagnosis over DoIP (§2).
const ICOM_DOIP_PORT: u16 = 50_162;
/// Where service location requests go besides broadcast.
const SLP_GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 253);
/// The broadcast address of link-local networks.
const LINK_LOCAL_BROADCAST: Ipv4Addr = Ipv4Addr::new(169, 254, 255, 255);

/// Asks who is there, and understands the answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Discovery {
    pub protocol: Protocol,
    pub interface: Interface,
    /// The UDP port it asks from.
    pub ask_port: u16,
}

/// Who was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where diagnosis is served.
    pub peer: SocketAddrV4,
    /// The vehicle identification number it told.
    pub vin: Option<String>,
    /// What tells it from another one: a MAC address, or an ICOM's name.
    pub identity: String,
}

impl Discovery {
    /// Returns the ports on which questions are asked and announcements are heard.
    pub fn ports(&self) -> [SocketAction; 2] {
        let announcements = match self.protocol {
            Protocol::Hsfz => ANNOUNCEMENT_PORT,
            Protocol::Doip => wire::doip::PORT,
        };
        [self.ask_port, announcements].map(|port| SocketAction::Bind { port })
    }

    /// Returns the questions of one round. `subnet` is the broadcast address of the tester's own
    /// network, `round` tells the rounds apart.
    pub fn questions(&self, round: u32, subnet: Option<Ipv4Addr>) -> Vec<SocketAction> {
        let everyone = [Ipv4Addr::BROADCAST, LINK_LOCAL_BROADCAST];
        let (data, port) = match self.protocol {
            Protocol::Hsfz => {
                (Message::Identification { text: Default::default() }.to_bytes(), CONTROL_PORT)
            }
            Protocol::Doip => (to_bytes(Payload::IdentificationRequest), wire::doip::PORT),
        };
        let send = |to, port, data| SocketAction::SendTo {
            port: self.ask_port,
            peer: SocketAddrV4::new(to, port),
            data,
        };
        match self.interface {
            Interface::EnetCable => {
                everyone.into_iter().map(|to| send(to, port, data.clone())).collect()
            }
            Interface::IcomNext => {
                let [_, xid] = [round >> 16, round & 0xFFFF];
                let question = slp::request(xid as u16);
                let to = [Some(SLP_GROUP), subnet, Some(Ipv4Addr::BROADCAST)];
                to.into_iter().flatten().map(|to| send(to, slp::PORT, question.clone())).collect()
            }
        }
    }

    /// Reads an answer, or an announcement.
    pub fn read(&self, from: SocketAddrV4, datagram: &[u8]) -> Option<Found> {
        match (self.interface, self.protocol) {
            (Interface::IcomNext, _) => self.read_icom(from, datagram),
            (Interface::EnetCable, Protocol::Hsfz) => {
                let identification = read_identification(from, datagram)?;
                Some(Found {
                    peer: SocketAddrV4::new(*from.ip(), DIAGNOSTIC_PORT),
                    vin: vin_text(&identification.vin),
                    identity: mac_text(&identification.mac),
                })
            }
            (Interface::EnetCable, Protocol::Doip) => {
                let announcement = read_announcement(from, datagram)?;
                Some(Found {
                    peer: SocketAddrV4::new(*from.ip(), wire::doip::PORT),
                    vin: vin_text(&announcement.vin),
                    identity: mac_text(&announcement.eid),
                })
            }
        }
    }

    fn read_icom(&self, from: SocketAddrV4, datagram: &[u8]) -> Option<Found> {
        if from.port() != slp::PORT {
            return None;
        }
        let attributes = slp::Attributes::parse(datagram)?;
        attributes.value("DevType").filter(|kind| *kind == "ICOM")?;
        let address = attributes.value("IPAddress").and_then(|text| text.parse().ok());
        let (attribute, usual) = match self.protocol {
            Protocol::Hsfz => ("Port", ICOM_HSFZ_PORT),
            Protocol::Doip => ("DoIP", ICOM_DOIP_PORT),
        };
        let port = attributes.value(attribute).and_then(|text| text.parse().ok());
        let name = ["MacAddress", "Serial", "DevId"].iter().find_map(|it| attributes.value(it));
        Some(Found {
            peer: SocketAddrV4::new(address.unwrap_or(*from.ip()), port.unwrap_or(usual)),
            vin: attributes.value("VIN").map(str::to_owned),
            identity: name.map_or_else(|| from.ip().to_string(), str::to_owned),
        })
    }
}

/// Reads an HSFZ identification: it has to come from the port that was asked (§5).
fn read_identification(from: SocketAddrV4, datagram: &[u8]) -> Option<Identification> {
    let Ok(Message::Identification { text }) = wire::hsfz::decode_datagram(datagram) else {
        return None;
    };
    let is_answer = from.port() == CONTROL_PORT;
    Identification::parse(&text).ok().filter(|_| is_answer)
}

/// Reads a vehicle announcement as EDIABAS-like clients do: edition 03, from port 13400, with at
/// least 33 bytes, by the gateway at 0010 (§21).
pub(super) fn read_announcement(from: SocketAddrV4, datagram: &[u8]) -> Option<Announcement> {
    let rules = Rules::tester(wire::doip::DEFAULT_LIMIT);
    let message = wire::doip::decode_datagram(&rules, datagram).ok()?;
    let Payload::Announcement(announcement) = message.payload else {
        return None;
    };
    let is_taken = message.version == VERSION
        && from.port() == wire::doip::PORT
        && announcement.sync.is_some()
        && announcement.address == LogicalAddress::GATEWAY;
    is_taken.then_some(announcement)
}

/// Returns the VIN when it is written; a blank one is all `FF` or `00`.
fn vin_text(vin: &[u8; 17]) -> Option<String> {
    let is_written = vin.iter().all(u8::is_ascii_alphanumeric);
    is_written.then(|| String::from_utf8_lossy(vin).into_owned())
}

fn mac_text(mac: &[u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02X}")).join(":")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rstest::rstest;

    use super::*;

    const CAR: Ipv4Addr = Ipv4Addr::new(169, 254, 7, 7);
    const VIN: &[u8; 17] = b"WBASMTEST00000001";
    const MAC: [u8; 6] = [0x02, 0, 0, 0xBC, 0, 0x01];

    fn discovery(protocol: Protocol, interface: Interface) -> Discovery {
        Discovery { protocol, interface, ask_port: 50_000 }
    }

    fn identification() -> Bytes {
        let text = Identification { diagnostic_address: 0x10, mac: MAC, vin: *VIN }.to_text();
        Message::Identification { text }.to_bytes()
    }

    fn announcement(address: u16, sync: Option<u8>) -> Bytes {
        to_bytes(Payload::Announcement(Announcement {
            vin: *VIN,
            address: LogicalAddress(address),
            eid: MAC,
            gid: MAC,
            further_action: 0,
            sync,
        }))
    }

    #[test]
    fn a_car_is_found_by_its_identification() {
        let discovery = discovery(Protocol::Hsfz, Interface::EnetCable);
        let found = discovery.read(SocketAddrV4::new(CAR, 6811), &identification());
        let expected = Found {
            peer: SocketAddrV4::new(CAR, 6801),
            vin: Some("WBASMTEST00000001".to_owned()),
            identity: "02:00:00:BC:00:01".to_owned(),
        };
        assert_eq!(found, Some(expected));
        assert_eq!(discovery.read(SocketAddrV4::new(CAR, 6812), &identification()), None);
    }

    #[rstest]
    #[case::whole(0x0010, Some(0), 13_400, true)]
    #[case::short(0x0010, None, 13_400, false)]
    #[case::no_gateway(0x0012, Some(0), 13_400, false)]
    #[case::other_port(0x0010, Some(0), 13_401, false)]
    fn an_announcement_has_to_be_the_gateways(
        #[case] address: u16,
        #[case] sync: Option<u8>,
        #[case] port: u16,
        #[case] is_taken: bool,
    ) {
        let discovery = discovery(Protocol::Doip, Interface::EnetCable);
        let found = discovery.read(SocketAddrV4::new(CAR, port), &announcement(address, sync));
        assert_eq!(found.map(|found| found.peer), is_taken.then(|| SocketAddrV4::new(CAR, 13_400)));
    }

    #[test]
    fn an_icom_is_asked_by_service_location() {
        let discovery = discovery(Protocol::Hsfz, Interface::IcomNext);
        let subnet = Ipv4Addr::new(192, 168, 1, 255);
        let questions = discovery.questions(1, Some(subnet));
        let peers: Vec<_> = questions
            .iter()
            .map(|question| match question {
                SocketAction::SendTo { peer, .. } => peer.to_string(),
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(peers, ["239.255.255.253:427", "192.168.1.255:427", "255.255.255.255:427"]);
    }
}
