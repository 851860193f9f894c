//! Diagnostic messages and their acknowledges (`hsfz-and-doip.md` §19).

use bytes::Bytes;
use node::ConnectionId;
use wire::doip::{LogicalAddress, NackCode, Payload};

use super::{Doip, State};
use crate::desk::Desk;
use crate::units::Target;

impl Doip {
    /// Takes a diagnostic message; the acknowledge goes out before any answer.
    pub(super) fn diagnostic(
        &mut self,
        connection: ConnectionId,
        source: LogicalAddress,
        target: LogicalAddress,
        data: Bytes,
        desk: &mut Desk,
    ) {
        let Some(socket) = self.sockets.get(&connection) else { return };
        let channel = match socket.state {
            State::Activated { tester, channel } if tester == source => channel,
            State::Initialized | State::Deciding { .. } | State::Activated { .. } => {
                self.nack(connection, source, target, NackCode::InvalidSource, &data, desk);
                return self.close(connection, desk);
            }
        };
        let functional = self.profile.is_functional(target.0);
        let found = self.find(target, desk);
        if let Some(code) = self.objection(functional, found, data.len(), desk) {
            return self.nack(connection, source, target, code, &data, desk);
        }
        let ack = Payload::DiagnosticAck {
            source: target,
            target: source,
            code: 0x00,
            echo: self.echo(&data),
        };
        self.send(connection, ack, desk);
        match found {
            _ if functional => desk.units.request_all(desk.now, channel, data),
            Target::Unit(unit) => desk.units.request(desk.now, channel, unit, data),
            Target::Silent | Target::Unknown => {}
        }
    }

    /// Returns why a request is not passed on: unknown target, too large, no room, unreachable.
    fn objection(
        &self,
        functional: bool,
        found: Target,
        length: usize,
        desk: &mut Desk,
    ) -> Option<NackCode> {
        if !functional && found == Target::Unknown {
            return Some(NackCode::UnknownTarget);
        }
        if length > usize::try_from(self.profile.request_size).unwrap_or(usize::MAX) {
            return Some(NackCode::TooLarge);
        }
        let room = match found {
            _ if functional => desk.units.has_functional_room(desk.now),
            Target::Unit(unit) => desk.units.has_room(desk.now, unit),
            Target::Silent => return Some(NackCode::from(self.profile.unreachable_code)),
            Target::Unknown => true,
        };
        (!room).then(|| NackCode::from(self.profile.overflow_code))
    }

    fn find(&self, target: LogicalAddress, desk: &Desk) -> Target {
        if target.0 == self.profile.address {
            return desk.units.target(self.gateway.0);
        }
        target.ecu().map_or(Target::Unknown, |unit| desk.units.target(unit.0))
    }

    fn nack(
        &mut self,
        connection: ConnectionId,
        tester: LogicalAddress,
        asked: LogicalAddress,
        code: NackCode,
        data: &Bytes,
        desk: &mut Desk,
    ) {
        let echo = self.echo(data);
        let nack = Payload::DiagnosticNack { source: asked, target: tester, code, echo };
        self.send(connection, nack, desk);
    }

    fn echo(&self, data: &Bytes) -> Bytes {
        data.slice(..data.len().min(self.profile.echo))
    }
}
