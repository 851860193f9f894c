//! What technician and mechanic have in common: getting into the order and staying in it.
//!
//! | file | holds |
//! |---|---|
//! | `registration` | greeting the relay, being granted or refused |
//! | `lanes` | which packet belongs to which connection, on the mechanic's leg wrapped ones too |
//! | `bond` | what is agreed with one peer, and what passes between |
//! | `room` | how long a packet may be for its frame to fit into one datagram |

use std::collections::VecDeque;

use bytes::Bytes;
use node::{Duration, Frame, Instant, SocketAction, SocketEvent, Timers};
use tracing::{debug, info, trace};

use crate::config::EndpointConfig;
use crate::event::{BridgeEvent, DropReason, EndReason};
use crate::guard::{Assessment, Guard};
use crate::message::{Message, Role, is_packet};
use crate::secret::{Secret, Source};
use crate::tunnel::{Known, Limits, Tunnel};
use bond::Bond;
use guesses::Guesses;
use lanes::Lane;
use room::Room;

mod bond;
mod guesses;
mod lanes;
mod registration;
mod room;

/// Pings a relay may leave unanswered before the endpoint registers anew.
const PINGS_UNANSWERED: u32 = 5;

/// Time between two questions to a relay that seems to have forgotten this side.
const DOUBT: Duration = Duration::from_millis(200);

/// How many events wait for someone who polls them; the oldest give way.
const EVENTS: usize = 1024;

/// The part of an endpoint that faces the relay.
pub struct Endpoint {
    config: EndpointConfig,
    role: Role,
    instances: Source,
    instance: u64,
    phase: Phase,
    tunnel: Tunnel,
    /// The mechanic's callers; the technician's one call.
    lanes: Vec<Lane>,
    next_session: u32,
    guesses: Guesses,
    /// Callers in a row that began and proved nothing.
    in_vain: u32,
    bond: Option<Bond>,
    room: Room,
    guard: Guard,
    timers: Timers<Timer>,
    link_seen: u32,
    pings: u32,
    passcodes_refused: u32,
    doubted: Instant,
    now: Instant,
    actions: VecDeque<SocketAction>,
    notices: VecDeque<Notice>,
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
    /// In the order, and so is a technician, known to the relay by this number.
    Joined { channel: u64, peer: u32, unanswered: u32 },
    /// Gave up.
    Ended,
}

/// Deadlines of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Registers again.
    Register,
    /// Asks the peer, or while there is none the relay, whether it is there.
    KeepAlive,
    /// Tells the relay again which technician is admitted.
    Admit,
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

impl Endpoint {
    /// Makes an endpoint that registers as soon as it has an address.
    pub fn new(config: EndpointConfig, role: Role, secret: &Secret) -> Self {
        let mut instances = secret.source("bridge/instance");
        let known = Known {
            role,
            order: config.order,
            passcode: config.passcode.clone(),
            program: instances.number(),
            carry: config.carry,
        };
        let limits = Limits {
            datagram: config.datagram_limit,
            queue: config.queue_limit,
            idle: config.peer_timeout * 4,
        };
        let tunnel = Tunnel::new(known, limits, config.proof_timeout, secret);
        let actions = VecDeque::from([SocketAction::Bind { port: config.local_port }]);
        let guard = Guard::new(config.guard);
        let instance = instances.number().max(1);
        Self {
            config,
            role,
            instances,
            instance,
            phase: Phase::Offline,
            tunnel,
            lanes: Vec::new(),
            next_session: 1,
            guesses: Guesses::default(),
            in_vain: 0,
            bond: None,
            room: Room::default(),
            guard,
            timers: Timers::default(),
            link_seen: 0,
            pings: 0,
            passcodes_refused: 0,
            doubted: Instant::ZERO,
            now: Instant::ZERO,
            actions,
            notices: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes what the host beneath says.
    pub fn handle_event(&mut self, now: Instant, event: SocketEvent) {
        self.now = now;
        match event {
            SocketEvent::Datagram { local_port, peer, data }
                if local_port == self.config.local_port && peer == self.config.relay =>
            {
                self.handle_datagram(now, data);
            }
            SocketEvent::AddressAcquired { .. } => {
                if self.phase != Phase::Ended {
                    self.greet(now, 0);
                }
            }
            // An endpoint has no connections, and without link or address it finds out by silence.
            SocketEvent::Datagram { .. }
            | SocketEvent::LinkUp
            | SocketEvent::LinkDown
            | SocketEvent::AddressLost
            | SocketEvent::Accepted { .. }
            | SocketEvent::Connected { .. }
            | SocketEvent::Received { .. }
            | SocketEvent::Closed { .. } => {}
        }
    }

    /// Lets every deadline that is due expire.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
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
                        | Phase::Joined { .. }
                        | Phase::Ended => 0,
                    };
                    self.greet(now, attempt);
                }
                Timer::KeepAlive => self.keep_alive(now),
                Timer::Admit => self.admit(now),
                Timer::PeerLost => self.check_peer(now),
            }
        }
        if self.tunnel.poll_timeout().is_some_and(|at| at <= now) {
            self.tunnel.handle_timeout(now);
            self.hear_tunnel(now);
        }
    }

    /// Leaves the order for good.
    pub fn leave(&mut self) {
        self.part();
        self.flush();
        if let Some(channel) = self.channel() {
            self.say(&Message::Leave { channel });
        }
        self.end(EndReason::Left);
    }

    /// Returns true from the proof until the peer is lost, interruptions of the relay included.
    pub fn is_bonded(&self) -> bool {
        self.bond.is_some()
    }

    /// Returns true while both sides of the order are there and have proven it to each other.
    pub fn is_paired(&self) -> bool {
        self.bond.is_some() && matches!(self.phase, Phase::Joined { .. })
    }

    /// Returns what the guard thinks of the way between the endpoints.
    pub fn assessment(&self) -> Assessment {
        self.assessment_at(self.now)
    }

    /// Returns what the guard thinks at one moment.
    pub fn assessment_at(&self, now: Instant) -> Assessment {
        self.guard.assess(now)
    }

    /// Returns the next deadline.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next().into_iter().chain(self.tunnel.poll_timeout()).min()
    }

    /// Takes the next thing to ask of the host beneath.
    pub fn poll_action(&mut self) -> Option<SocketAction> {
        if self.actions.is_empty() && self.tunnel.has_packets() {
            self.flush();
        }
        self.actions.pop_front()
    }

    /// Takes the next thing to act on.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
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

    fn handle_datagram(&mut self, now: Instant, data: Bytes) {
        if is_packet(&data) {
            return self.handle_packet(now, data);
        }
        let message = match Message::decode(data) {
            Ok(message) => message,
            Err(error) => return debug!(%error, "datagram from the relay ignored"),
        };
        match message {
            Message::Challenge { instance, cookie } if instance == self.instance => {
                self.answer(now, cookie);
            }
            Message::Granted { instance, channel, peer } if instance == self.instance => {
                self.granted(now, channel, peer);
            }
            Message::Refused { instance, reason, retry } if instance == self.instance => {
                self.refused(now, reason, retry);
            }
            Message::Pong { channel, peer, .. } if self.channel() == Some(channel) => {
                self.granted(now, channel, peer);
            }
            Message::Unknown { channel: 0 } => self.doubt(now),
            Message::Unknown { channel } if self.channel() == Some(channel) => {
                info!(role = ?self.role, "relay forgot this side");
                self.tell(BridgeEvent::RelayForgot);
                self.greet(now, 0);
            }
            Message::Left { channel } if self.channel() == Some(channel) => {
                self.tell(BridgeEvent::PeerLeft);
                self.part();
                self.greet(now, 0);
            }
            Message::Gone { channel, candidate } if self.channel() == Some(channel) => {
                self.caller_gone(now, candidate);
            }
            Message::Wrapped { candidate, instance, packet } => {
                self.handle_wrapped(now, candidate, instance, packet);
            }
            Message::Challenge { .. }
            | Message::Granted { .. }
            | Message::Refused { .. }
            | Message::Pong { .. }
            | Message::Unknown { .. }
            | Message::Left { .. }
            | Message::Gone { .. } => {}
            Message::Hello { .. }
            | Message::Open { .. }
            | Message::Join { .. }
            | Message::Ping { .. }
            | Message::Leave { .. }
            | Message::Admit { .. }
            | Message::Reject { .. } => debug!(?message, "relay spoke as an endpoint"),
        }
    }

    /// Asks a relay that does not know where this side's packets come from.
    fn doubt(&mut self, now: Instant) {
        if let Some(channel) = self.channel()
            && now - self.doubted >= DOUBT
        {
            self.doubted = now;
            self.ping(channel);
        }
    }

    fn keep_alive(&mut self, now: Instant) {
        match self.phase {
            Phase::Waiting { unanswered: PINGS_UNANSWERED.., .. } => return self.greet(now, 0),
            Phase::Waiting { channel, unanswered } => {
                self.phase = Phase::Waiting { channel, unanswered: unanswered + 1 };
                self.ping(channel);
            }
            Phase::Joined { channel, peer, unanswered } => {
                let unanswered = unanswered.saturating_add(1);
                self.phase = Phase::Joined { channel, peer, unanswered };
                self.probe(now);
                if unanswered > 1 || self.bond.is_none() {
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

    fn check_peer(&mut self, now: Instant) {
        let Some(heard) = self.bond.as_ref().map(|bond| bond.heard) else {
            return;
        };
        let silent_for = now - heard;
        if silent_for < self.config.peer_timeout {
            return self.timers.set(Timer::PeerLost, heard + self.config.peer_timeout);
        }
        info!(role = ?self.role, ?silent_for, "peer lost");
        self.tell(BridgeEvent::PeerLost { silent_for });
        self.part();
        let is_joined = matches!(self.phase, Phase::Joined { .. });
        if is_joined || (self.role == Role::Technician && self.channel().is_some()) {
            self.greet(now, 0);
        }
    }

    fn end(&mut self, reason: EndReason) {
        self.part();
        self.flush();
        self.phase = Phase::Ended;
        self.tunnel.forget();
        self.timers.clear();
        self.tell(BridgeEvent::Ended(reason));
    }

    fn ping(&mut self, channel: u64) {
        self.pings = self.pings.wrapping_add(1);
        self.say(&Message::Ping { channel, number: self.pings });
    }

    fn say(&mut self, message: &Message) {
        self.transmit(message.to_bytes());
    }

    fn transmit(&mut self, data: Bytes) {
        let (port, peer) = (self.config.local_port, self.config.relay);
        self.actions.push_back(SocketAction::SendTo { port, peer, data });
    }

    fn channel(&self) -> Option<u64> {
        match self.phase {
            Phase::Waiting { channel, .. } | Phase::Joined { channel, .. } => Some(channel),
            Phase::Offline
            | Phase::Greeting { .. }
            | Phase::Proving { .. }
            | Phase::Refused { .. }
            | Phase::Ended => None,
        }
    }
}
