//! Tells a record to people, CI systems and verifiers.
//!
//! Everything here is made from [`record::Summary`]s alone.
//!
//! * [`terminal`]: one line per run, a block per failure, totals.
//! * [`agreement`]: the same runs on both clocks, side by side.
//! * [`json`]: one object per line.
//! * [`junit`]: the XML that CI systems read.
//!
//! Beneath: `layout` (cutting, padding and wrapping text), `time` (seconds as people say them).

pub mod agreement;
pub mod json;
pub mod junit;
mod layout;
pub mod terminal;
mod time;

#[cfg(test)]
mod tests;

pub use agreement::{Agreement, Pair};
pub use json::json_line;
pub use junit::{JunitError, junit};
pub use terminal::Terminal;
