//! The tester against the real gateway and its control units, sockets wired to sockets: what
//! neither side can show alone, without a network in between.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use node::{
    CloseReason, ConnectionId, Instant, Node, Ratio, Seed, SocketAction, SocketEvent, StackLoss,
};
use rstest::rstest;
use scenarios::tester::{Coding, Image, Segment, Tester, TesterConfig, TesterEcu, TesterEvent};
use scenarios::{Interface, Outcome, Protocol, Step};
use sim_ecus::{Condition, EndState};
use sim_gateway::{Fault, Gateway, ResetOverride, Setup, VehicleProfile};

const TESTER: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);
const CAR: Ipv4Addr = Ipv4Addr::new(169, 254, 7, 7);
const IMAGE_SIZE: u64 = 64 * 1024;
const EXCHANGE: &str = "[identify, scan, {program: {ecu: egs, image: 8hp}}, {code: {ecu: egs}},\
    {initialise-adaptations: {ecu: egs}}, clear-faults, scan]";

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Tester,
    Gateway,
}

/// Tester and gateway, and sockets between them that lose nothing while there is a link.
struct Bench {
    tester: Tester,
    gateway: Gateway,
    now: Instant,
    delay: Duration,
    queue: BTreeMap<(Instant, u64), (Side, SocketEvent)>,
    sequence: u64,
    ports: BTreeSet<u16>,
    /// Whether the gateway has link, and a stack with an address.
    is_linked: bool,
    is_addressed: bool,
    /// Open connections: the tester's number and the gateway's.
    connections: BTreeMap<ConnectionId, ConnectionId>,
    next_accepted: u64,
    events: Vec<(Instant, TesterEvent)>,
}

fn config(protocol: Protocol) -> TesterConfig {
    let mut config = TesterConfig::new(
        protocol,
        Interface::EnetCable,
        "WBASMTEST00000001",
        sim_ecus::security::placeholder_key,
    );
    for name in ["zgw", "bdc", "egs", "dme", "kafas"] {
        let profile = sim_ecus::EcuProfile::named(name).expect("the unit ships with a profile");
        let image = sim_ecus::Image::for_profile(&profile, "8hp", Some(IMAGE_SIZE));
        let segments = image.segments.into_iter().map(|it| Segment {
            address: it.address,
            class: it.class,
            id: it.id,
            version: it.version,
            data: it.data,
        });
        let image = Image { name: "8hp".to_owned(), segments: segments.collect() };
        let coding = sim_ecus::Coding::for_profile(&profile);
        let ecu = TesterEcu {
            address: profile.address,
            images: [("8hp".to_owned(), image)].into(),
            coding: Coding {
                records: coding.entries,
                stamp: bytes::Bytes::copy_from_slice(&coding.stamp),
            },
            reset_time: profile.timing.reset,
            wide_key: profile.security.wide_key,
        };
        config.ecus.insert(name.to_owned(), ecu);
    }
    config
}

impl Bench {
    fn new(config: TesterConfig, yaml: &str, condition: Condition) -> Self {
        let steps: Vec<Step> = yaml::from_str(yaml).expect("the steps are well formed");
        let vehicle = VehicleProfile::named("g05").expect("the vehicle ships");
        let protocols = match config.protocol {
            Protocol::Hsfz => sim_gateway::Protocols::Hsfz,
            Protocol::Doip => sim_gateway::Protocols::Doip,
        };
        let setup = Setup {
            conditions: [("egs".to_owned(), condition)].into(),
            protocols: Some(protocols),
            erase_factor: Some(Ratio::from_ppb(100_000_000)),
            ..Setup::default()
        };
        let mut bench = Self {
            tester: Tester::new(config, steps, Seed(1)),
            gateway: Gateway::new(&vehicle, setup, Seed(1)),
            now: Instant::ZERO,
            delay: Duration::from_millis(5),
            queue: BTreeMap::new(),
            sequence: 0,
            ports: BTreeSet::new(),
            is_linked: true,
            is_addressed: false,
            connections: BTreeMap::new(),
            next_accepted: ConnectionId::FIRST_ACCEPTED,
            events: Vec::new(),
        };
        for (side, address) in [(Side::Tester, TESTER), (Side::Gateway, CAR)] {
            bench.push(Duration::ZERO, side, SocketEvent::LinkUp);
            let after = Duration::from_secs(1);
            bench.push(after, side, SocketEvent::AddressAcquired { address, prefix: 16 });
        }
        bench.drain();
        bench
    }

    fn push(&mut self, after: Duration, side: Side, event: SocketEvent) {
        self.sequence += 1;
        self.queue.insert((self.now + after, self.sequence), (side, event));
    }

    fn run_until(&mut self, mut is_over: impl FnMut(&Self) -> bool) {
        while !is_over(self) {
            let next = self.queue.keys().next().copied();
            let due =
                [next.map(|it| it.0), self.tester.poll_timeout(), self.gateway.poll_timeout()];
            let at = due.into_iter().flatten().min().expect("something is always due");
            assert!(at < Instant::from_secs(7_200), "{:?}", self.events.last());
            self.now = at;
            match next.filter(|it| it.0 == at) {
                Some(key) => {
                    let (side, event) = self.queue.remove(&key).expect("the key was just read");
                    self.deliver(side, event);
                }
                None => {
                    self.tester.handle_timeout(at);
                    self.gateway.handle_timeout(at);
                }
            }
            self.drain();
        }
    }

    fn run(&mut self) -> Vec<(Outcome, Option<String>)> {
        self.run_until(|bench| bench.tester.is_finished());
        let ends = self.events.iter().filter_map(|(_, event)| match event {
            TesterEvent::StepFinished { outcome, why, .. } => Some((*outcome, why.clone())),
            _ => None,
        });
        ends.collect()
    }

    fn deliver(&mut self, side: Side, event: SocketEvent) {
        match side {
            Side::Tester => self.tester.handle_input(self.now, event),
            Side::Gateway => {
                if let SocketEvent::AddressAcquired { .. } = event {
                    self.is_addressed = true;
                }
                self.gateway.handle_input(self.now, event);
            }
        }
    }

    fn drain(&mut self) {
        loop {
            if let Some(action) = self.tester.poll_output() {
                self.tester_asks(action);
            } else if let Some(action) = self.gateway.poll_output() {
                self.gateway_asks(action);
            } else {
                break;
            }
        }
        while self.gateway.poll_event().is_some() {}
        while let Some(event) = self.tester.poll_event() {
            self.events.push((self.now, event));
        }
        for deadline in [self.tester.poll_timeout(), self.gateway.poll_timeout()] {
            let is_first = self.now == Instant::ZERO;
            assert!(is_first || deadline.is_none_or(|at| at > self.now), "a deadline stays put");
        }
    }

    fn tester_asks(&mut self, action: SocketAction) {
        let (there, back) = (self.delay, self.delay * 2);
        let is_reachable = self.is_linked && self.is_addressed;
        match action {
            SocketAction::Connect { connection, peer, timeout } => {
                let is_served = is_reachable && self.ports.contains(&peer.port());
                if !is_served || *peer.ip() != CAR {
                    let reason = CloseReason::TimedOut;
                    self.push(timeout, Side::Tester, SocketEvent::Closed { connection, reason });
                    return;
                }
                let accepted = ConnectionId(self.next_accepted);
                self.next_accepted += 1;
                self.connections.insert(connection, accepted);
                let peer_of = SocketAddrV4::new(TESTER, 50_000 + connection.0 as u16);
                let event = SocketEvent::Accepted {
                    connection: accepted,
                    local_port: peer.port(),
                    peer: peer_of,
                };
                self.push(there, Side::Gateway, event);
                self.push(back, Side::Tester, SocketEvent::Connected { connection });
            }
            SocketAction::Send { connection, data } => {
                if let Some(connection) = self.connections.get(&connection).copied()
                    && is_reachable
                {
                    self.push(there, Side::Gateway, SocketEvent::Received { connection, data });
                }
            }
            SocketAction::Close { connection } | SocketAction::Abort { connection } => {
                if let Some(connection) = self.connections.remove(&connection)
                    && is_reachable
                {
                    let reason = CloseReason::Finished;
                    self.push(there, Side::Gateway, SocketEvent::Closed { connection, reason });
                }
            }
            SocketAction::SendTo { port, peer, data } if is_reachable => {
                let local_port = peer.port();
                let peer = SocketAddrV4::new(TESTER, port);
                self.push(there, Side::Gateway, SocketEvent::Datagram { local_port, peer, data });
            }
            SocketAction::StackDown { .. } => self.connections.clear(),
            SocketAction::StackUp { .. } => {
                let event = SocketEvent::AddressAcquired { address: TESTER, prefix: 16 };
                self.push(Duration::from_secs(1), Side::Tester, event);
            }
            _ => {}
        }
    }

    fn gateway_asks(&mut self, action: SocketAction) {
        let there = self.delay;
        let of_tester = |bench: &Self, wanted: ConnectionId| {
            bench.connections.iter().find(|(_, it)| **it == wanted).map(|(it, _)| *it)
        };
        match action {
            SocketAction::Listen { port } => {
                self.ports.insert(port);
            }
            SocketAction::Unlisten { port } => {
                self.ports.remove(&port);
            }
            SocketAction::Send { connection, data } => {
                if let Some(connection) = of_tester(self, connection) {
                    self.push(there, Side::Tester, SocketEvent::Received { connection, data });
                }
            }
            SocketAction::Close { connection } | SocketAction::Abort { connection } => {
                if let Some(connection) = of_tester(self, connection) {
                    self.connections.remove(&connection);
                    let reason = CloseReason::Reset;
                    self.push(there, Side::Tester, SocketEvent::Closed { connection, reason });
                }
            }
            SocketAction::SendTo { port, peer, data } => {
                let event = SocketEvent::Datagram {
                    local_port: peer.port(),
                    peer: SocketAddrV4::new(CAR, port),
                    data,
                };
                self.push(there, Side::Tester, event);
            }
            SocketAction::StackDown { loss } => self.stack_down(loss),
            SocketAction::StackUp { .. } => {
                let event = SocketEvent::AddressAcquired { address: CAR, prefix: 16 };
                self.push(Duration::from_secs(2), Side::Gateway, event);
            }
            SocketAction::SetLink { up } => {
                self.is_linked = up;
                for side in [Side::Tester, Side::Gateway] {
                    let event = if up { SocketEvent::LinkUp } else { SocketEvent::LinkDown };
                    self.push(there, side, event);
                }
            }
            _ => {}
        }
    }

    fn stack_down(&mut self, loss: StackLoss) {
        self.is_addressed = false;
        self.ports.clear();
        for (connection, _) in std::mem::take(&mut self.connections) {
            if loss != StackLoss::Silent {
                let reason = CloseReason::Reset;
                self.push(self.delay, Side::Tester, SocketEvent::Closed { connection, reason });
            }
        }
    }

    fn end(&self, name: &str) -> EndState {
        let profile = sim_ecus::EcuProfile::named(name).expect("the unit ships with a profile");
        let image = sim_ecus::Image::for_profile(&profile, "8hp", Some(IMAGE_SIZE));
        self.gateway.ecu(name).expect("the vehicle has the unit").end_state(Some(&image))
    }

    fn notes(&self) -> Vec<String> {
        let notes = self.events.iter().filter_map(|(at, event)| match event {
            TesterEvent::Note(text) => Some(format!("{at} {text}")),
            _ => None,
        });
        notes.collect()
    }

    /// Runs until so many blocks have been answered.
    fn run_until_block(&mut self, count: usize) {
        self.run_until(|bench| {
            let blocks = bench.events.iter().filter(|(_, event)| match event {
                TesterEvent::Exchange(exchange) => exchange.name == "transfer-data",
                _ => false,
            });
            blocks.count() >= count
        });
    }
}

fn done(count: usize) -> Vec<(Outcome, Option<String>)> {
    vec![(Outcome::Done, None); count]
}

#[rstest]
#[case::hsfz(Protocol::Hsfz)]
#[case::doip(Protocol::Doip)]
fn a_virgin_gearbox_is_programmed_and_coded(#[case] protocol: Protocol) {
    let mut bench = Bench::new(config(protocol), EXCHANGE, Condition::Virgin);
    assert_eq!(bench.run(), done(7), "{:#?}", bench.notes());
    assert_eq!(bench.end("egs"), EndState::Programmed);
    assert_eq!(bench.gateway.resets(), 0);
    assert!(bench.gateway.ecu("egs").unwrap().fault_memory().is_empty());
}

#[rstest]
#[case::hsfz(Protocol::Hsfz)]
#[case::doip(Protocol::Doip)]
fn a_gateway_reset_in_the_middle_of_a_download_is_survived(#[case] protocol: Protocol) {
    let mut bench = Bench::new(config(protocol), EXCHANGE, Condition::Virgin);
    bench.run_until_block(10);
    let reset = Fault::GatewayReset(ResetOverride::default());
    bench.gateway.handle_fault(bench.now, reset);
    bench.drain();
    assert_eq!(bench.run(), done(7), "{:#?}", bench.notes());
    assert_eq!(bench.end("egs"), EndState::Programmed);
    assert_eq!(bench.gateway.resets(), 1);
}

#[test]
fn a_half_flashed_gearbox_is_saved() {
    let mut bench = Bench::new(config(Protocol::Hsfz), EXCHANGE, Condition::HalfFlashed);
    assert_eq!(bench.run(), done(7), "{:#?}", bench.notes());
    assert_eq!(bench.end("egs"), EndState::Programmed);
}

#[test]
fn a_tester_that_dies_strands_the_gearbox_and_saves_it_after_its_restart() {
    let mut config = config(Protocol::Hsfz);
    config.expected_failures.insert(2, Outcome::Crashed);
    let steps = "[identify, {program: {ecu: egs, image: 8hp}}, identify,\
        {program: {ecu: egs, image: 8hp}}, {code: {ecu: egs}}, {initialise-adaptations: {ecu: egs}}]";
    let mut bench = Bench::new(config, steps, Condition::Virgin);
    bench.run_until_block(5);
    bench.tester.crash(bench.now, Some(Duration::from_secs(30)));
    bench.drain();
    let restarted = bench.now + Duration::from_secs(29);
    bench.run_until(|bench| bench.now >= restarted);
    assert_eq!(bench.end("egs"), EndState::Stranded);
    let outcomes = bench.run();
    assert_eq!(outcomes[1].0, Outcome::Crashed);
    assert_eq!(outcomes[2..], done(4), "{:#?}", bench.notes());
    assert_eq!(bench.end("egs"), EndState::Programmed);
}

#[test]
fn the_gateway_is_programmed_through_itself() {
    let steps = "[identify, {program: {ecu: zgw, image: 8hp}}, {code: {ecu: zgw}}, scan]";
    let mut bench = Bench::new(config(Protocol::Hsfz), steps, Condition::Factory);
    assert_eq!(bench.run(), done(4), "{:#?}", bench.notes());
    assert_eq!(bench.end("zgw"), EndState::Programmed);
    assert!(bench.gateway.resets() >= 2, "{}", bench.gateway.resets());
}

#[test]
fn the_body_controller_takes_the_gateway_along_when_it_resets() {
    let steps = "[identify, {reset: {ecu: bdc}}, {reset: {ecu: zgw}}, {reset: {ecu: dme}}, scan]";
    let mut bench = Bench::new(config(Protocol::Hsfz), steps, Condition::Factory);
    assert_eq!(bench.run(), done(5), "{:#?}", bench.notes());
    assert_eq!(bench.gateway.resets(), 2);
}
