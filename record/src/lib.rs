//! Keeps what happened in a run, as data.
//!
//! A record is a file of JSON lines: one [`Header`], any number of [`Line`]s in the order of time,
//! one [`Summary`]. A run that was interrupted has no summary, or one marked partial.
//!
//! * [`header`]: what was run, from which seed, by which version.
//! * [`event`]: what happened, and when.
//! * [`summary`]: how it ended; the object `--json` prints.
//! * [`latency`]: exact percentiles from sorted nanoseconds.
//! * [`writer`], [`reader`]: the file.
//! * [`hex`]: bytes as people read them.

pub mod event;
pub mod header;
pub mod hex;
pub mod latency;
pub mod reader;
pub mod summary;
pub mod timeliness;
pub mod writer;

pub use event::{Event, Exchange, FrameFate, Line, Outcome};
pub use header::{Engine, FORMAT, Header};
pub use hex::hex;
pub use latency::{Latencies, LatencySummary};
pub use node::Instant;
pub use reader::{ReadError, Record};
pub use summary::{Failure, FailureKind, LastExchange, StepSummary, Summary, Verdict, seconds};
pub use timeliness::{Lateness, Timeliness};
pub use writer::{WriteError, Writer};

#[cfg(test)]
mod tests;
