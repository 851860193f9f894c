//! Idleness, half-open sessions, loss of the relay.

use node::Duration;
use scenarios::manifest::Capability;

use super::passage::{Recovered, Recovery};
use crate::transparency::check::{Check, Round, Scene, Until, Verdict, milliseconds};
use crate::transparency::frames::{probe, tcp};
use crate::transparency::machine::{Deed, End, IDLE, Options};
use crate::transparency::row::Grade;
use crate::transparency::trace::Origin;

/// Nothing is sent for ten minutes; then the first frame each way has to pass.
pub struct Idle;

impl Check for Idle {
    fn name(&self) -> &'static str {
        "idle"
    }

    fn round(&mut self, scene: &mut Scene<'_>) -> Option<Round> {
        match scene.number {
            0 => {
                let patience = scene.options.idle;
                Some(Round { stimuli: Vec::new(), until: Until::Over, patience })
            }
            1 => {
                let frames = [End::Technician, End::Vehicle];
                let frames = frames.map(|end| (end, probe(end, scene.numbers.draw(), 100)));
                Some(Round::of_frames(frames.into(), Duration::ZERO, Duration::from_secs(2)))
            }
            _ => None,
        }
    }

    fn judge(&self, scene: &Scene<'_>) -> Verdict {
        let idle = scene.options.idle;
        let told = if idle == IDLE {
            "10 min".to_owned()
        } else {
            format!("{} s (shortened from 10 min as asked)", idle.as_secs())
        };
        let missing = scene.trace.missing(scene.first);
        if missing.is_empty() {
            let slowest = scene.trace.slowest(scene.first).map(milliseconds).unwrap_or_default();
            let words = format!("after {told} the first frame each way passes, in {slowest}");
            let shown = scene.trace.since(scene.first).map(|(index, _)| index).collect();
            return Verdict::new(Grade::Pass, words, shown);
        }
        let words =
            format!("after {told} {} of the 2 first frames did not come out", missing.len());
        Verdict::new(Grade::Fail, words, missing)
    }
}

/// A TCP connection the car never answers, then one the car has forgotten: nobody but the car may
/// answer, and what is sent has to reach it.
pub struct HalfOpen;

impl Check for HalfOpen {
    fn name(&self) -> &'static str {
        "half-open sessions"
    }

    fn round(&mut self, scene: &mut Scene<'_>) -> Option<Round> {
        if scene.number > 0 {
            return None;
        }
        let mut segment = |from: End, flags, numbers| {
            let ports = if from == End::Technician { (50_000, 6801) } else { (6801, 50_000) };
            (from, tcp(from, ports, flags, numbers, scene.numbers.draw() as u16))
        };
        let (tester, car) = (End::Technician, End::Vehicle);
        let frames = vec![
            // Three times asked, and no answer.
            segment(tester, SYN, (1000, 0)),
            segment(tester, SYN, (1000, 0)),
            segment(tester, SYN, (1000, 0)),
            // Connected; the car is then switched off and on, and has forgotten.
            segment(car, SYN | ACK, (7000, 1001)),
            segment(tester, ACK, (1001, 7001)),
            segment(tester, ACK, (1001, 7001)),
            segment(car, RST, (7001, 0)),
        ];
        Some(Round::of_frames(frames, Duration::from_millis(500), Duration::from_secs(2)))
    }

    fn judge(&self, scene: &Scene<'_>) -> Verdict {
        let invented: Vec<usize> = scene
            .trace
            .seen(scene.first)
            .filter(|(_, _, frame, origin)| {
                *origin == Origin::Invented && frame.get(12..14) == Some(&[0x08, 0x00])
            })
            .map(|(index, ..)| index)
            .collect();
        if !invented.is_empty() {
            let words = "somebody answers in the car's place: a session seems open that is not";
            return Verdict::new(Grade::Fail, words, invented);
        }
        let missing = scene.trace.missing(scene.first);
        if !missing.is_empty() {
            let words = format!("{} of 7 segments did not come out", missing.len());
            return Verdict::new(Grade::Fail, words, missing);
        }
        let shown = scene.trace.since(scene.first).map(|(index, _)| index).collect();
        Verdict::new(Grade::Pass, "only the car answers, and its reset reaches the tester", shown)
    }
}

/// The relay is killed and comes back: both sides have to find each other again.
#[derive(Debug, Default)]
pub struct RelayLoss {
    recovery: Recovery,
}

impl Check for RelayLoss {
    fn name(&self) -> &'static str {
        "relay loss"
    }

    fn excuse(&self, options: &Options) -> Option<Verdict> {
        let words = match (options.relay, options.claims(Capability::Relay)) {
            (true, true) => return None,
            (true, false) => "a relay is there, not claimed: what its loss does was not tried",
            (false, _) => "there is no relay that could be lost",
        };
        Some(Verdict::new(Grade::Unsupported, words, Vec::new()))
    }

    fn round(&mut self, scene: &mut Scene<'_>) -> Option<Round> {
        if scene.number > 0 {
            return self.recovery.round(scene, RECOVERY);
        }
        let stimuli = vec![(Duration::ZERO, Deed::Relay(false)), (GONE, Deed::Relay(true))];
        Some(Round { stimuli, until: Until::Over, patience: Duration::from_millis(50) })
    }

    fn judge(&self, scene: &Scene<'_>) -> Verdict {
        let mut shown: Vec<usize> =
            scene.trace.since(scene.first).take(2).map(|(index, _)| index).collect();
        match self.recovery.found(scene.trace) {
            Some(Recovered { after, shown: frames }) => {
                let (gone, time) = (GONE.as_secs(), milliseconds(after));
                let words = format!("after {gone} s without the relay frames pass within {time}");
                shown.extend(frames);
                let grade = if after <= SOON { Grade::Pass } else { Grade::Finding };
                Verdict::new(grade, words, shown)
            }
            None => {
                let seconds = RECOVERY.as_secs();
                let words = format!("nothing passed again within {seconds} s of its return");
                shown.extend(scene.trace.missing(scene.first));
                Verdict::new(Grade::Fail, words, shown)
            }
        }
    }
}

const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
/// How long the relay is gone.
const GONE: Duration = Duration::from_secs(3);
/// How soon both sides should have found each other again.
const SOON: Duration = Duration::from_secs(30);
/// How long is waited for it.
const RECOVERY: Duration = Duration::from_secs(90);
