//! A world for tests: endpoints and one relay, joined by pipes that lose, repeat and reorder.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use node::{
    Frame, Instant, Node, PortInput, PortOutput, Ratio, Seed, SocketAction, SocketEvent, Stream,
};

use crate::config::{ENDPOINT_PORT, EndpointConfig, RELAY_PORT, RelayConfig};
use crate::event::{BridgeEvent, RelayEvent};
use crate::mechanic::Mechanic;
use crate::message::{Message, OrderNumber};
use crate::relay::Relay;
use crate::secret::Secret;
use crate::technician::Technician;

pub const RELAY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), RELAY_PORT);
pub const TECHNICIAN: u8 = 10;
pub const MECHANIC: u8 = 20;

/// Endpoints by the last number of their address, and the relay.
pub struct Rig {
    pub now: Instant,
    pub technicians: BTreeMap<u8, Technician>,
    pub mechanics: BTreeMap<u8, Mechanic>,
    pub relay: Option<Relay>,
    pub pipe: Pipe,
    pub lan: BTreeMap<u8, Vec<(Instant, PortOutput)>>,
    pub events: BTreeMap<u8, Vec<(Instant, BridgeEvent)>>,
    pub relay_events: Vec<(Instant, RelayEvent)>,
    pub datagrams: u64,
    pub wakes: u64,
    pub longest: usize,
    /// From the last grant that was sent.
    pub channel: u64,
    flight: BTreeMap<(Instant, u64), (SocketAddrV4, SocketEvent)>,
    chance: Stream,
}

/// How the way between every two parties is.
pub struct Pipe {
    pub delay: Duration,
    pub jitter: Duration,
    pub loss: Ratio,
    pub repeat: Ratio,
    /// The address whose datagrams are all lost.
    pub mute: Option<u8>,
    /// Longest datagram that passes, in bytes.
    pub room: usize,
}

pub fn config() -> EndpointConfig {
    let mut config = EndpointConfig::new(RELAY, OrderNumber(4711), "open sesame");
    // What is sent to measure an idle line has tests of its own; others count datagrams.
    config.guard.spacing = None;
    config
}

impl Rig {
    /// One technician, one mechanic, one relay, 10 ms from each other.
    pub fn new(seed: u64) -> Self {
        let mut rig = Self::empty(RelayConfig::default(), seed);
        rig.add_mechanic(MECHANIC, config());
        rig.add_technician(TECHNICIAN, config());
        rig
    }

    /// The same, paired, with the vehicle's link up.
    pub fn paired(seed: u64) -> Self {
        let mut rig = Self::new(seed);
        rig.run(Duration::from_secs(1));
        rig.link(true);
        rig.run(Duration::from_secs(1));
        assert!(rig.technicians[&TECHNICIAN].is_lan_up());
        rig
    }

    pub fn empty(relay: RelayConfig, seed: u64) -> Self {
        let mut rig = Self {
            now: Instant::ZERO,
            technicians: BTreeMap::new(),
            mechanics: BTreeMap::new(),
            relay: Some(Relay::new(relay, &Secret::of_virtual_time(Seed(seed).child("relay")))),
            pipe: Pipe {
                delay: Duration::from_millis(10),
                jitter: Duration::ZERO,
                loss: Ratio::ZERO,
                repeat: Ratio::ZERO,
                mute: None,
                room: usize::MAX,
            },
            lan: BTreeMap::new(),
            events: BTreeMap::new(),
            relay_events: Vec::new(),
            datagrams: 0,
            wakes: 0,
            longest: 0,
            channel: 0,
            flight: BTreeMap::new(),
            chance: Seed(seed).stream("pipe"),
        };
        rig.drain();
        rig
    }

    /// Draws a new program's secret.
    fn secret(&self, at: u8) -> Secret {
        Secret::of_virtual_time(Seed(u64::from(at)).child(&self.now.to_string()))
    }

    pub fn add_technician(&mut self, at: u8, config: EndpointConfig) {
        let secret = self.secret(at);
        self.technicians.insert(at, Technician::new(config, &secret));
        self.acquire(at);
    }

    pub fn add_mechanic(&mut self, at: u8, config: EndpointConfig) {
        let secret = self.secret(at);
        self.mechanics.insert(at, Mechanic::new(config, &secret));
        self.acquire(at);
    }

    pub fn link(&mut self, up: bool) {
        let mechanic = self.mechanics.get_mut(&MECHANIC).expect("the rig has a mechanic");
        mechanic.handle_lan(self.now, PortInput::Link(up));
        self.drain();
    }

    pub fn vehicle_sends(&mut self, frame: &Frame) {
        let mechanic = self.mechanics.get_mut(&MECHANIC).expect("the rig has a mechanic");
        mechanic.handle_lan(self.now, PortInput::Frame(frame.clone()));
        self.drain();
    }

    pub fn tester_sends(&mut self, frame: &Frame) {
        let technician = self.technicians.get_mut(&TECHNICIAN).expect("the rig has a technician");
        technician.handle_lan(self.now, PortInput::Frame(frame.clone()));
        self.drain();
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(at) = self.next().filter(|at| *at <= end) {
            assert!(at >= self.now, "a deadline lies in the past");
            self.now = at;
            while let Some(entry) = self.flight.first_entry().filter(|e| e.key().0 <= at) {
                let (to, event) = entry.remove();
                self.deliver(to, event);
            }
            self.expire();
            assert!(self.next().is_none_or(|next| next > at), "a deadline stayed put");
        }
        self.now = end;
    }

    /// Frames that left a LAN port.
    pub fn frames(&self, at: u8) -> Vec<Frame> {
        let frames = self.lan.get(&at).into_iter().flatten();
        frames
            .filter_map(|(_, output)| match output {
                PortOutput::Frame(frame) => Some(frame.clone()),
                PortOutput::Link(_) => None,
            })
            .collect()
    }

    /// Carrier changes of a LAN port.
    pub fn links(&self, at: u8) -> Vec<bool> {
        let outputs = self.lan.get(&at).into_iter().flatten();
        outputs
            .filter_map(|(_, output)| match output {
                PortOutput::Frame(_) => None,
                PortOutput::Link(up) => Some(*up),
            })
            .collect()
    }

    /// Events of an endpoint that are neither measurements nor lost frames.
    pub fn story(&self, at: u8) -> Vec<BridgeEvent> {
        let events = self.events.get(&at).into_iter().flatten().map(|(_, event)| *event);
        events
            .filter(|event| {
                !matches!(
                    event,
                    BridgeEvent::Sample(_)
                        | BridgeEvent::Room { .. }
                        | BridgeEvent::Guard(_)
                        | BridgeEvent::Dropped { .. }
                )
            })
            .collect()
    }

    /// The longest packets an endpoint told to fit into one datagram, one after the other.
    pub fn room(&self, at: u8) -> Vec<u16> {
        let events = self.events.get(&at).into_iter().flatten();
        events
            .filter_map(|(_, event)| {
                let BridgeEvent::Room { mtu } = event else { return None };
                Some(*mtu)
            })
            .collect()
    }

    pub fn drain(&mut self) {
        let mut actions = Vec::new();
        for (at, technician) in &mut self.technicians {
            let from = SocketAddrV4::new(host(*at), ENDPOINT_PORT);
            actions.extend(std::iter::from_fn(|| technician.poll_output()).map(|a| (from, a)));
            let lan = std::iter::from_fn(|| technician.poll_lan()).map(|o| (self.now, o));
            self.lan.entry(*at).or_default().extend(lan);
            let events = std::iter::from_fn(|| technician.poll_event()).map(|e| (self.now, e));
            self.events.entry(*at).or_default().extend(events);
        }
        for (at, mechanic) in &mut self.mechanics {
            let from = SocketAddrV4::new(host(*at), ENDPOINT_PORT);
            actions.extend(std::iter::from_fn(|| mechanic.poll_output()).map(|a| (from, a)));
            let lan = std::iter::from_fn(|| mechanic.poll_lan()).map(|o| (self.now, o));
            self.lan.entry(*at).or_default().extend(lan);
            let events = std::iter::from_fn(|| mechanic.poll_event()).map(|e| (self.now, e));
            self.events.entry(*at).or_default().extend(events);
        }
        if let Some(relay) = &mut self.relay {
            actions.extend(std::iter::from_fn(|| relay.poll_output()).map(|a| (RELAY, a)));
            let events = std::iter::from_fn(|| relay.poll_event()).map(|e| (self.now, e));
            self.relay_events.extend(events);
        }
        for (from, action) in actions {
            self.carry(from, action);
        }
    }

    fn acquire(&mut self, at: u8) {
        let to = SocketAddrV4::new(host(at), ENDPOINT_PORT);
        self.deliver(to, SocketEvent::AddressAcquired { address: host(at), prefix: 24 });
    }

    fn carry(&mut self, from: SocketAddrV4, action: SocketAction) {
        let (port, peer, data) = match action {
            SocketAction::SendTo { port, peer, data } => (port, peer, data),
            SocketAction::Bind { port } => return assert_eq!(port, from.port()),
            other => panic!("an endpoint only binds and sends: {other:?}"),
        };
        assert_eq!(port, from.port());
        self.datagrams += 1;
        self.longest = self.longest.max(data.len());
        if let Ok(Message::Granted { channel, .. }) = Message::decode(data.clone()) {
            self.channel = channel;
        }
        let is_stopped =
            self.pipe.mute == Some(from.ip().octets()[3]) || data.len() > self.pipe.room;
        if is_stopped || self.chance.chance(self.pipe.loss) {
            return;
        }
        let copies = 1 + u64::from(self.chance.chance(self.pipe.repeat));
        for _ in 0..copies {
            let delay = self.pipe.delay + self.chance.between(Duration::ZERO, self.pipe.jitter);
            let event =
                SocketEvent::Datagram { local_port: peer.port(), peer: from, data: data.clone() };
            self.flight.insert((self.now + delay, self.datagrams * 2 + copies), (peer, event));
        }
    }

    /// Hands an endpoint or the relay something it was not sent.
    pub fn deliver(&mut self, to: SocketAddrV4, event: SocketEvent) {
        let at = to.ip().octets()[3];
        if let (true, Some(relay)) = (to == RELAY, &mut self.relay) {
            relay.handle_input(self.now, event);
        } else if let Some(technician) = self.technicians.get_mut(&at) {
            technician.handle_input(self.now, event);
        } else if let Some(mechanic) = self.mechanics.get_mut(&at) {
            mechanic.handle_input(self.now, event);
        }
        self.drain();
    }

    fn expire(&mut self) {
        let now = self.now;
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        for technician in self.technicians.values_mut().filter(|t| due(t.poll_timeout())) {
            self.wakes += 1;
            technician.handle_timeout(now);
        }
        for mechanic in self.mechanics.values_mut().filter(|m| due(m.poll_timeout())) {
            self.wakes += 1;
            mechanic.handle_timeout(now);
        }
        for relay in self.relay.iter_mut().filter(|r| due(r.poll_timeout())) {
            self.wakes += 1;
            relay.handle_timeout(now);
        }
        self.drain();
    }

    fn next(&self) -> Option<Instant> {
        let flight = self.flight.first_key_value().map(|(key, _)| key.0);
        let technicians = self.technicians.values().filter_map(Node::poll_timeout);
        let mechanics = self.mechanics.values().filter_map(Node::poll_timeout);
        let relay = self.relay.iter().filter_map(Node::poll_timeout);
        technicians.chain(mechanics).chain(relay).chain(flight).min()
    }
}

pub fn host(at: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, at)
}

/// A frame of a given length whose bytes tell its number.
pub fn frame(number: u32, length: usize) -> Frame {
    let number = number.to_be_bytes().into_iter();
    let filler = (0..length).map(|index| (index * 7) as u8);
    number.chain(filler).take(length).collect()
}
