//! The largest frame that passes, by search.

use node::{Duration, Frame};
use scenarios::manifest::Capability;

use crate::transparency::check::{Check, Round, Scene, Verdict};
use crate::transparency::frames::{LONGEST, SHORTEST, probe};
use crate::transparency::machine::End;
use crate::transparency::row::Grade;

/// Halves what is between a length that passes and one that does not, both ways at once.
#[derive(Debug)]
pub struct Largest {
    /// The longest that passed and the shortest that did not, for each way.
    ways: [(usize, usize); 2],
    /// Where the frames of the last round begin.
    round: Option<usize>,
}

const ENDS: [End; 2] = [End::Technician, End::Vehicle];

impl Default for Largest {
    fn default() -> Self {
        Self { ways: [(SHORTEST - 1, LONGEST + 1); 2], round: None }
    }
}

impl Largest {
    /// Takes what came of the last round into account.
    fn learn(&mut self, scene: &Scene<'_>) {
        let Some(first) = self.round else { return };
        let missing = scene.trace.missing(first);
        for (end, (passed, refused)) in ENDS.into_iter().zip(&mut self.ways) {
            let mut sent = scene.trace.sent(first).filter(|(_, entry, _)| entry.end == end);
            let Some((_, _, frame)) = sent.next() else { continue };
            let length = frame.len();
            // Three copies were sent: one that passes shows that the length does.
            let lost = scene
                .trace
                .sent(first)
                .filter(|(index, entry, _)| entry.end == end && missing.contains(index));
            if lost.count() < COPIES { *passed = length } else { *refused = length }
        }
    }
}

impl Check for Largest {
    fn name(&self) -> &'static str {
        "MTU"
    }

    fn round(&mut self, scene: &mut Scene<'_>) -> Option<Round> {
        self.learn(scene);
        let mut frames: Vec<(End, Frame)> = Vec::new();
        for (end, (passed, refused)) in ENDS.into_iter().zip(self.ways) {
            if refused - passed > 1 {
                // Most bridges carry the longest: that is asked first.
                let longest = if refused > LONGEST { LONGEST } else { (passed + refused) / 2 };
                let copies = (0..COPIES).map(|_| (end, probe(end, scene.numbers.draw(), longest)));
                frames.extend(copies);
            }
        }
        self.round = Some(scene.trace.len());
        // A slow bridge is not a narrow one.
        let slowest = scene.trace.slowest(0).unwrap_or_default();
        let patience = (slowest * 2).clamp(PATIENCE, PATIENCE_AT_MOST);
        (!frames.is_empty()).then(|| Round::of_frames(frames, SPACING, patience))
    }

    fn judge(&self, scene: &Scene<'_>) -> Verdict {
        let [up, down] = self.ways.map(|(passed, _)| passed.saturating_sub(HEADER));
        let least = up.min(down);
        let mtu = usize::from(scene.options.mtu);
        let words = if up == down {
            format!("packets of up to {up} bytes pass")
        } else {
            format!("packets of up to {up} bytes pass to the car, of up to {down} from it")
        };
        let shown = edge(scene, least + HEADER);
        if least >= mtu.min(LONGEST - HEADER) {
            let note =
                if mtu < 1500 { format!(", as the manifest says ({mtu})") } else { String::new() };
            return Verdict::new(Grade::Pass, format!("{words}{note}"), shown);
        }
        let grade = scene.options.lack_of(Capability::FullSizeFrames, Grade::Finding);
        Verdict::new(grade, format!("{words}; its manifest says {mtu}"), shown)
    }
}

/// Shows the frames on both sides of the edge.
fn edge(scene: &Scene<'_>, length: usize) -> Vec<usize> {
    let near = scene.trace.since(scene.first).filter(|(index, _)| {
        let mut sent = scene.trace.sent(*index).take(1);
        sent.any(|(sent, _, frame)| sent == *index && (length..=length + 1).contains(&frame.len()))
    });
    let sent: Vec<usize> = near.map(|(index, _)| index).collect();
    let seen = sent.iter().filter_map(|index| scene.trace.arrival(*index)).map(|(seen, _)| seen);
    sent.iter().copied().chain(seen).collect()
}

/// Bytes of an Ethernet header.
const HEADER: usize = 14;
/// How many frames of a length are sent, so that one that is lost by chance decides nothing.
const COPIES: usize = 3;
const SPACING: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_millis(700);
const PATIENCE_AT_MOST: Duration = Duration::from_secs(4);
