//! Where frames are counted, digested and captured.

use std::collections::VecDeque;

use netem_rs::Fate;
use node::{Frame, Instant, PortInput, PortOutput};

use super::wan::{Met, Way};
use crate::digest::Digest;

/// Frames that met an unusual fate and were not yet taken; beyond it the oldest are forgotten.
const FATES_KEPT: usize = 4096;

/// A place where frames are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tap {
    /// The tester's port.
    Tester,
    /// The technician's leg of the internet.
    WanTechnician,
    /// The mechanic's leg of the internet.
    WanMechanic,
    /// The vehicle's port.
    Vehicle,
}

impl Tap {
    /// Every tap, in the order of the interfaces of a capture.
    pub const ALL: [Self; 4] =
        [Self::Tester, Self::WanTechnician, Self::WanMechanic, Self::Vehicle];

    /// The name of the interface in a capture.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tester => "tester",
            Self::WanTechnician => "wan-technician",
            Self::WanMechanic => "wan-mechanic",
            Self::Vehicle => "vehicle",
        }
    }
}

impl Tap {
    /// The tap that sees what enters one direction of the internet.
    pub fn of(way: Way) -> Self {
        match way {
            Way::TechnicianUp | Way::TechnicianDown => Self::WanTechnician,
            Way::MechanicUp | Way::MechanicDown => Self::WanMechanic,
        }
    }

    /// Where it is, for people.
    pub fn description(self) -> &'static str {
        match self {
            Self::Tester => "the tester's port",
            Self::WanTechnician => "the internet between technician and relay",
            Self::WanMechanic => "the internet between mechanic and relay",
            Self::Vehicle => "the vehicle's port",
        }
    }
}

/// A frame as a capture wants it.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Where it was seen.
    pub tap: Tap,
    /// When.
    pub at: Instant,
    /// Its bytes.
    pub frame: Frame,
    /// What happened to it, when that was unusual.
    pub comment: Option<String>,
}

impl Sighting {
    /// A frame that entered the internet at `at` and met `fate`.
    pub fn entered(way: Way, at: Instant, frame: Frame, fate: Fate) -> Self {
        let comment = (!fate.is_plain()).then(|| format!("{}: {fate}", way.name()));
        Self { tap: Tap::of(way), at, frame, comment }
    }
}

/// Counts and digests every frame; keeps sightings only when asked to.
#[derive(Debug, Default)]
pub struct Taps {
    digest: Digest,
    frames: u64,
    capturing: bool,
    sightings: VecDeque<Sighting>,
    fates: VecDeque<Met>,
}

impl Taps {
    /// Makes the taps; sightings are kept when `capturing`.
    pub fn new(capturing: bool) -> Self {
        Self { capturing, ..Self::default() }
    }

    /// The digest so far.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How many frames entered a link so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Takes the next sighting.
    pub fn poll_sighting(&mut self) -> Option<Sighting> {
        self.sightings.pop_front()
    }

    /// Takes the next frame on the internet that was not plainly delivered.
    pub fn poll_fate(&mut self) -> Option<Met> {
        self.fates.pop_front()
    }

    /// A party's port sent something.
    pub(super) fn left(&mut self, tap: Tap, now: Instant, output: &PortOutput) {
        if let PortOutput::Frame(frame) = output {
            self.count(tap as u8, now, frame);
            self.see(tap, now, frame);
        }
    }

    /// A party's port received something.
    pub(super) fn arrived(&mut self, tap: Tap, now: Instant, input: &PortInput) {
        if let PortInput::Frame(frame) = input {
            self.count(0x10 | tap as u8, now, frame);
            self.see(tap, now, frame);
        }
    }

    /// A frame enters the internet; returned when it is to be kept with its fate.
    pub(super) fn entering(&mut self, way: Way, now: Instant, frame: &Frame) -> Option<Frame> {
        self.count(0x20 | way as u8, now, frame);
        self.capturing.then(|| frame.clone())
    }

    /// What became of the frame that entered.
    pub(super) fn met(&mut self, met: Met, now: Instant, frame: Option<Frame>) {
        if let Some(frame) = frame {
            self.sightings.push_back(Sighting::entered(met.way, now, frame, met.fate));
        }
        if !met.fate.is_plain() {
            if self.fates.len() == FATES_KEPT {
                self.fates.pop_front();
            }
            self.fates.push_back(met);
        }
    }

    fn count(&mut self, link: u8, now: Instant, frame: &Frame) {
        self.frames += 1;
        self.digest.add(link, now, frame);
    }

    fn see(&mut self, tap: Tap, at: Instant, frame: &Frame) {
        if self.capturing {
            let sighting = Sighting { tap, at, frame: frame.clone(), comment: None };
            self.sightings.push_back(sighting);
        }
    }
}
