//! Transparency: what of a wire is left when a bridge takes its place, in rows with evidence.
//!
//! | file | holds |
//! |---|---|
//! | `machine` | the sequence of checks, sans-IO: two Ethernet ports, deeds, time |
//! | `check` | what a check is: rounds of stimuli, then a judgement |
//! | `checks` | the checks themselves |
//! | `trace` | what was sent and seen, and which belongs to which |
//! | `frames` | the frames that are sent |
//! | `decode` | one line about a frame |
//! | `row` | what comes out |
//! | `bench` | running it in virtual time: the reference bridge, the plain wire |
//!
//! The machine holds the technician's port and the vehicle's port and believes neither: a row is
//! judged from bytes that went in at one end and came out, or not, at the other.

mod bench;
mod check;
mod checks;
mod decode;
mod frames;
mod machine;
#[cfg(test)]
mod mutants;
mod row;
mod trace;

pub use bench::{Subject, examine};
pub use machine::{Checks, Deed, End, IDLE, Options, Seen};
pub use row::{Capture, Grade, Row};
