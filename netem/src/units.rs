//! Durations, percentages, rates and sizes as text: `50ms`, `0.1%`, `10Mbit/s`, `256KiB`.
//!
//! Each reads exactly what it prints, refuses everything else with a sentence that says what would
//! be right, and describes itself to editors by a pattern. None of them rounds: a text that is
//! finer than the unit can hold is refused.

mod bit_rate;
mod byte_size;
mod decimal;
mod duration;
mod percent;
mod serialised;

pub use bit_rate::BitRate;
pub use byte_size::ByteSize;
pub use decimal::UnitError;
pub use duration::DurationText;
pub use percent::Percent;
