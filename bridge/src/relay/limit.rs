//! How much of something may pass per second.

use node::{Duration, Instant};

/// A leaky bucket that costs one number and one comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Cost of one unit in 1/65536 ns.
    unit: u64,
    /// When the bucket will have run empty.
    empty_at: Instant,
    /// How far in the future that may be.
    burst: Duration,
}

impl Limit {
    /// Allows `per_second` units, and at once as many as one `burst` allows.
    pub fn new(per_second: u64, burst: Duration) -> Self {
        let unit = (1_000_000_000_u64 << 16) / per_second.max(1);
        Self { unit, empty_at: Instant::ZERO, burst }
    }

    /// Takes so many units; false, and nothing taken, when there are not enough.
    pub fn take(&mut self, now: Instant, units: u64) -> bool {
        let cost = Duration::from_nanos(self.unit.saturating_mul(units) >> 16);
        let empty_at = self.empty_at.max(now) + cost;
        let fits = empty_at - now <= self.burst;
        if fits {
            self.empty_at = empty_at;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut limit = Limit::new(10, Duration::from_secs(1));
        let at_once = (0..20).filter(|_| limit.take(Instant::ZERO, 1)).count();
        assert_eq!(at_once, 10);
        assert!(!limit.take(Instant::from_millis(99), 1));
        assert!(limit.take(Instant::from_millis(101), 1));
        assert!(!limit.take(Instant::from_millis(101), 1));
    }

    #[test]
    fn the_rate_is_kept_over_a_long_time() {
        let mut limit = Limit::new(125_000_000, Duration::from_millis(10));
        let passed = (0..1_000_000_u64)
            .filter(|tick| limit.take(Instant::from_micros(*tick), 1_000))
            .count();
        assert!((125_000..=126_300).contains(&passed), "{passed}");
    }
}
