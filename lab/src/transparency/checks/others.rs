//! Frames of others: what comes out of the bridge that nobody sent, and that is none of ours.

use crate::transparency::check::{Check, Round, Scene, Verdict};
use crate::transparency::decode::describe;
use crate::transparency::row::Grade;
use crate::transparency::trace::Origin;

/// Tells what else is on the network since the bridge is there.
pub struct Others;

impl Check for Others {
    fn name(&self) -> &'static str {
        "foreign frames"
    }

    fn is_of_whole(&self) -> bool {
        true
    }

    fn round(&mut self, _: &mut Scene<'_>) -> Option<Round> {
        None
    }

    fn judge(&self, scene: &Scene<'_>) -> Verdict {
        let trace = scene.trace;
        let all = trace.foreign().all;
        let foreign = trace.seen(0).filter(|(.., origin)| *origin == Origin::Foreign);
        let foreign: Vec<(usize, &[u8])> =
            foreign.take(SHOWN).map(|(index, _, frame, _)| (index, &frame[..])).collect();
        match foreign.first() {
            Some((_, frame)) => {
                let first = describe(frame);
                let words = format!("{all} frames came out that nobody here sent: first {first}");
                let shown = foreign.iter().map(|(index, _)| *index).collect();
                Verdict::new(Grade::Finding, words, shown)
            }
            None if trace.ours().all == 0 => {
                Verdict::new(Grade::NotRun, "no frame came out", Vec::new())
            }
            None => {
                let last = trace.seen(0).last().map(|(index, ..)| index);
                let words = "nothing came out but what was sent";
                Verdict::new(Grade::Pass, words, last.into_iter().collect())
            }
        }
    }
}

const SHOWN: usize = 4;
