//! The host beneath the vehicle: keeps the contract, and checks that the vehicle does.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use bytes::Bytes;
use node::{CloseReason, ConnectionId, Instant, Node, SocketAction, SocketEvent};
use sim_ecus::EcuFault;
use sim_ecus::security::placeholder_key;
use sim_gateway::{Fault, Gateway, ResetOverride};
use wire::uds::service;
use wire::{doip, hsfz};

use crate::script::{Step, as_doip, as_hsfz};

const PEER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(169, 254, 9, 9), 50_000);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);
/// More connections than any vehicle keeps.
const CONNECTIONS: usize = 12;
/// Outputs in answer to one input; a vehicle that says more is in a loop.
const OUTPUTS: usize = 10_000;
/// Above what any vehicle takes or sends, in bytes.
const LIMIT: u32 = 0x10_0000;
/// Deadlines in one wait; a wait that has more goes on in the next step.
const DEADLINES: usize = 2_000;

pub struct Host {
    gateway: Gateway,
    now: Instant,
    /// Whether the stack is there and has an address.
    stack: bool,
    address: bool,
    link: bool,
    listening: BTreeSet<u16>,
    bound: BTreeSet<u16>,
    connections: BTreeMap<ConnectionId, Speech>,
    next: u64,
    digest: u64,
}

/// What a connection says, read as a tester would.
struct Speech {
    wire: Wire,
    /// The last seed heard: from which unit, for which level.
    seed: Option<(u8, u8, Bytes)>,
}

enum Wire {
    /// Counts the requests that were sent, and the acknowledges that came.
    Hsfz {
        heard: hsfz::Decoder,
        asked: hsfz::Decoder,
        requests: u64,
        acknowledged: u64,
    },
    Doip {
        heard: doip::Decoder,
    },
}

impl Host {
    pub fn new(gateway: Gateway) -> Self {
        let mut host = Self {
            gateway,
            now: Instant::ZERO,
            stack: true,
            address: false,
            link: true,
            listening: BTreeSet::new(),
            bound: BTreeSet::new(),
            connections: BTreeMap::new(),
            next: ConnectionId::FIRST_ACCEPTED,
            digest: 0,
        };
        host.drain();
        host.step_address(true);
        host
    }

    pub fn play(&mut self, step: Step) {
        match step {
            Step::Connect { port } => self.connect(port),
            Step::Bytes { connection, data } => self.receive(connection, |_| data),
            Step::Request { connection, tester, target, uds } => {
                self.receive(connection, |speech| speech.request(tester, target, uds));
            }
            Step::Key { connection, tester } => {
                self.receive(connection, |speech| match speech.key() {
                    Some((target, uds)) => speech.request(tester, target, uds),
                    None => Bytes::new(),
                });
            }
            Step::Close { connection } => {
                if let Some(connection) = self.nth(connection) {
                    self.close(connection, CloseReason::Finished);
                }
            }
            Step::Datagram { port, data } => {
                if self.address && self.link && self.bound.contains(&port) {
                    self.input(SocketEvent::Datagram { local_port: port, peer: PEER, data });
                }
            }
            Step::Wait { time } => self.wait(time),
            Step::Address { known } => self.step_address(known),
            Step::Link { up } if up => self.input(SocketEvent::LinkUp),
            Step::Link { .. } => self.input(SocketEvent::LinkDown),
            Step::Supply { battery, charger } => self.fault(Fault::Supply { battery, charger }),
            Step::Reset => self.fault(Fault::GatewayReset(ResetOverride::default())),
            Step::LinkDown { time } => self.fault(Fault::LinkDown(time)),
            Step::Unit { name, fault, number } => {
                self.fault(Fault::Ecu { name: name.to_owned(), fault: unit_fault(fault, number) });
            }
        }
    }

    /// Lets an hour pass, then returns the digest.
    pub fn finish(mut self) -> u64 {
        self.wait(Duration::from_secs(3600));
        self.digest
    }

    fn connect(&mut self, local_port: u16) {
        let reachable = self.address && self.link && self.listening.contains(&local_port);
        if !reachable || self.connections.len() >= CONNECTIONS {
            return;
        }
        let connection = ConnectionId(self.next);
        self.next += 1;
        self.connections.insert(connection, Speech::new(local_port));
        self.input(SocketEvent::Accepted { connection, local_port, peer: PEER });
    }

    fn receive(&mut self, number: u8, data: impl FnOnce(&Speech) -> Bytes) {
        let Some(connection) = self.nth(number) else { return };
        let speech = self.connections.get_mut(&connection).expect("it was just counted");
        let data = data(speech);
        if data.is_empty() || !self.link {
            return;
        }
        speech.ask(&data);
        self.input(SocketEvent::Received { connection, data });
    }

    fn step_address(&mut self, known: bool) {
        if !self.stack || known == self.address {
            return;
        }
        self.address = known;
        if known {
            self.input(SocketEvent::AddressAcquired { address: ADDRESS, prefix: 16 });
            return;
        }
        let all: Vec<ConnectionId> = self.connections.keys().copied().collect();
        for connection in all {
            self.close(connection, CloseReason::AddressLost);
        }
        if self.stack {
            self.input(SocketEvent::AddressLost);
        }
    }

    fn close(&mut self, connection: ConnectionId, reason: CloseReason) {
        if self.connections.remove(&connection).is_some() {
            self.input(SocketEvent::Closed { connection, reason });
        }
    }

    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        for _ in 0..DEADLINES {
            let Some(due) = self.gateway.poll_timeout().filter(|due| *due <= until) else { break };
            self.now = due;
            self.gateway.handle_timeout(due);
            self.drain();
        }
        self.now = self.gateway.poll_timeout().filter(|due| *due <= until).unwrap_or(until);
    }

    fn input(&mut self, event: SocketEvent) {
        self.gateway.handle_input(self.now, event);
        self.drain();
    }

    fn fault(&mut self, fault: Fault) {
        self.gateway.handle_fault(self.now, fault);
        self.drain();
    }

    fn drain(&mut self) {
        let mut outputs = 0;
        while let Some(action) = self.gateway.poll_output() {
            outputs += 1;
            assert!(outputs <= OUTPUTS, "one input, endless answers");
            self.note(format!("{:?} {action:?}", self.now).as_bytes());
            self.act(action);
        }
        while self.gateway.poll_event().is_some() {}
        if let Some(due) = self.gateway.poll_timeout() {
            assert!(due > self.now, "a deadline that stays put");
        }
    }

    fn act(&mut self, action: SocketAction) {
        match action {
            SocketAction::Listen { port } => assert!(self.stack && self.listening.insert(port)),
            SocketAction::Unlisten { port } => assert!(self.listening.remove(&port)),
            SocketAction::Bind { port } => assert!(self.stack && self.bound.insert(port)),
            SocketAction::Unbind { port } => assert!(self.bound.remove(&port)),
            SocketAction::Connect { .. } => panic!("a vehicle does not call out"),
            SocketAction::Send { connection, data } => {
                let speech = self.connections.get_mut(&connection);
                speech.expect("a connection that is spoken on exists").hear(&data);
            }
            SocketAction::Close { connection } | SocketAction::Abort { connection } => {
                let gone = self.connections.remove(&connection);
                assert!(gone.is_some(), "a connection that is closed exists");
            }
            SocketAction::SendTo { port, peer: _, data } => {
                assert!(self.bound.contains(&port), "sent from a bound port");
                datagram(port, &data);
            }
            SocketAction::StackDown { .. } => {
                assert!(self.stack, "a stack goes down once");
                (self.stack, self.address) = (false, false);
                self.listening.clear();
                self.bound.clear();
                self.connections.clear();
            }
            SocketAction::StackUp { .. } => {
                assert!(!self.stack, "a stack comes up once");
                self.stack = true;
            }
            SocketAction::SetLink { up } => {
                assert_ne!(self.link, up, "carrier changes when it is switched");
                self.link = up;
            }
        }
    }

    fn nth(&self, number: u8) -> Option<ConnectionId> {
        let count = self.connections.len().max(1);
        self.connections.keys().nth(usize::from(number) % count).copied()
    }

    /// FNV-1a: enough to tell two runs apart.
    fn note(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }
}

impl Speech {
    fn new(port: u16) -> Self {
        let wire = if port == doip::PORT {
            Wire::Doip { heard: doip::Decoder::new(doip::Rules::tester(LIMIT)) }
        } else {
            let (heard, asked) = (hsfz::Decoder::new(LIMIT), hsfz::Decoder::new(LIMIT));
            Wire::Hsfz { heard, asked, requests: 0, acknowledged: 0 }
        };
        Self { wire, seed: None }
    }

    fn request(&self, tester: u8, target: u8, uds: Bytes) -> Bytes {
        match self.wire {
            Wire::Hsfz { .. } => as_hsfz(tester, target, uds),
            Wire::Doip { .. } => as_doip(tester, target, uds),
        }
    }

    /// Returns the unit that gave a seed, and the request that sends it the key.
    fn key(&self) -> Option<(u8, Bytes)> {
        let (unit, level, seed) = self.seed.as_ref()?;
        let mut uds = vec![service::SECURITY_ACCESS, level.wrapping_add(1)];
        uds.extend(placeholder_key(*unit, *level, seed, false));
        Some((*unit, uds.into()))
    }

    /// Counts the requests in what a tester sends.
    fn ask(&mut self, data: &[u8]) {
        let Wire::Hsfz { asked, requests, .. } = &mut self.wire else { return };
        asked.feed(data);
        loop {
            match asked.next() {
                Ok(Some(hsfz::Message::Diagnostic { .. })) => *requests += 1,
                Ok(Some(_)) => {}
                Err(error) if error.is_recoverable() => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Reads what the vehicle sends: whole messages that a tester takes, and no acknowledge that
    /// nobody asked for.
    fn hear(&mut self, data: &[u8]) {
        match &mut self.wire {
            Wire::Hsfz { heard, requests, acknowledged, .. } => {
                heard.feed(data);
                while let Some(message) = heard.next().expect("a vehicle speaks HSFZ") {
                    match message {
                        hsfz::Message::Diagnostic { source, data, .. } => {
                            note_seed(&mut self.seed, source.0, &data);
                        }
                        hsfz::Message::Acknowledge { .. } => *acknowledged += 1,
                        hsfz::Message::Unknown { .. } => panic!("{message:?}"),
                        _ => {}
                    }
                }
                assert!(!heard.is_mid_frame(), "a vehicle sends whole frames");
                assert!(acknowledged <= requests, "an acknowledge nobody asked for");
            }
            Wire::Doip { heard } => {
                heard.feed(data);
                while let Some(message) = heard.next().expect("a vehicle speaks DoIP") {
                    match message.payload {
                        doip::Payload::Diagnostic { source, data, .. } => {
                            let unit = source.ecu().expect("an ECU answers");
                            note_seed(&mut self.seed, unit.0, &data);
                        }
                        doip::Payload::Unknown { .. } => panic!("{message:?}"),
                        _ => {}
                    }
                }
                assert!(!heard.is_mid_message(), "a vehicle sends whole messages");
            }
        }
    }
}

fn note_seed(last: &mut Option<(u8, u8, Bytes)>, unit: u8, data: &Bytes) {
    if let [0x67, level, _, ..] = data[..] {
        *last = Some((unit, level, data.slice(2..)));
    }
}

fn datagram(port: u16, data: &[u8]) {
    if port == doip::PORT {
        let rules = doip::Rules::tester(LIMIT);
        doip::decode_datagram(&rules, data).expect("a vehicle speaks DoIP");
    } else {
        hsfz::decode_datagram(data).expect("a vehicle speaks HSFZ");
    }
}

fn unit_fault(fault: u8, number: u8) -> EcuFault {
    let time = Duration::from_millis(100) * number.into();
    match fault % 8 {
        0 => EcuFault::Silent(time),
        1 => EcuFault::WriteErrorAtBlock(number.into()),
        2 => EcuFault::WrongCounterAtBlock(number.into()),
        3 => EcuFault::Delay(time),
        4 => EcuFault::PowerCycle,
        5 => EcuFault::SilentAfterReset(time),
        6 => EcuFault::SessionTimeout(number.is_multiple_of(2)),
        _ => EcuFault::Kill,
    }
}
