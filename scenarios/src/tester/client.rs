//! One connection to the gateway, as an EDIABAS-like client keeps it.
//!
//! | file | holds |
//! |---|---|
//! | `connection` | getting it up, and what is left when it goes down |
//! | `codec` | what is heard, in either protocol |
//! | `hsfz`, `doip` | how it looks on the wire |
//! | `flight` | one request on its way |
//! | `fault` | why a request has no answer |
//!
//! The client finds no vehicle and repeats nothing beyond its one resend: that is the business of
//! the tester above it.

mod codec;
mod connection;
pub(crate) mod doip;
mod fault;
mod flight;
mod hsfz;

use std::collections::VecDeque;
use std::net::SocketAddrV4;
use std::rc::Rc;

use bytes::Bytes;
use node::{ConnectionId, Instant, SocketAction, SocketEvent, Timers};
use tracing::trace;

use self::codec::{Codec, Heard, Refusal};
pub(crate) use self::fault::{Fault, Setback};
pub(crate) use self::flight::{Answer, Expect, Request};
use self::flight::{Flight, Phase, Verdict};
use super::TesterConfig;
use super::event::{Exchange, latency_name};
use super::timeouts::ErrorWords;
use crate::Protocol;

/// The address that reaches every control unit (`hsfz-and-doip.md` §7, §21).
pub(crate) const FUNCTIONAL: u8 = 0xDF;

/// Keeps the session of whoever hears it, without an answer.
const TESTER_PRESENT: &[u8] = &[0x3E, 0x80];

/// EDIABAS-like clients write in pieces of at most 1400 bytes (`hsfz-and-doip.md` §3).
const PIECE: usize = 1400;

/// One connection to the gateway.
#[derive(Debug)]
pub(crate) struct Client {
    config: Rc<TesterConfig>,
    /// The UDP port the client asks from.
    ask_port: u16,
    codec: Codec,
    peer: Option<SocketAddrV4>,
    link: Link,
    flight: Option<Flight>,
    /// When a keep-alive was sent whose acknowledge is still to come.
    keep_alive: Option<Instant>,
    next_connection: u64,
    timers: Timers<Timer>,
    actions: VecDeque<SocketAction>,
    reports: VecDeque<Report>,
}

/// What the client tells the tester above it.
#[derive(Debug)]
pub(crate) enum Report {
    /// The connection is up; over DoIP routing is activated.
    Up(SocketAddrV4),
    /// The connection is gone.
    Down(Setback),
    /// A connection that was asked for, without a request waiting for it, did not come up.
    SetUpFailed,
    /// An exchange, for the record.
    Exchanged(Exchange),
    /// The request is over.
    Finished(Result<Vec<Answer>, Fault>),
    /// Part of a frame was dropped because its rest came too late.
    PieceDropped,
}

/// How far the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Down,
    /// Asks for a vehicle announcement before it connects (DoIP).
    Asking {
        tries: u32,
    },
    Connecting(ConnectionId),
    /// Waits for routing activation (DoIP).
    Activating {
        connection: ConnectionId,
        tries: u32,
        how: Activation,
    },
    Up(ConnectionId),
    /// Up, but an answer was missing: activation is repeated before the next request (DoIP).
    Doubted(ConnectionId),
}

/// Why routing is activated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activation {
    /// The connection is new.
    First,
    /// Something was missing on a connection that was up.
    Again,
}

/// Deadlines of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Asks again for a vehicle announcement.
    Announcement,
    /// Asks again for routing activation.
    Activation,
    /// Gives up on the acknowledge.
    Acknowledge,
    /// Gives up on the answer, or ends collecting.
    Answer,
    /// Closes after an error word that is heeded.
    Refusal,
}

impl Client {
    pub fn new(config: Rc<TesterConfig>, ask_port: u16) -> Self {
        Self {
            ask_port,
            codec: Codec::new(&config),
            config,
            peer: None,
            link: Link::Down,
            flight: None,
            keep_alive: None,
            next_connection: 0,
            timers: Timers::default(),
            actions: VecDeque::new(),
            reports: VecDeque::new(),
        }
    }

    /// Says where the gateway is. A connection to another place is given up.
    pub fn set_peer(&mut self, peer: SocketAddrV4) {
        if self.peer != Some(peer) {
            self.abort();
            self.peer = Some(peer);
        }
    }

    /// Opens the connection when there is none.
    pub fn connect(&mut self, now: Instant) {
        if self.is_down() {
            self.open(now);
        }
    }

    /// Sends a request, connecting first when need be; ends with [`Report::Finished`].
    pub fn request(&mut self, now: Instant, request: &Request) {
        let frame = self.codec.request(request.target, &request.head, &request.body);
        let uds = frame.slice(self.codec.uds_offset()..);
        self.flight = Some(Flight::new(request, frame, uds));
        match self.link {
            Link::Down => self.open(now),
            Link::Up(_) => self.transmit(now),
            Link::Doubted(connection) => self.activate(now, connection, Activation::Again),
            Link::Asking { .. } | Link::Connecting(_) | Link::Activating { .. } => {}
        }
    }

    /// Sends `3E 80` to all; returns false when there is no connection to send it on.
    pub fn keep_alive(&mut self, now: Instant) -> bool {
        let (Link::Up(connection) | Link::Doubted(connection)) = self.link else {
            return false;
        };
        let data = self.codec.request(FUNCTIONAL, TESTER_PRESENT, &[]);
        self.actions.push_back(SocketAction::Send { connection, data });
        self.keep_alive = Some(now);
        true
    }

    /// Gives up the connection; a request on its way fails without a resend.
    pub fn give_up(&mut self, now: Instant, why: Setback) {
        let (was_up, was_down) = (self.is_up(), self.is_down());
        self.abort();
        if was_up {
            self.reports.push_back(Report::Down(why.clone()));
        }
        if self.flight.is_some() {
            self.finish(now, Err(Fault::Broken(why)));
        } else if !was_up && !was_down {
            self.reports.push_back(Report::SetUpFailed);
        }
    }

    /// Closes the connection in an orderly way; returns whether it was up.
    pub fn close(&mut self) -> bool {
        let was_up = self.is_up();
        if let Some(connection) = self.link.connection() {
            self.actions.push_back(SocketAction::Close { connection });
        }
        self.set_down();
        was_up
    }

    /// Forgets everything but the numbers of connections: the machine beneath is gone.
    pub fn forget(&mut self) {
        let next_connection = self.next_connection;
        *self = Self::new(Rc::clone(&self.config), self.ask_port);
        self.next_connection = next_connection;
    }

    pub fn is_up(&self) -> bool {
        match self.link {
            Link::Up(_) | Link::Doubted(_) => true,
            Link::Activating { how, .. } => how == Activation::Again,
            Link::Down | Link::Asking { .. } | Link::Connecting(_) => false,
        }
    }

    pub fn is_down(&self) -> bool {
        self.link == Link::Down
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub fn poll_action(&mut self) -> Option<SocketAction> {
        self.actions.pop_front()
    }

    pub fn poll_report(&mut self) -> Option<Report> {
        self.reports.pop_front()
    }

    /// Takes what the host says about connections and datagrams; anything else is ignored.
    pub fn handle_event(&mut self, now: Instant, event: &SocketEvent) {
        match event {
            SocketEvent::Connected { connection } if self.link == Link::Connecting(*connection) => {
                self.established(now, *connection);
            }
            SocketEvent::Received { connection, data }
                if self.link.connection() == Some(*connection) =>
            {
                self.received(now, data);
            }
            SocketEvent::Closed { connection, reason }
                if self.link.connection() == Some(*connection) =>
            {
                self.lost(now, (*reason).into());
            }
            SocketEvent::Datagram { peer, data, .. } => self.announced(now, *peer, data),
            SocketEvent::Connected { .. }
            | SocketEvent::Received { .. }
            | SocketEvent::Closed { .. }
            | SocketEvent::LinkUp
            | SocketEvent::LinkDown
            | SocketEvent::AddressAcquired { .. }
            | SocketEvent::AddressLost
            | SocketEvent::Accepted { .. } => {}
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.expire(now) {
            trace!(?timer, "expired");
            match timer {
                Timer::Announcement => self.ask(now),
                Timer::Activation => self.activation_missing(now),
                Timer::Acknowledge => self.acknowledge_missing(now),
                Timer::Answer => self.answer_missing(now),
                Timer::Refusal => self.refusal_heeded(now),
            }
        }
    }

    /// Sends the waiting request, if there is one.
    fn transmit(&mut self, now: Instant) {
        let (Link::Up(connection), Some(flight)) = (self.link, &mut self.flight) else {
            return;
        };
        flight.sent(now);
        let mut rest = flight.frame.clone();
        while !rest.is_empty() {
            let data = rest.split_to(rest.len().min(PIECE));
            self.actions.push_back(SocketAction::Send { connection, data });
        }
        self.timers.cancel(Timer::Answer);
        self.timers.set(Timer::Acknowledge, now + self.acknowledge_wait());
    }

    fn received(&mut self, now: Instant, data: &Bytes) {
        if self.codec.feed(now, data, self.config.timeouts.piece_gap) {
            self.reports.push_back(Report::PieceDropped);
        }
        while let Some(heard) = self.codec.next() {
            match heard {
                Heard::Acknowledge { target, echo } => self.acknowledged(now, target, &echo),
                Heard::Answer { source, data } => self.answered(now, source, &data),
                Heard::Refusal(refusal) => self.refused(now, refusal),
                Heard::Activation(code) => self.activated(now, code),
                Heard::AliveCheck => {
                    let data = self.codec.alive();
                    let connection = self.link.connection();
                    let send = connection.map(|connection| SocketAction::Send { connection, data });
                    self.actions.extend(send);
                }
            }
            if self.link == Link::Down {
                return;
            }
        }
    }

    fn acknowledged(&mut self, now: Instant, target: u8, echo: &[u8]) {
        if let Some(flight) = &mut self.flight
            && flight.phase == Phase::Acknowledge
            && flight.target == target
            && self.codec.is_echo(&flight.uds, echo)
        {
            flight.acknowledged(now);
            self.timers.cancel(Timer::Acknowledge);
            self.timers.cancel(Timer::Refusal);
            match flight.expect {
                Expect::Acknowledge => self.finish(now, Ok(())),
                Expect::Answer | Expect::Answers => self.wait_for_answer(now, Verdict::Ignored),
            }
        } else if target == FUNCTIONAL && self.codec.is_echo(TESTER_PRESENT, echo) {
            let Some(sent) = self.keep_alive.take() else {
                return;
            };
            self.reports.push_back(Report::Exchanged(Exchange {
                name: latency_name(TESTER_PRESENT),
                ecu: FUNCTIONAL,
                functional: true,
                request: Bytes::from_static(TESTER_PRESENT),
                response: None,
                sent,
                latency: now.saturating_since(sent),
                is_measured: true,
                pending: 0,
                resent: false,
            }));
        }
    }

    fn answered(&mut self, now: Instant, source: u8, data: &Bytes) {
        let Some(flight) = &mut self.flight else {
            return;
        };
        let verdict = flight.answered(now, source, data);
        match (verdict, flight.expect) {
            (Verdict::Ignored, _) => {}
            (Verdict::Final, Expect::Answer) => self.finish(now, Ok(())),
            (Verdict::Final, Expect::Answers | Expect::Acknowledge) => {
                let exchange = flight.exchange(now, flight.answers.last());
                self.reports.push_back(Report::Exchanged(exchange));
                self.wait_for_answer(now, verdict);
            }
            (Verdict::Pending, _) => self.wait_for_answer(now, verdict),
        }
    }

    fn wait_for_answer(&mut self, now: Instant, last: Verdict) {
        let Some(flight) = &self.flight else {
            return;
        };
        let (timeouts, interface) = (&self.config.timeouts, self.config.interface);
        let until = match (flight.expect, last) {
            (Expect::Answers, _) => flight.collected_at(&timeouts.collection).unwrap_or(now),
            (Expect::Answer | Expect::Acknowledge, Verdict::Pending) => {
                now + timeouts.next_answer(interface)
            }
            (Expect::Answer | Expect::Acknowledge, Verdict::Ignored | Verdict::Final) => {
                now + timeouts.first_answer(interface)
            }
        };
        self.timers.set(Timer::Answer, until);
    }

    fn refused(&mut self, now: Instant, refusal: Refusal) {
        let Some(flight) = self.flight.as_mut().filter(|it| it.phase == Phase::Acknowledge) else {
            return;
        };
        let may_be_sent = flight.may_be_sent();
        match refusal {
            Refusal::Word { code: wire::hsfz::ErrorCode::OutOfMemory, is_bare } => {
                if is_bare && may_be_sent {
                    self.transmit(now);
                } else {
                    let code = wire::hsfz::ErrorCode::OutOfMemory;
                    self.finish(now, Err(Fault::Word(code)));
                }
            }
            Refusal::Word { code, is_bare: _ } => {
                flight.word = Some(code);
                if let ErrorWords::Heeded(after) = self.config.timeouts.error_words {
                    self.timers.cancel(Timer::Acknowledge);
                    self.timers.set(Timer::Refusal, now + after);
                }
            }
            Refusal::Nack { target, code } if target == flight.target => {
                if let (Link::Up(connection), 0, true) = (self.link, code.number(), may_be_sent) {
                    self.timers.cancel(Timer::Acknowledge);
                    self.activate(now, connection, Activation::Again);
                } else {
                    self.fail_and_close(now, Fault::Nack(code));
                }
            }
            Refusal::Nack { .. } => {}
            Refusal::Header(code) => self.finish(now, Err(Fault::Header(code))),
        }
    }

    fn refusal_heeded(&mut self, now: Instant) {
        let word = self.flight.as_ref().and_then(|flight| flight.word);
        self.fail_and_close(now, word.map_or(Fault::NoAcknowledge, Fault::Word));
    }

    fn acknowledge_missing(&mut self, now: Instant) {
        let Some(flight) = &self.flight else {
            return;
        };
        if !flight.may_be_sent() {
            let fault = flight.word.map_or(Fault::NoAcknowledge, Fault::Word);
            return self.fail_and_close(now, fault);
        }
        match (self.config.protocol, self.link) {
            (Protocol::Doip, Link::Up(connection)) => {
                self.activate(now, connection, Activation::Again);
            }
            (Protocol::Doip | Protocol::Hsfz, _) => {
                self.drop_connection();
                self.lost(now, Setback::NoAcknowledge);
            }
        }
    }

    fn answer_missing(&mut self, now: Instant) {
        let Some(flight) = &self.flight else {
            return;
        };
        if flight.expect == Expect::Answers {
            return self.finish(now, Ok(()));
        }
        if let (Protocol::Doip, Link::Up(connection)) = (self.config.protocol, self.link) {
            self.link = Link::Doubted(connection);
        }
        self.finish(now, Err(Fault::NoAnswer));
    }

    /// Closes the connection and fails the request; the next one opens a new connection.
    fn fail_and_close(&mut self, now: Instant, fault: Fault) {
        self.abort();
        self.reports.push_back(Report::Down(Setback::Refused));
        self.finish(now, Err(fault));
    }

    fn finish(&mut self, now: Instant, result: Result<(), Fault>) {
        for timer in [Timer::Acknowledge, Timer::Answer, Timer::Refusal] {
            self.timers.cancel(timer);
        }
        let Some(flight) = self.flight.take() else {
            return;
        };
        let is_told = flight.expect == Expect::Answers && !flight.answers.is_empty();
        if flight.was_sent() && !is_told {
            let answer = flight.answers.last().filter(|_| result.is_ok());
            self.reports.push_back(Report::Exchanged(flight.exchange(now, answer)));
        }
        self.reports.push_back(Report::Finished(result.map(|()| flight.answers)));
    }

    fn acknowledge_wait(&self) -> std::time::Duration {
        match self.config.protocol {
            Protocol::Hsfz => self.config.timeouts.acknowledge,
            Protocol::Doip => self.config.timeouts.doip_acknowledge,
        }
    }
}

impl Link {
    fn connection(self) -> Option<ConnectionId> {
        match self {
            Self::Down | Self::Asking { .. } => None,
            Self::Connecting(connection)
            | Self::Activating { connection, .. }
            | Self::Up(connection)
            | Self::Doubted(connection) => Some(connection),
        }
    }
}
