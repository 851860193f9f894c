//! The internet between the sites: two legs that meet at the relay, two directions each.

use std::time::Duration;

use netem_rs::{Blackout, Counters, DurationText, Fate, FateOutcome, Impairment, Link, Payload};
use node::{Frame, Instant, Node, Seed, Stream};

use super::taps::Taps;

/// One direction of one leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// From the technician towards the relay.
    TechnicianUp,
    /// From the relay to the technician.
    TechnicianDown,
    /// From the mechanic towards the relay.
    MechanicUp,
    /// From the relay to the mechanic.
    MechanicDown,
}

impl Way {
    /// Every direction.
    pub const ALL: [Self; 4] =
        [Self::TechnicianUp, Self::TechnicianDown, Self::MechanicUp, Self::MechanicDown];

    /// The name used in scenarios, records and random streams.
    pub fn name(self) -> &'static str {
        match self {
            Self::TechnicianUp => "technician-up",
            Self::TechnicianDown => "technician-down",
            Self::MechanicUp => "mechanic-up",
            Self::MechanicDown => "mechanic-down",
        }
    }
}

/// What a scenario does to frames it names by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intervention {
    /// One bit is flipped.
    Damage,
    /// The frame comes out of the link twice.
    Duplicate,
}

/// The four directions.
pub struct Wan {
    links: [Link<Frame>; 4],
    /// Where, the first frame, the one after the last, and what is done to them.
    interventions: Vec<(Way, u64, u64, Intervention)>,
    damage: Stream,
}

impl Wan {
    /// Makes the legs; `impairments` are in the order of [`Way::ALL`].
    pub fn new(impairments: [&Impairment; 4], seed: Seed) -> Self {
        let seed = seed.child("wan");
        let mut ways = Way::ALL.into_iter();
        let links = impairments.map(|impairment| {
            let way = ways.next().expect("four impairments, four ways");
            Link::new(impairment, seed.child(way.name()))
        });
        Self { links, interventions: Vec::new(), damage: seed.stream("damage") }
    }

    /// Does something to `count` frames of one direction, from number `first` on.
    pub fn intervene(&mut self, way: Way, first: u64, count: u32, what: Intervention) {
        self.interventions.push((way, first, first.saturating_add(count.into()), what));
    }

    /// Puts a frame onto one direction; its fate is known at once, and told to the taps.
    pub fn push(&mut self, way: Way, now: Instant, frame: Frame, taps: &mut Taps) {
        let bytes = frame.len();
        let mut seen = None;
        let fate = self.enter(way, now, frame, |frame| seen = taps.entering(way, now, frame));
        taps.met(Met { way, bytes, fate }, now, seen);
    }

    /// Puts a frame onto one direction and says what becomes of it.
    ///
    /// `look` is shown the frame as it enters: after an intervention, before the link's own damage.
    pub fn enter(
        &mut self,
        way: Way,
        now: Instant,
        mut frame: Frame,
        look: impl FnOnce(&Frame),
    ) -> Fate {
        let index = self.entered(way);
        let damaged = self.is_struck(way, index, Intervention::Damage);
        if damaged {
            self.damage.seek(index);
            frame.damage(self.damage.next_u64());
        }
        look(&frame);
        let mut fate = if self.is_struck(way, index, Intervention::Duplicate) {
            self.links[way as usize].push_twice(now, frame)
        } else {
            self.links[way as usize].push(now, frame)
        };
        if let FateOutcome::Delivered { damaged: mark, .. } = &mut fate.outcome {
            *mark |= damaged;
        }
        fate
    }

    /// Takes a frame that has arrived at `now`.
    pub fn pop(&mut self, now: Instant) -> Option<(Way, Frame)> {
        self.pop_due(now).map(|(_, way, frame)| (way, frame))
    }

    /// Takes a frame that should have arrived by `now`, with the time it should have arrived at.
    pub fn pop_due(&mut self, now: Instant) -> Option<(Instant, Way, Frame)> {
        Way::ALL.into_iter().find_map(|way| {
            let (due, frame) = self.pop_way(way, now)?;
            Some((due, way, frame))
        })
    }

    /// Takes a frame of one direction that should have arrived by `now`, with its time.
    pub fn pop_way(&mut self, way: Way, now: Instant) -> Option<(Instant, Frame)> {
        let link = &mut self.links[way as usize];
        if link.poll_timeout().is_none_or(|at| at > now) {
            return None;
        }
        link.handle_timeout(now);
        link.poll_delivery()
    }

    /// When a frame arrives or parameters change next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.links.iter().filter_map(Node::poll_timeout).min()
    }

    /// Changes what `change` names in one direction, from now on.
    pub fn change(&mut self, way: Way, now: Instant, change: &Impairment) {
        self.links[way as usize].change(now, change);
    }

    /// Loses everything that enters one direction from now on, for a while.
    pub fn black_out(&mut self, way: Way, now: Instant, lasts: Duration) {
        let from = DurationText(now - Instant::ZERO);
        let mut blackout = self.impairment(way).blackout.clone().unwrap_or_default();
        blackout.push(Blackout { from, lasts: DurationText(lasts) });
        let change = Impairment { blackout: Some(blackout), ..Impairment::default() };
        self.change(way, now, &change);
    }

    /// How many frames met which fate in one direction so far, interventions not counted.
    pub fn counters(&self, way: Way) -> Counters {
        self.links[way as usize].counters()
    }

    /// How many frames, duplicates included, are on their way in one direction.
    pub fn in_flight(&self, way: Way) -> usize {
        self.links[way as usize].in_flight()
    }

    /// How many frames have entered one direction so far.
    pub fn entered(&self, way: Way) -> u64 {
        self.links[way as usize].counters().entered
    }

    /// What is in force in one direction.
    pub fn impairment(&self, way: Way) -> &Impairment {
        self.links[way as usize].impairment()
    }

    fn is_struck(&self, way: Way, index: u64, by: Intervention) -> bool {
        let mut interventions = self.interventions.iter();
        interventions.any(|(at, first, end, what)| {
            (*at, *what) == (way, by) && (*first..*end).contains(&index)
        })
    }
}

/// A fate and the direction it happened on.
#[derive(Clone, Copy, Debug)]
pub struct Met {
    /// The direction.
    pub way: Way,
    /// Length of the frame in bytes.
    pub bytes: usize,
    /// What became of the frame.
    pub fate: Fate,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_frames_are_repeated_and_damaged_as_asked() {
        let plain = Impairment::default();
        let mut wan = Wan::new([&plain; 4], Seed(1));
        wan.intervene(Way::MechanicUp, 1, 3, Intervention::Duplicate);
        wan.intervene(Way::MechanicUp, 3, 2, Intervention::Damage);
        let mut taps = Taps::new(false);
        for number in 0..6 {
            let frame = Frame::from(vec![number; 2]);
            wan.push(Way::MechanicUp, Instant::ZERO, frame, &mut taps);
        }
        let met: Vec<_> = std::iter::from_fn(|| taps.poll_fate())
            .map(|met| match met.fate.outcome {
                FateOutcome::Delivered { damaged, duplicated, .. } => {
                    (met.fate.index, damaged, duplicated)
                }
                FateOutcome::Lost(reason) => panic!("frame {} lost: {reason}", met.fate.index),
            })
            .collect();
        let expected = [(1, false, true), (2, false, true), (3, true, true), (4, true, false)];
        assert_eq!(met, expected);
        let out = std::iter::from_fn(|| wan.pop(Instant::ZERO)).count();
        assert_eq!(out, 6 + 3);
    }
}
