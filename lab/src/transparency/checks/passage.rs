//! That anything passes at all, and that it does again after an interruption.

use node::{Duration, Instant};

use crate::transparency::check::{Check, Round, Scene, Until, Verdict, milliseconds};
use crate::transparency::frames::probe;
use crate::transparency::machine::{Deed, End};
use crate::transparency::row::Grade;
use crate::transparency::trace::Trace;

/// Sends one frame each way until both ways are open.
#[derive(Debug, Default)]
pub struct Recovery {
    began: Option<(Instant, usize)>,
}

/// Both ways are open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// How long it took until the later of the two frames came out.
    pub after: Duration,
    /// The two frames and their arrival.
    pub shown: Vec<usize>,
}

impl Recovery {
    /// Returns the next attempt; none when both ways are open, or time is up.
    pub fn round(&mut self, scene: &mut Scene<'_>, at_most: Duration) -> Option<Round> {
        let (began, _) = *self.began.get_or_insert((scene.now, scene.trace.len()));
        if self.found(scene.trace).is_some() || scene.now - began >= at_most {
            return None;
        }
        let frames = [End::Technician, End::Vehicle]
            .map(|end| (Duration::ZERO, Deed::Send(end, probe(end, scene.numbers.draw(), 100))));
        Some(Round { stimuli: frames.into(), until: Until::Arrived, patience: ATTEMPT })
    }

    /// Returns when both ways were open, if they were.
    pub fn found(&self, trace: &Trace) -> Option<Recovered> {
        let (began, first) = self.began?;
        let arrived = |wanted: End| {
            trace
                .sent(first)
                .filter(|(_, entry, _)| entry.end == wanted)
                .find_map(|(sent, ..)| trace.arrival(sent).map(|(seen, at)| (sent, seen, at)))
        };
        let (up, down) = (arrived(End::Technician)?, arrived(End::Vehicle)?);
        let shown = vec![up.0, up.1, down.0, down.1];
        Some(Recovered { after: up.2.max(down.2) - began, shown })
    }
}

/// That anything passes at all.
#[derive(Debug, Default)]
pub struct Passage {
    recovery: Recovery,
}

impl Check for Passage {
    fn name(&self) -> &'static str {
        "passage"
    }

    fn round(&mut self, scene: &mut Scene<'_>) -> Option<Round> {
        if scene.number == 0 {
            let stimuli = vec![(Duration::ZERO, Deed::Link(true))];
            return Some(Round { stimuli, until: Until::Over, patience: ATTEMPT });
        }
        self.recovery.round(scene, AT_MOST)
    }

    fn judge(&self, scene: &Scene<'_>) -> Verdict {
        match self.recovery.found(scene.trace) {
            Some(Recovered { after, shown }) => {
                let words = format!("frames pass both ways after {}", milliseconds(after));
                Verdict::new(Grade::Pass, words, shown)
            }
            None => {
                let words = format!("no frame passed both ways within {} s", AT_MOST.as_secs());
                Verdict::new(Grade::Fail, words, scene.trace.missing(scene.first))
            }
        }
    }
}

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_millis(250);
/// How long a bridge may take to carry its first frames.
const AT_MOST: Duration = Duration::from_secs(30);
