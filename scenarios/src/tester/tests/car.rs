//! A car that answers everything politely unless its script says otherwise.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use bytes::Bytes;
use node::{CloseReason, ConnectionId, Instant, SocketAction, SocketEvent};
use wire::doip::{self, ActivationCode, LogicalAddress, Payload, Rules, Version};
use wire::hsfz::{self, Address, ErrorCode, Identification, Message};

use crate::Protocol;

pub const CAR: Ipv4Addr = Ipv4Addr::new(169, 254, 7, 7);

/// What the car does about a request, and when.
#[derive(Clone, Debug)]
pub enum Say {
    Acknowledge,
    Answer(u8, Vec<u8>),
    Word(ErrorCode, Vec<u8>),
    Nack(u8),
    AliveCheck,
    Reset,
    /// The first bytes of an answer only.
    Cut(u8, Vec<u8>, usize),
    /// The bytes after those.
    Rest(u8, Vec<u8>, usize),
}

pub struct Heard {
    pub at: Instant,
    pub target: u8,
    pub uds: Vec<u8>,
}

/// Says what the car does about a request; `None` lets it be polite. Told the time, the target,
/// the request and how many requests came before.
pub type Script = Box<dyn FnMut(Instant, u8, &[u8], usize) -> Option<Vec<(u64, Say)>>>;

pub struct Car {
    protocol: Protocol,
    pub address: Ipv4Addr,
    /// Whether it answers anything at all.
    pub is_up: bool,
    pub script: Script,
    pub heard: Vec<Heard>,
    /// Blocks that were written, by address of the download.
    pub memory: BTreeMap<u32, Vec<u8>>,
    /// What tester and car agreed on: session of the one control unit there is.
    pub session: u8,
    pub is_unlocked: bool,
    pub activations: Vec<Instant>,
    /// What routing activation is answered with.
    pub activation_code: Option<ActivationCode>,
    /// What an ICOM in its place tells of itself; it answers service location requests only.
    pub icom: Option<String>,
    /// Alive replies that came.
    pub alive: Vec<Bytes>,
    download: u32,
    decoders: BTreeMap<ConnectionId, Decoder>,
}

enum Decoder {
    Hsfz(hsfz::Decoder),
    Doip(doip::Decoder),
}

impl Car {
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            address: CAR,
            is_up: true,
            script: Box::new(|_, _, _, _| None),
            heard: Vec::new(),
            memory: BTreeMap::new(),
            session: 1,
            is_unlocked: false,
            activations: Vec::new(),
            activation_code: Some(ActivationCode::Activated),
            icom: None,
            alive: Vec::new(),
            download: 0,
            decoders: BTreeMap::new(),
        }
    }

    pub fn handle(&mut self, now: Instant, action: &SocketAction) -> Vec<(Duration, SocketEvent)> {
        match action {
            SocketAction::Connect { connection, peer, timeout } => {
                let connection = *connection;
                if !self.is_up || *peer.ip() != self.address {
                    let reason = CloseReason::TimedOut;
                    return vec![(*timeout, SocketEvent::Closed { connection, reason })];
                }
                let decoder = match self.protocol {
                    Protocol::Hsfz => Decoder::Hsfz(hsfz::Decoder::new(0x1_0000)),
                    Protocol::Doip => Decoder::Doip(doip::Decoder::new(Rules::entity(0x1_0000))),
                };
                self.decoders.insert(connection, decoder);
                vec![(ms(1), SocketEvent::Connected { connection })]
            }
            SocketAction::Send { connection, data } if self.is_up => {
                self.received(now, *connection, data)
            }
            SocketAction::SendTo { port, peer, .. } if self.is_up => self.asked(*port, *peer),
            SocketAction::StackDown { .. } => {
                self.decoders.clear();
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn asked(&self, port: u16, peer: SocketAddrV4) -> Vec<(Duration, SocketEvent)> {
        let is_for_car = peer.ip().is_broadcast() || *peer.ip() == self.address;
        if !is_for_car || self.icom.is_some() != (peer.port() == 427) {
            return Vec::new();
        }
        if let Some(list) = &self.icom {
            let head = [2, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, b'e', b'n', 0, 0, 0];
            let data = [&head, &[list.len() as u8][..], list.as_bytes(), &[0]].concat().into();
            let peer = SocketAddrV4::new(self.address, 427);
            return vec![(ms(2), SocketEvent::Datagram { local_port: port, peer, data })];
        }
        let vin = *b"WBASMTEST00000001";
        let mac = [2, 0, 0, 0xBC, 0, 1];
        let data = match self.protocol {
            Protocol::Hsfz => {
                let text = Identification { diagnostic_address: 0x10, mac, vin }.to_text();
                Message::Identification { text }.to_bytes()
            }
            Protocol::Doip => doip_bytes(Payload::Announcement(doip::Announcement {
                vin,
                address: LogicalAddress::GATEWAY,
                eid: mac,
                gid: mac,
                further_action: 0,
                sync: Some(0),
            })),
        };
        let peer = SocketAddrV4::new(self.address, peer.port());
        vec![(ms(2), SocketEvent::Datagram { local_port: port, peer, data })]
    }

    fn received(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        data: &Bytes,
    ) -> Vec<(Duration, SocketEvent)> {
        let mut out = Vec::new();
        let Some(mut decoder) = self.decoders.remove(&connection) else {
            return out;
        };
        match &mut decoder {
            Decoder::Hsfz(decoder) => {
                decoder.feed(data);
                while let Some(message) = decoder.next().unwrap() {
                    match message {
                        Message::Diagnostic { target, data, .. } => {
                            self.request(now, connection, target.0, &data, &mut out);
                        }
                        Message::Alive { body } => self.alive.push(body),
                        other => panic!("a tester does not say {other:?}"),
                    }
                }
            }
            Decoder::Doip(decoder) => {
                decoder.feed(data);
                while let Some(message) = decoder.next().unwrap() {
                    assert_eq!(message.version, Version::V2019);
                    self.doip(now, connection, message.payload, &mut out);
                }
            }
        }
        self.decoders.insert(connection, decoder);
        out
    }

    fn doip(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        payload: Payload,
        out: &mut Vec<(Duration, SocketEvent)>,
    ) {
        match payload {
            Payload::RoutingActivationRequest(request) => {
                self.activations.push(now);
                let Some(code) = self.activation_code else { return };
                let response = doip::RoutingActivationResponse {
                    tester: request.source,
                    entity: LogicalAddress::GATEWAY,
                    code,
                    reserved: [0; 4],
                    oem: None,
                };
                let data = doip_bytes(Payload::RoutingActivationResponse(response));
                out.push((ms(1), SocketEvent::Received { connection, data }));
            }
            Payload::Diagnostic { target, data, .. } => {
                let [_, target] = target.0.to_be_bytes();
                self.request(now, connection, target, &data, out);
            }
            Payload::AliveCheckResponse { source } => {
                self.alive.push(Bytes::copy_from_slice(&source.0.to_be_bytes()));
            }
            other => panic!("a tester does not say {other:?}"),
        }
    }

    fn request(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        target: u8,
        uds: &[u8],
        out: &mut Vec<(Duration, SocketEvent)>,
    ) {
        let before = self.heard.len();
        self.heard.push(Heard { at: now, target, uds: uds.to_vec() });
        let says = (self.script)(now, target, uds, before);
        let says = says.unwrap_or_else(|| {
            let mut says = vec![(1, Say::Acknowledge)];
            let ecu = if target == 0xDF { 0x10 } else { target };
            says.extend(self.polite(uds).map(|answer| (5, Say::Answer(ecu, answer))));
            says
        });
        for (after, say) in says {
            out.push((ms(after), self.event(connection, target, uds, &say)));
        }
    }

    fn event(&self, connection: ConnectionId, target: u8, uds: &[u8], say: &Say) -> SocketEvent {
        let echo = Bytes::copy_from_slice(&uds[..uds.len().min(5)]);
        let data = match (self.protocol, say) {
            (_, Say::Reset) => {
                return SocketEvent::Closed { connection, reason: CloseReason::Reset };
            }
            (_, Say::Cut(ecu, answer, count)) => self.answer(*ecu, answer).slice(..*count),
            (_, Say::Rest(ecu, answer, count)) => self.answer(*ecu, answer).slice(*count..),
            (_, Say::Answer(ecu, answer)) => self.answer(*ecu, answer),
            (Protocol::Hsfz, Say::Acknowledge) => {
                let (source, target) = (Address(0xF4), Address(target));
                Message::Acknowledge { source, target, data: echo }.to_bytes()
            }
            (Protocol::Hsfz, Say::Word(code, body)) => {
                let body = Bytes::copy_from_slice(body);
                Message::Error { code: *code, body }.to_bytes()
            }
            (Protocol::Hsfz, Say::AliveCheck) => {
                Message::Alive { body: Bytes::from_static(&[0xF4, 0x00]) }.to_bytes()
            }
            (Protocol::Doip, Say::Acknowledge) => doip_bytes(Payload::DiagnosticAck {
                source: Address(target).into(),
                target: LogicalAddress::TESTER,
                code: 0,
                echo,
            }),
            (Protocol::Doip, Say::Nack(code)) => doip_bytes(Payload::DiagnosticNack {
                source: Address(target).into(),
                target: LogicalAddress::TESTER,
                code: (*code).into(),
                echo,
            }),
            (Protocol::Doip, Say::AliveCheck) => doip_bytes(Payload::AliveCheckRequest),
            (protocol, say) => panic!("{say:?} cannot be said over {protocol}"),
        };
        SocketEvent::Received { connection, data }
    }

    fn answer(&self, ecu: u8, answer: &[u8]) -> Bytes {
        let data = Bytes::copy_from_slice(answer);
        match self.protocol {
            Protocol::Hsfz => {
                let (source, target) = (Address(ecu), Address(0xF4));
                Message::Diagnostic { source, target, data }.to_bytes()
            }
            Protocol::Doip => {
                let (source, target) = (Address(ecu).into(), LogicalAddress::TESTER);
                doip_bytes(Payload::Diagnostic { source, target, data })
            }
        }
    }

    /// Answers as a control unit that agrees to everything; `None` where nothing is to be said.
    pub fn polite(&mut self, uds: &[u8]) -> Option<Vec<u8>> {
        Some(match uds {
            [0x3E, 0x80] => return None,
            [0x10, session] => {
                self.session = *session;
                self.is_unlocked &= *session == 2;
                vec![0x50, *session, 0x00, 0x32, 0x01, 0xF4]
            }
            [0x11, kind] => {
                self.session = 1;
                self.is_unlocked = false;
                vec![0x51, *kind]
            }
            [0x22, 0xF1, 0x86] => vec![0x62, 0xF1, 0x86, self.session],
            [0x22, 0x17, 0x0C] => vec![0x62, 0x17, 0x0C, 0x35, 0x0C],
            [0x22, 0x37, 0xFE] => [&[0x62, 0x37, 0xFE], &b"0000001"[..]].concat(),
            [0x22, 0xF1, 0x01] => {
                let entry = [8, 0, 0, 0xE1, 2, 30, 57, 0];
                [&[0x62, 0xF1, 0x01, 1, 1, 0, 1], &[0; 13][..], &entry].concat()
            }
            [0x27, level @ (0x01 | 0x11), ..] => {
                let byte = if self.is_unlocked { 0 } else { 7 };
                [&[0x67, *level], &[byte; 8][..]].concat()
            }
            [0x27, level, ..] => {
                self.is_unlocked = true;
                vec![0x67, *level]
            }
            [0x31, kind, high, low, ..] => vec![0x71, *kind, *high, *low, 0],
            [0x34, _, _, a, b, c, d, ..] => {
                self.download = u32::from_be_bytes([*a, *b, *c, *d]);
                self.memory.insert(self.download, Vec::new());
                vec![0x74, 0x20, 0x00, 0x12]
            }
            [0x36, counter, data @ ..] => {
                self.memory.entry(self.download).or_default().extend(data);
                vec![0x76, *counter]
            }
            [0x22 | 0x2E, high, low, ..] => vec![uds[0] + 0x40, *high, *low, 0x00],
            [0x19, kind, ..] => vec![0x59, *kind, 0xFF],
            [service, second, ..] => vec![service + 0x40, *second],
            [service] => vec![service + 0x40],
            [] => return None,
        })
    }
}

fn doip_bytes(payload: Payload) -> Bytes {
    doip::Message::new(Version::V2019, payload).to_bytes()
}

pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
