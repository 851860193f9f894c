//! The machine: push a frame, take it out when it is due.

use std::collections::VecDeque;

use node::{Instant, Node, Seed};

use crate::bottleneck::Bottleneck;
use crate::draws::Draws;
use crate::fate::{Counters, Fate, FateOutcome, LossReason};
use crate::impairment::Impairment;
use crate::in_flight::InFlight;
use crate::loss::{Loss, happens};
use crate::parameters::Parameters;
use crate::payload::{Damage, Payload};

/// One direction of a link.
///
/// What chance decides about a frame is a pure function of the seed, the purpose and the frame's
/// index: the same frames are lost whenever they come, and turning one model on or off changes
/// nothing another one decides. Only queue and blackout look at the time.
#[derive(Clone, Debug)]
pub struct Link<T> {
    impairment: Impairment,
    parameters: Parameters,
    next_change: Option<Instant>,
    index: u64,
    now: Instant,
    loss: Loss,
    jitter: Draws,
    corrupt: Draws,
    damage: Draws,
    reorder: Draws,
    duplicate: Draws,
    bottleneck: Bottleneck,
    in_flight: InFlight<T>,
    last_due: Instant,
    fate: Option<Fate>,
    counters: Counters,
}

impl<T: Payload> Link<T> {
    /// Makes a link; the seed is that of this direction, such as `seed.child("wan/mechanic/up")`.
    pub fn new(impairment: &Impairment, seed: Seed) -> Self {
        let mut link = Self {
            impairment: Impairment::default(),
            parameters: Parameters::new(&Impairment::default()),
            next_change: None,
            index: 0,
            now: Instant::ZERO,
            loss: Loss::new(seed),
            jitter: Draws::new(seed, "jitter"),
            corrupt: Draws::new(seed, "corrupt"),
            damage: Draws::new(seed, "damage"),
            reorder: Draws::new(seed, "reorder"),
            duplicate: Draws::new(seed, "duplicate"),
            bottleneck: Bottleneck::default(),
            in_flight: InFlight::default(),
            last_due: Instant::ZERO,
            fate: None,
            counters: Counters::default(),
        };
        link.set(Instant::ZERO, impairment);
        link
    }

    /// Takes a frame that enters at `now`, and says what becomes of it.
    ///
    /// [`Link::poll_fate`] says the same once more.
    pub fn push(&mut self, now: Instant, frame: T) -> Fate {
        self.enter(now, frame, false)
    }

    /// Takes a frame as [`Link::push`] does; if it comes out, it comes out twice.
    ///
    /// It has one number all the same: the fates of the frames after it stay what they were.
    pub fn push_twice(&mut self, now: Instant, frame: T) -> Fate {
        self.enter(now, frame, true)
    }

    fn enter(&mut self, now: Instant, frame: T, twice: bool) -> Fate {
        self.now = self.now.max(now);
        self.apply_changes(now);
        let index = self.index;
        self.index += 1;
        let outcome = self.decide(now, index, frame, twice);
        self.counters.count(outcome);
        let fate = Fate { index, at: now, outcome };
        self.fate = Some(fate);
        fate
    }

    /// Replaces everything that is in force, the schedule included.
    ///
    /// Frames on their way stay on it.
    pub fn set(&mut self, now: Instant, impairment: &Impairment) {
        self.impairment = impairment.resolved();
        self.use_impairment();
        self.apply_changes(now);
    }

    /// Changes only what `change` names, as a change of a schedule does; see [`Impairment::over`].
    pub fn change(&mut self, now: Instant, change: &Impairment) {
        self.apply_changes(now);
        self.impairment = change.over(&self.impairment);
        self.use_impairment();
        self.apply_changes(now);
    }

    /// Takes the fate of the frame pushed last.
    pub fn poll_fate(&mut self) -> Option<Fate> {
        self.fate.take()
    }

    /// Takes the next frame that is due, with the time it should come out at.
    pub fn poll_delivery(&mut self) -> Option<(Instant, T)> {
        self.in_flight.take_due(self.now)
    }

    /// Returns what is in force, with the changes that are still to come as its schedule.
    pub fn impairment(&self) -> &Impairment {
        &self.impairment
    }

    /// Returns how many frames met which fate so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Returns how many frames, duplicates included, are on their way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    fn apply_changes(&mut self, now: Instant) {
        while self.next_change.is_some_and(|at| at <= now) {
            let mut schedule = VecDeque::from(std::mem::take(&mut self.impairment.schedule));
            let change = schedule.pop_front().expect("a next change is in the schedule");
            self.impairment = change.set.over(&self.impairment);
            self.impairment.schedule = schedule.into();
            self.use_impairment();
        }
    }

    fn use_impairment(&mut self) {
        self.parameters = Parameters::new(&self.impairment);
        let next = self.impairment.schedule.first();
        self.next_change = next.map(|change| Instant::ZERO + change.at.0);
    }

    fn decide(&mut self, now: Instant, index: u64, mut frame: T, twice: bool) -> FateOutcome {
        if let Some(reason) = self.loss.judge(index, &self.parameters) {
            return FateOutcome::Lost(reason);
        }
        if self.parameters.is_black(now) {
            return FateOutcome::Lost(LossReason::Blackout);
        }
        if self.parameters.longest.is_some_and(|longest| frame.len() as u64 > longest) {
            return FateOutcome::Lost(LossReason::TooLong);
        }
        let Some(left) = self.pass_bottleneck(now, frame.len()) else {
            return FateOutcome::Lost(LossReason::Queue);
        };
        let damaged = happens(&mut self.corrupt, index, self.parameters.corrupt);
        if damaged && frame.damage(self.damage.at(index)) == Damage::Discarded {
            return FateOutcome::Lost(LossReason::Damaged);
        }
        let held_back = happens(&mut self.reorder, index, self.parameters.reorder);
        let due = self.due(left, index, held_back);
        let duplicated = happens(&mut self.duplicate, index, self.parameters.duplicate) || twice;
        if duplicated {
            self.in_flight.insert(due, frame.clone());
        }
        self.in_flight.insert(due, frame);
        FateOutcome::Delivered { due, damaged, duplicated, held_back }
    }

    fn pass_bottleneck(&mut self, now: Instant, len: usize) -> Option<Instant> {
        if self.in_flight.len() >= IN_FLIGHT_MAX {
            return None;
        }
        match self.parameters.rate {
            Some(rate) => self.bottleneck.enter(now, len as u64, rate, self.parameters.queue),
            None => Some(now),
        }
    }

    fn due(&mut self, left: Instant, index: u64, held_back: bool) -> Instant {
        let delay = &self.parameters.delay;
        let nanos = if delay.jitter == 0 { delay.nanos } else { delay.of(self.jitter.at(index)) };
        let due = Instant::from_nanos(left.as_nanos().saturating_add(nanos));
        if held_back {
            return due + self.parameters.reorder_by;
        }
        if !self.parameters.keep_order {
            return due;
        }
        self.last_due = self.last_due.max(due);
        self.last_due
    }
}

impl<T: Payload> Node for Link<T> {
    type In = T;
    type Out = T;

    fn handle_input(&mut self, now: Instant, frame: T) {
        self.push(now, frame);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.in_flight.next_due()
    }

    fn poll_output(&mut self) -> Option<T> {
        self.poll_delivery().map(|(_, frame)| frame)
    }
}

/// Frames that may be on their way at once; what comes on top is lost as if a queue were full.
const IN_FLIGHT_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests;
