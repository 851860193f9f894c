//! Joins the two sides of each order and forwards what it cannot read.
//!
//! Everything it holds is bounded: orders in all and per address, candidates per order and per
//! address, control messages per second in all and per address, bytes per second of each order, of
//! all its candidates and of each candidate's address. Those who are in an order and those who are
//! not are metered apart. Nothing is kept for a sender whose address is not proven, and no packet
//! is ever queued. It knows no passcode and nothing a passcode could be guessed from.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddrV4;

use bytes::Bytes;
use node::{Duration, Instant, Node, SocketAction, SocketEvent};
use tracing::debug;

use crate::config::RelayConfig;
use crate::cookie;
use crate::event::RelayEvent;
use crate::message::{Message, OrderNumber, is_packet};
use crate::secret::{Secret, Source};
use limit::Limit;
use meters::{Meters, PACKET_COST, PACKET_MIN};
use order::{Order, Side};

mod admission;
mod limit;
mod meters;
mod order;
mod sweep;
#[cfg(test)]
mod tests;

/// Most orders a relay can name: the low 16 bits of a channel are its place.
const ORDERS_MAX: usize = 1 << 16;

/// How long a cookie is good for, at least; at most twice that.
const COOKIE_LIFE: Duration = Duration::from_secs(30);

/// How much traffic may come at once, as time at the full rate.
const TRAFFIC_BURST: Duration = Duration::from_millis(100);

/// How much may come at once of what is rare, as time at the full rate.
const SLOW_BURST: Duration = Duration::from_secs(2);

/// How many events wait for someone who polls them; the oldest give way.
const EVENTS: usize = 1024;

/// The machine in the middle.
pub struct Relay {
    config: RelayConfig,
    secret: [u8; 32],
    channels: Source,
    places: Vec<Option<Order>>,
    numbers: BTreeMap<OrderNumber, usize>,
    /// Who speaks from where.
    seats: BTreeMap<SocketAddrV4, Seat>,
    next_candidate: u32,
    meters: Meters,
    sweep_at: Option<Instant>,
    counters: RelayCounters,
    actions: VecDeque<SocketAction>,
    events: VecDeque<RelayEvent>,
}

/// Where in an order somebody sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seat {
    place: usize,
    who: Who,
}

/// Who of an order somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Mechanic,
    /// The admitted technician or a candidate, by its number.
    Candidate(u32),
}

/// How many datagrams a relay has treated in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayCounters {
    /// Packets forwarded.
    pub forwarded: u64,
    /// Bytes of those.
    pub forwarded_bytes: u64,
    /// Packets and control messages dropped because there were too many.
    pub throttled: u64,
    /// Datagrams for a channel that is not known, or from a stranger.
    pub strangers: u64,
    /// Datagrams that are no message, or none for a relay.
    pub malformed: u64,
}

impl Relay {
    /// Makes a relay that holds no orders.
    pub fn new(config: RelayConfig, secret: &Secret) -> Self {
        let actions = VecDeque::from([SocketAction::Bind { port: config.port }]);
        let mut channels = secret.source("bridge/relay/channel");
        let secret = secret.source("bridge/relay/cookie").bytes();
        Self {
            meters: Meters::new(&config, secret),
            config,
            secret,
            next_candidate: channels.number() as u32,
            channels,
            places: Vec::new(),
            numbers: BTreeMap::new(),
            seats: BTreeMap::new(),
            sweep_at: None,
            counters: RelayCounters::default(),
            actions,
            events: VecDeque::new(),
        }
    }

    /// Takes the next event, oldest first.
    pub fn poll_event(&mut self) -> Option<RelayEvent> {
        self.events.pop_front()
    }

    /// Returns how many orders are held.
    pub fn orders(&self) -> usize {
        self.numbers.len()
    }

    /// Returns how many datagrams were treated in which way.
    pub fn counters(&self) -> RelayCounters {
        self.counters
    }

    fn handle_datagram(&mut self, now: Instant, peer: SocketAddrV4, data: Bytes) {
        if is_packet(&data) {
            return self.forward(now, peer, data);
        }
        match Message::decode(data) {
            Ok(Message::Wrapped { candidate, packet, .. }) => {
                self.unwrap(now, peer, candidate, packet);
            }
            Ok(message) if self.is_heard(now, peer, &message) => {
                self.handle_message(now, peer, message);
            }
            Ok(_) => self.counters.throttled += 1,
            Err(error) => {
                self.counters.malformed += 1;
                debug!(%error, %peer, "datagram ignored");
            }
        }
    }

    /// Passes a packet on: the hot path.
    fn forward(&mut self, now: Instant, peer: SocketAddrV4, packet: Bytes) {
        let Some(seat) = self.seats.get(&peer).copied() else {
            return self.unknown(now, 0, peer);
        };
        let order = self.places[seat.place].as_mut().expect("a seat is in an order that is held");
        let length = packet.len() as u64;
        match seat.who {
            Who::Mechanic => {
                order.mechanic.as_mut().expect("the mechanic has a seat").heard = now;
                if let Some(to) = order.technician.map(|technician| technician.side.peer) {
                    let fits = order.traffic.take(now, length);
                    self.pass(fits, to, packet);
                }
            }
            Who::Candidate(number) => {
                let Some(to) = order.mechanic.map(|mechanic| mechanic.peer) else {
                    return order.hear(now, number);
                };
                if let Some(technician) = order.technician.as_mut().filter(|t| t.number == number) {
                    technician.side.heard = now;
                    let fits = order.traffic.take(now, length);
                    return self.pass(fits, to, packet);
                }
                if packet.len() < PACKET_MIN {
                    self.counters.malformed += 1;
                    return;
                }
                order.hear(now, number);
                let instance = order.candidate(number).map_or(0, |one| one.side.instance);
                let fits = self.meters.carries(now, *peer.ip(), packet.len())
                    && order.strangers().take(now, length + PACKET_COST);
                let wrapped = Message::Wrapped { candidate: number, instance, packet };
                self.pass(fits, to, wrapped.to_bytes());
            }
        }
    }

    /// Hands a candidate what the mechanic has for it.
    fn unwrap(&mut self, now: Instant, peer: SocketAddrV4, candidate: u32, packet: Bytes) {
        let Some(Seat { place, who: Who::Mechanic }) = self.seats.get(&peer).copied() else {
            return self.unknown(now, 0, peer);
        };
        let order = self.places[place].as_mut().expect("a seat is in an order that is held");
        order.mechanic.as_mut().expect("the mechanic has a seat").heard = now;
        if let Some(to) = order.candidate(candidate).map(|one| one.side.peer)
            && is_packet(&packet)
        {
            let length = packet.len() as u64;
            // A mechanic that has not heard yet that its technician is let in wraps as before.
            let fits = if order.technician.is_some_and(|technician| technician.number == candidate)
            {
                order.traffic.take(now, length)
            } else {
                self.meters.carries(now, *to.ip(), packet.len())
                    && order.strangers().take(now, length + PACKET_COST)
            };
            self.pass(fits, to, packet);
        }
    }

    fn pass(&mut self, fits: bool, to: SocketAddrV4, packet: Bytes) {
        if fits {
            self.counters.forwarded += 1;
            self.counters.forwarded_bytes += packet.len() as u64;
            self.transmit(to, packet);
        } else {
            self.counters.throttled += 1;
        }
    }

    /// Returns whether a control message is read: of whom an order knows within its own limit, of
    /// everyone else within those of strangers.
    fn is_heard(&mut self, now: Instant, peer: SocketAddrV4, message: &Message) -> bool {
        match *message {
            Message::Ping { channel, .. }
            | Message::Leave { channel }
            | Message::Admit { channel, .. }
            | Message::Reject { channel, .. } => match self.own_limit(channel, peer) {
                Some(own) => own.take(now, 1),
                None => self.meters.greets(now, *peer.ip()),
            },
            Message::Open { instance, cookie, .. } | Message::Join { instance, cookie, .. }
                if self.is_cookie(now, peer, instance, cookie) =>
            {
                self.meters.enters(now, *peer.ip())
            }
            Message::Hello { .. }
            | Message::Open { .. }
            | Message::Join { .. }
            | Message::Challenge { .. }
            | Message::Granted { .. }
            | Message::Refused { .. }
            | Message::Pong { .. }
            | Message::Unknown { .. }
            | Message::Left { .. }
            | Message::Gone { .. }
            | Message::Wrapped { .. } => self.meters.greets(now, *peer.ip()),
        }
    }

    /// Finds the limit of someone who names the channel of the order it sits in.
    fn own_limit(&mut self, channel: u64, peer: SocketAddrV4) -> Option<&mut Limit> {
        let seat = *self.seats.get(&peer)?;
        let order = self.at(channel).filter(|order| place(order.channel) == seat.place)?;
        match seat.who {
            Who::Mechanic => order.mechanic.as_mut().map(|side| &mut side.control),
            Who::Candidate(number) => order.find(number).map(|one| &mut one.side.control),
        }
    }

    /// Makes a side of someone who has shown its address.
    fn side(&self, now: Instant, peer: SocketAddrV4, instance: u64) -> Side {
        let control = Limit::new(u64::from(self.config.control_per_address), SLOW_BURST);
        Side { peer, instance, heard: now, control }
    }

    fn unknown(&mut self, now: Instant, channel: u64, peer: SocketAddrV4) {
        self.counters.strangers += 1;
        if self.meters.answers(now) {
            self.say(peer, &Message::Unknown { channel });
        }
    }

    fn handle_message(&mut self, now: Instant, peer: SocketAddrV4, message: Message) {
        match message {
            Message::Hello { instance, .. } => self.challenge(now, peer, instance),
            Message::Open { instance, order, cookie } => {
                if self.is_cookie(now, peer, instance, cookie) {
                    self.open(now, order, self.side(now, peer, instance));
                } else {
                    self.challenge(now, peer, instance);
                }
            }
            Message::Join { instance, order, cookie } => {
                if self.is_cookie(now, peer, instance, cookie) {
                    self.join(now, order, self.side(now, peer, instance));
                } else {
                    self.challenge(now, peer, instance);
                }
            }
            Message::Ping { channel, number } => match self.seat(now, channel, peer) {
                Some(seat) => {
                    let peer_number = self.other(seat);
                    self.say(peer, &Message::Pong { channel, number, peer: peer_number });
                }
                None => self.unknown(now, channel, peer),
            },
            Message::Leave { channel } => self.leave(now, channel, peer),
            Message::Admit { channel, candidate } => self.admit(now, channel, peer, candidate),
            Message::Reject { channel, candidate, wrong } => {
                self.reject(now, channel, peer, candidate, wrong);
            }
            Message::Challenge { .. }
            | Message::Granted { .. }
            | Message::Refused { .. }
            | Message::Pong { .. }
            | Message::Unknown { .. }
            | Message::Left { .. }
            | Message::Gone { .. }
            | Message::Wrapped { .. } => {
                self.counters.malformed += 1;
                debug!(%peer, ?message, "an endpoint spoke as a relay");
            }
        }
    }

    fn challenge(&mut self, now: Instant, peer: SocketAddrV4, instance: u64) {
        let cookie = cookie::cookie(&self.secret, peer, instance, epoch(now));
        self.say(peer, &Message::Challenge { instance, cookie });
    }

    fn is_cookie(&self, now: Instant, peer: SocketAddrV4, instance: u64, cookie: u64) -> bool {
        let epoch = epoch(now);
        [Some(epoch), epoch.checked_sub(1)]
            .into_iter()
            .flatten()
            .any(|epoch| cookie::cookie(&self.secret, peer, instance, epoch) == cookie)
    }

    /// Finds where somebody sits in the order of a channel, and notes that it was heard.
    fn seat(&mut self, now: Instant, channel: u64, peer: SocketAddrV4) -> Option<Seat> {
        let seat = *self.seats.get(&peer)?;
        let order = self.at(channel).filter(|order| place(order.channel) == seat.place)?;
        match seat.who {
            Who::Mechanic => {
                order.mechanic.as_mut().expect("the mechanic has a seat").heard = now;
            }
            Who::Candidate(number) => order.hear(now, number),
        }
        Some(seat)
    }

    /// Returns what somebody is told of the other side.
    fn other(&self, seat: Seat) -> Option<u32> {
        let order = self.places[seat.place].as_ref()?;
        match seat.who {
            Who::Mechanic => order.technician.map(|technician| technician.number),
            Who::Candidate(number) => order.mechanic.map(|_| number),
        }
    }

    fn at(&mut self, channel: u64) -> Option<&mut Order> {
        let order = self.places.get_mut(place(channel))?.as_mut()?;
        (order.channel == channel).then_some(order)
    }

    fn say(&mut self, peer: SocketAddrV4, message: &Message) {
        self.transmit(peer, message.to_bytes());
    }

    fn transmit(&mut self, peer: SocketAddrV4, data: Bytes) {
        self.actions.push_back(SocketAction::SendTo { port: self.config.port, peer, data });
    }

    fn tell(&mut self, event: RelayEvent) {
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

fn place(channel: u64) -> usize {
    (channel & 0xFFFF) as usize
}

fn epoch(now: Instant) -> u64 {
    now.as_nanos() / COOKIE_LIFE.as_nanos() as u64
}

impl Node for Relay {
    type In = SocketEvent;
    type Out = SocketAction;

    fn handle_input(&mut self, now: Instant, input: SocketEvent) {
        match input {
            SocketEvent::Datagram { local_port, peer, data } => {
                if local_port == self.config.port {
                    self.handle_datagram(now, peer, data);
                }
            }
            // A relay has no connections, and sides that cannot reach it fall silent.
            SocketEvent::LinkUp
            | SocketEvent::LinkDown
            | SocketEvent::AddressAcquired { .. }
            | SocketEvent::AddressLost
            | SocketEvent::Accepted { .. }
            | SocketEvent::Connected { .. }
            | SocketEvent::Received { .. }
            | SocketEvent::Closed { .. } => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.sweep_at.is_some_and(|at| at <= now) {
            self.sweep(now);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.sweep_at
    }

    fn poll_output(&mut self) -> Option<SocketAction> {
        self.actions.pop_front()
    }
}
