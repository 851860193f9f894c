//! Routing activation and its codes (`hsfz-and-doip.md` §18).
//!
//! Order of the checks: source address, activation type, socket handler, authentication,
//! confirmation.

use node::ConnectionId;
use tracing::debug;
use wire::doip::{
    ActivationCode, LogicalAddress, Payload, RoutingActivationRequest, RoutingActivationResponse,
};

use super::{Activation, Dispute, Doip, State, Timer};
use crate::desk::Desk;
use crate::entity::Requirement;
use crate::units::Route;

impl Doip {
    /// Takes a routing activation request.
    pub(super) fn activate(
        &mut self,
        connection: ConnectionId,
        request: RoutingActivationRequest,
        desk: &mut Desk,
    ) {
        let tester = request.source;
        let Some(socket) = self.sockets.get(&connection) else { return };
        let active = match socket.state {
            State::Initialized => None,
            State::Deciding { .. } => return,
            State::Activated { tester, .. } => Some(tester),
        };
        if !self.profile.permits(tester.0) {
            return self.refuse(connection, tester, ActivationCode::UnknownSource, desk);
        }
        let number = u8::try_from(request.activation_type.number()).ok();
        let Some(requirement) = number.and_then(|number| self.profile.requirement(number)) else {
            return self.refuse(connection, tester, ActivationCode::UnsupportedType, desk);
        };
        if !self.ready {
            return self.refuse(connection, tester, ActivationCode::NotReady, desk);
        }
        let activation = Activation { tester, requirement };
        match active {
            Some(active) if active != tester => {
                self.refuse(connection, tester, ActivationCode::SourceDiffers, desk);
            }
            Some(_) => self.grant(connection, activation, desk),
            None => {
                self.timers.cancel((connection, Timer::InitialInactivity));
                self.dispute(connection, activation, desk);
            }
        }
    }

    /// Looks again at a newcomer whose way has become free.
    pub(super) fn decide(&mut self, newcomer: ConnectionId, desk: &mut Desk) {
        let Some(socket) = self.sockets.get(&newcomer) else { return };
        if let State::Deciding { activation, .. } = socket.state {
            self.dispute(newcomer, activation, desk);
        }
    }

    /// Answers a newcomer that asked for routing activation.
    pub(super) fn respond(
        &mut self,
        connection: ConnectionId,
        code: ActivationCode,
        desk: &mut Desk,
    ) {
        let Some(socket) = self.sockets.get(&connection) else { return };
        let tester = match socket.state {
            State::Deciding { activation, .. } => activation.tester,
            State::Activated { tester, .. } => tester,
            State::Initialized => return,
        };
        self.say(connection, tester, code, desk);
    }

    /// The socket handler: activates, or finds out first who is alive.
    fn dispute(&mut self, newcomer: ConnectionId, activation: Activation, desk: &mut Desk) {
        let mut rivals = self.sockets.iter();
        let same = |state: &State| match state {
            State::Activated { tester, .. } => *tester == activation.tester,
            State::Initialized | State::Deciding { .. } => false,
        };
        let rival = rivals.find(|(_, socket)| same(&socket.state)).map(|(id, _)| *id);
        let dispute = match rival {
            Some(rival) => Dispute::Source(rival),
            None if self.activated() >= usize::from(self.profile.sockets) => {
                let taken = self
                    .sockets
                    .iter()
                    .filter(|(_, socket)| matches!(socket.state, State::Activated { .. }));
                Dispute::Places(taken.map(|(id, _)| *id).collect())
            }
            None => return self.grant(newcomer, activation, desk),
        };
        let asked: Vec<_> = match &dispute {
            Dispute::Source(rival) => vec![*rival],
            Dispute::Places(taken) => taken.iter().copied().collect(),
        };
        if let Some(socket) = self.sockets.get_mut(&newcomer) {
            socket.state = State::Deciding { activation, dispute };
        }
        for socket in asked {
            self.challenge(socket, desk);
        }
    }

    /// Authentication and confirmation, then routing is active.
    fn grant(&mut self, connection: ConnectionId, activation: Activation, desk: &mut Desk) {
        let Activation { tester, requirement } = activation;
        let code = match requirement {
            Requirement::Open => ActivationCode::Activated,
            Requirement::Confirmed => ActivationCode::ConfirmationRequired,
            Requirement::Authentication => ActivationCode::AuthenticationMissing,
            Requirement::Rejected => ActivationCode::ConfirmationRejected,
            Requirement::Tls => ActivationCode::TlsRequired,
        };
        if !matches!(requirement, Requirement::Open | Requirement::Confirmed) {
            return self.refuse(connection, tester, code, desk);
        }
        let Some(socket) = self.sockets.get_mut(&connection) else { return };
        if !matches!(socket.state, State::Activated { .. }) {
            let channel = desk.units.open(Route::Doip { connection, tester });
            socket.state = State::Activated { tester, channel };
            let until = desk.now + self.profile.general_inactivity;
            self.timers.set((connection, Timer::GeneralInactivity), until);
        }
        self.say(connection, tester, code, desk);
    }

    /// Refuses, and closes the socket unless code and profile let it stay.
    fn refuse(
        &mut self,
        connection: ConnectionId,
        tester: LogicalAddress,
        code: ActivationCode,
        desk: &mut Desk,
    ) {
        self.say(connection, tester, code, desk);
        let stays = match code {
            ActivationCode::NotReady => true,
            ActivationCode::SourceDiffers => self.profile.keep_on_other_source,
            ActivationCode::AuthenticationMissing => self.profile.keep_on_missing_authentication,
            ActivationCode::UnknownSource
            | ActivationCode::NoSocketFree
            | ActivationCode::SourceActiveElsewhere
            | ActivationCode::ConfirmationRejected
            | ActivationCode::UnsupportedType
            | ActivationCode::TlsRequired
            | ActivationCode::Activated
            | ActivationCode::ConfirmationRequired
            | ActivationCode::Other(_) => false,
        };
        if !stays {
            return self.close(connection, desk);
        }
        let Some(socket) = self.sockets.get_mut(&connection) else { return };
        if !matches!(socket.state, State::Activated { .. }) {
            socket.state = State::Initialized;
            self.await_activation(connection, desk);
        }
    }

    fn say(
        &mut self,
        connection: ConnectionId,
        tester: LogicalAddress,
        code: ActivationCode,
        desk: &mut Desk,
    ) {
        debug!(now = %desk.now, ?connection, %tester, %code, "routing activation");
        let entity = LogicalAddress(self.profile.address);
        let response =
            RoutingActivationResponse { tester, entity, code, reserved: [0; 4], oem: None };
        self.send(connection, Payload::RoutingActivationResponse(response), desk);
    }
}
