//! A tester host, an ICOM and a car host on two wires without delay.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use bytes::Bytes;
use node::host::{Host, HostConfig, TcpProfile};
use node::{
    AddressPlan, CloseReason, ConnectionId, Instant, Node, PortInput, PortOutput, Seed,
    SocketAction, SocketEvent, StackLoss,
};
use wire::doip::{self, ActivationCode, LogicalAddress, Payload, RoutingActivationResponse};
use wire::hsfz;

use crate::event::VciEvent;
use crate::icom::Icom;
use crate::icom::config::IcomConfig;
use crate::icom::sockets::Sockets;
use crate::vci::Side;

pub const ICOM: Ipv4Addr = Ipv4Addr::new(169, 254, 10, 10);
pub const CAR_MAC: [u8; 6] = [0x02, 0x00, 0x00, 0xBC, 0x00, 0x01];
const TESTER: Ipv4Addr = Ipv4Addr::new(169, 254, 10, 20);
const VIN: [u8; 17] = *b"WBASMTEST00000001";

pub struct Bench {
    pub now: Instant,
    pub icom: Icom,
    pub wakes: u64,
    tester: Host<Sockets>,
    car: Host<Car>,
    connections: u64,
    heard: Vec<SocketEvent>,
    events: Vec<VciEvent>,
    workshop_links: Vec<bool>,
    car_is_plugged: bool,
}

pub fn config() -> IcomConfig {
    let workshop_address = AddressPlan::Static { address: ICOM, prefix: 16, router: None };
    IcomConfig { workshop_address, ..IcomConfig::new(Seed(1)) }
}

pub fn identification() -> Bytes {
    let text = hsfz::Identification { diagnostic_address: 0x10, mac: CAR_MAC, vin: VIN }.to_text();
    hsfz::Message::Identification { text }.to_bytes()
}

fn host<A: Node<In = SocketEvent, Out = SocketAction>>(
    mac: [u8; 6],
    address: AddressPlan,
    app: A,
) -> Host<A> {
    let tcp = TcpProfile::LINUX;
    let name = String::new();
    Host::new(HostConfig { mac, address, tcp, name, mtu: 1500, seed: Seed(7) }, app)
}

impl Bench {
    /// With the car plugged in.
    pub fn new(config: IcomConfig) -> Self {
        let mut bench = Self::without_car(config);
        bench.plug_car();
        bench
    }

    /// With the car beside, never seen.
    pub fn without_car(config: IcomConfig) -> Self {
        let address = AddressPlan::Static { address: TESTER, prefix: 16, router: None };
        let mut bench = Self {
            now: Instant::ZERO,
            icom: Icom::new(config),
            wakes: 0,
            tester: host([2, 0, 0, 0, 0, 9], address, Sockets::default()),
            car: host(CAR_MAC, AddressPlan::DhcpThenLinkLocal, Car::new()),
            connections: 0,
            heard: Vec::new(),
            events: Vec::new(),
            workshop_links: Vec::new(),
            car_is_plugged: false,
        };
        bench.settle();
        bench
    }

    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.settle();
        loop {
            let due =
                [self.icom.poll_timeout(), self.tester.poll_timeout(), self.car.poll_timeout()];
            let Some(at) = due.into_iter().flatten().min().filter(|at| *at <= end) else {
                break;
            };
            assert!(at > self.now, "a deadline stays put");
            self.now = at;
            self.wakes += u64::from(self.icom.poll_timeout() == Some(at));
            self.icom.handle_timeout(at);
            self.tester.handle_timeout(at);
            self.car.handle_timeout(at);
            self.settle();
        }
        self.now = end;
    }

    pub fn ask(&mut self, action: SocketAction) {
        self.tester.with_app(self.now, |app| app.ask(action));
        self.settle();
    }

    pub fn connect(&mut self, port: u16) -> ConnectionId {
        let connection = ConnectionId(self.connections);
        self.connections += 1;
        let timeout = Duration::from_secs(5);
        let peer = SocketAddrV4::new(ICOM, port);
        self.ask(SocketAction::Connect { connection, peer, timeout });
        connection
    }

    pub fn send(&mut self, connection: ConnectionId, data: Bytes) {
        self.ask(SocketAction::Send { connection, data });
    }

    /// Asks by UDP and returns who answered what within a second.
    pub fn question(
        &mut self,
        to: u16,
        address: Ipv4Addr,
        data: Bytes,
    ) -> Vec<(SocketAddrV4, Bytes)> {
        let port = 40_000 + to / 10;
        self.ask(SocketAction::Bind { port });
        self.ask(SocketAction::SendTo { port, peer: SocketAddrV4::new(address, to), data });
        self.run(Duration::from_secs(1));
        let heard = self.heard.iter().filter_map(|event| match event {
            SocketEvent::Datagram { local_port, peer, data } if *local_port == port => {
                Some((*peer, data.clone()))
            }
            _ => None,
        });
        heard.collect()
    }

    pub fn received(&self, of: ConnectionId) -> Vec<u8> {
        let received = self.heard.iter().filter_map(|event| match event {
            SocketEvent::Received { connection, data } if *connection == of => Some(&data[..]),
            _ => None,
        });
        received.flatten().copied().collect()
    }

    pub fn closed(&self, of: ConnectionId) -> Option<CloseReason> {
        self.heard.iter().find_map(|event| match event {
            SocketEvent::Closed { connection, reason } if *connection == of => Some(*reason),
            _ => None,
        })
    }

    pub fn story(&self) -> Vec<VciEvent> {
        self.events.clone()
    }

    pub fn workshop_links(&self) -> Vec<bool> {
        self.workshop_links.clone()
    }

    pub fn car_connections(&self) -> usize {
        self.car.app().connections.len()
    }

    pub fn with_car<R>(&mut self, f: impl FnOnce(&mut Car) -> R) -> R {
        let result = self.car.with_app(self.now, f);
        self.settle();
        result
    }

    pub fn close_car_connections(&mut self) {
        self.with_car(|car| {
            let connections = std::mem::take(&mut car.connections);
            let close = |connection| SocketAction::Close { connection };
            car.actions.extend(connections.into_keys().map(close));
        });
    }

    /// The car's stack goes, then its link for some time, then it boots for some time.
    pub fn reset_car(&mut self, loss: StackLoss, down: Duration, boot: Duration) {
        let now = self.now;
        self.with_car(|car| {
            car.connections.clear();
            car.actions.push(SocketAction::StackDown { loss });
            if !down.is_zero() {
                car.actions.push(SocketAction::SetLink { up: false });
                car.link_at = Some(now + down);
            }
            car.stack_at = Some(now + down + boot);
        });
    }

    pub fn unplug_car(&mut self) {
        self.car_is_plugged = false;
        self.car.handle_input(self.now, PortInput::Link(false));
        self.icom.handle_input(self.now, (Side::Car, PortInput::Link(false)));
        self.settle();
    }

    pub fn plug_car(&mut self) {
        self.car_is_plugged = true;
        self.car.handle_input(self.now, PortInput::Link(true));
        self.icom.handle_input(self.now, (Side::Car, PortInput::Link(true)));
        self.settle();
    }

    pub fn workshop_link(&mut self, up: bool) {
        self.icom.handle_input(self.now, (Side::Workshop, PortInput::Link(up)));
        self.settle();
    }

    fn settle(&mut self) {
        let mut quiet = false;
        while !quiet {
            quiet = true;
            while let Some(output) = self.tester.poll_output() {
                quiet = false;
                self.icom.handle_input(self.now, (Side::Workshop, input(output)));
            }
            while let Some(output) = self.car.poll_output() {
                quiet = false;
                if self.car_is_plugged {
                    self.icom.handle_input(self.now, (Side::Car, input(output)));
                }
            }
            while let Some((side, output)) = self.icom.poll_output() {
                quiet = false;
                match side {
                    Side::Workshop => {
                        if let PortOutput::Link(up) = output {
                            self.workshop_links.push(up);
                        }
                        self.tester.handle_input(self.now, input(output));
                    }
                    Side::Car if self.car_is_plugged => {
                        self.car.handle_input(self.now, input(output));
                    }
                    Side::Car => {}
                }
            }
        }
        let heard = std::iter::from_fn(|| self.tester.app_mut().take_event());
        self.heard.extend(heard);
        self.events.extend(std::iter::from_fn(|| self.icom.poll_event()));
    }
}

fn input(output: PortOutput) -> PortInput {
    match output {
        PortOutput::Frame(frame) => PortInput::Frame(frame),
        PortOutput::Link(up) => PortInput::Link(up),
    }
}

/// A gateway that says who it is, acknowledges, and answers `62` to everything.
pub struct Car {
    pub actions: Vec<SocketAction>,
    pub connections: BTreeMap<ConnectionId, u16>,
    pub activates: bool,
    pub activations: u32,
    link_at: Option<Instant>,
    stack_at: Option<Instant>,
    decoders: BTreeMap<ConnectionId, (hsfz::Decoder, doip::Decoder)>,
    routed: BTreeSet<ConnectionId>,
}

impl Car {
    fn new() -> Self {
        let mut car = Self {
            actions: Vec::new(),
            connections: BTreeMap::new(),
            activates: true,
            activations: 0,
            link_at: None,
            stack_at: None,
            decoders: BTreeMap::new(),
            routed: BTreeSet::new(),
        };
        car.boot();
        car
    }

    fn boot(&mut self) {
        for port in [6811, 13400] {
            self.actions.push(SocketAction::Bind { port });
        }
        for port in [6801, 6811, 13400] {
            self.actions.push(SocketAction::Listen { port });
        }
    }

    fn say(&mut self, port: u16, peer: SocketAddrV4, data: Bytes) {
        self.actions.push(SocketAction::SendTo { port, peer, data });
    }

    fn announcement() -> Bytes {
        let address = LogicalAddress::GATEWAY;
        let announcement = doip::Announcement {
            vin: VIN,
            address,
            eid: CAR_MAC,
            gid: [0; 6],
            further_action: 0,
            sync: Some(0),
        };
        let payload = Payload::Announcement(announcement);
        doip::Message::new(doip::Version::V2019, payload).to_bytes()
    }

    fn received(&mut self, connection: ConnectionId, data: &[u8]) {
        let port = self.connections[&connection];
        let (hsfz, doip) = self.decoders.get_mut(&connection).expect("accepted before");
        let mut answers = Vec::new();
        if port == 13400 {
            doip.feed(data);
            while let Some(message) = doip.next().expect("the ICOM relays whole messages") {
                answers.push(message.payload);
            }
            answers.into_iter().for_each(|payload| self.doip(connection, payload));
        } else {
            hsfz.feed(data);
            while let Some(message) = hsfz.next().expect("the ICOM relays whole messages") {
                let hsfz::Message::Diagnostic { source, target, data } = message else {
                    continue;
                };
                let (first, rest) = data.split_first().expect("a request has a service");
                let answer = Bytes::from([&[first | 0x40], rest].concat());
                let acknowledge = hsfz::Message::Acknowledge { source, target, data };
                let (source, target) = (target, source);
                let answer = hsfz::Message::Diagnostic { source, target, data: answer };
                for message in [acknowledge, answer] {
                    let data = message.to_bytes();
                    self.actions.push(SocketAction::Send { connection, data });
                }
            }
        }
    }

    fn doip(&mut self, connection: ConnectionId, payload: Payload) {
        let answers = match payload {
            Payload::RoutingActivationRequest(request) => {
                self.activations += 1;
                let code = if self.activates {
                    self.routed.insert(connection);
                    ActivationCode::Activated
                } else {
                    ActivationCode::UnknownSource
                };
                vec![Payload::RoutingActivationResponse(RoutingActivationResponse {
                    tester: request.source,
                    entity: LogicalAddress::GATEWAY,
                    code,
                    reserved: [0; 4],
                    oem: None,
                })]
            }
            Payload::Diagnostic { source, target, data } if self.routed.contains(&connection) => {
                let (source, target) = (target, source);
                vec![
                    Payload::DiagnosticAck { source, target, code: 0, echo: Bytes::new() },
                    Payload::Diagnostic { source, target, data },
                ]
            }
            other => panic!("the car does not expect {other:?}"),
        };
        for payload in answers {
            let data = doip::Message::new(doip::Version::V2019, payload).to_bytes();
            self.actions.push(SocketAction::Send { connection, data });
        }
    }
}

impl Node for Car {
    type In = SocketEvent;
    type Out = SocketAction;

    fn handle_input(&mut self, _: Instant, event: SocketEvent) {
        match event {
            SocketEvent::AddressAcquired { .. } => {
                let everyone = |port| SocketAddrV4::new(Ipv4Addr::BROADCAST, port);
                self.say(6811, everyone(7811), identification());
                self.say(13400, everyone(13400), Self::announcement());
            }
            SocketEvent::Datagram { local_port: 6811, peer, data } if data.len() == 6 => {
                self.say(6811, peer, identification());
            }
            SocketEvent::Datagram { local_port: 13400, peer, data } if data.len() == 8 => {
                self.say(13400, peer, Self::announcement());
            }
            SocketEvent::Accepted { connection, local_port, .. } => {
                let doip = doip::Decoder::new(doip::Rules::entity(0x1_0000));
                self.connections.insert(connection, local_port);
                self.decoders.insert(connection, (hsfz::Decoder::new(0x1_0000), doip));
            }
            SocketEvent::Received { connection, data } => self.received(connection, &data),
            SocketEvent::Closed { connection, .. } => {
                self.connections.remove(&connection);
            }
            SocketEvent::Datagram { .. }
            | SocketEvent::LinkUp
            | SocketEvent::LinkDown
            | SocketEvent::AddressLost
            | SocketEvent::Connected { .. } => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.link_at.take_if(|at| *at <= now).is_some() {
            self.actions.push(SocketAction::SetLink { up: true });
        }
        if self.stack_at.take_if(|at| *at <= now).is_some() {
            self.actions.push(SocketAction::StackUp { new_address: false });
            self.boot();
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.link_at.into_iter().chain(self.stack_at).min()
    }

    fn poll_output(&mut self) -> Option<SocketAction> {
        (!self.actions.is_empty()).then(|| self.actions.remove(0))
    }
}
