//! DoIP on the vehicle's port (`hsfz-and-doip.md` part B).
//!
//! * `sockets`: the table of TCP_DATA sockets, their timers and alive checks.
//! * `activation`: routing activation and its codes.
//! * `diagnosis`: diagnostic messages and their acknowledges.
//! * `discovery`: everything on UDP.
//!
//! Deliberately absent: TLS on 3496. Activation types that need it get code 07.

mod activation;
mod diagnosis;
mod discovery;
mod sockets;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use node::{ConnectionId, Instant, Seed, SocketAction, Stream, Timers};
use tracing::trace;
use wire::doip::{
    DecodeError, Decoder, LogicalAddress, Message, PORT, Payload, Rules, Side, Version, Versions,
};
use wire::hsfz::Address;

use crate::desk::Desk;
use crate::entity::EntityProfile;
use crate::later::Later;
use crate::outbox::Outbox;
use crate::units::UnitAnswer;
use crate::vehicle::VehicleProfile;

/// Deadlines of one TCP_DATA socket (`hsfz-and-doip.md` §20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Closes a socket that never asks for routing activation.
    InitialInactivity,
    /// Closes, or checks, a socket that has gone quiet.
    GeneralInactivity,
    /// Gives up on an alive check.
    AliveCheck,
}

/// The DoIP side of a gateway.
#[derive(Debug)]
pub(crate) struct Doip {
    profile: EntityProfile,
    rules: Rules,
    vin: [u8; 17],
    eid: [u8; 6],
    /// The gateway unit's own address, which testers know as the entity's.
    gateway: Address,
    /// Whether diagnosis is served, or refused because the gateway is starting.
    ready: bool,
    sockets: BTreeMap<ConnectionId, Socket>,
    timers: Timers<(ConnectionId, Timer)>,
    later: Later,
    delays: Stream,
    /// How many bytes of unfinished messages all sockets may hold together, and do.
    memory: u32,
    held: usize,
}

/// One TCP_DATA socket.
#[derive(Debug)]
struct Socket {
    decoder: Decoder,
    /// The version its tester last used.
    version: Version,
    /// The first byte of the message being read.
    begun: Version,
    state: State,
    /// When anything last went either way.
    active: Instant,
    /// How much its decoder holds of `Doip::held`.
    held: usize,
}

#[derive(Debug)]
enum State {
    /// Waits for routing activation.
    Initialized,
    /// Asked for routing activation; others are being asked whether they are alive.
    Deciding { activation: Activation, dispute: Dispute },
    /// Routing is active.
    Activated { tester: LogicalAddress, channel: u64 },
}

/// A routing activation that passed its first checks.
#[derive(Clone, Copy, Debug)]
struct Activation {
    tester: LogicalAddress,
    requirement: crate::entity::Requirement,
}

/// What stands in the way of a routing activation.
#[derive(Clone, Debug)]
enum Dispute {
    /// Another socket has the same source address.
    Source(ConnectionId),
    /// Every place is taken; these sockets have not shown yet whether they are alive.
    Places(BTreeSet<ConnectionId>),
}

impl Doip {
    pub(crate) fn new(vehicle: &VehicleProfile, gateway: Address, seed: Seed) -> Self {
        let profile = vehicle.doip.clone();
        let versions: Vec<_> = profile.versions.iter().map(|number| Version(*number)).collect();
        let side = if profile.answers_alive_check { Side::Observer } else { Side::Entity };
        let versions = Versions::of(&versions);
        Self {
            rules: Rules { side, versions, limit: profile.data_size, room: u32::MAX },
            vin: vehicle.vin_bytes(),
            eid: vehicle.mac,
            gateway,
            ready: true,
            sockets: BTreeMap::new(),
            timers: Timers::default(),
            later: Later::new(vehicle.limits.datagrams),
            delays: seed.stream("doip/delays"),
            memory: vehicle.limits.memory,
            held: 0,
            profile,
        }
    }

    /// Begins to listen; `ready` says whether diagnosis is served already.
    pub(crate) fn listen(&mut self, ready: bool, out: &mut Outbox) {
        self.ready = ready;
        out.push(SocketAction::Listen { port: PORT });
        out.push(SocketAction::Bind { port: PORT });
    }

    /// Serves diagnosis from now on.
    pub(crate) fn set_ready(&mut self) {
        self.ready = true;
    }

    /// Forgets every socket: the stack is gone.
    pub(crate) fn stack_gone(&mut self, desk: &mut Desk) {
        for socket in std::mem::take(&mut self.sockets).into_values() {
            socket.close_channel(desk);
        }
        self.timers.clear();
        self.later.clear();
        self.held = 0;
    }

    /// Takes bytes; false when the connection is not one of this protocol's.
    pub(crate) fn received(
        &mut self,
        connection: ConnectionId,
        data: &Bytes,
        desk: &mut Desk,
    ) -> bool {
        let Some(socket) = self.sockets.get_mut(&connection) else { return false };
        socket.active = desk.now;
        let others = u32::try_from(self.held - socket.held).unwrap_or(u32::MAX);
        socket.decoder.set_room(self.memory.saturating_sub(others));
        socket.decoder.feed(data);
        loop {
            let Some(socket) = self.sockets.get_mut(&connection) else { return true };
            socket.note_version(data);
            match socket.decoder.next() {
                Ok(Some(message)) => {
                    socket.version = message.version;
                    self.message(connection, message.payload, desk);
                }
                Ok(None) => break,
                Err(error) => {
                    if !matches!(error, DecodeError::IncorrectPattern { .. }) {
                        socket.version = socket.begun;
                    }
                    if let Some(code) = error.header_nack() {
                        self.send(connection, Payload::HeaderNack(code), desk);
                    }
                    if !error.is_recoverable() {
                        self.close(connection, desk);
                    }
                }
            }
        }
        if let Some(socket) = self.sockets.get_mut(&connection) {
            let held = socket.decoder.buffered();
            self.held = self.held - socket.held + held;
            socket.held = held;
        }
        true
    }

    /// Passes on the answer of a unit.
    pub(crate) fn answer(
        &mut self,
        connection: ConnectionId,
        tester: LogicalAddress,
        answer: UnitAnswer,
        desk: &mut Desk,
    ) {
        let source = self.logical(answer.source);
        let data = answer.data;
        self.send(connection, Payload::Diagnostic { source, target: tester, data }, desk);
    }

    pub(crate) fn handle_timeout(&mut self, desk: &mut Desk) {
        while let Some((connection, timer)) = self.timers.expire(desk.now) {
            trace!(now = %desk.now, ?connection, ?timer, "expired");
            match timer {
                Timer::InitialInactivity => self.close(connection, desk),
                Timer::GeneralInactivity => self.inactive(connection, desk),
                Timer::AliveCheck => self.not_alive(connection, desk),
            }
        }
        self.later.handle_timeout(desk.now, desk.out);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        [self.timers.next(), self.later.poll_timeout()].into_iter().flatten().min()
    }

    fn message(&mut self, connection: ConnectionId, payload: Payload, desk: &mut Desk) {
        match payload {
            Payload::RoutingActivationRequest(request) => self.activate(connection, request, desk),
            Payload::AliveCheckResponse { source } => self.alive(connection, source, desk),
            Payload::Diagnostic { source, target, data } => {
                self.diagnostic(connection, source, target, data, desk);
            }
            Payload::AliveCheckRequest => {
                let source = LogicalAddress(self.profile.address);
                self.send(connection, Payload::AliveCheckResponse { source }, desk);
            }
            Payload::HeaderNack(_) => {}
            Payload::IdentificationRequest
            | Payload::IdentificationRequestEid(_)
            | Payload::IdentificationRequestVin(_)
            | Payload::Announcement(_)
            | Payload::RoutingActivationResponse(_)
            | Payload::EntityStatusRequest
            | Payload::EntityStatus(_)
            | Payload::PowerModeRequest
            | Payload::PowerMode(_)
            | Payload::DiagnosticAck { .. }
            | Payload::DiagnosticNack { .. }
            | Payload::Unknown { .. } => {
                let code = wire::doip::HeaderNack::UnknownType;
                self.send(connection, Payload::HeaderNack(code), desk);
            }
        }
    }

    /// Sends on a socket, in the version its tester uses.
    fn send(&mut self, connection: ConnectionId, payload: Payload, desk: &mut Desk) {
        let Some(socket) = self.sockets.get_mut(&connection) else { return };
        socket.active = desk.now;
        let message = Message::new(socket.version, payload);
        desk.out.send(connection, |bytes| message.encode(bytes));
    }

    /// Returns the address by which testers know a unit.
    fn logical(&self, unit: Address) -> LogicalAddress {
        if unit == self.gateway { LogicalAddress(self.profile.address) } else { unit.into() }
    }
}
