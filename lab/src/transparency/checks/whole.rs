//! What is judged over all frames that were sent, in whichever check.

use std::collections::{BTreeMap, BTreeSet};

use crate::transparency::check::{Check, Round, Scene, Verdict};
use crate::transparency::machine::End;
use crate::transparency::row::Grade;
use crate::transparency::trace::{Count, Origin, Trace};

/// Judges every frame that came out of either port.
pub struct Whole {
    name: &'static str,
    /// Finds what is wrong: for each frame that came out so, the entries that show it.
    find: fn(&Trace) -> Vec<Vec<usize>>,
    /// How bad that is.
    grade: Grade,
    good: &'static str,
    bad: &'static str,
}

/// Returns these checks.
pub fn all() -> [Whole; 4] {
    [
        Whole {
            name: "order",
            find: overtaken,
            grade: Grade::Finding,
            good: "came out in the order in which they were sent",
            bad: "came out after one that was sent later: TCP copes, others may not",
        },
        Whole {
            name: "duplication",
            find: repeated,
            grade: Grade::Fail,
            good: "came out once",
            bad: "came out more than once",
        },
        Whole {
            name: "damage",
            find: damaged,
            grade: Grade::Fail,
            good: "compared byte by byte are as they were sent",
            bad: "are not as they were sent",
        },
        Whole {
            name: "additions",
            find: invented,
            grade: Grade::Fail,
            good: "were sent at the other end",
            bad: "speak for or to one of our ports, and nobody sent them",
        },
    ]
}

impl Check for Whole {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_of_whole(&self) -> bool {
        true
    }

    fn round(&mut self, _: &mut Scene<'_>) -> Option<Round> {
        None
    }

    fn judge(&self, scene: &Scene<'_>) -> Verdict {
        let trace = scene.trace;
        let Count { all, dropped } = trace.ours();
        let found = (self.find)(trace);
        if found.is_empty() {
            let last = trace.seen(0).filter(|(.., origin)| *origin != Origin::Foreign).last();
            let shown = last.map(|(index, ..)| index).into_iter().collect();
            let (grade, words) = match (all, dropped) {
                (0, _) => (Grade::NotRun, "no frame came out".to_owned()),
                (_, 0) => (Grade::Pass, format!("{all} frames {}", self.good)),
                (_, more) => {
                    let words = format!("{more} of {all} frames that came out were not compared");
                    (Grade::Finding, words)
                }
            };
            return Verdict::new(grade, words, shown);
        }
        let words = format!("{} of {all} frames {}", found.len(), self.bad);
        let shown = found.into_iter().take(3).flatten().collect();
        Verdict::new(self.grade, words, shown)
    }
}

/// Frames that came out, for the first time, after one that was sent later.
fn overtaken(trace: &Trace) -> Vec<Vec<usize>> {
    let mut found = Vec::new();
    for end in [End::Technician, End::Vehicle] {
        let (mut latest, mut known) = ((0, 0), BTreeSet::new());
        for (index, _, _, origin) in trace.seen(0).filter(|(_, entry, ..)| entry.end == end) {
            let Some(sent) = origin.sent().filter(|sent| known.insert(*sent)) else { continue };
            if sent < latest.0 {
                found.push(vec![sent, latest.0, latest.1, index]);
            } else {
                latest = (sent, index);
            }
        }
    }
    found
}

/// Frames that came out once more.
fn repeated(trace: &Trace) -> Vec<Vec<usize>> {
    let mut known = BTreeMap::new();
    let again = trace.seen(0).filter_map(|(index, _, _, origin)| {
        let sent = origin.sent()?;
        let first = *known.entry(sent).or_insert(index);
        (first != index).then(|| vec![sent, first, index])
    });
    again.collect()
}

fn damaged(trace: &Trace) -> Vec<Vec<usize>> {
    let damaged = trace.seen(0).filter_map(|(index, _, _, origin)| match origin {
        Origin::Damaged(sent) => Some(vec![sent, index]),
        Origin::Same(_) | Origin::Untagged(_) | Origin::Invented | Origin::Foreign => None,
    });
    damaged.collect()
}

fn invented(trace: &Trace) -> Vec<Vec<usize>> {
    let invented = trace.seen(0).filter(|(.., origin)| *origin == Origin::Invented);
    invented.map(|(index, ..)| vec![index]).collect()
}
