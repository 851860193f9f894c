//! HSFZ on the vehicle's port (`hsfz-and-doip.md` part A).
//!
//! * `diagnosis`: requests on TCP 6801, acknowledges, errors.
//! * `alive`: connections that have gone quiet.
//! * `contention`: who yields when connections meet.
//! * `control`: terminal 15 on TCP 6811.
//! * `discovery`: identification on UDP 6811, announcements to UDP 7811.

mod alive;
mod contention;
mod control;
mod diagnosis;
mod discovery;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use node::{ConnectionId, Instant, Seed, SocketAction, Stream, Timers};
use tracing::{debug, trace};
use wire::hsfz::{Address, CONTROL_PORT, DIAGNOSTIC_PORT, Decoder, Identification, Message};

use crate::desk::Desk;
use crate::dialect::Dialect;
use crate::later::Later;
use crate::outbox::Outbox;
use crate::units::UnitAnswer;
use crate::vehicle::{Limits, VehicleProfile};

/// Deadlines of one diagnosis connection (`hsfz-and-doip.md` §9, §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Asks a quiet connection whether its tester is alive.
    Quiet,
    /// Gives up on an alive check.
    AliveWait,
    /// Closes a connection that has been quiet for too long.
    Idle,
}

/// The HSFZ side of a gateway.
#[derive(Debug)]
pub(crate) struct Hsfz {
    dialect: Dialect,
    limits: Limits,
    identification: Identification,
    ignition: bool,
    /// Whether diagnosis is served, or refused because the gateway is starting.
    ready: bool,
    connections: BTreeMap<ConnectionId, Connection>,
    control: BTreeMap<ConnectionId, Decoder>,
    timers: Timers<(ConnectionId, Timer)>,
    later: Later,
    delays: Stream,
}

/// One diagnosis connection.
#[derive(Debug)]
struct Connection {
    decoder: Decoder,
    /// Bytes of a frame that was too long, still to be discarded.
    skip: usize,
    /// Which testers speak on it, and the channels of their answers.
    testers: Vec<(Address, u64)>,
    /// When the tester was last heard.
    heard: Instant,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Finish,
    Reset,
    /// The host has already ended it.
    Gone,
}

impl Hsfz {
    pub(crate) fn new(
        vehicle: &VehicleProfile,
        dialect: Dialect,
        ignition: bool,
        seed: Seed,
    ) -> Self {
        let identification = Identification {
            diagnostic_address: Address::GATEWAY.0,
            mac: vehicle.mac,
            vin: vehicle.vin_bytes(),
        };
        Self {
            dialect,
            limits: vehicle.limits.clone(),
            identification,
            ignition,
            ready: true,
            connections: BTreeMap::new(),
            control: BTreeMap::new(),
            timers: Timers::default(),
            later: Later::new(vehicle.limits.datagrams),
            delays: seed.stream("hsfz/delays"),
        }
    }

    /// Begins to listen; `ready` says whether diagnosis is served already.
    pub(crate) fn listen(&mut self, ready: bool, out: &mut Outbox) {
        self.ready = ready;
        out.push(SocketAction::Listen { port: DIAGNOSTIC_PORT });
        if self.dialect.control_port {
            out.push(SocketAction::Listen { port: CONTROL_PORT });
        }
        out.push(SocketAction::Bind { port: CONTROL_PORT });
    }

    /// Serves diagnosis from now on.
    pub(crate) fn set_ready(&mut self) {
        self.ready = true;
    }

    pub(crate) fn set_ignition(&mut self, on: bool) {
        self.ignition = on;
    }

    /// Forgets every connection: the stack is gone.
    pub(crate) fn stack_gone(&mut self, desk: &mut Desk) {
        for (_, connection) in std::mem::take(&mut self.connections) {
            connection.close_channels(desk);
        }
        self.control.clear();
        self.timers.clear();
        self.later.clear();
    }

    /// Returns whether a TCP port is one of this protocol's.
    pub(crate) fn owns_port(port: u16) -> bool {
        port == DIAGNOSTIC_PORT || port == CONTROL_PORT
    }

    /// Takes a connection that was accepted.
    pub(crate) fn accepted(&mut self, connection: ConnectionId, port: u16, desk: &mut Desk) {
        if port == CONTROL_PORT {
            self.control_accepted(connection, desk);
            return;
        }
        self.make_room(desk);
        let decoder = Decoder::new(self.limits.message);
        let entry = Connection { decoder, skip: 0, testers: Vec::new(), heard: desk.now };
        self.connections.insert(connection, entry);
        self.watch(connection, desk.now);
    }

    /// Takes bytes; false when the connection is not one of this protocol's.
    pub(crate) fn received(
        &mut self,
        connection: ConnectionId,
        data: &Bytes,
        desk: &mut Desk,
    ) -> bool {
        if self.connections.contains_key(&connection) {
            self.diagnosis_received(connection, data, desk);
            return true;
        }
        self.control_received(connection, data, desk)
    }

    /// Notes that a connection is over.
    pub(crate) fn closed(&mut self, connection: ConnectionId, desk: &mut Desk) {
        self.control.remove(&connection);
        self.end(connection, Ending::Gone, desk);
    }

    /// Passes on the answer of a unit.
    pub(crate) fn answer(
        connection: ConnectionId,
        tester: Address,
        answer: UnitAnswer,
        out: &mut Outbox,
    ) {
        let UnitAnswer { source, data, route: _ } = answer;
        let message = Message::Diagnostic { source, target: tester, data };
        out.send(connection, |bytes| message.encode(bytes));
    }

    pub(crate) fn handle_timeout(&mut self, desk: &mut Desk) {
        while let Some((connection, timer)) = self.timers.expire(desk.now) {
            trace!(now = %desk.now, ?connection, ?timer, "expired");
            match timer {
                Timer::Quiet => self.ask_if_alive(connection, desk),
                Timer::AliveWait => self.end(connection, Ending::Finish, desk),
                Timer::Idle => self.close_idle(connection, desk),
            }
        }
        self.later.handle_timeout(desk.now, desk.out);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        [self.timers.next(), self.later.poll_timeout()].into_iter().flatten().min()
    }

    /// Ends a connection and everything that hangs on it.
    fn end(&mut self, connection: ConnectionId, ending: Ending, desk: &mut Desk) {
        let Some(entry) = self.connections.remove(&connection) else { return };
        debug!(now = %desk.now, ?connection, ?ending, "connection ends");
        entry.close_channels(desk);
        for timer in [Timer::Quiet, Timer::AliveWait, Timer::Idle] {
            self.timers.cancel((connection, timer));
        }
        match ending {
            Ending::Finish => desk.out.push(SocketAction::Close { connection }),
            Ending::Reset => desk.out.push(SocketAction::Abort { connection }),
            Ending::Gone => {}
        }
    }
}

impl Connection {
    fn close_channels(&self, desk: &mut Desk) {
        for (_, channel) in &self.testers {
            desk.units.close(desk.now, *channel);
        }
    }
}
