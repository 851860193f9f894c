//! 802.1Q: tags stay on, and a full frame may be four bytes longer with one.

use node::{Duration, Frame};

use crate::transparency::check::{Check, Round, Scene, Verdict};
use crate::transparency::frames::{LONGEST, probe, tagged, untagged};
use crate::transparency::machine::End;
use crate::transparency::row::Grade;
use crate::transparency::trace::Origin;

/// Sends short and full frames with a tag, and full ones without for comparison.
pub struct Tag;

impl Check for Tag {
    fn name(&self) -> &'static str {
        "VLAN tag"
    }

    fn round(&mut self, scene: &mut Scene<'_>) -> Option<Round> {
        if scene.number > 0 {
            return None;
        }
        let mut frames: Vec<(End, Frame)> = Vec::new();
        for end in [End::Technician, End::Vehicle] {
            frames.push((end, tagged(end, scene.numbers.draw(), 100)));
            frames.push((end, probe(end, scene.numbers.draw(), LONGEST)));
            frames.push((end, tagged(end, scene.numbers.draw(), LONGEST)));
        }
        Some(Round::of_frames(frames, Duration::from_millis(20), Duration::from_secs(2)))
    }

    fn judge(&self, scene: &Scene<'_>) -> Verdict {
        let Scene { trace, first, .. } = *scene;
        let stripped: Vec<usize> = trace
            .seen(first)
            .filter(|(.., origin)| matches!(origin, Origin::Untagged(_)))
            .flat_map(|(index, _, _, origin)| origin.sent().into_iter().chain([index]))
            .collect();
        if !stripped.is_empty() {
            let words = "frames come out without their tag: two networks become one";
            return Verdict::new(Grade::Finding, words, stripped);
        }
        let missing = trace.missing(first);
        let lost = |tag: bool, full: bool| -> Vec<usize> {
            let of_kind = trace.sent(first).filter(|(index, _, frame)| {
                let is_tagged = untagged(frame).is_some();
                (is_tagged, frame.len() >= LONGEST) == (tag, full) && missing.contains(index)
            });
            of_kind.map(|(index, ..)| index).collect()
        };
        let (short, full, bare) = (lost(true, false), lost(true, true), lost(false, true));
        let passed = trace.seen(first).map(|(index, ..)| index).collect();
        if !short.is_empty() {
            return Verdict::new(Grade::Finding, "frames with a tag vanish", short);
        }
        if !bare.is_empty() {
            let words = "tags stay on; full-size frames do not pass, with or without one";
            return Verdict::new(Grade::Pass, words, passed);
        }
        if !full.is_empty() {
            let words = "tags stay on, but a full-size frame with one (1518 bytes) vanishes";
            return Verdict::new(Grade::Finding, words, full);
        }
        Verdict::new(Grade::Pass, "tags stay on, up to 1518 bytes", passed)
    }
}
