//! Getting a connection up, and what is left when it goes down.

use std::net::SocketAddrV4;

use node::{ConnectionId, Instant, SocketAction};
use wire::doip::{ActivationCode, Payload};

use super::{Activation, Client, Codec, Fault, Link, Phase, Report, Setback, Timer, doip};
use crate::Protocol;
use crate::tester::discovery;

impl Client {
    pub(super) fn open(&mut self, now: Instant) {
        if self.config.protocol == Protocol::Doip {
            self.link = Link::Asking { tries: 0 };
            self.ask(now);
        } else {
            self.dial(now);
        }
    }

    /// Asks the known address for a vehicle announcement (`hsfz-and-doip.md` §17).
    pub(super) fn ask(&mut self, now: Instant) {
        let (Link::Asking { tries }, Some(peer)) = (self.link, self.peer) else {
            return self.lost(now, Setback::NoAnnouncement);
        };
        if tries >= self.config.timeouts.discovery_rounds {
            return self.lost(now, Setback::NoAnnouncement);
        }
        self.link = Link::Asking { tries: tries + 1 };
        self.timers.set(Timer::Announcement, now + self.config.timeouts.discovery_round);
        self.actions.push_back(SocketAction::SendTo {
            port: self.ask_port,
            peer: SocketAddrV4::new(*peer.ip(), wire::doip::PORT),
            data: doip::to_bytes(Payload::IdentificationRequest),
        });
    }

    pub(super) fn announced(&mut self, now: Instant, from: SocketAddrV4, datagram: &[u8]) {
        let (Link::Asking { .. }, Some(peer)) = (self.link, self.peer) else {
            return;
        };
        if from.ip() == peer.ip() && discovery::read_announcement(from, datagram).is_some() {
            self.timers.cancel(Timer::Announcement);
            self.dial(now);
        }
    }

    pub(super) fn dial(&mut self, now: Instant) {
        let Some(peer) = self.peer else {
            return self.lost(now, Setback::NoAddress);
        };
        let connection = ConnectionId(self.next_connection);
        self.next_connection += 1;
        self.codec = Codec::new(&self.config);
        self.link = Link::Connecting(connection);
        let timeout = self.config.timeouts.connect;
        self.actions.push_back(SocketAction::Connect { connection, peer, timeout });
    }

    pub(super) fn established(&mut self, now: Instant, connection: ConnectionId) {
        match self.config.protocol {
            Protocol::Hsfz => self.up(now, connection),
            Protocol::Doip => self.activate(now, connection, Activation::First),
        }
    }

    pub(super) fn activate(&mut self, now: Instant, connection: ConnectionId, how: Activation) {
        self.link = Link::Activating { connection, tries: 0, how };
        self.ask_activation(now);
    }

    pub(super) fn ask_activation(&mut self, now: Instant) {
        let Link::Activating { connection, tries, how } = self.link else {
            return;
        };
        let Some(data) = self.codec.activation() else {
            return self.up(now, connection);
        };
        self.link = Link::Activating { connection, tries: tries + 1, how };
        self.timers.set(Timer::Activation, now + self.config.timeouts.activation);
        self.actions.push_back(SocketAction::Send { connection, data });
    }

    pub(super) fn activation_missing(&mut self, now: Instant) {
        let Link::Activating { tries, .. } = self.link else {
            return;
        };
        if tries < self.config.timeouts.activation_tries {
            return self.ask_activation(now);
        }
        self.drop_connection();
        self.lost(now, Setback::NoActivation);
    }

    pub(super) fn activated(&mut self, now: Instant, code: ActivationCode) {
        let Link::Activating { connection, .. } = self.link else {
            return;
        };
        if code == ActivationCode::Activated {
            self.timers.cancel(Timer::Activation);
            return self.up(now, connection);
        }
        self.drop_connection();
        self.lost(now, Setback::Activation(code));
    }

    pub(super) fn up(&mut self, now: Instant, connection: ConnectionId) {
        if !self.is_up() {
            self.reports.extend(self.peer.map(Report::Up));
        }
        self.link = Link::Up(connection);
        self.transmit(now);
    }

    /// The connection is gone, or did not come up: one new connection and one resend are left to
    /// a request that was sent once, or was to be sent on a connection that was up.
    pub(super) fn lost(&mut self, now: Instant, why: Setback) {
        let was_up = self.is_up();
        self.set_down();
        if was_up {
            self.reports.push_back(Report::Down(why.clone()));
        }
        let Some(flight) = &mut self.flight else {
            if !was_up {
                self.reports.push_back(Report::SetUpFailed);
            }
            return;
        };
        if was_up && flight.may_be_sent() {
            flight.phase = Phase::Connection;
            return self.open(now);
        }
        let fault = if was_up { Fault::Broken(why) } else { Fault::NoConnection(why) };
        self.finish(now, Err(fault));
    }

    /// Ends the connection without a word about it.
    pub(super) fn abort(&mut self) {
        self.drop_connection();
        self.set_down();
    }

    pub(super) fn drop_connection(&mut self) {
        if let Some(connection) = self.link.connection() {
            self.actions.push_back(SocketAction::Abort { connection });
        }
    }

    pub(super) fn set_down(&mut self) {
        self.link = Link::Down;
        self.keep_alive = None;
        self.timers.clear();
    }
}
