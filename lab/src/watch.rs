//! Whoever watches a run: a record on disk, a capture, a progress bar, a person's Ctrl-C.

use node::Instant;
use record::Line;

use crate::world::Sighting;

/// What a run tells while it goes on, and asks.
pub trait Watch {
    /// Whether [`Watch::line`] wants to be called.
    fn wants_lines(&self) -> bool {
        false
    }

    /// Whether [`Watch::sighting`] wants to be called.
    fn wants_sightings(&self) -> bool {
        false
    }

    /// Something happened.
    fn line(&mut self, _line: Line) {}

    /// A frame was seen at a tap point.
    fn sighting(&mut self, _sighting: Sighting) {}

    /// The run moved on; called often.
    fn progress(&mut self, _progress: &Progress<'_>) {}

    /// Whether the run shall end now; what it found so far is kept and marked as partial.
    fn is_stopped(&self) -> bool {
        false
    }
}

/// Where a run stands.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The time it is in the world.
    pub now: Instant,
    /// Number of the step, counted from 1; zero before the first.
    pub step: usize,
    /// How many steps there are.
    pub steps: usize,
    /// The step in words.
    pub name: &'a str,
    /// How much of the step is done, how much there is, and what is counted.
    pub work: Option<(u64, u64, &'static str)>,
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Watch for Nobody {}
