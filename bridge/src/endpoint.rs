//! What technician and mechanic have in common: getting into the order and staying in it.

use std::collections::VecDeque;

use bytes::Bytes;
use node::{Frame, Instant, SocketAction, SocketEvent, Timers};
use tracing::{debug, info, trace};

use crate::config::{EndpointConfig, FRAME_LIMIT};
use crate::event::{BridgeEvent, DropReason, EndReason};
use crate::message::{DATA_HEADER, Message, Role, data_channel, put_data_header};
use crate::meter::{Gauge, Meter};
use crate::payload::{FramePart, PAYLOAD_HEADER, Payload};
use crate::reassembly::Reassembly;
use crate::secret::Secret;
use crate::tunnel::Tunnel;

mod inbound;
mod registration;

/// Pings a relay may leave unanswered before the endpoint registers anew.
const PINGS_UNANSWERED: u32 = 5;

/// How many events wait for someone who polls them; the oldest give way.
const EVENTS: usize = 1024;

/// The part of an endpoint that faces the relay.
pub struct Endpoint<T> {
    config: EndpointConfig,
    role: Role,
    instance: u64,
    phase: Phase,
    bond: Option<Bond>,
    tunnel: T,
    timers: Timers<Timer>,
    next_sequence: u32,
    link_seen: u32,
    pings: u32,
    passcodes_refused: u32,
    halves_lost: Vec<usize>,
    actions: VecDeque<SocketAction>,
    events: VecDeque<BridgeEvent>,
}

/// Where the endpoint stands with the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// There is no address to speak from.
    Offline,
    /// Asked for a challenge, so many times in a row.
    Greeting { attempt: u32 },
    /// Answered the challenge.
    Proving { attempt: u32 },
    /// Was refused, and will ask again.
    Refused { attempt: u32 },
    /// In the order, alone.
    Waiting { channel: u64, unanswered: u32 },
    /// In the order, with the peer.
    Paired { channel: u64, unanswered: u32 },
    /// Gave up.
    Ended,
}

/// What was agreed with one peer; outlives an interruption of the relay.
struct Bond {
    peer: u64,
    heard: Instant,
    inbound: Meter,
    inbound_gauge: Gauge,
    outbound_gauge: Gauge,
    reassembly: Reassembly,
}

/// Deadlines of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Registers again.
    Register,
    /// Asks the peer, or while there is none the relay, whether it is there.
    KeepAlive,
    /// Looks whether the peer has been silent for too long.
    PeerLost,
}

/// What the endpoint's owner must act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A peer is there that was not before; whatever was agreed with another is void.
    Bonded,
    /// The peer is gone.
    Parted,
    /// A frame from the peer's LAN.
    Frame(Frame),
    /// The vehicle side's link state.
    Link {
        /// Counts the changes.
        number: u32,
        /// Whether there is carrier.
        up: bool,
    },
    /// The peer has seen this link state and no newer one.
    LinkSeen {
        /// Counts the changes; zero when it has seen none.
        number: u32,
    },
}

impl<T: Tunnel> Endpoint<T> {
    /// Makes an endpoint that registers as soon as it has an address.
    pub fn new(config: EndpointConfig, role: Role, tunnel: T, secret: Secret) -> Self {
        let instance = secret.source("bridge/instance").number().max(1);
        let actions = VecDeque::from([SocketAction::Bind { port: config.local_port }]);
        Self {
            config,
            role,
            instance,
            phase: Phase::Offline,
            bond: None,
            tunnel,
            timers: Timers::default(),
            next_sequence: 1,
            link_seen: 0,
            pings: 0,
            passcodes_refused: 0,
            halves_lost: Vec::new(),
            actions,
            events: VecDeque::new(),
        }
    }

    /// Takes what the host beneath says.
    pub fn handle_event(&mut self, now: Instant, event: SocketEvent) -> Option<Notice> {
        match event {
            SocketEvent::Datagram { local_port, peer, data }
                if local_port == self.config.local_port && peer == self.config.relay =>
            {
                self.handle_datagram(now, data)
            }
            SocketEvent::AddressAcquired { .. } => {
                if self.phase != Phase::Ended {
                    self.greet(now, 0);
                }
                None
            }
            // An endpoint has no connections, and without link or address it finds out by silence.
            SocketEvent::Datagram { .. }
            | SocketEvent::LinkUp
            | SocketEvent::LinkDown
            | SocketEvent::AddressLost
            | SocketEvent::Accepted { .. }
            | SocketEvent::Connected { .. }
            | SocketEvent::Received { .. }
            | SocketEvent::Closed { .. } => None,
        }
    }

    /// Lets every deadline that is due expire.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Notice> {
        let mut notice = None;
        while let Some(timer) = self.timers.expire(now) {
            trace!(?timer, role = ?self.role, "expired");
            match timer {
                Timer::Register => {
                    let attempt = match self.phase {
                        Phase::Greeting { attempt }
                        | Phase::Proving { attempt }
                        | Phase::Refused { attempt } => attempt.saturating_add(1),
                        Phase::Offline
                        | Phase::Waiting { .. }
                        | Phase::Paired { .. }
                        | Phase::Ended => 0,
                    };
                    self.greet(now, attempt);
                }
                Timer::KeepAlive => self.keep_alive(now),
                Timer::PeerLost => notice = notice.or(self.check_peer(now)),
            }
        }
        notice
    }

    /// Sends a frame to the peer's LAN.
    pub fn send_frame(&mut self, now: Instant, frame: &[u8]) {
        trace!(bytes = frame.len(), %now, "frame out");
        let room = usize::from(self.config.datagram_limit).saturating_sub(self.overhead());
        if !matches!(self.phase, Phase::Paired { .. }) {
            return self.drop_frame(DropReason::NotPaired, frame.len());
        }
        if frame.len() <= room {
            return self.send_part(FramePart::Whole, frame);
        }
        if frame.len() > FRAME_LIMIT.min(2 * room) {
            return self.drop_frame(DropReason::TooLong, frame.len());
        }
        let (first, second) = frame.split_at(frame.len().div_ceil(2));
        self.send_part(FramePart::First, first);
        self.send_part(FramePart::Second, second);
    }

    /// Sends anything else to the peer; nothing happens while there is none.
    pub fn send(&mut self, payload: &Payload) {
        let Some((channel, sequence)) = self.next_sequence() else {
            return;
        };
        let (head, body) = payload.encode(sequence);
        self.send_sealed(channel, &head, &body);
    }

    /// Leaves the order for good.
    pub fn leave(&mut self) -> Option<Notice> {
        if let Phase::Waiting { channel, .. } | Phase::Paired { channel, .. } = self.phase {
            self.say(&Message::Leave { channel });
        }
        self.end(EndReason::Left)
    }

    /// Confirms a link state, now and with every keep-alive; zero takes it back.
    pub fn confirm_link(&mut self, number: u32) {
        self.link_seen = number;
        if number > 0 {
            self.send(&Payload::LinkSeen { number });
        }
    }

    /// Returns true from pairing until the peer is lost, interruptions of the relay included.
    pub fn is_bonded(&self) -> bool {
        self.bond.is_some()
    }

    /// Returns true while both sides of the order are there.
    pub fn is_paired(&self) -> bool {
        matches!(self.phase, Phase::Paired { .. })
    }

    /// Returns the next deadline.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Takes the next thing to ask of the host beneath.
    pub fn poll_action(&mut self) -> Option<SocketAction> {
        self.actions.pop_front()
    }

    /// Takes the next event.
    pub fn poll_event(&mut self) -> Option<BridgeEvent> {
        self.events.pop_front()
    }

    /// Notes an event.
    pub fn tell(&mut self, event: BridgeEvent) {
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// Notes that a frame was not carried.
    pub fn drop_frame(&mut self, reason: DropReason, bytes: usize) {
        debug!(?reason, bytes, role = ?self.role, "frame dropped");
        self.tell(BridgeEvent::Dropped { reason, bytes });
    }

    fn handle_datagram(&mut self, now: Instant, data: Bytes) -> Option<Notice> {
        if let Some(channel) = data_channel(&data) {
            return self.handle_data(now, channel, data);
        }
        let message = match Message::decode(data) {
            Ok(message) => message,
            Err(error) => {
                debug!(%error, "datagram from the relay ignored");
                return None;
            }
        };
        match message {
            Message::Challenge { instance, cookie } if instance == self.instance => {
                self.prove(now, cookie);
                None
            }
            Message::Granted { instance, channel, peer } if instance == self.instance => {
                self.granted(now, channel, peer)
            }
            Message::Refused { instance, reason, retry } if instance == self.instance => {
                self.refused(now, reason, retry)
            }
            Message::Pong { channel, peer, .. } if self.channel() == Some(channel) => {
                self.granted(now, channel, peer)
            }
            Message::Unknown { channel } if self.channel() == Some(channel) => {
                info!(role = ?self.role, "relay forgot this side");
                self.tell(BridgeEvent::RelayForgot);
                self.greet(now, 0);
                None
            }
            Message::Left { channel } if self.channel() == Some(channel) => {
                self.tell(BridgeEvent::PeerLeft);
                self.greet(now, 0);
                self.part()
            }
            Message::Challenge { .. }
            | Message::Granted { .. }
            | Message::Refused { .. }
            | Message::Pong { .. }
            | Message::Unknown { .. }
            | Message::Left { .. }
            | Message::Data { .. } => None,
            Message::Hello { .. }
            | Message::Open { .. }
            | Message::Join { .. }
            | Message::Ping { .. }
            | Message::Leave { .. } => {
                debug!(?message, "relay spoke as an endpoint");
                None
            }
        }
    }

    fn keep_alive(&mut self, now: Instant) {
        match self.phase {
            Phase::Waiting { unanswered: PINGS_UNANSWERED.., .. } => return self.greet(now, 0),
            Phase::Waiting { channel, unanswered } => {
                self.phase = Phase::Waiting { channel, unanswered: unanswered + 1 };
                self.ping(channel);
            }
            Phase::Paired { channel, unanswered } => {
                self.phase = Phase::Paired { channel, unanswered: unanswered.saturating_add(1) };
                self.send(&Payload::Probe { sent: now, link: self.link_seen });
                if unanswered > 0 {
                    self.ping(channel);
                }
            }
            Phase::Offline
            | Phase::Greeting { .. }
            | Phase::Proving { .. }
            | Phase::Refused { .. }
            | Phase::Ended => return,
        }
        self.timers.set(Timer::KeepAlive, now + self.config.keep_alive_retry);
    }

    fn answered(&mut self, now: Instant) {
        if let Phase::Paired { channel, .. } = self.phase {
            self.phase = Phase::Paired { channel, unanswered: 0 };
            self.timers.set(Timer::KeepAlive, now + self.config.keep_alive);
        }
    }

    fn check_peer(&mut self, now: Instant) -> Option<Notice> {
        let heard = self.bond.as_ref()?.heard;
        let silent_for = now - heard;
        if silent_for < self.config.peer_timeout {
            self.timers.set(Timer::PeerLost, heard + self.config.peer_timeout);
            return None;
        }
        info!(role = ?self.role, ?silent_for, "peer lost");
        self.tell(BridgeEvent::PeerLost { silent_for });
        if self.is_paired() {
            self.greet(now, 0);
        }
        self.part()
    }

    fn part(&mut self) -> Option<Notice> {
        self.timers.cancel(Timer::PeerLost);
        self.bond.take().map(|_| Notice::Parted)
    }

    fn end(&mut self, reason: EndReason) -> Option<Notice> {
        self.phase = Phase::Ended;
        self.timers.clear();
        self.tell(BridgeEvent::Ended(reason));
        self.part()
    }

    fn ping(&mut self, channel: u64) {
        self.pings = self.pings.wrapping_add(1);
        self.say(&Message::Ping { channel, number: self.pings });
    }

    fn say(&mut self, message: &Message) {
        self.transmit(message.to_bytes());
    }

    fn send_part(&mut self, part: FramePart, bytes: &[u8]) {
        let Some((channel, sequence)) = self.next_sequence() else {
            return;
        };
        self.send_sealed(channel, &part.header(sequence), bytes);
    }

    fn send_sealed(&mut self, channel: u64, head: &[u8], body: &[u8]) {
        let mut datagram = Vec::with_capacity(self.overhead() + body.len());
        put_data_header(&mut datagram, channel);
        self.tunnel.seal(head, body, &mut datagram);
        self.transmit(Bytes::from(datagram));
    }

    fn transmit(&mut self, data: Bytes) {
        let (port, peer) = (self.config.local_port, self.config.relay);
        self.actions.push_back(SocketAction::SendTo { port, peer, data });
    }

    fn next_sequence(&mut self) -> Option<(u64, u32)> {
        let Phase::Paired { channel, .. } = self.phase else {
            return None;
        };
        let sequence = self.next_sequence;
        self.next_sequence = sequence.wrapping_add(1);
        Some((channel, sequence))
    }

    fn channel(&self) -> Option<u64> {
        match self.phase {
            Phase::Waiting { channel, .. } | Phase::Paired { channel, .. } => Some(channel),
            Phase::Offline
            | Phase::Greeting { .. }
            | Phase::Proving { .. }
            | Phase::Refused { .. }
            | Phase::Ended => None,
        }
    }

    fn overhead(&self) -> usize {
        DATA_HEADER + PAYLOAD_HEADER + self.tunnel.overhead()
    }
}

impl Bond {
    fn new(peer: u64, now: Instant, config: &EndpointConfig) -> Self {
        Self {
            peer,
            heard: now,
            inbound: Meter::default(),
            inbound_gauge: Gauge::default(),
            outbound_gauge: Gauge::default(),
            reassembly: Reassembly::new(config.reassembly_timeout, config.reassembly_pending),
        }
    }
}
