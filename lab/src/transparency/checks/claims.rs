//! What is claimed besides: encryption, as far as it can be seen, and what is not checked here.

use scenarios::manifest::Capability;

use crate::transparency::check::{Check, Round, Scene, Verdict};
use crate::transparency::row::Grade;
use crate::transparency::trace::Origin;

/// Looks for the bytes of the frames in what is carried between the sites.
pub struct Encryption;

impl Check for Encryption {
    fn name(&self) -> &'static str {
        "encryption"
    }

    fn is_of_whole(&self) -> bool {
        true
    }

    fn round(&mut self, _: &mut Scene<'_>) -> Option<Round> {
        None
    }

    fn judge(&self, scene: &Scene<'_>) -> Verdict {
        let (trace, claims) = (scene.trace, scene.options.claims(Capability::Encryption));
        let (readable, way) = (trace.readable().all, trace.way());
        if readable > 0 {
            let grade = scene.options.lack_of(Capability::Encryption, Grade::Unsupported);
            let words = format!(
                "{readable} of {} packets between the sites show bytes of a frame as they are",
                way.frames
            );
            let shown = trace.since(0).filter(|(_, entry)| entry.what.is_readable());
            return Verdict::new(grade, words, shown.map(|(index, _)| index).collect());
        }
        if !claims {
            return Verdict::new(Grade::Unsupported, "not claimed", Vec::new());
        }
        let ours = trace.seen(0).filter(|(.., origin)| *origin != Origin::Foreign);
        let bytes: u64 = ours.map(|(_, _, frame, _)| frame.len() as u64).sum();
        if bytes == 0 || way.bytes < bytes / 2 {
            let words = format!(
                "claimed, not checked: {} bytes were seen between the sites, and {bytes} came out",
                way.bytes
            );
            return Verdict::new(Grade::NotRun, words, Vec::new());
        }
        let words = format!(
            "none of {} packets between the sites shows bytes of a frame as they are; how hard it \
             is to break was not tried",
            way.frames
        );
        Verdict::new(Grade::Pass, words, Vec::new())
    }
}

/// The claim to measure the way and to advise.
pub struct Guard;

impl Check for Guard {
    fn name(&self) -> &'static str {
        "guard"
    }

    fn is_of_whole(&self) -> bool {
        true
    }

    fn round(&mut self, _: &mut Scene<'_>) -> Option<Round> {
        None
    }

    fn judge(&self, scene: &Scene<'_>) -> Verdict {
        let (grade, words) = if scene.options.claims(Capability::Guard) {
            (Grade::NotRun, "claimed, not checked here: its advice is the bridge's own")
        } else {
            (Grade::Unsupported, "not claimed")
        };
        Verdict::new(grade, words, Vec::new())
    }
}
