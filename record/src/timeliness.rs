//! How well the machine kept up with a run in real time.

use serde::{Deserialize, Serialize};

/// How well the machine kept up with a run in real time; a verdict is worth what this is worth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timeliness {
    /// How late frames left the network emulator.
    pub network: Lateness,
    /// How late tester and car acted on what was due.
    pub parties: Lateness,
    /// Whether the emulator had a real-time priority.
    pub real_time: bool,
    /// Frames a port of the emulator did not take when they were due.
    pub refused: u64,
    /// Fates of frames that came too fast to be written down.
    pub missed_fates: u64,
    /// Frames that came too fast to be captured.
    pub missed_frames: u64,
}

/// How late something was, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lateness {
    /// How often it was measured.
    pub count: u64,
    /// The median.
    pub p50_us: f64,
    /// 99 of 100 were at most this late.
    pub p99_us: f64,
    /// The latest of all.
    pub max_us: f64,
}
