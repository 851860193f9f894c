//! Which packet belongs to which connection.

use bytes::Bytes;
use node::{Duration, Instant};
use tracing::{debug, info};

use crate::endpoint::bond::Bond;
use crate::endpoint::{Endpoint, Notice, Phase, Timer};
use crate::event::BridgeEvent;
use crate::message::{Message, Role, WRAPPED_HEADER};
use crate::tunnel::{Peer, Said};

/// How many callers a mechanic remembers.
const LANES: usize = 16;

/// How many callers in a row may prove nothing before the user is told.
const IN_VAIN: u32 = 4;

/// Time between two admissions the relay has not confirmed.
const ADMIT_AGAIN: Duration = Duration::from_millis(200);

/// The way of one connection through the relay.
#[derive(Clone, Copy, Debug)]
pub struct Lane {
    /// The connection's number at the tunnel.
    pub session: u32,
    /// The caller's number at the relay; zero on the technician's side.
    candidate: u32,
    /// The caller's own number.
    instance: u64,
}

impl Endpoint {
    /// Calls the mechanic, unless that was done.
    pub(super) fn call(&mut self, now: Instant) {
        if self.role == Role::Mechanic || !self.lanes.is_empty() {
            return;
        }
        let session = self.number_session();
        if self.tunnel.connect(now, session) {
            self.lanes.push(Lane { session, candidate: 0, instance: self.instance });
        }
    }

    /// Takes a packet that came as it is.
    pub(super) fn handle_packet(&mut self, now: Instant, packet: Bytes) {
        let session = match self.role {
            Role::Technician => self.lanes.first().map(|lane| lane.session),
            Role::Mechanic => self.bond.as_ref().map(|bond| bond.session),
        };
        if let (Some(session), Phase::Joined { .. }) = (session, self.phase) {
            self.tunnel.handle(now, session, packet, false);
            self.hear_tunnel(now);
        } else if let Phase::Waiting { unanswered: 0, .. } = self.phase {
            // Someone is there of whom the relay's word was lost.
            self.keep_alive(now);
        }
    }

    /// Takes a caller's packet.
    pub(super) fn handle_wrapped(
        &mut self,
        now: Instant,
        candidate: u32,
        instance: u64,
        packet: Bytes,
    ) {
        if self.role == Role::Technician || self.channel().is_none() {
            return;
        }
        let Some(session) = self.lane_of(now, candidate, instance) else {
            return debug!(candidate, "caller not heard");
        };
        self.tunnel.handle(now, session, packet, true);
        self.hear_tunnel(now);
        let is_bonded = self.bond.as_ref().is_some_and(|bond| bond.session == session);
        if is_bonded && self.timers.deadline(Timer::Admit).is_none() {
            self.admit(now);
        }
    }

    /// Finds the connection of a caller, or begins to keep one.
    fn lane_of(&mut self, now: Instant, candidate: u32, instance: u64) -> Option<u32> {
        // A caller that comes back after the relay forgot everything has another number there.
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.instance == instance) {
            lane.candidate = candidate;
            return Some(lane.session);
        }
        let tunnel = &self.tunnel;
        self.lanes.retain(|lane| tunnel.is_open(lane.session));
        if self.lanes.len() >= LANES || !self.guesses.are_taken(now) {
            return None;
        }
        let session = self.number_session();
        self.lanes.push(Lane { session, candidate, instance });
        Some(session)
    }

    fn number_session(&mut self) -> u32 {
        let session = self.next_session;
        self.next_session = session.wrapping_add(1);
        session
    }

    /// Acts on what the tunnel has to say.
    pub(super) fn hear_tunnel(&mut self, now: Instant) {
        while let Some((session, said)) = self.tunnel.poll_event() {
            let Some(lane) = self.lanes.iter().find(|lane| lane.session == session).copied() else {
                continue;
            };
            match said {
                Said::Payload(payload) => self.handle_payload(now, session, payload),
                Said::Proven(peer) => self.proven(now, lane, peer),
                Said::Wrong => self.wrong(now, lane),
                Said::Over => self.over(now, lane),
            }
        }
    }

    fn proven(&mut self, now: Instant, lane: Lane, peer: Peer) {
        let known = self.bond.take();
        if let Some(known) = &known {
            let old = known.session;
            self.tunnel.close(now, old);
            self.lanes.retain(|lane| lane.session != old);
        }
        let resumed = known.as_ref().is_some_and(|known| known.peer.program == peer.program);
        info!(role = ?self.role, resumed, "paired");
        self.bond = Some(Bond::new(lane.session, peer, now, &self.config));
        self.room.search();
        self.passcodes_refused = 0;
        self.guesses.right();
        self.in_vain = 0;
        self.timers.set(Timer::PeerLost, now + self.config.peer_timeout);
        if known.is_some() && !resumed {
            self.tell(BridgeEvent::PeerReplaced);
        }
        if !resumed {
            self.link_seen = 0;
        }
        self.tell(BridgeEvent::Paired { resumed });
        if !resumed {
            self.notices.push_back(Notice::Bonded);
        }
        self.admit(now);
        self.keep_alive(now);
    }

    fn wrong(&mut self, now: Instant, lane: Lane) {
        self.lanes.retain(|other| other.session != lane.session);
        match self.role {
            Role::Technician => self.passcode_refused(now, Duration::ZERO),
            Role::Mechanic => {
                info!(candidate = lane.candidate, "wrong passcode");
                self.guesses.wrong(now);
                self.tell(BridgeEvent::WrongPasscode);
                self.reject(lane.candidate, true);
            }
        }
    }

    fn over(&mut self, now: Instant, lane: Lane) {
        self.lanes.retain(|other| other.session != lane.session);
        let is_bonded = self.bond.as_ref().is_some_and(|bond| bond.session == lane.session);
        if is_bonded {
            self.tell(BridgeEvent::PeerLeft);
            self.part();
        }
        match self.role {
            Role::Technician => self.register_later(now),
            Role::Mechanic => {
                self.reject(lane.candidate, false);
                if !is_bonded {
                    self.called_in_vain();
                }
            }
        }
    }

    /// Takes the relay's word that a caller is not there any more.
    pub(super) fn caller_gone(&mut self, now: Instant, candidate: u32) {
        self.now = now;
        let bonded = self.bond.as_ref().map(|bond| bond.session);
        let is_it = |lane: &&Lane| lane.candidate == candidate && Some(lane.session) != bonded;
        let Some(session) = self.lanes.iter().find(is_it).map(|lane| lane.session) else {
            return;
        };
        if self.role == Role::Mechanic {
            self.tunnel.abandon(session);
            self.lanes.retain(|lane| lane.session != session);
            self.called_in_vain();
        }
    }

    /// Counts callers that proved nothing, and tells each time they have become twice as many.
    fn called_in_vain(&mut self) {
        self.in_vain = self.in_vain.saturating_add(1);
        if self.in_vain >= IN_VAIN && self.in_vain.is_power_of_two() {
            self.tell(BridgeEvent::CalledInVain { callers: self.in_vain });
        }
    }

    fn reject(&mut self, candidate: u32, wrong: bool) {
        self.flush();
        if let Some(channel) = self.channel() {
            self.say(&Message::Reject { channel, candidate, wrong });
        }
    }

    /// Tells the relay who the technician is, until it has understood.
    pub(super) fn admit(&mut self, now: Instant) {
        let Some((channel, candidate)) = self.unadmitted() else {
            return self.timers.cancel(Timer::Admit);
        };
        self.say(&Message::Admit { channel, candidate });
        self.timers.set(Timer::Admit, now + ADMIT_AGAIN);
    }

    /// Returns the bonded technician while the relay has not confirmed it.
    fn unadmitted(&self) -> Option<(u64, u32)> {
        let (channel, peer) = match self.phase {
            Phase::Waiting { channel, .. } => (channel, 0),
            Phase::Joined { channel, peer, .. } => (channel, peer),
            Phase::Offline
            | Phase::Greeting { .. }
            | Phase::Proving { .. }
            | Phase::Refused { .. }
            | Phase::Ended => return None,
        };
        let session = self.bond.as_ref()?.session;
        let lane = self.lanes.iter().find(|lane| lane.session == session)?;
        let is_new = self.role == Role::Mechanic && lane.candidate != peer;
        is_new.then_some((channel, lane.candidate))
    }

    /// Ends what was agreed with the peer.
    pub(super) fn part(&mut self) {
        self.timers.cancel(Timer::PeerLost);
        self.timers.cancel(Timer::Admit);
        if let Some(bond) = self.bond.take() {
            self.tunnel.close(self.now, bond.session);
            self.lanes.retain(|lane| lane.session != bond.session);
            self.notices.push_back(Notice::Parted);
            self.guard.forget();
        }
    }

    /// Hands the tunnel's packets to the relay.
    pub(super) fn flush(&mut self) {
        while let Some((session, packet)) = self.tunnel.poll_packet() {
            let peer = match self.phase {
                Phase::Waiting { .. } => 0,
                Phase::Joined { peer, .. } => peer,
                Phase::Offline
                | Phase::Greeting { .. }
                | Phase::Proving { .. }
                | Phase::Refused { .. }
                | Phase::Ended => continue,
            };
            if self.role == Role::Technician {
                self.transmit(packet);
                continue;
            }
            let lane = self.lanes.iter().find(|lane| lane.session == session).copied();
            let is_admitted = lane.is_some_and(|lane| lane.candidate == peer && peer != 0);
            match lane {
                Some(_) if is_admitted => self.transmit(packet),
                Some(Lane { candidate, instance, .. })
                    if packet.len() + WRAPPED_HEADER <= usize::from(self.config.datagram_limit) =>
                {
                    self.say(&Message::Wrapped { candidate, instance, packet });
                }
                Some(_) | None => {}
            }
        }
    }
}
