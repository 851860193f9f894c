//! Joins the two sides of each order and forwards what it cannot read.
//!
//! Everything it holds is bounded: orders in all and per address, control messages per second,
//! bytes per second and order. Nothing is kept for a sender whose address is not proven, and no
//! payload is ever queued.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::Bytes;
use node::{Duration, Instant, Node, SocketAction, SocketEvent};
use tracing::{debug, info};

use crate::config::RelayConfig;
use crate::event::RelayEvent;
use crate::message::{Message, OrderNumber, Refusal, Role, data_channel};
use crate::passcode::{self, Verifier};
use crate::secret::{Secret, Source};
use limit::Limit;
use order::{Order, Side, Sides};

mod limit;
mod order;
#[cfg(test)]
mod tests;

/// Most orders a relay can name: the low 16 bits of a channel are its place.
const ORDERS_MAX: usize = 1 << 16;

/// How long a cookie is good for, at least; at most twice that.
const COOKIE_LIFE: Duration = Duration::from_secs(30);

/// How much traffic may come at once, as time at the full rate.
const TRAFFIC_BURST: Duration = Duration::from_millis(100);

/// How many events wait for someone who polls them; the oldest give way.
const EVENTS: usize = 1024;

/// The machine in the middle.
pub struct Relay {
    config: RelayConfig,
    secret: [u8; 32],
    channels: Source,
    places: Vec<Option<Order>>,
    numbers: BTreeMap<OrderNumber, usize>,
    control: Limit,
    answers_to_strangers: Limit,
    sweep_at: Option<Instant>,
    counters: RelayCounters,
    actions: VecDeque<SocketAction>,
    events: VecDeque<RelayEvent>,
}

/// How many datagrams a relay has treated in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayCounters {
    /// Payloads forwarded.
    pub forwarded: u64,
    /// Payloads and control messages dropped because there were too many.
    pub throttled: u64,
    /// Payloads for a channel that is not known, or from a stranger.
    pub strangers: u64,
    /// Datagrams that are no message, or none for a relay.
    pub malformed: u64,
}

impl Relay {
    /// Makes a relay that holds no orders.
    pub fn new(config: RelayConfig, secret: impl Into<Secret>) -> Self {
        let secret: Secret = secret.into();
        let actions = VecDeque::from([SocketAction::Bind { port: config.port }]);
        let control = Limit::new(u64::from(config.control_per_second), Duration::from_secs(1));
        Self {
            config,
            secret: secret.source("bridge/relay/cookie").bytes(),
            channels: secret.source("bridge/relay/channel"),
            places: Vec::new(),
            numbers: BTreeMap::new(),
            control,
            answers_to_strangers: control,
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
        if let Some(channel) = data_channel(&data) {
            return self.forward(now, channel, peer, data);
        }
        if !self.control.take(now, 1) {
            self.counters.throttled += 1;
            return;
        }
        match Message::decode(data) {
            Ok(message) => self.handle_message(now, peer, message),
            Err(error) => {
                self.counters.malformed += 1;
                debug!(%error, %peer, "datagram ignored");
            }
        }
    }

    /// Passes a payload on as it is: the hot path.
    fn forward(&mut self, now: Instant, channel: u64, peer: SocketAddrV4, data: Bytes) {
        let heard = self.at(channel).and_then(|order| {
            let (_, other) = order.hear(now, peer)?;
            Some(other.map(|other| (other.peer, order.traffic.take(now, data.len() as u64))))
        });
        match heard {
            Some(Some((other, true))) => {
                self.counters.forwarded += 1;
                self.transmit(other, data);
            }
            Some(Some((_, false))) => self.counters.throttled += 1,
            Some(None) => {}
            None => self.unknown(now, channel, peer),
        }
    }

    fn unknown(&mut self, now: Instant, channel: u64, peer: SocketAddrV4) {
        self.counters.strangers += 1;
        if self.answers_to_strangers.take(now, 1) {
            self.say(peer, &Message::Unknown { channel });
        }
    }

    fn handle_message(&mut self, now: Instant, peer: SocketAddrV4, message: Message) {
        match message {
            Message::Hello { instance, .. } => self.challenge(now, peer, instance),
            Message::Open { instance, order, cookie, verifier } => {
                if self.is_cookie(now, peer, instance, cookie) {
                    let side = Side { peer, instance, heard: now };
                    self.open(now, order, side, verifier);
                } else {
                    self.challenge(now, peer, instance);
                }
            }
            Message::Join { instance, order, cookie, proof } => {
                if self.is_cookie(now, peer, instance, cookie) {
                    let side = Side { peer, instance, heard: now };
                    self.join(now, order, side, cookie, &proof);
                } else {
                    self.challenge(now, peer, instance);
                }
            }
            Message::Ping { channel, number } => {
                match self.at(channel).and_then(|order| order.hear(now, peer)) {
                    Some((_, other)) => {
                        let other = other.map(|side| side.instance);
                        self.say(peer, &Message::Pong { channel, number, peer: other });
                    }
                    None => self.unknown(now, channel, peer),
                }
            }
            Message::Leave { channel } => self.leave(now, channel, peer),
            Message::Challenge { .. }
            | Message::Granted { .. }
            | Message::Refused { .. }
            | Message::Pong { .. }
            | Message::Unknown { .. }
            | Message::Left { .. }
            | Message::Data { .. } => {
                self.counters.malformed += 1;
                debug!(%peer, ?message, "an endpoint spoke as a relay");
            }
        }
    }

    fn challenge(&mut self, now: Instant, peer: SocketAddrV4, instance: u64) {
        let cookie = passcode::cookie(&self.secret, peer, instance, epoch(now));
        self.say(peer, &Message::Challenge { instance, cookie });
    }

    fn is_cookie(&self, now: Instant, peer: SocketAddrV4, instance: u64, cookie: u64) -> bool {
        let epoch = epoch(now);
        [Some(epoch), epoch.checked_sub(1)]
            .into_iter()
            .flatten()
            .any(|epoch| passcode::cookie(&self.secret, peer, instance, epoch) == cookie)
    }

    fn open(&mut self, now: Instant, number: OrderNumber, side: Side, verifier: Verifier) {
        let Some(order) = self.order(number) else {
            return self.create(now, number, side, verifier);
        };
        if let Some(wait) = order.barred_for(now) {
            return self.refuse(number, side, Refusal::TryLater, wait);
        }
        if !passcode::equal(&order.verifier, &verifier) {
            return self.bar(now, number, side);
        }
        self.admit(now, number, Role::Mechanic, side);
    }

    fn join(
        &mut self,
        now: Instant,
        number: OrderNumber,
        side: Side,
        cookie: u64,
        shown: &[u8; 32],
    ) {
        let Some(order) = self.order(number) else {
            return self.refuse(number, side, Refusal::NoSuchOrder, Duration::ZERO);
        };
        if let Some(wait) = order.barred_for(now) {
            return self.refuse(number, side, Refusal::TryLater, wait);
        }
        if !passcode::equal(&passcode::proof(&order.verifier, number, cookie), shown) {
            return self.bar(now, number, side);
        }
        self.admit(now, number, Role::Technician, side);
    }

    fn create(&mut self, now: Instant, number: OrderNumber, side: Side, verifier: Verifier) {
        let held = self.held_from(*side.peer.ip());
        let limit = self.config.orders.min(ORDERS_MAX);
        if self.numbers.len() >= limit || held >= self.config.orders_per_address {
            return self.refuse(number, side, Refusal::Full, self.config.silence);
        }
        let free = self.places.iter().position(Option::is_none);
        let place = free.unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        let channel = (self.channels.number() << 16) | place as u64;
        let traffic = Limit::new(self.config.order_bytes_per_second, TRAFFIC_BURST);
        self.places[place] = Some(Order::new(number, channel, verifier, side, traffic));
        self.numbers.insert(number, place);
        info!(%number, "offered");
        self.tell(RelayEvent::Offered(number));
        self.sweep_no_later_than(now + self.config.silence);
        let instance = side.instance;
        self.say(side.peer, &Message::Granted { instance, channel, peer: None });
    }

    fn bar(&mut self, now: Instant, number: OrderNumber, side: Side) {
        let (delay, max) = (self.config.wrong_passcode_delay, self.config.wrong_passcode_delay_max);
        let wait = self.order(number).map(|order| order.bar(now, delay, max)).unwrap_or(delay);
        self.refuse(number, side, Refusal::WrongPasscode, wait);
    }

    fn refuse(&mut self, number: OrderNumber, side: Side, reason: Refusal, retry: Duration) {
        debug!(%number, ?reason, peer = %side.peer, "refused");
        self.tell(RelayEvent::Refused(number, reason));
        self.say(side.peer, &Message::Refused { instance: side.instance, reason, retry });
    }

    fn admit(&mut self, now: Instant, number: OrderNumber, role: Role, side: Side) {
        let order = self.order(number).expect("the caller found the order");
        order.absolve();
        let before = order.sides.put(role, side);
        let (channel, other) = (order.channel, order.sides.get(role.other()));
        let peer = other.map(|other| other.instance);
        self.say(side.peer, &Message::Granted { instance: side.instance, channel, peer });
        self.sweep_no_later_than(now + self.config.silence);
        if let Some(before) = before.filter(|before| before.instance != side.instance) {
            self.refuse(number, before, Refusal::Replaced, Duration::ZERO);
        }
        let Some(other) = other else {
            return;
        };
        if before.is_none() {
            info!(%number, "paired");
            self.tell(RelayEvent::Paired(number));
        }
        if before.map(|before| before.instance) != Some(side.instance) {
            let (instance, peer) = (other.instance, Some(side.instance));
            self.say(other.peer, &Message::Granted { instance, channel, peer });
        }
    }

    fn leave(&mut self, now: Instant, channel: u64, peer: SocketAddrV4) {
        let Some(order) = self.at(channel) else {
            return;
        };
        let Some((role, other)) = order.hear(now, peer) else {
            return;
        };
        let number = order.number;
        self.tell(RelayEvent::SideLeft(number, role));
        if let Some(other) = other {
            self.say(other.peer, &Message::Left { channel });
        }
        match role {
            Role::Technician => self.remove_side(now, channel, role),
            Role::Mechanic => self.close(channel),
        }
    }

    fn remove_side(&mut self, now: Instant, channel: u64, role: Role) {
        let Some(order) = self.at(channel) else {
            return;
        };
        match order.sides.without(now, role) {
            Some(sides) => order.sides = sides,
            None => self.close(channel),
        }
    }

    fn close(&mut self, channel: u64) {
        let place = place(channel);
        if let Some(order) = self.places.get_mut(place).and_then(Option::take) {
            self.numbers.remove(&order.number);
            info!(number = %order.number, "closed");
            self.tell(RelayEvent::Closed(order.number));
        }
    }

    /// Takes away sides that fell silent and orders that had one side for too long.
    fn sweep(&mut self, now: Instant) {
        let channels: Vec<u64> = self.places.iter().flatten().map(|order| order.channel).collect();
        for channel in channels {
            for role in [Role::Technician, Role::Mechanic] {
                self.remove_silent(now, channel, role);
            }
            self.remove_half_open(now, channel);
        }
        let (silence, limit) = (self.config.silence, self.config.half_open_limit);
        self.sweep_at = self
            .places
            .iter()
            .flatten()
            .map(|order| match order.sides {
                Sides::Half { side, since, .. } => (side.heard + silence).min(since + limit),
                Sides::Both { technician, mechanic } => {
                    technician.heard.min(mechanic.heard) + silence
                }
            })
            .min();
    }

    fn remove_silent(&mut self, now: Instant, channel: u64, role: Role) {
        let silence = self.config.silence;
        let Some(order) = self.at(channel) else {
            return;
        };
        let Some(side) = order.sides.get(role).filter(|side| now - side.heard >= silence) else {
            return;
        };
        let (number, other) = (order.number, order.sides.get(role.other()));
        debug!(%number, ?role, peer = %side.peer, "side lost");
        self.tell(RelayEvent::SideLost(number, role));
        self.remove_side(now, channel, role);
        if let Some(other) = other {
            let instance = other.instance;
            self.say(other.peer, &Message::Granted { instance, channel, peer: None });
        }
    }

    fn remove_half_open(&mut self, now: Instant, channel: u64) {
        let limit = self.config.half_open_limit;
        let Some(&mut Order { number, sides: Sides::Half { side, since, .. }, .. }) =
            self.at(channel)
        else {
            return;
        };
        if now - since >= limit {
            self.refuse(number, side, Refusal::Expired, Duration::ZERO);
            self.close(channel);
        }
    }

    fn sweep_no_later_than(&mut self, at: Instant) {
        self.sweep_at = Some(self.sweep_at.map_or(at, |due| due.min(at)));
    }

    fn at(&mut self, channel: u64) -> Option<&mut Order> {
        let order = self.places.get_mut(place(channel))?.as_mut()?;
        (order.channel == channel).then_some(order)
    }

    fn order(&mut self, number: OrderNumber) -> Option<&mut Order> {
        let place = *self.numbers.get(&number)?;
        self.places[place].as_mut()
    }

    fn held_from(&self, address: Ipv4Addr) -> usize {
        let mechanics = self.places.iter().flatten().filter_map(|o| o.sides.get(Role::Mechanic));
        mechanics.filter(|side| *side.peer.ip() == address).count()
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
