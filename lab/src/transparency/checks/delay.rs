//! How long frames take, against the way itself.

use std::collections::BTreeMap;

use node::Duration;

use crate::transparency::check::{Check, Round, Scene, Verdict, milliseconds};
use crate::transparency::row::Grade;
use crate::transparency::trace::Trace;

/// Judges the frames that came out before the car's link or the relay was touched.
pub struct Delay;

impl Check for Delay {
    fn name(&self) -> &'static str {
        "delay"
    }

    fn is_of_whole(&self) -> bool {
        true
    }

    fn round(&mut self, _: &mut Scene<'_>) -> Option<Round> {
        None
    }

    fn judge(&self, scene: &Scene<'_>) -> Verdict {
        let times = undisturbed(scene.trace);
        let Some((longest, sent, seen)) = times.last().copied() else {
            return Verdict::new(Grade::NotRun, "no frame came out", Vec::new());
        };
        // The smallest that so many of a hundred do not exceed.
        let of_hundred = |share: usize| {
            let rank = (times.len() * share).div_ceil(100).max(1) - 1;
            times.get(rank).map_or(longest, |(time, ..)| *time)
        };
        let (half, most) = (of_hundred(50), of_hundred(99));
        let way = scene.options.way;
        let words = format!(
            "{} frames: half within {}, 99 of 100 within {}, all within {}; the way itself takes {}",
            times.len(),
            milliseconds(half),
            milliseconds(most),
            milliseconds(longest),
            milliseconds(way)
        );
        let is_slow = half > way + USUAL || most > way + SELDOM;
        let bounds =
            format!("; more than {} ms or {} ms on top", USUAL.as_millis(), SELDOM.as_millis());
        let (grade, bounds) =
            if is_slow { (Grade::Finding, bounds.as_str()) } else { (Grade::Pass, "") };
        Verdict::new(grade, words + bounds, vec![sent, seen])
    }
}

/// Returns how long each frame took that came out before the first interruption, the fastest first,
/// with the entries that show it.
fn undisturbed(trace: &Trace) -> Vec<(Duration, usize, usize)> {
    let cuts = trace.since(0).find(|(_, entry)| entry.what.interrupts());
    let end = cuts.map_or(usize::MAX, |(index, _)| index);
    let sent: BTreeMap<usize, _> =
        trace.sent(0).map(|(index, entry, _)| (index, entry.at)).collect();
    let mut first = BTreeMap::new();
    for (seen, entry, _, origin) in trace.seen(0).take_while(|(index, ..)| *index < end) {
        let Some(index) = origin.sent() else { continue };
        first.entry(index).or_insert((entry.at, seen));
    }
    let times = first.into_iter().filter_map(|(index, (at, seen))| {
        let sent = sent.get(&index)?;
        Some((at - *sent, index, seen))
    });
    let mut times: Vec<_> = times.collect();
    times.sort_unstable();
    times
}

/// What a bridge may add: to most frames, and to all but one of a hundred.
const USUAL: Duration = Duration::from_millis(10);
const SELDOM: Duration = Duration::from_millis(100);
