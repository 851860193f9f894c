//! Link state, and what happens to the way when the car's gateway resets or takes a new address.

use node::{Duration, Instant};
use scenarios::manifest::Capability;

use super::passage::{Recovered, Recovery};
use crate::transparency::check::{Check, Round, Scene, Until, Verdict, milliseconds};
use crate::transparency::frames::{BROADCAST, MOVED, arp_for, mac, probe, probe_between};
use crate::transparency::machine::{Deed, End, Options};
use crate::transparency::row::Grade;

/// Link loss at the car is seen at the technician's port, and so is its return.
#[derive(Debug, Default)]
pub struct LinkState {
    recovery: Recovery,
}

impl Check for LinkState {
    fn name(&self) -> &'static str {
        "link state"
    }

    fn excuse(&self, options: &Options) -> Option<Verdict> {
        excuse(options)
    }

    fn round(&mut self, scene: &mut Scene<'_>) -> Option<Round> {
        let up = scene.number == 1;
        if scene.number > 1 {
            return self.recovery.round(scene, RECOVERY);
        }
        // Always the whole time: a change that does not last is none.
        let stimuli = vec![(Duration::ZERO, Deed::Link(up))];
        Some(Round { stimuli, until: Until::Over, patience: SEEN_WITHIN })
    }

    fn judge(&self, scene: &Scene<'_>) -> Verdict {
        let switched = [set(scene, false), set(scene, true)];
        let shown = switched.into_iter().flatten().map(|(index, _)| index).collect();
        let [Some(off), Some(on)] = switched else {
            return Verdict::new(Grade::NotRun, "the link was not switched", shown);
        };
        let changes = |from: usize, to: usize| -> Vec<(usize, Instant, bool)> {
            let links = scene.trace.links(from, End::Technician);
            links.take_while(|(index, ..)| *index < to).collect()
        };
        let (down, up) = (changes(off.0, on.0), changes(on.0, usize::MAX));
        let is_steady = |changes: &[(usize, Instant, bool)], to: bool| {
            changes.iter().all(|(_, _, seen)| *seen == to)
        };
        if !is_steady(&down, false) || !is_steady(&up, true) {
            let words = "the technician's port changes its link in the wrong direction: not as \
                         the car's does";
            let changed = down.iter().chain(&up).map(|(index, ..)| *index);
            let shown = [off.0, on.0].into_iter().chain(changed).collect();
            let grade = scene.options.lack_of(Capability::LinkState, Grade::Finding);
            return Verdict::new(grade, words, shown);
        }
        let first = |changes: &[(usize, Instant, bool)], (set, at): (usize, Instant)| {
            changes.first().map(|(index, seen, _)| (set, *index, *seen - at))
        };
        match (first(&down, off), first(&up, on)) {
            (Some(down), Some(up)) => {
                let (after, back) = (milliseconds(down.2), milliseconds(up.2));
                let words = format!("loss is seen after {after}, return after {back}");
                Verdict::new(Grade::Pass, words, vec![down.0, down.1, up.0, up.1])
            }
            (None, _) => {
                let grade = scene.options.lack_of(Capability::LinkState, Grade::Unsupported);
                let words = format!(
                    "the car's link went and the technician's stayed for {} s: a tester waits for \
                     a time-out instead",
                    SEEN_WITHIN.as_secs()
                );
                Verdict::new(grade, words, shown)
            }
            (Some(down), None) => {
                let words = "loss is seen, but the return is not: the technician's port stays down";
                Verdict::new(Grade::Fail, words, vec![down.0, down.1])
            }
        }
    }
}

/// The gateway resets: six seconds without link while the tester goes on sending.
#[derive(Debug, Default)]
pub struct GatewayReset {
    recovery: Recovery,
}

impl Check for GatewayReset {
    fn name(&self) -> &'static str {
        "gateway reset"
    }

    fn excuse(&self, options: &Options) -> Option<Verdict> {
        excuse(options)
    }

    fn round(&mut self, scene: &mut Scene<'_>) -> Option<Round> {
        if scene.number > 0 {
            return self.recovery.round(scene, RECOVERY);
        }
        let mut stimuli = vec![(Duration::ZERO, Deed::Link(false))];
        stimuli.extend((1..6).map(|second| {
            let frame = probe(End::Technician, scene.numbers.draw(), 200);
            (Duration::from_secs(second), Deed::Send(End::Technician, frame))
        }));
        stimuli.push((RESET, Deed::Link(true)));
        let car = crate::transparency::frames::address(End::Vehicle);
        let announcement = arp_for(1, mac(End::Vehicle), car, car, BROADCAST);
        stimuli.push((RESET, Deed::Send(End::Vehicle, announcement)));
        Some(Round { stimuli, until: Until::Over, patience: Duration::from_millis(50) })
    }

    fn judge(&self, scene: &Scene<'_>) -> Verdict {
        let Some(recovered) = self.recovery.found(scene.trace) else { return dead(scene) };
        let back = set(scene, true).map_or(scene.first, |(index, _)| index);
        let stale: Vec<usize> = scene
            .trace
            .seen(back)
            .filter_map(|(index, _, _, origin)| origin.sent().map(|sent| (sent, index)))
            .filter(|(sent, _)| (scene.first..back).contains(sent))
            .flat_map(|(sent, seen)| [sent, seen])
            .collect();
        if !stale.is_empty() {
            let words = format!(
                "{} frames from before the reset reached the car after it",
                stale.len() / 2
            );
            return Verdict::new(Grade::Finding, words, stale);
        }
        let late = scene.options.lack_of(Capability::ResetRideThrough, Grade::Finding);
        verdict(&recovered, "6 s without link", late)
    }
}

/// The car comes back under another IP address, then with another hardware address.
#[derive(Debug, Default)]
pub struct AddressChange {
    recovery: Recovery,
    /// Where the frames under the new addresses begin.
    moved: Option<usize>,
}

impl Check for AddressChange {
    fn name(&self) -> &'static str {
        "address change"
    }

    fn round(&mut self, scene: &mut Scene<'_>) -> Option<Round> {
        if scene.number == 0 && scene.options.link {
            let stimuli =
                vec![(Duration::ZERO, Deed::Link(false)), (SHORT_RESET, Deed::Link(true))];
            return Some(Round {
                stimuli,
                until: Until::Over,
                patience: Duration::from_millis(50),
            });
        }
        if let Some(round) = self.recovery.round(scene, RECOVERY) {
            return Some(round);
        }
        if self.moved.is_some() || self.recovery.found(scene.trace).is_none() {
            return None;
        }
        self.moved = Some(scene.trace.len());
        let (same, other) = (mac(End::Vehicle), [0x02, 0xBC, 0x0B, 0, 0, 2]);
        let addresses = [(same, MOVED[0]), (other, MOVED[1])];
        let mut frames = Vec::new();
        for (mac_now, now) in addresses {
            frames.push((End::Vehicle, arp_for(1, mac_now, now, now, BROADCAST)));
            let tester = mac(End::Technician);
            let down = probe_between(tester, mac_now, scene.numbers.draw(), 150);
            frames.push((End::Technician, down));
            let up = probe_between(mac_now, tester, scene.numbers.draw(), 150);
            frames.push((End::Vehicle, up));
        }
        Some(Round::of_frames(frames, Duration::from_millis(100), Duration::from_secs(2)))
    }

    fn judge(&self, scene: &Scene<'_>) -> Verdict {
        let (Some(recovered), Some(moved)) = (self.recovery.found(scene.trace), self.moved) else {
            return dead(scene);
        };
        let missing = scene.trace.missing(moved);
        if missing.is_empty() {
            let shown = scene.trace.since(moved).map(|(index, _)| index).collect();
            let verdict = verdict(&recovered, "a short loss of link", Grade::Finding);
            let words =
                format!("{}; a new IP and a new hardware address pass at once", verdict.words);
            return Verdict::new(verdict.grade, words, shown);
        }
        let words = format!("{} frames under the new addresses did not come out", missing.len());
        Verdict::new(Grade::Fail, words, missing)
    }
}

fn excuse(options: &Options) -> Option<Verdict> {
    let words = "the carrier of the car's port cannot be switched here";
    (!options.link).then(|| Verdict::new(Grade::NotRun, words, Vec::new()))
}

fn dead(scene: &Scene<'_>) -> Verdict {
    let words =
        format!("nothing passed again within {} s after the link was back", RECOVERY.as_secs());
    let shown = scene.trace.missing(scene.first);
    Verdict::new(Grade::Fail, words, shown)
}

fn verdict(recovered: &Recovered, after: &str, late: Grade) -> Verdict {
    let time = milliseconds(recovered.after);
    let shown = recovered.shown.clone();
    let words = format!("after {after} frames pass again within {time}");
    let grade = if recovered.after <= SOON { Grade::Pass } else { late };
    Verdict::new(grade, words, shown)
}

/// Returns when the car's link was switched, last.
fn set(scene: &Scene<'_>, up: bool) -> Option<(usize, Instant)> {
    scene.trace.since(scene.first).rev().find_map(|(index, entry)| {
        entry.what.link_set().filter(|now| *now == up).map(|_| (index, entry.at))
    })
}

/// How soon a change of link has to be seen.
const SEEN_WITHIN: Duration = Duration::from_secs(3);
/// How long the link of a gateway that resets is gone.
const RESET: Duration = Duration::from_secs(6);
const SHORT_RESET: Duration = Duration::from_millis(1500);
/// How soon frames have to pass again for it to be as on a wire.
const SOON: Duration = Duration::from_secs(3);
/// How long is waited for frames to pass again.
const RECOVERY: Duration = Duration::from_secs(30);
