//! What came of an emulator's work.

use std::io;

use netem_rs::Counters;

use super::Lateness;

/// What came of an emulator's work, told when it has ended.
#[derive(Debug, Default)]
pub struct Report {
    /// How late frames left.
    pub lateness: Lateness,
    /// Fates by direction, in the order of `Way::ALL`.
    pub links: [Counters; 4],
    /// Frames a port did not take when they were due: its queue was full, or it was down.
    pub refused: u64,
    /// Frames still on their way at the end.
    pub in_flight: u64,
    /// Unusual fates nobody took in time.
    pub fates_missed: u64,
    /// Sightings nobody took in time.
    pub sightings_missed: u64,
    /// Whether the thread had a real-time priority.
    pub real_time: bool,
    /// Ports that could not be read any more.
    pub lost: Vec<LostEnd>,
    /// Why the thread could not go on, when it ended by itself.
    pub failure: Option<io::Error>,
}

/// A port that could not be read any more.
#[derive(Debug)]
pub struct LostEnd {
    /// Its number in the topology.
    pub end: usize,
    /// What the system said.
    pub source: io::Error,
}
