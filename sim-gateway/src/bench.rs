//! A gateway on a test bench: bytes in, words out.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use bytes::Bytes;
use node::{CloseReason, ConnectionId, Instant, Node, Seed, SocketAction, SocketEvent};
use sim_ecus::EcuFault;
use wire::{doip, hsfz};

use crate::event::{Fault, VehicleEvent};
use crate::gateway::Gateway;
use crate::setup::Setup;
use crate::vehicle::{Protocols, VehicleProfile};

/// Who asks on the bench.
pub(crate) const PEER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(169, 254, 1, 2), 50_000);

pub(crate) struct Bench {
    pub(crate) gateway: Gateway,
    pub(crate) now: Instant,
    ports: BTreeMap<ConnectionId, u16>,
    next: u64,
}

/// What came out of a gateway, and when.
pub(crate) struct Out {
    pub(crate) at: Instant,
    pub(crate) action: SocketAction,
}

impl Bench {
    /// A G05 that has an address and has done announcing.
    pub(crate) fn new(change: impl FnOnce(&mut VehicleProfile)) -> Self {
        let mut bench = Self::cold(change);
        bench.address();
        bench.wait(Duration::from_secs(60));
        bench.events();
        bench
    }

    /// A G05 speaking both protocols, just switched on; its first actions are still to be taken.
    pub(crate) fn cold(change: impl FnOnce(&mut VehicleProfile)) -> Self {
        let mut vehicle = VehicleProfile::named("g05").expect("a shipped vehicle");
        vehicle.protocols = Protocols::Both;
        change(&mut vehicle);
        Self::with(&vehicle, Setup::default())
    }

    pub(crate) fn with(vehicle: &VehicleProfile, setup: Setup) -> Self {
        let gateway = Gateway::new(vehicle, setup, Seed(1));
        let (ports, next) = (BTreeMap::new(), ConnectionId::FIRST_ACCEPTED);
        Self { gateway, now: Instant::ZERO, ports, next }
    }

    pub(crate) fn address(&mut self) -> Vec<Out> {
        let address = Ipv4Addr::new(169, 254, 1, 1);
        self.input(SocketEvent::AddressAcquired { address, prefix: 16 })
    }

    pub(crate) fn connect(&mut self, port: u16) -> ConnectionId {
        let (connection, actions) = self.accept(port);
        assert!(actions.is_empty(), "a connect is silent here: {}", self.words(&actions));
        connection
    }

    pub(crate) fn accept(&mut self, port: u16) -> (ConnectionId, Vec<Out>) {
        let connection = ConnectionId(self.next);
        self.next += 1;
        self.ports.insert(connection, port);
        let event = SocketEvent::Accepted { connection, local_port: port, peer: PEER };
        (connection, self.input(event))
    }

    pub(crate) fn send(&mut self, connection: ConnectionId, hex: &str) -> Vec<Out> {
        self.send_bytes(connection, unhex(hex))
    }

    pub(crate) fn send_bytes(&mut self, connection: ConnectionId, data: Bytes) -> Vec<Out> {
        self.input(SocketEvent::Received { connection, data })
    }

    pub(crate) fn datagram(&mut self, port: u16, hex: &str) -> Vec<Out> {
        self.input(SocketEvent::Datagram { local_port: port, peer: PEER, data: unhex(hex) })
    }

    pub(crate) fn close(&mut self, connection: ConnectionId) -> Vec<Out> {
        self.input(SocketEvent::Closed { connection, reason: CloseReason::Reset })
    }

    pub(crate) fn fault(&mut self, fault: Fault) -> Vec<Out> {
        self.gateway.handle_fault(self.now, fault);
        self.take()
    }

    pub(crate) fn input(&mut self, event: SocketEvent) -> Vec<Out> {
        self.gateway.handle_input(self.now, event);
        self.take()
    }

    /// Makes a unit take a minute for every request.
    pub(crate) fn slow_down(&mut self, unit: &str) {
        let fault = EcuFault::Delay(Duration::from_secs(60));
        self.fault(Fault::Ecu { name: unit.to_owned(), fault });
    }

    /// Makes a unit deaf and mute for an hour.
    pub(crate) fn silence(&mut self, unit: &str) {
        let fault = EcuFault::Silent(Duration::from_secs(3_600));
        self.fault(Fault::Ecu { name: unit.to_owned(), fault });
    }

    /// Lets time pass, as a driver would.
    pub(crate) fn wait(&mut self, duration: Duration) -> Vec<Out> {
        let end = self.now + duration;
        let mut out = Vec::new();
        while let Some(at) = self.gateway.poll_timeout().filter(|at| *at <= end) {
            assert!(at > self.now, "a deadline at {at} stays put at {}", self.now);
            self.now = at;
            self.gateway.handle_timeout(at);
            out.extend(self.take());
        }
        self.now = end;
        out
    }

    pub(crate) fn events(&mut self) -> Vec<VehicleEvent> {
        std::iter::from_fn(|| self.gateway.poll_event()).collect()
    }

    pub(crate) fn take(&mut self) -> Vec<Out> {
        let at = self.now;
        std::iter::from_fn(|| self.gateway.poll_output()).map(|action| Out { at, action }).collect()
    }

    /// Tells actions in words, one message a line; answers of units are left out.
    pub(crate) fn words(&self, out: &[Out]) -> String {
        let mut text = String::new();
        for Out { action, .. } in out {
            for line in self.lines(action) {
                writeln!(text, "{line}").expect("strings take everything");
            }
        }
        text
    }

    /// The same, with times.
    pub(crate) fn timeline(&self, out: &[Out]) -> String {
        let mut text = String::new();
        for Out { at, action } in out {
            for line in self.lines(action) {
                writeln!(text, "{at} {line}").expect("strings take everything");
            }
        }
        text
    }

    fn lines(&self, action: &SocketAction) -> Vec<String> {
        match action {
            SocketAction::Send { connection, data } => {
                let messages = self.messages(*connection, data);
                let own = messages.into_iter().filter(|(is_answer, _)| !is_answer);
                own.map(|(_, hex)| format!("{} < {hex}", name(*connection))).collect()
            }
            SocketAction::Close { connection } => vec![format!("{} closed", name(*connection))],
            SocketAction::Abort { connection } => vec![format!("{} reset", name(*connection))],
            SocketAction::SendTo { port, peer, data } => {
                vec![format!("udp {port} > {peer} {}", hex(data))]
            }
            other => vec![format!("{other:?}")],
        }
    }

    /// Splits what was sent into frames; the flag marks answers of units.
    fn messages(&self, connection: ConnectionId, data: &Bytes) -> Vec<(bool, String)> {
        let mut messages = Vec::new();
        if self.ports[&connection] == doip::PORT {
            let mut decoder = doip::Decoder::new(doip::Rules::observer());
            decoder.feed(data);
            while let Some(message) = decoder.next().expect("the gateway sends whole messages") {
                let answer = matches!(message.payload, doip::Payload::Diagnostic { .. });
                messages.push((answer, hex(&message.to_bytes())));
            }
        } else {
            let mut decoder = hsfz::Decoder::new(hsfz::DEFAULT_LIMIT * 2);
            decoder.feed(data);
            while let Some(message) = decoder.next().expect("the gateway sends whole frames") {
                let answer = matches!(message, hsfz::Message::Diagnostic { .. });
                messages.push((answer, hex(&message.to_bytes())));
            }
        }
        messages
    }

    /// Returns the answers of units in what came out, with the connection they went to.
    pub(crate) fn answers(&self, out: &[Out]) -> Vec<(ConnectionId, String)> {
        let mut answers = Vec::new();
        for Out { action, .. } in out {
            if let SocketAction::Send { connection, data } = action {
                let messages = self.messages(*connection, data);
                let units = messages.into_iter().filter(|(is_answer, _)| *is_answer);
                answers.extend(units.map(|(_, hex)| (*connection, hex)));
            }
        }
        answers
    }
}

pub(crate) fn name(connection: ConnectionId) -> String {
    format!("#{}", connection.0 - ConnectionId::FIRST_ACCEPTED + 1)
}

pub(crate) fn unhex(text: &str) -> Bytes {
    let digits: Vec<_> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16);
    digits.chunks(2).map(|pair| byte(pair).expect("hex")).collect::<Vec<_>>().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02X}"))
}
