//! The internet between the sites: two legs that meet at the relay, two directions each.

use netem::{Fate, Impairment, Link};
use node::{Frame, Instant, Node, Seed};

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

/// The four directions.
pub struct Wan {
    links: [Link<Frame>; 4],
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
        Self { links }
    }

    /// Puts a frame onto one direction; its fate is known at once.
    pub fn push(&mut self, way: Way, now: Instant, frame: Frame, taps: &mut Taps) {
        let link = &mut self.links[way as usize];
        let copy = frame.clone();
        link.handle_input(now, frame);
        while let Some(fate) = link.poll_fate() {
            taps.entered(way, now, &copy, fate);
        }
    }

    /// Takes a frame that has arrived at `now`.
    pub fn pop(&mut self, now: Instant) -> Option<(Way, Frame)> {
        for way in Way::ALL {
            let link = &mut self.links[way as usize];
            if link.poll_timeout().is_some_and(|at| at <= now) {
                link.handle_timeout(now);
            }
            if let Some(frame) = link.poll_output() {
                return Some((way, frame));
            }
        }
        None
    }

    /// When a frame arrives or parameters change next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.links.iter().filter_map(Node::poll_timeout).min()
    }

    /// Changes the parameters of one direction from now on.
    pub fn set(&mut self, way: Way, now: Instant, impairment: &Impairment) {
        self.links[way as usize].set(now, impairment);
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
