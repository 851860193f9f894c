//! Holds, loses, reorders, repeats, damages and slows frames in one direction of a link.
//!
//! * [`link`]: the machine; push a frame, take it out when it is due.
//! * [`impairment`]: what a scenario says of one direction, as YAML.
//! * [`preset`]: named impairments and where their figures come from.
//! * [`fate`]: what became of one frame, and counts of all.
//! * [`payload`]: what a frame must be able to do to be carried.
//! * [`units`]: durations, percentages, rates and sizes as text.
//!
//! Beneath: `parameters` (an impairment made ready for use), `draws` (chance by frame index),
//! `loss`, `delay`, `bottleneck` (the models), `in_flight` (frames by the time they are due).

mod bottleneck;
mod delay;
mod draws;
pub mod fate;
pub mod impairment;
mod in_flight;
pub mod link;
mod loss;
mod parameters;
pub mod payload;
pub mod preset;
pub mod units;

pub use fate::{Counters, Fate, FateOutcome, LossReason};
pub use impairment::{Blackout, Burst, Change, Distribution, Impairment, ImpairmentError};
pub use link::Link;
pub use payload::{Damage, Payload};
pub use preset::Preset;
pub use units::{BitRate, ByteSize, DurationText, Percent, UnitError};
