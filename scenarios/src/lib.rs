//! Reads scenarios; plays the tester's part in them.
//!
//! * [`step`]: what a scenario does, one key per step; how a step may end.
//! * [`link`]: which protocol is spoken, and what is plugged into the car.
//! * [`hex`]: bytes to send, and patterns an answer has to begin with.
//! * [`time`]: durations, and ranges of them that are drawn from the seed.
//! * [`size`]: amounts of memory.
//! * [`tester`]: the client that carries out the steps.
//! * [`conversation`]: steps of several exchanges, written as straight lines.

pub mod conversation;
pub mod hex;
pub mod link;
pub mod size;
pub mod step;
pub mod tester;
mod text;
pub mod time;

pub use hex::{Expected, HexBytes, Pattern};
pub use link::{Interface, Protocol};
pub use size::Size;
pub use step::{Outcome, Step};
pub use time::TimeRange;
