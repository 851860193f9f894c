//! Connections that have gone quiet (`hsfz-and-doip.md` §9, §11).

use node::{ConnectionId, Instant};
use wire::hsfz::{Address, AliveBody, Message};

use super::{Ending, Hsfz, Timer};
use crate::desk::Desk;
use crate::dialect::{Alive, AliveReply};

impl Hsfz {
    /// Starts to watch a new connection.
    pub(super) fn watch(&mut self, connection: ConnectionId, now: Instant) {
        if self.dialect.alive != Alive::Off {
            self.timers.set((connection, Timer::Quiet), now + self.dialect.alive_idle);
        }
        if let Some(idle) = self.dialect.idle_close {
            self.timers.set((connection, Timer::Idle), now + idle);
        }
    }

    /// Asks a connection, unless it was heard since its timer was set.
    pub(super) fn ask_if_alive(&mut self, connection: ConnectionId, desk: &mut Desk) {
        let Some(entry) = self.connections.get(&connection) else { return };
        let quiet_until = entry.heard + self.dialect.alive_idle;
        if quiet_until > desk.now {
            self.timers.set((connection, Timer::Quiet), quiet_until);
            return;
        }
        let spoken = entry.testers.first().map(|(tester, _)| *tester);
        let tester = spoken.unwrap_or(Address(self.dialect.testers[0]));
        let long = AliveBody::Vehicle { vin: self.identification.vin };
        let short = AliveBody::short_request(tester);
        let bodies = match self.dialect.alive {
            Alive::Off => vec![],
            Alive::Long => vec![long],
            Alive::Short => vec![short],
            Alive::Both => vec![long, short],
        };
        for body in bodies {
            let message = Message::Alive { body: body.to_bytes() };
            desk.out.send(connection, |bytes| message.encode(bytes));
        }
        self.timers.set((connection, Timer::AliveWait), desk.now + self.dialect.alive_wait);
    }

    /// Notes that a connection was heard; some frames may not count as an answer.
    pub(super) fn heard(&mut self, connection: ConnectionId, counts: bool, now: Instant) {
        if !counts {
            return;
        }
        if let Some(entry) = self.connections.get_mut(&connection) {
            entry.heard = now;
        }
        if self.dialect.alive != Alive::Off
            && self.timers.deadline((connection, Timer::AliveWait)).is_some()
        {
            self.timers.cancel((connection, Timer::AliveWait));
            self.timers.set((connection, Timer::Quiet), now + self.dialect.alive_idle);
        }
    }

    /// Returns whether a message counts as a sign of life.
    pub(super) fn is_sign_of_life(&self, message: &Message) -> bool {
        match self.dialect.alive_reply {
            AliveReply::Either => true,
            AliveReply::Strict => !matches!(message, Message::StatusInquiry { .. }),
        }
    }

    /// Closes a connection, unless it was heard since its timer was set.
    pub(super) fn close_idle(&mut self, connection: ConnectionId, desk: &mut Desk) {
        let (Some(entry), Some(idle)) =
            (self.connections.get(&connection), self.dialect.idle_close)
        else {
            return;
        };
        if entry.heard + idle > desk.now {
            self.timers.set((connection, Timer::Idle), entry.heard + idle);
        } else {
            self.end(connection, Ending::Finish, desk);
        }
    }
}
