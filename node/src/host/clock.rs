//! Feeds smoltcp time at the rate that turns its fixed retransmission floor into the profile's.
//!
//! smoltcp's floor is 1000 ms of *its* time. When its clock runs 1000/floor times as fast as ours,
//! the floor is `floor` milliseconds of our time; every other smoltcp timer is divided by the same
//! factor and set accordingly.

use std::time::Duration;

use smoltcp::time::{Duration as SmolDuration, Instant as SmolInstant};

use crate::Instant;

/// smoltcp's constant minimum retransmission time-out.
const SMOLTCP_FLOOR_MS: u64 = 1000;

/// Converts between our time and the time one stack is told.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Nanoseconds of ours in one microsecond of smoltcp's.
    nanos_per_micro: u64,
}

impl Clock {
    /// Makes the clock for a retransmission floor, which is at least one millisecond.
    pub fn new(floor: Duration) -> Self {
        let floor_ms = (floor.as_millis() as u64).max(1);
        Self { nanos_per_micro: floor_ms * 1_000 / SMOLTCP_FLOOR_MS }
    }

    /// What smoltcp is told at `now`, rounded down.
    pub fn inward(self, now: Instant) -> SmolInstant {
        SmolInstant::from_micros((now.as_nanos() / self.nanos_per_micro) as i64)
    }

    /// When smoltcp's `at` is reached.
    pub fn outward(self, at: SmolInstant) -> Instant {
        let micros = at.total_micros().max(0) as u64;
        Instant::from_nanos(micros.saturating_mul(self.nanos_per_micro))
    }

    /// Returns `at`, a tick of smoltcp's, or the next tick after `now` when it has passed.
    pub fn after(self, at: Instant, now: Instant) -> Instant {
        if at > now {
            return at;
        }
        Instant::from_nanos((now.as_nanos() / self.nanos_per_micro + 1) * self.nanos_per_micro)
    }

    /// A duration of ours in smoltcp's time.
    pub fn stretch(self, duration: Duration) -> SmolDuration {
        let micros = duration.as_nanos() / u128::from(self.nanos_per_micro);
        SmolDuration::from_micros(micros as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_smoltcp_is_one_floor_of_ours() {
        let clock = Clock::new(Duration::from_millis(200));
        assert_eq!(clock.stretch(Duration::from_millis(200)), SmolDuration::from_secs(1));
        assert_eq!(clock.inward(Instant::from_millis(200)), SmolInstant::from_secs(1));
    }

    #[test]
    fn a_wake_is_always_later_than_now() {
        let clock = Clock::new(Duration::from_millis(300));
        let now = Instant::from_nanos(1_000_001);
        assert!(clock.after(clock.outward(clock.inward(now)), now) > now);
        assert!(clock.after(Instant::ZERO, now) > now);
    }

    #[test]
    fn time_told_to_smoltcp_reaches_a_wake() {
        let clock = Clock::new(Duration::from_millis(300));
        let at = SmolInstant::from_micros(123_457);
        let wake = clock.outward(at);
        assert_eq!(clock.inward(wake), at);
    }
}
