//! Taking away who fell silent and what nobody came for.

use node::{Duration, Instant};
use tracing::debug;

use crate::event::RelayEvent;
use crate::message::{Message, Refusal, Role};
use crate::relay::{Relay, Who};

impl Relay {
    /// Takes away sides that fell silent and orders that had one side for too long.
    pub(super) fn sweep(&mut self, now: Instant) {
        for place in 0..self.places.len() {
            self.remove_silent_mechanic(now, place);
            self.remove_silent_candidates(now, place);
            self.remove_half_open(now, place);
            self.remove_orphan(now, place);
        }
        let orders = self.places.iter().flatten();
        self.sweep_at = orders.filter_map(|order| order.due(&self.config)).min();
    }

    pub(super) fn sweep_no_later_than(&mut self, at: Instant) {
        self.sweep_at = Some(self.sweep_at.map_or(at, |due| due.min(at)));
    }

    fn remove_silent_mechanic(&mut self, now: Instant, place: usize) {
        let silence = self.config.silence;
        let Some(order) = self.places[place].as_mut() else {
            return;
        };
        let Some(gone) = order.mechanic.take_if(|side| now - side.heard >= silence) else {
            return;
        };
        order.settle(now);
        let (number, channel) = (order.number, order.channel);
        let is_empty = order.technician.is_none();
        debug!(%number, peer = %gone.peer, "mechanic lost");
        self.vacate(gone.peer, Who::Mechanic);
        self.tell(RelayEvent::SideLost(number, Role::Mechanic));
        if is_empty {
            self.close(channel);
        } else {
            self.grant_candidates(place);
        }
    }

    fn remove_silent_candidates(&mut self, now: Instant, place: usize) {
        let silence = self.config.silence;
        let Some(order) = self.places[place].as_ref() else {
            return;
        };
        let (number, technician) = (order.number, order.technician.map(|one| one.number));
        let all = order.technician.iter().chain(&order.candidates);
        let silent = all.filter(|one| now - one.side.heard >= silence).map(|one| one.number);
        for candidate in silent.collect::<Vec<_>>() {
            self.lose_candidate(now, place, candidate);
            if technician == Some(candidate) {
                debug!(%number, "technician lost");
                self.tell(RelayEvent::SideLost(number, Role::Technician));
                self.grant(place, Who::Mechanic);
            }
        }
    }

    fn remove_half_open(&mut self, now: Instant, place: usize) {
        let limit = self.config.half_open_limit;
        let Some(order) = self.places[place].as_ref() else {
            return;
        };
        if order.half_since.is_none_or(|since| now - since < limit) {
            return;
        }
        let (number, channel) = (order.number, order.channel);
        let technician = order.technician.map(|one| one.side);
        for side in order.mechanic.into_iter().chain(technician) {
            self.refuse(number, side, Refusal::Expired, Duration::ZERO);
        }
        self.close(channel);
    }

    /// Takes away an order whose mechanic did not come back; whoever waits there may ask again.
    fn remove_orphan(&mut self, now: Instant, place: usize) {
        let limit = self.config.orphan_limit;
        let Some(order) = self.places[place].as_ref() else {
            return;
        };
        if order.orphan_since.is_none_or(|since| now - since < limit) {
            return;
        }
        let channel = order.channel;
        let waiting: Vec<_> =
            order.technician.iter().chain(&order.candidates).map(|one| one.side.peer).collect();
        for peer in waiting {
            self.say(peer, &Message::Left { channel });
        }
        self.close(channel);
    }
}
