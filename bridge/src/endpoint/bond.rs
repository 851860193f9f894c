//! What is agreed with one peer, and what passes between.

use bytes::Bytes;
use node::{Duration, Instant};
use tracing::trace;

use crate::config::{self, Carry, EndpointConfig, FRAME_LIMIT};
use crate::endpoint::{Endpoint, Notice, Phase, Timer};
use crate::event::{BridgeEvent, DropReason, Sample};
use crate::meter::Gauge;
use crate::payload::{self, Echo, FRAME_HEADER, HALF_HEADER, Payload};
use crate::reassembly::{Half, Reassembly};
use crate::tunnel::{NotSent, Peer};

/// Samples that are taken at once after pairing, so that the guard has something to judge by.
const SAMPLES_AT_ONCE: u32 = 8;

/// Shortest time between an answer and the next measurement.
const LEAST: Duration = Duration::from_millis(1);

/// What was agreed with one peer; outlives an interruption of the relay.
pub struct Bond {
    /// Its connection.
    pub session: u32,
    /// What it said of itself.
    pub peer: Peer,
    /// When it was last heard.
    pub heard: Instant,
    /// False from an interruption of the relay until both sides are there again.
    pub is_joined: bool,
    sent: u64,
    received: u64,
    bytes_out: u64,
    bytes_in: u64,
    outbound: Gauge,
    inbound: Gauge,
    samples: u32,
    sampled: Instant,
    rtt: Duration,
    jitter: Duration,
    next_half: u16,
    reassembly: Reassembly,
}

impl Bond {
    /// Begins with a peer that has just proven itself.
    pub fn new(session: u32, peer: Peer, now: Instant, config: &EndpointConfig) -> Self {
        Self {
            session,
            peer,
            heard: now,
            is_joined: true,
            sent: 0,
            received: 0,
            bytes_out: 0,
            bytes_in: 0,
            outbound: Gauge::default(),
            inbound: Gauge::default(),
            samples: 0,
            sampled: now,
            rtt: Duration::ZERO,
            jitter: Duration::ZERO,
            next_half: 0,
            reassembly: Reassembly::new(config.reassembly_timeout, config.reassembly_pending),
        }
    }
}

impl Endpoint {
    /// Sends a frame to the peer's LAN.
    pub fn send_frame(&mut self, now: Instant, frame: &[u8]) {
        self.now = now;
        trace!(bytes = frame.len(), %now, "frame out");
        let is_in = self.channel().is_some();
        let Some(bond) = self.bond.as_mut().filter(|_| is_in) else {
            return self.drop_frame(DropReason::NotPaired, frame.len());
        };
        if frame.len() > FRAME_LIMIT {
            return self.drop_frame(DropReason::TooLong, frame.len());
        }
        let (session, number) = (bond.session, bond.next_half);
        bond.bytes_out += frame.len() as u64;
        let result = match bond.peer.carry {
            Carry::Stream => self.tunnel.write(now, session, payload::whole(frame)),
            Carry::Datagram if FRAME_HEADER + frame.len() <= self.tunnel.room(session) => {
                bond.sent += 1;
                self.tunnel.send(now, session, payload::whole(frame))
            }
            Carry::Datagram => {
                bond.next_half = number.wrapping_add(1);
                self.send_halves(now, session, number, frame)
            }
        };
        match result {
            Ok(()) => {}
            Err(NotSent::Full) => self.drop_frame(DropReason::QueueFull, frame.len()),
            Err(NotSent::TooLong) => self.drop_frame(DropReason::TooLong, frame.len()),
            Err(NotSent::Closed) => self.drop_frame(DropReason::NotPaired, frame.len()),
        }
    }

    /// Sends a frame that does not fit into one datagram in two.
    fn send_halves(
        &mut self,
        now: Instant,
        session: u32,
        number: u16,
        frame: &[u8],
    ) -> Result<(), NotSent> {
        let (room, mtu) = (self.tunnel.room(session), self.mtu(session));
        if let Some(mtu) = self.room.miss(mtu) {
            self.tell(BridgeEvent::Room { mtu });
        }
        let (first, second) = frame.split_at(frame.len().div_ceil(2));
        if HALF_HEADER + first.len() > room {
            return Err(NotSent::TooLong);
        }
        if let Some(bond) = &mut self.bond {
            bond.sent += 2;
        }
        let (first, second) = (Bytes::copy_from_slice(first), Bytes::copy_from_slice(second));
        let first = Payload::FirstHalf { number, bytes: first }.encode();
        let second = Payload::SecondHalf { number, bytes: second }.encode();
        self.tunnel.send(now, session, first)?;
        self.tunnel.send(now, session, second)
    }

    /// Returns the longest packet whose frame fits into one datagram of a connection now.
    fn mtu(&self, session: u32) -> u16 {
        config::mtu_within(self.tunnel.path(session))
    }

    /// Sends anything else to the peer; nothing happens while there is none.
    pub fn send(&mut self, now: Instant, payload: &Payload) {
        self.now = now;
        let Some(bond) = &mut self.bond else {
            return;
        };
        bond.sent += 1;
        let sent = self.tunnel.send(now, bond.session, payload.encode());
        trace!(?sent, "payload out");
    }

    /// Confirms a link state, now and with every keep-alive; zero takes it back.
    pub fn confirm_link(&mut self, now: Instant, number: u32) {
        self.link_seen = number;
        if number > 0 {
            self.send(now, &Payload::LinkSeen { number });
        }
    }

    /// Asks the peer how far away it is.
    pub(super) fn probe(&mut self, now: Instant) {
        if let Some(bond) = &self.bond {
            let count = bond.sent + 1;
            self.send(now, &Payload::Probe { sent: now, link: self.link_seen, count });
        }
    }

    /// Takes a payload of a connection.
    pub(super) fn handle_payload(&mut self, now: Instant, session: u32, payload: Bytes) {
        let Some(bond) = self.bond.as_mut().filter(|bond| bond.session == session) else {
            return;
        };
        bond.heard = now;
        bond.received += 1;
        match Payload::decode(payload) {
            Some(Payload::Frame(frame)) => {
                bond.bytes_in += frame.len() as u64;
                self.notices.push_back(Notice::Frame(frame));
            }
            Some(Payload::FirstHalf { number, bytes }) => {
                self.join_halves(now, number, Half::First, bytes);
            }
            Some(Payload::SecondHalf { number, bytes }) => {
                self.join_halves(now, number, Half::Second, bytes);
            }
            Some(Payload::Probe { sent, link, count }) => {
                self.echo(now, sent, count);
                self.notices.push_back(Notice::LinkSeen { number: link });
            }
            Some(Payload::Echo(echo)) => self.sample(now, echo),
            Some(Payload::Link { number, up }) => {
                self.notices.push_back(Notice::Link { number, up });
            }
            Some(Payload::LinkSeen { number }) => {
                self.notices.push_back(Notice::LinkSeen { number });
            }
            None => trace!("payload not understood"),
        }
    }

    fn join_halves(&mut self, now: Instant, number: u16, half: Half, bytes: Bytes) {
        let Some(bond) = &mut self.bond else {
            return;
        };
        let mut lost = Vec::new();
        let frame = bond.reassembly.insert(now, number, half, bytes, &mut lost);
        if let Some(frame) = frame {
            bond.bytes_in += frame.len() as u64;
            self.notices.push_back(Notice::Frame(frame));
        }
        for bytes in lost {
            self.drop_frame(DropReason::HalfMissing, bytes);
        }
    }

    fn echo(&mut self, now: Instant, sent: Instant, expected: u64) {
        let Some(bond) = &self.bond else {
            return;
        };
        let (count, delivered) = match bond.peer.carry {
            Carry::Datagram => (bond.sent + 1, 0),
            Carry::Stream => {
                let (sent, lost) = self.tunnel.packets(bond.session);
                (sent, sent.saturating_sub(lost))
            }
        };
        let echo = Echo { sent, expected, received: bond.received, count, delivered };
        self.send(now, &Payload::Echo(echo));
    }

    /// Takes the answer to a probe: in datagrams the payloads are counted, on a stream, where
    /// nothing is missing in the end, the packets.
    fn sample(&mut self, now: Instant, echo: Echo) {
        let Some(bond) = &mut self.bond else {
            return;
        };
        let (mut outbound, mut inbound) = match bond.peer.carry {
            Carry::Datagram => (
                bond.outbound.advance(echo.expected, echo.received),
                bond.inbound.advance(echo.count, bond.received),
            ),
            Carry::Stream => {
                let (sent, lost) = self.tunnel.packets(bond.session);
                let outbound = bond.outbound.advance(sent, sent.saturating_sub(lost));
                (outbound, bond.inbound.advance(echo.count, echo.delivered))
            }
        };
        (outbound.bytes, inbound.bytes) = (bond.bytes_out, bond.bytes_in);
        (bond.bytes_out, bond.bytes_in) = (0, 0);
        let (rtt, session) = (now - echo.sent, bond.session);
        if bond.samples > 0 {
            // RFC 3550's estimator: a sixteenth of each change counts.
            let change = rtt.abs_diff(bond.rtt);
            bond.jitter = bond.jitter - bond.jitter / 16 + change / 16;
        }
        let span = now - bond.sampled;
        (bond.rtt, bond.sampled) = (rtt, now);
        bond.samples = bond.samples.saturating_add(1);
        let sample = Sample { rtt, jitter: bond.jitter, span, outbound, inbound };
        let wait = match bond.samples {
            ..SAMPLES_AT_ONCE => self.config.keep_alive_retry,
            _ => self.config.keep_alive,
        };
        let news = self.guard.sample(now, &sample);
        let soon = self.guard.wants_more(now).map(|spacing| (echo.sent + spacing).max(now + LEAST));
        let next = soon.unwrap_or(now + wait).min(now + wait);
        if let Phase::Joined { channel, peer, .. } = self.phase {
            self.phase = Phase::Joined { channel, peer, unanswered: 0 };
            self.timers.set(Timer::KeepAlive, next);
        }
        self.tell(BridgeEvent::Sample(sample));
        let mtu = self.mtu(session);
        if let Some(mtu) = self.room.measure(mtu) {
            self.tell(BridgeEvent::Room { mtu });
        }
        if let Some(assessment) = news {
            self.tell(BridgeEvent::Guard(assessment));
        }
    }
}
