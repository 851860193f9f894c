//! The technician's link stays up while the car's does.

use node::{Duration, Instant};

use crate::transparency::check::{Check, Round, Scene, Verdict};
use crate::transparency::machine::End;
use crate::transparency::row::Grade;
use crate::transparency::trace::{Trace, What};

/// Judges every loss of link that was seen at the technician's port.
pub struct Steady;

impl Check for Steady {
    fn name(&self) -> &'static str {
        "link stability"
    }

    fn is_of_whole(&self) -> bool {
        true
    }

    fn round(&mut self, _: &mut Scene<'_>) -> Option<Round> {
        None
    }

    fn judge(&self, scene: &Scene<'_>) -> Verdict {
        let seen = scene.trace.changes();
        let lost = causeless(scene.trace);
        let changes: Vec<usize> =
            scene.trace.links(0, End::Technician).map(|(index, ..)| index).collect();
        if !lost.is_empty() {
            let words = format!(
                "losses of link at the technician's port while the car had its own: {}; whatever is \
                 connected ends",
                lost.len()
            );
            return Verdict::new(Grade::Fail, words, lost);
        }
        if seen.all == 0 {
            let words = "no link was seen at the technician's port";
            return Verdict::new(Grade::NotRun, words, Vec::new());
        }
        if seen.dropped > 0 {
            let words = format!("the technician's link changed {} times", seen.all);
            return Verdict::new(Grade::Fail, words, changes);
        }
        let is_lost = |(_, _, up): (usize, Instant, bool)| !up;
        let words = if scene.trace.links(0, End::Technician).any(is_lost) {
            "the technician's port lost its link only when the car or the relay was lost"
        } else {
            "the technician's port never lost its link"
        };
        Verdict::new(Grade::Pass, words, changes)
    }
}

/// Finds each loss that follows no loss of ours. One of the car's explains one of the
/// technician's, as long as the car's lasts and somewhat longer; a relay that is lost explains any
/// until both sides may have found each other again.
fn causeless(trace: &Trace) -> Vec<usize> {
    let mut lost = Vec::new();
    // Until when a loss of the car's link explains one; none once it has, or before there is any.
    let mut excused: Option<Instant> = None;
    let mut relay: Option<Instant> = None;
    let mut is_up = false;
    for (index, entry) in trace.since(0) {
        match entry.what {
            What::LinkSet(false) => excused = Some(FOREVER),
            What::LinkSet(true) => excused = excused.map(|_| entry.at + SETTLING),
            What::Relay(false) => relay = Some(FOREVER),
            What::Relay(true) => relay = relay.map(|_| entry.at + RELAY_SETTLING),
            What::LinkSeen(up) if entry.end == End::Technician => {
                let is_loss = is_up && !up;
                is_up = up;
                let is_excused = |until: Option<Instant>| until.is_some_and(|at| entry.at <= at);
                if is_loss && !is_excused(relay) && !is_excused(excused.take()) {
                    lost.push(index);
                }
            }
            What::LinkSeen(_) | What::Sent(_) | What::Seen { .. } => {}
            What::Ended(_) | What::Readable(..) => {}
        }
    }
    lost
}

const FOREVER: Instant = Instant::from_nanos(u64::MAX);
/// How long after the car's link is back its loss may still be told.
const SETTLING: Duration = Duration::from_secs(3);
/// The same of the relay.
const RELAY_SETTLING: Duration = Duration::from_secs(90);

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const UP: What = What::LinkSeen(true);
    const DOWN: What = What::LinkSeen(false);
    const ON: What = What::LinkSet(true);
    const OFF: What = What::LinkSet(false);

    #[rstest]
    #[case::found_down(&[(0, DOWN), (1, UP)], 0)]
    #[case::of_itself(&[(0, UP), (5, DOWN)], 1)]
    #[case::with_the_car(&[(0, UP), (5, OFF), (6, DOWN), (7, ON), (8, UP)], 0)]
    #[case::a_little_late(&[(0, UP), (5, OFF), (6, ON), (8, DOWN)], 0)]
    #[case::too_late(&[(0, UP), (5, OFF), (6, ON), (11, DOWN)], 1)]
    #[case::twice(&[(0, UP), (5, OFF), (6, DOWN), (7, UP), (8, DOWN)], 1)]
    #[case::without_the_relay(
        &[(0, UP), (5, What::Relay(false)), (6, DOWN), (7, UP), (8, What::Relay(true)), (9, DOWN)],
        0
    )]
    #[case::long_after_the_relay(
        &[(0, UP), (5, What::Relay(false)), (8, What::Relay(true)), (99, DOWN)],
        1
    )]
    fn a_loss_needs_a_cause(#[case] happened: &[(u64, What)], #[case] lost: usize) {
        let mut trace = Trace::default();
        for (second, what) in happened {
            trace.note(Instant::from_secs(*second), End::Technician, what.clone());
        }
        assert_eq!(causeless(&trace).len(), lost);
    }
}
