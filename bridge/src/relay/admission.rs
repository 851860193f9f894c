//! Who is let into an order, and who goes.

use std::net::SocketAddrV4;

use node::{Duration, Instant};
use tracing::{debug, info};

use crate::event::RelayEvent;
use crate::message::{Message, OrderNumber, Refusal, Role};
use crate::relay::limit::Limit;
use crate::relay::order::{Candidate, Order, Side};
use crate::relay::{ORDERS_MAX, Relay, SLOW_BURST, Seat, TRAFFIC_BURST, Who, place};

impl Relay {
    /// Lets a mechanic open an order, or come back to it.
    pub(super) fn open(&mut self, now: Instant, number: OrderNumber, side: Side) {
        let Some(&place) = self.numbers.get(&number) else {
            return self.create(now, number, side);
        };
        let silence = self.config.silence;
        let order = self.places[place].as_mut().expect("a number names an order that is held");
        match order.mechanic {
            Some(mechanic) if mechanic.instance != side.instance => {
                let wait = (mechanic.heard + silence - now).max(Duration::from_secs(1));
                return self.refuse(number, side, Refusal::Taken, wait);
            }
            Some(mechanic) => {
                order.mechanic = Some(side);
                self.move_seat(Some(mechanic.peer), side.peer, place, Who::Mechanic);
                self.grant(place, Who::Mechanic);
            }
            None => {
                order.mechanic = Some(side);
                // The new mechanic knows nothing of the old one's technician.
                let old = order.technician.take();
                order.candidates.extend(old);
                order.settle(now);
                self.move_seat(None, side.peer, place, Who::Mechanic);
                self.grant(place, Who::Mechanic);
                self.grant_candidates(place);
            }
        }
        self.sweep_no_later_than(now + self.config.silence);
    }

    fn create(&mut self, now: Instant, number: OrderNumber, side: Side) {
        let address = side.peer.ip();
        let is_from = |order: &&Order| {
            // Who made an order answers for it even when its mechanic is gone or elsewhere.
            order.creator == *address || order.mechanic.is_some_and(|one| one.peer.ip() == address)
        };
        let held = self.places.iter().flatten().filter(is_from).count();
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
        let (share, shares) = (self.config.candidate_bytes_per_second, self.config.candidates);
        let callers = Limit::new(share.saturating_mul(shares as u64), SLOW_BURST);
        let intruders = Limit::new(share, SLOW_BURST);
        let order = Order::new(number, channel, side, traffic, callers, intruders);
        self.places[place] = Some(order);
        self.numbers.insert(number, place);
        info!(%number, "offered");
        self.tell(RelayEvent::Offered(number));
        self.move_seat(None, side.peer, place, Who::Mechanic);
        self.grant(place, Who::Mechanic);
        self.sweep_no_later_than(now + self.config.silence);
    }

    /// Lets somebody want to be the technician, or come back.
    pub(super) fn join(&mut self, now: Instant, number: OrderNumber, side: Side) {
        let Some(&place) = self.numbers.get(&number) else {
            return self.refuse(number, side, Refusal::NoSuchOrder, Duration::ZERO);
        };
        let (limit, per_address) = (self.config.candidates, self.config.candidates_per_address);
        let order = self.places[place].as_mut().expect("a number names an order that is held");
        let address = *side.peer.ip();
        if let Some(known) = order.by_instance(side.instance) {
            let (number, before) = (known.number, known.side.peer);
            known.side = side;
            self.move_seat(Some(before), side.peer, place, Who::Candidate(number));
            return self.grant(place, Who::Candidate(number));
        }
        if let Some(wait) = order.barred_for(now, address) {
            return self.refuse(number, side, Refusal::TryLater, wait);
        }
        let gone = match order.make_room(now, address, limit, per_address) {
            Ok(gone) => gone,
            Err(wait) => return self.refuse(number, side, Refusal::TryLater, wait),
        };
        self.next_candidate = self.next_candidate.wrapping_add(1).max(1);
        let candidate = self.next_candidate;
        order.candidates.push(Candidate { number: candidate, side, since: now });
        if let Some(gone) = gone {
            self.vacate(gone.side.peer, Who::Candidate(gone.number));
            self.give_up(now, place, &gone);
        }
        self.move_seat(None, side.peer, place, Who::Candidate(candidate));
        self.grant(place, Who::Candidate(candidate));
        self.sweep_no_later_than(now + self.config.silence);
    }

    /// Takes the mechanic's word that a candidate is its technician.
    pub(super) fn admit(&mut self, now: Instant, channel: u64, peer: SocketAddrV4, candidate: u32) {
        let Some(Seat { place, who: Who::Mechanic }) = self.seat(now, channel, peer) else {
            return self.unknown(now, channel, peer);
        };
        let order = self.places[place].as_mut().expect("a seat is in an order that is held");
        if let Some(index) = order.candidates.iter().position(|one| one.number == candidate) {
            let technician = order.candidates.remove(index);
            let before = order.technician.replace(technician);
            order.absolve(*technician.side.peer.ip());
            order.settle(now);
            let number = order.number;
            if let Some(before) = before {
                self.vacate(before.side.peer, Who::Candidate(before.number));
                self.refuse(number, before.side, Refusal::Replaced, Duration::ZERO);
            } else {
                info!(%number, "paired");
                self.tell(RelayEvent::Paired(number));
            }
        }
        self.grant(place, Who::Mechanic);
    }

    /// Takes the mechanic's word that it wants nothing more from a candidate.
    pub(super) fn reject(
        &mut self,
        now: Instant,
        channel: u64,
        peer: SocketAddrV4,
        candidate: u32,
        wrong: bool,
    ) {
        let Some(Seat { place, who: Who::Mechanic }) = self.seat(now, channel, peer) else {
            return self.unknown(now, channel, peer);
        };
        let (delay, max) = (self.config.wrong_passcode_delay, self.config.wrong_passcode_delay_max);
        let order = self.places[place].as_mut().expect("a seat is in an order that is held");
        let number = order.number;
        let Some(side) = order.candidate(candidate).map(|one| one.side) else {
            return;
        };
        let wait = wrong.then(|| order.bar(now, *side.peer.ip(), delay, max));
        let is_vain = order.is_vain(candidate);
        if is_vain && !wrong {
            order.note_vain(now, *side.peer.ip(), delay);
        }
        self.remove_candidate(now, place, candidate);
        if let Some(wait) = wait {
            self.refuse(number, side, Refusal::WrongPasscode, wait);
        }
    }

    /// Lets somebody go who says so.
    pub(super) fn leave(&mut self, now: Instant, channel: u64, peer: SocketAddrV4) {
        let Some(Seat { place, who }) = self.seat(now, channel, peer) else {
            return;
        };
        let order = self.places[place].as_ref().expect("a seat is in an order that is held");
        let number = order.number;
        let (mechanic, technician) = (order.mechanic, order.technician);
        match who {
            Who::Mechanic => {
                self.tell(RelayEvent::SideLeft(number, Role::Mechanic));
                if let Some(technician) = technician {
                    self.say(technician.side.peer, &Message::Left { channel });
                }
                self.close(channel);
            }
            Who::Candidate(candidate) => {
                self.lose_candidate(now, place, candidate);
                if technician.is_some_and(|technician| technician.number == candidate) {
                    self.tell(RelayEvent::SideLeft(number, Role::Technician));
                    if let Some(mechanic) = mechanic {
                        self.say(mechanic.peer, &Message::Left { channel });
                    }
                }
            }
        }
    }

    /// Takes a technician or candidate out of an order by whose own doing it is gone.
    pub(super) fn lose_candidate(&mut self, now: Instant, place: usize, candidate: u32) {
        let order = self.places[place].as_ref();
        let vain = order.filter(|order| order.is_vain(candidate));
        if let Some(gone) = vain.and_then(|order| order.candidate(candidate)).copied() {
            self.give_up(now, place, &gone);
        }
        self.remove_candidate(now, place, candidate);
    }

    /// Notes that a candidate is gone that has proven nothing, and tells the mechanic.
    fn give_up(&mut self, now: Instant, place: usize, gone: &Candidate) {
        let delay = self.config.wrong_passcode_delay;
        let order = self.places[place].as_mut().expect("a candidate is of an order that is held");
        // Without a mechanic nobody can prove anything.
        let Some(mechanic) = order.mechanic else {
            return;
        };
        order.note_vain(now, *gone.side.peer.ip(), delay);
        let channel = order.channel;
        self.say(mechanic.peer, &Message::Gone { channel, candidate: gone.number });
    }

    /// Takes a technician or candidate out of an order; the order goes with its last side.
    pub(super) fn remove_candidate(&mut self, now: Instant, place: usize, candidate: u32) {
        let Some(order) = self.places[place].as_mut() else {
            return;
        };
        let Some(gone) = order.candidate(candidate).copied() else {
            return;
        };
        order.candidates.retain(|one| one.number != candidate);
        order.technician = order.technician.filter(|one| one.number != candidate);
        order.settle(now);
        let (channel, is_empty) = (order.channel, order.mechanic.is_none());
        let is_empty = is_empty && order.technician.is_none();
        self.vacate(gone.side.peer, Who::Candidate(candidate));
        if is_empty {
            self.close(channel);
        }
    }

    /// Forgets an order.
    pub(super) fn close(&mut self, channel: u64) {
        let Some(order) = self.places.get_mut(place(channel)).and_then(Option::take) else {
            return;
        };
        self.numbers.remove(&order.number);
        self.seats.retain(|_, seat| seat.place != place(channel));
        info!(number = %order.number, "closed");
        self.tell(RelayEvent::Closed(order.number));
    }

    /// Tells somebody that it is in, and whether the other side is.
    pub(super) fn grant(&mut self, place: usize, who: Who) {
        let Some(order) = self.places[place].as_ref() else {
            return;
        };
        let side = match who {
            Who::Mechanic => order.mechanic,
            Who::Candidate(number) => order.candidate(number).map(|one| one.side),
        };
        let (channel, peer) = (order.channel, self.other(Seat { place, who }));
        if let Some(side) = side {
            self.say(side.peer, &Message::Granted { instance: side.instance, channel, peer });
        }
    }

    /// Tells every technician and candidate whether the mechanic is there.
    pub(super) fn grant_candidates(&mut self, place: usize) {
        let order = self.places[place].as_ref();
        let all =
            order.into_iter().flat_map(|order| order.technician.iter().chain(&order.candidates));
        for number in all.map(|one| one.number).collect::<Vec<_>>() {
            self.grant(place, Who::Candidate(number));
        }
    }

    pub(super) fn refuse(
        &mut self,
        number: OrderNumber,
        side: Side,
        reason: Refusal,
        retry: Duration,
    ) {
        debug!(%number, ?reason, peer = %side.peer, "refused");
        self.tell(RelayEvent::Refused(number, reason));
        self.say(side.peer, &Message::Refused { instance: side.instance, reason, retry });
    }

    pub(super) fn vacate(&mut self, peer: SocketAddrV4, who: Who) {
        if self.seats.get(&peer).is_some_and(|seat| seat.who == who) {
            self.seats.remove(&peer);
        }
    }

    /// Gives somebody a seat, and takes away the one it had elsewhere.
    fn move_seat(
        &mut self,
        from: Option<SocketAddrV4>,
        peer: SocketAddrV4,
        place: usize,
        who: Who,
    ) {
        if let Some(from) = from {
            self.vacate(from, who);
        }
        self.seats.insert(peer, Seat { place, who });
    }
}
