//! What is judged over everything that was sent, in whichever check.

use std::collections::BTreeSet;

use crate::transparency::check::{Check, Round, Scene, Verdict};
use crate::transparency::machine::End;
use crate::transparency::row::Grade;
use crate::transparency::trace::{Origin, Trace};

/// Judges every frame that came out of either port.
pub struct Whole {
    name: &'static str,
    /// Finds what is wrong: frames that came out, with what they are of.
    find: fn(&Trace) -> Vec<usize>,
    good: &'static str,
    bad: &'static str,
}

/// Returns these checks.
pub fn all() -> [Whole; 4] {
    [
        Whole {
            name: "order",
            find: overtaken,
            good: "came out in the order in which they were sent",
            bad: "overtook another or were overtaken",
        },
        Whole {
            name: "duplication",
            find: repeated,
            good: "came out once",
            bad: "came out more than once",
        },
        Whole {
            name: "damage",
            find: damaged,
            good: "compared byte by byte are as they were sent",
            bad: "are not as they were sent",
        },
        Whole {
            name: "additions",
            find: invented,
            good: "were sent at the other end",
            bad: "bear the address of a port that never sent them",
        },
    ]
}

impl Check for Whole {
    fn name(&self) -> &'static str {
        self.name
    }

    fn round(&mut self, _: &mut Scene<'_>) -> Option<Round> {
        None
    }

    fn judge(&self, scene: &Scene<'_>) -> Verdict {
        let trace = scene.trace;
        let all = trace.seen(0).filter(|(.., origin)| *origin != Origin::Foreign).count();
        let found = (self.find)(trace);
        if found.is_empty() {
            let last = trace.seen(0).filter(|(.., origin)| *origin != Origin::Foreign).last();
            let gone = match trace.dropped() {
                0 => String::new(),
                more => format!(" ({more} more were not kept)"),
            };
            let words = format!("{all} frames{gone} {}", self.good);
            let shown = last.map(|(index, ..)| index).into_iter().collect();
            return Verdict::new(Grade::Pass, words, shown);
        }
        let words = format!("{} of {all} frames {}", found.len(), self.bad);
        let with_origin = found.iter().take(4).flat_map(|index| {
            let mut seen = trace.seen(*index);
            let sent = seen.next().and_then(|(.., origin)| origin.sent());
            sent.into_iter().chain([*index])
        });
        Verdict::new(Grade::Fail, words, with_origin.collect())
    }
}

/// Frames that came out, for the first time, after one that was sent later.
fn overtaken(trace: &Trace) -> Vec<usize> {
    let mut found = Vec::new();
    for end in [End::Technician, End::Vehicle] {
        let (mut latest, mut known) = (0, BTreeSet::new());
        for (index, _, _, origin) in trace.seen(0).filter(|(_, entry, ..)| entry.end == end) {
            let Some(sent) = origin.sent().filter(|sent| known.insert(*sent)) else { continue };
            if sent < latest {
                found.push(index);
            }
            latest = latest.max(sent);
        }
    }
    found
}

/// Frames that came out once more.
fn repeated(trace: &Trace) -> Vec<usize> {
    let mut known = BTreeSet::new();
    let again =
        trace.seen(0).filter(|(.., origin)| origin.sent().is_some_and(|sent| !known.insert(sent)));
    again.map(|(index, ..)| index).collect()
}

fn damaged(trace: &Trace) -> Vec<usize> {
    let damaged = trace.seen(0).filter(|(.., origin)| matches!(origin, Origin::Damaged(_)));
    damaged.map(|(index, ..)| index).collect()
}

fn invented(trace: &Trace) -> Vec<usize> {
    let invented = trace.seen(0).filter(|(.., origin)| *origin == Origin::Invented);
    invented.map(|(index, ..)| index).collect()
}
