//! The run's time as quinn wants it.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "quinn counts in the standard library's instants; only their differences matter"
)]

use std::time::Instant as StdInstant;

use node::Instant;

/// Translates by one anchor, which stands for the beginning of the run.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    anchor: StdInstant,
}

impl Clock {
    /// Takes the anchor; what it is changes nothing.
    pub fn new() -> Self {
        Self { anchor: StdInstant::now() }
    }

    /// Returns an instant of the run for quinn.
    pub fn at(&self, now: Instant) -> StdInstant {
        self.anchor + (now - Instant::ZERO)
    }

    /// Returns quinn's instant in the run.
    pub fn back(&self, at: StdInstant) -> Instant {
        Instant::ZERO + at.saturating_duration_since(self.anchor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_is_the_same_to_the_nanosecond() {
        let clock = Clock::new();
        let now = Instant::from_nanos(1_234_567_890_123_456_789);
        assert_eq!(clock.back(clock.at(now)), now);
    }
}
