//! The internet between the sites in real time: the models and fates of virtual time, on ports.
//!
//! * [`emulator`]: the handle; starts the thread, intervenes while it runs, ends it.
//! * [`topology`]: which port leads into which direction, and where that comes out.
//! * [`end`]: what the engine asks of a port.
//! * [`pace`]: how it waits for the next frame.
//! * [`lateness`]: how late frames left, in bounded memory.
//! * [`report`]: what came of it all.
//!
//! Beneath: `engine` (the loop on its own thread), `waiting` (epoll in nanoseconds, naps and
//! spins), `ahead` (what letting a frame go takes), `desk` and `bell` (what handle and thread tell each other without waiting for each
//! other).
//!
//! A frame's delay counts from the moment it arrived, and it leaves when the model says, never
//! "so long after we got round to it": lateness does not add up, not even over two legs in a row.

#[cfg(target_os = "linux")]
mod ahead;
mod bell;
mod desk;
pub mod emulator;
pub mod end;
#[cfg(target_os = "linux")]
mod engine;
pub mod lateness;
pub mod pace;
pub mod report;
pub mod topology;
#[cfg(target_os = "linux")]
mod waiting;

pub use emulator::Emulator;
pub use end::End;
pub use lateness::{Histogram, Lateness};
pub use pace::{Options, Pace};
pub use report::{LostEnd, Report};
pub use topology::Topology;
