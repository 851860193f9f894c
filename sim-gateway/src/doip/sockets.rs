//! The table of TCP_DATA sockets, their timers and alive checks (`hsfz-and-doip.md` §20).

use node::{ConnectionId, SocketAction};
use wire::doip::{ActivationCode, Decoder, LogicalAddress, Payload, Version};

use super::{Dispute, Doip, Socket, State, Timer};
use crate::desk::Desk;
use crate::entity::OnInactivity;

impl Doip {
    /// Takes a connection that was accepted; beyond one more than the limit it is reset.
    pub(crate) fn accepted(&mut self, connection: ConnectionId, desk: &mut Desk) {
        if self.sockets.len() > usize::from(self.profile.sockets) {
            desk.out.push(SocketAction::Abort { connection });
            return;
        }
        let socket = Socket {
            decoder: Decoder::new(self.rules),
            version: Version(self.profile.version),
            begun: Version(self.profile.version),
            state: State::Initialized,
            active: desk.now,
            held: 0,
        };
        self.sockets.insert(connection, socket);
        self.await_activation(connection, desk);
    }

    /// Notes that a connection is over.
    pub(crate) fn closed(&mut self, connection: ConnectionId, desk: &mut Desk) {
        if let Some(state) = self.remove(connection, desk) {
            self.make_way(connection, &state, desk);
        }
    }

    /// Ends a socket with FIN.
    pub(super) fn close(&mut self, connection: ConnectionId, desk: &mut Desk) {
        if let Some(state) = self.remove(connection, desk) {
            desk.out.push(SocketAction::Close { connection });
            self.make_way(connection, &state, desk);
        }
    }

    /// Gives a socket T_TCP_Initial_Inactivity to ask for routing activation.
    pub(super) fn await_activation(&mut self, connection: ConnectionId, desk: &mut Desk) {
        let until = desk.now + self.profile.initial_inactivity;
        self.timers.set((connection, Timer::InitialInactivity), until);
    }

    /// Asks whether the tester on a socket is alive, unless that is being asked.
    pub(super) fn challenge(&mut self, connection: ConnectionId, desk: &mut Desk) {
        let timer = (connection, Timer::AliveCheck);
        if self.timers.deadline(timer).is_none() {
            self.timers.set(timer, desk.now + self.profile.alive_check);
            self.send(connection, Payload::AliveCheckRequest, desk);
        }
    }

    /// Takes an alive check response. One with a foreign address closes the socket.
    pub(super) fn alive(
        &mut self,
        connection: ConnectionId,
        source: LogicalAddress,
        desk: &mut Desk,
    ) {
        let Some(socket) = self.sockets.get(&connection) else { return };
        match socket.state {
            State::Activated { tester, .. } if tester == source => {}
            State::Activated { .. } => return self.close(connection, desk),
            State::Initialized | State::Deciding { .. } => return,
        }
        self.timers.cancel((connection, Timer::AliveCheck));
        for (newcomer, code) in self.refused_by(connection) {
            self.respond(newcomer, code, desk);
            self.close(newcomer, desk);
        }
    }

    /// Frees the place of a socket that did not answer an alive check.
    pub(super) fn not_alive(&mut self, connection: ConnectionId, desk: &mut Desk) {
        self.close(connection, desk);
    }

    /// Acts on a socket, unless something went either way since its timer was set.
    pub(super) fn inactive(&mut self, connection: ConnectionId, desk: &mut Desk) {
        let Some(socket) = self.sockets.get(&connection) else { return };
        let until = socket.active + self.profile.general_inactivity;
        if until > desk.now {
            self.timers.set((connection, Timer::GeneralInactivity), until);
            return;
        }
        match self.profile.on_inactivity {
            OnInactivity::Close => self.close(connection, desk),
            OnInactivity::AliveCheck => {
                let until = desk.now + self.profile.general_inactivity;
                self.timers.set((connection, Timer::GeneralInactivity), until);
                self.challenge(connection, desk);
            }
        }
    }

    /// Returns how many sockets have routing activated.
    pub(super) fn activated(&self) -> usize {
        let is_activated = |socket: &&Socket| matches!(socket.state, State::Activated { .. });
        self.sockets.values().filter(is_activated).count()
    }

    /// Returns the newcomers that are refused because this socket is alive.
    fn refused_by(&mut self, alive: ConnectionId) -> Vec<(ConnectionId, ActivationCode)> {
        let mut refused = Vec::new();
        for (newcomer, socket) in &mut self.sockets {
            let State::Deciding { dispute, .. } = &mut socket.state else { continue };
            match dispute {
                Dispute::Source(rival) if *rival == alive => {
                    refused.push((*newcomer, ActivationCode::SourceActiveElsewhere));
                }
                Dispute::Places(unheard) => {
                    if unheard.remove(&alive) && unheard.is_empty() {
                        refused.push((*newcomer, ActivationCode::NoSocketFree));
                    }
                }
                Dispute::Source(_) => {}
            }
        }
        refused
    }

    /// Takes a socket out of the table, and returns what it was.
    fn remove(&mut self, connection: ConnectionId, desk: &mut Desk) -> Option<State> {
        let socket = self.sockets.remove(&connection)?;
        socket.close_channel(desk);
        self.held -= socket.held;
        for timer in [Timer::InitialInactivity, Timer::GeneralInactivity, Timer::AliveCheck] {
            self.timers.cancel((connection, timer));
        }
        Some(socket.state)
    }

    /// Lets those who waited for the place of a socket that is gone have it, whether or not that
    /// socket had shown that it was alive.
    fn make_way(&mut self, connection: ConnectionId, state: &State, desk: &mut Desk) {
        if !matches!(state, State::Activated { .. }) {
            return;
        }
        let waits = |socket: &Socket| match &socket.state {
            State::Deciding { dispute: Dispute::Source(rival), .. } => *rival == connection,
            State::Deciding { dispute: Dispute::Places(_), .. } => true,
            State::Initialized | State::Activated { .. } => false,
        };
        let newcomers = self.sockets.iter().filter(|(_, socket)| waits(socket));
        for newcomer in newcomers.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.decide(newcomer, desk);
        }
    }
}

impl Socket {
    /// Notes the first byte of the message being read, if it is in this chunk: what the decoder
    /// holds is the end of the stream. When it is not, it was noted with an earlier chunk.
    pub(super) fn note_version(&mut self, chunk: &[u8]) {
        let at = chunk.len().checked_sub(self.decoder.buffered());
        if let Some(byte) = at.and_then(|at| chunk.get(at)) {
            self.begun = Version(*byte);
        }
    }

    pub(super) fn close_channel(&self, desk: &mut Desk) {
        if let State::Activated { channel, .. } = self.state {
            desk.units.close(desk.now, channel);
        }
    }
}
