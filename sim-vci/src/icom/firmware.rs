//! What an ICOM does with its two network ports, above TCP/IP.
//!
//! The rule it keeps: a tester's connection is closed only by the tester, by a car that closes it
//! on purpose, or for a message beyond all limits; never because the car is away.

mod legs;
mod services;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::Bytes;
use node::{CloseReason, ConnectionId, Duration, Instant, Node, SocketAction, SocketEvent, Timers};
use tracing::{debug, trace};
use wire::{doip, hsfz};

use crate::event::VciEvent;
use crate::icom::config::IcomConfig;
use crate::icom::dhcp::{self, DhcpServer};
use crate::icom::search::{self, Presence, Search};
use crate::icom::session::{FromTester, Session};
use crate::icom::slp;
use crate::vci::Side;

/// Pause between giving the car an address and asking who it is.
const AFTER_LEASE: Duration = Duration::from_millis(50);

/// UDP port from which the car is asked in DoIP, so that answers are not taken for announcements:
/// those go to 13400 whoever asked.
const DOIP_QUESTION_PORT: u16 = 13_401;

/// UDP ports of the car side.
const HEARD_FROM_CAR: [u16; 5] = [
    dhcp::SERVER_PORT,
    hsfz::CONTROL_PORT,
    hsfz::ANNOUNCEMENT_PORT,
    doip::PORT,
    DOIP_QUESTION_PORT,
];

/// How many events wait for someone who polls them; the oldest give way.
const EVENTS: usize = 1024;

/// The machine between the two hosts of an ICOM.
pub struct Firmware {
    config: IcomConfig,
    dhcp: DhcpServer,
    search: Search,
    workshop_address: Option<Ipv4Addr>,
    voltages: (u32, u32),
    /// By the tester's connection.
    sessions: BTreeMap<ConnectionId, Session>,
    /// From a connection to the car to the tester's.
    legs: BTreeMap<ConnectionId, ConnectionId>,
    legs_opened: u64,
    timers: Timers<Timer>,
    actions: VecDeque<(Side, SocketAction)>,
    events: VecDeque<VciEvent>,
}

/// Deadlines of an ICOM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Asks the car who it is.
    Search,
    /// Decides that a car that closed connections is away.
    Verdict,
    /// Gives up on a car that does not activate routing again.
    Activation(ConnectionId),
}

impl Firmware {
    /// Makes the machine; it first asks for its listening ports.
    pub fn new(config: IcomConfig) -> Self {
        let mut firmware = Self {
            dhcp: DhcpServer::new(config.car_side, config.leases, config.lease_time),
            search: Search::new(),
            workshop_address: None,
            voltages: config.voltages,
            sessions: BTreeMap::new(),
            legs: BTreeMap::new(),
            legs_opened: 0,
            timers: Timers::default(),
            actions: VecDeque::new(),
            events: VecDeque::new(),
            config,
        };
        for port in [slp::PORT, hsfz::CONTROL_PORT, doip::PORT] {
            firmware.ask(Side::Workshop, SocketAction::Bind { port });
        }
        for port in HEARD_FROM_CAR {
            firmware.ask(Side::Car, SocketAction::Bind { port });
        }
        for service in firmware.config.services.clone() {
            firmware.ask(Side::Workshop, SocketAction::Listen { port: service.port });
        }
        firmware
    }

    /// Takes the next event, oldest first.
    pub fn poll_event(&mut self) -> Option<VciEvent> {
        self.events.pop_front()
    }

    /// Notes the voltages at the OBD socket, in millivolts.
    pub fn set_voltages(&mut self, terminal_15: u32, terminal_30: u32) {
        self.voltages = (terminal_15, terminal_30);
    }

    fn handle_workshop(&mut self, event: SocketEvent) {
        match event {
            SocketEvent::AddressAcquired { address, .. } => self.workshop_address = Some(address),
            SocketEvent::AddressLost => self.workshop_address = None,
            SocketEvent::Accepted { connection, local_port, .. } => {
                self.accept(connection, local_port);
            }
            SocketEvent::Received { connection, data } => self.tester_sent(connection, data),
            SocketEvent::Closed { connection, .. } => self.tester_gone(connection),
            SocketEvent::Datagram { local_port, peer, data } => {
                self.answer_workshop(local_port, peer, &data);
            }
            // A workshop side without carrier keeps everything; it opens no connections.
            SocketEvent::LinkUp | SocketEvent::LinkDown | SocketEvent::Connected { .. } => {}
        }
    }

    fn handle_car(&mut self, now: Instant, event: SocketEvent) {
        match event {
            SocketEvent::LinkUp => {
                self.tell(VciEvent::CarLink { up: true });
                self.search.begin();
                self.timers.set(Timer::Search, now + self.config.search_interval);
            }
            SocketEvent::LinkDown => {
                self.tell(VciEvent::CarLink { up: false });
                self.lose_car();
                self.search.unplug();
                self.timers.clear();
            }
            SocketEvent::Connected { connection } => self.leg_connected(now, connection),
            SocketEvent::Received { connection, data } => self.car_sent(now, connection, data),
            SocketEvent::Closed { connection, reason } => self.leg_closed(now, connection, reason),
            SocketEvent::Datagram { local_port, peer, data } => {
                self.hear_car(now, local_port, peer, &data);
            }
            // The car side has a fixed address and no listening ports.
            SocketEvent::AddressAcquired { .. }
            | SocketEvent::AddressLost
            | SocketEvent::Accepted { .. } => {}
        }
    }

    fn accept(&mut self, connection: ConnectionId, local_port: u16) {
        let service = self.config.services.iter().find(|service| service.port == local_port);
        let Some(service) = service.filter(|_| self.sessions.len() < self.config.sessions) else {
            debug!(local_port, "tester turned away");
            return self.ask(Side::Workshop, SocketAction::Abort { connection });
        };
        let session = Session::new(*service, &self.config);
        self.sessions.insert(connection, session);
        self.tell(VciEvent::TesterConnected { port: local_port });
        self.connect(connection);
    }

    fn tester_sent(&mut self, tester: ConnectionId, data: Bytes) {
        let Some(session) = self.sessions.get_mut(&tester) else {
            return;
        };
        let port = session.service.port;
        match session.tester_sent(&self.config, data) {
            Ok(FromTester::Send(connection, data)) => {
                self.ask(Side::Car, SocketAction::Send { connection, data });
            }
            Ok(FromTester::Kept) => {}
            Ok(FromTester::Dropped(bytes, reason)) => {
                self.tell(VciEvent::Dropped { port, bytes, reason });
            }
            Err(error) => {
                debug!(%error, port, "tester's stream cannot be relayed");
                self.ask(Side::Workshop, SocketAction::Abort { connection: tester });
                self.tester_gone(tester);
            }
        }
    }

    fn tester_gone(&mut self, tester: ConnectionId) {
        let Some(session) = self.sessions.remove(&tester) else {
            return;
        };
        self.timers.cancel(Timer::Activation(tester));
        if let Some(connection) = session.leg.connection() {
            self.legs.remove(&connection);
            self.ask(Side::Car, SocketAction::Close { connection });
        }
        self.tell(VciEvent::TesterGone { port: session.service.port });
    }

    /// Closes a tester's connection because the car did.
    fn close_tester(&mut self, tester: ConnectionId) {
        self.ask(Side::Workshop, SocketAction::Close { connection: tester });
        self.tester_gone(tester);
    }

    fn ask(&mut self, side: Side, action: SocketAction) {
        trace!(?side, ?action, "asked");
        self.actions.push_back((side, action));
    }

    fn tell(&mut self, event: VciEvent) {
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

impl Node for Firmware {
    type In = (Side, SocketEvent);
    type Out = (Side, SocketAction);

    fn handle_input(&mut self, now: Instant, (side, event): Self::In) {
        match side {
            Side::Workshop => self.handle_workshop(event),
            Side::Car => self.handle_car(now, event),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.expire(now) {
            trace!(?timer, "expired");
            match timer {
                Timer::Search => self.ask_car(now),
                Timer::Verdict => self.give_up_doubtful(now),
                Timer::Activation(tester) => self.activation_failed(now, tester),
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    fn poll_output(&mut self) -> Option<Self::Out> {
        self.actions.pop_front()
    }
}
