//! Ways from testers to the car: opened, lost, and opened again.

use super::*;
use crate::icom::session::{FromCar, Leg};

impl Firmware {
    /// Notes that the car answers, and opens the ways that wait for it.
    pub(super) fn found(&mut self, now: Instant, address: Ipv4Addr, is_announcement: bool) {
        if self.search.presence() == Presence::Unplugged {
            return;
        }
        let moved = self.search.address().is_some_and(|known| known != address);
        if moved {
            self.lose_car();
        } else if is_announcement {
            self.drop_stale(now);
            self.absolve_doubtful();
        }
        self.close_doubtful();
        if self.search.address() != Some(address) {
            self.search.found(address);
            self.tell(VciEvent::CarFound { address });
        }
        self.timers.cancel(Timer::Search);
        self.timers.cancel(Timer::Verdict);
        self.connect_absent();
    }

    /// Asks the car to accept a tester's way, when the car is there.
    pub(super) fn connect(&mut self, tester: ConnectionId) {
        let Some(address) = self.search.address() else {
            return;
        };
        let connection = ConnectionId(self.legs_opened);
        let Some(session) = self.sessions.get_mut(&tester) else {
            return;
        };
        self.legs_opened += 1;
        session.connect(connection);
        let peer = SocketAddrV4::new(address, session.service.car_port);
        let timeout = self.config.connect_timeout;
        self.legs.insert(connection, tester);
        self.ask(Side::Car, SocketAction::Connect { connection, peer, timeout });
    }

    /// Notes that the car accepted.
    pub(super) fn leg_connected(&mut self, now: Instant, connection: ConnectionId) {
        let Some((tester, session)) = self.session_of(connection) else {
            return;
        };
        match session.connected(now, connection) {
            Some(data) => {
                let until = now + self.config.activation_timeout;
                self.timers.set(Timer::Activation(tester), until);
                self.ask(Side::Car, SocketAction::Send { connection, data });
            }
            None => self.opened(now, tester, connection),
        }
    }

    /// Passes on what the car sends.
    pub(super) fn car_sent(&mut self, now: Instant, connection: ConnectionId, data: Bytes) {
        let Some((tester, session)) = self.session_of(connection) else {
            return;
        };
        match session.car_sent(data) {
            Ok(FromCar::Pass(data)) if data.is_empty() => {}
            Ok(FromCar::Pass(data)) => {
                self.ask(Side::Workshop, SocketAction::Send { connection: tester, data });
            }
            Ok(FromCar::Activated(connection)) => {
                self.timers.cancel(Timer::Activation(tester));
                self.opened(now, tester, connection);
            }
            Ok(FromCar::Refused(_)) => self.activation_failed(now, tester),
            Err(error) => {
                debug!(%error, "car's stream cannot be relayed");
                self.close_tester(tester);
            }
        }
    }

    /// Notes that the car closed, refused or did not answer.
    pub(super) fn leg_closed(&mut self, now: Instant, connection: ConnectionId, why: CloseReason) {
        let Some((tester, session)) = self.session_of(connection) else {
            return;
        };
        let (leg, port) = (session.leg, session.service.port);
        debug!(?why, ?leg, port, "the way to the car closed");
        match leg {
            Leg::Open { .. } => {
                session.leg = Leg::Doubtful;
                self.legs.remove(&connection);
                self.tell(VciEvent::Parted { port });
                self.timers.set(Timer::Verdict, now + self.config.close_verdict);
                self.broadcast_questions();
            }
            Leg::Connecting(_) | Leg::Activating(_) => {
                session.leg = Leg::Absent;
                self.legs.remove(&connection);
                self.timers.cancel(Timer::Activation(tester));
                self.search_again(now);
            }
            Leg::Absent | Leg::Doubtful => {}
        }
    }

    /// Gives up a way on which the car does not activate routing again; another is tried.
    pub(super) fn activation_failed(&mut self, now: Instant, tester: ConnectionId) {
        self.timers.cancel(Timer::Activation(tester));
        let Some(session) = self.sessions.get_mut(&tester) else {
            return;
        };
        let connection = session.leg.connection();
        session.leg = Leg::Absent;
        if let Some(connection) = connection {
            self.legs.remove(&connection);
            self.ask(Side::Car, SocketAction::Abort { connection });
        }
        self.search_again(now);
    }

    /// Decides that a car that closed connections and does not answer is away.
    pub(super) fn give_up_doubtful(&mut self, now: Instant) {
        if self.absolve_doubtful() {
            self.search_again(now);
        }
    }

    /// Keeps testers whose way was closed: the car did so because it went away.
    fn absolve_doubtful(&mut self) -> bool {
        let mut any = false;
        for session in self.sessions.values_mut().filter(|s| s.leg == Leg::Doubtful) {
            session.leg = Leg::Absent;
            any = true;
        }
        any
    }

    /// Takes every way away without telling the testers: the car is not there.
    pub(super) fn lose_car(&mut self) {
        let testers: Vec<ConnectionId> = self.sessions.keys().copied().collect();
        testers.into_iter().for_each(|tester| self.part(tester));
        if self.search.address().is_some() {
            self.tell(VciEvent::CarLost);
        }
    }

    fn part(&mut self, tester: ConnectionId) {
        self.timers.cancel(Timer::Activation(tester));
        let Some(session) = self.sessions.get_mut(&tester) else {
            return;
        };
        let (port, leg) = (session.service.port, session.leg);
        session.leg = Leg::Absent;
        let bytes = session.car_away(self.config.away);
        if let Some(connection) = leg.connection() {
            self.legs.remove(&connection);
            self.ask(Side::Car, SocketAction::Abort { connection });
        }
        if let Leg::Open { .. } = leg {
            self.tell(VciEvent::Parted { port });
        }
        if bytes > 0 {
            let reason = crate::event::DropReason::CarAway;
            self.tell(VciEvent::Dropped { port, bytes, reason });
        }
    }

    /// Takes away ways that are older than a car that has just started.
    fn drop_stale(&mut self, now: Instant) {
        let stale_after = self.config.stale_after;
        let stale = self.sessions.iter().filter(|(_, session)| match session.leg {
            Leg::Open { since, .. } => now - since > stale_after,
            Leg::Absent | Leg::Connecting(_) | Leg::Activating(_) | Leg::Doubtful => false,
        });
        let stale: Vec<ConnectionId> = stale.map(|(tester, _)| *tester).collect();
        stale.into_iter().for_each(|tester| self.part(tester));
    }

    /// Closes testers whose way was closed by a car that is there: it did so on purpose.
    fn close_doubtful(&mut self) {
        let doubtful = self.sessions.iter().filter(|(_, session)| session.leg == Leg::Doubtful);
        let doubtful: Vec<ConnectionId> = doubtful.map(|(tester, _)| *tester).collect();
        doubtful.into_iter().for_each(|tester| self.close_tester(tester));
    }

    fn connect_absent(&mut self) {
        let absent = self.sessions.iter().filter(|(_, session)| session.leg == Leg::Absent);
        let absent: Vec<ConnectionId> = absent.map(|(tester, _)| *tester).collect();
        absent.into_iter().for_each(|tester| self.connect(tester));
    }

    fn opened(&mut self, now: Instant, tester: ConnectionId, connection: ConnectionId) {
        let Some(session) = self.sessions.get_mut(&tester) else {
            return;
        };
        session.open(now, connection);
        let (port, resumed) = (session.service.port, session.was_joined);
        session.was_joined = true;
        for data in session.take_queue() {
            self.ask(Side::Car, SocketAction::Send { connection, data });
        }
        self.tell(VciEvent::Joined { port, resumed });
    }

    fn search_again(&mut self, now: Instant) {
        if let Presence::Found { .. } = self.search.presence() {
            self.search.begin();
            self.tell(VciEvent::CarLost);
        }
        if self.search.presence() != Presence::Unplugged {
            self.timers.set(Timer::Search, now + self.config.search_interval);
        }
    }

    fn session_of(&mut self, connection: ConnectionId) -> Option<(ConnectionId, &mut Session)> {
        let tester = *self.legs.get(&connection)?;
        Some((tester, self.sessions.get_mut(&tester)?))
    }
}
