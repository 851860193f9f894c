//! How late frames left, in bounded memory.

use std::fmt;

use node::Duration;

/// Counts durations in buckets, each a little wider than the one before.
///
/// A quantile is exact below 64 ns and at most 1.6 % too high above, up to 19 hours.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: Box<[u64]>,
    count: u64,
    max: u64,
}

/// How late frames left, compared with when they should have left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// Half of the frames were at most this late.
    pub p50: Duration,
    /// 99 of 100 frames were at most this late.
    pub p99: Duration,
    /// The latest frame of all.
    pub max: Duration,
    /// How many frames there were.
    pub count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS].into(), count: 0, max: 0 }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.count += 1;
        self.max = self.max.max(nanos);
        self.buckets[bucket(nanos)] += 1;
    }

    /// Returns the duration that a share of all stays below or equals.
    pub fn quantile(&self, percent: u64) -> Duration {
        let rank = (u128::from(self.count) * u128::from(percent)).div_ceil(100).max(1);
        let mut below = 0u128;
        for (place, count) in self.buckets.iter().enumerate() {
            below += u128::from(*count);
            if below >= rank {
                return Duration::from_nanos(upper_end(place).min(self.max));
            }
        }
        Duration::from_nanos(self.max)
    }

    /// Returns the figures everybody asks for.
    pub fn summary(&self) -> Lateness {
        Lateness {
            p50: self.quantile(50),
            p99: self.quantile(99),
            max: Duration::from_nanos(self.max),
            count: self.count,
        }
    }
}

impl Lateness {
    /// Returns why a run is void, when 99 of 100 frames were not within `limit`.
    pub fn beyond(&self, limit: Duration) -> Option<String> {
        (self.p99 > limit).then(|| {
            format!(
                "the network emulator was too late to judge by: p99 {} µs, limit {} µs",
                self.p99.as_micros(),
                limit.as_micros()
            )
        })
    }
}

impl From<Lateness> for record::Lateness {
    fn from(lateness: Lateness) -> Self {
        let micros = |duration: Duration| duration.as_nanos() as f64 / 1e3;
        Self {
            count: lateness.count,
            p50_us: micros(lateness.p50),
            p99_us: micros(lateness.p99),
            max_us: micros(lateness.max),
        }
    }
}

impl fmt::Display for Lateness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = |duration: Duration| duration.as_nanos() as f64 / 1e3;
        let [p50, p99, max] = [self.p50, self.p99, self.max].map(micros);
        write!(f, "p50 {p50:.1} µs, p99 {p99:.1} µs, max {max:.1} µs, {} frames", self.count)
    }
}

/// Buckets each power of two is divided into.
const STEPS: u64 = 64;

/// Powers of two that are told apart; what lies above counts as the last.
const POWERS: usize = 41;

const BUCKETS: usize = POWERS * STEPS as usize;

fn bucket(nanos: u64) -> usize {
    if nanos < STEPS {
        return nanos as usize;
    }
    let shift = nanos.ilog2() - STEPS.ilog2();
    let place = u64::from(shift + 1) * STEPS + ((nanos >> shift) - STEPS);
    (place as usize).min(BUCKETS - 1)
}

/// The largest number of nanoseconds that falls into a bucket.
fn upper_end(place: usize) -> u64 {
    let place = place as u64;
    if place < STEPS {
        return place;
    }
    let shift = place / STEPS - 1;
    let begins = (STEPS + place % STEPS) << shift;
    begins + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing(0)]
    #[case::the_last_exact_one(63)]
    #[case::the_first_wider_one(64)]
    #[case::between(12_345)]
    #[case::a_millisecond(1_000_000)]
    #[case::an_hour(3_600_000_000_000)]
    fn a_bucket_ends_at_most_a_64th_above_what_fell_into_it(#[case] nanos: u64) {
        let end = upper_end(bucket(nanos));
        assert!((nanos..=nanos + nanos / STEPS).contains(&end), "{nanos} in a bucket to {end}");
        assert_eq!(bucket(end), bucket(nanos));
        assert_eq!(bucket(end + 1), bucket(nanos) + 1);
    }

    #[test]
    fn quantiles_are_those_of_what_was_counted() {
        let mut histogram = Histogram::default();
        for nanos in 1..=50 {
            histogram.record(Duration::from_nanos(nanos));
        }
        for _ in 0..49 {
            histogram.record(Duration::from_nanos(60));
        }
        histogram.record(Duration::from_secs(1));
        let figures = histogram.summary();
        assert_eq!(figures.p50, Duration::from_nanos(50));
        assert_eq!(figures.p99, Duration::from_nanos(60));
        assert_eq!(figures.max, Duration::from_secs(1));
        assert_eq!(figures.count, 100);
    }

    #[test]
    fn nothing_counted_is_not_late() {
        assert_eq!(Histogram::default().summary(), Lateness::default());
        assert_eq!(Lateness::default().beyond(Duration::ZERO), None);
    }

    #[test]
    fn absurd_durations_are_counted_too() {
        let mut histogram = Histogram::default();
        histogram.record(Duration::MAX);
        assert_eq!(histogram.summary().count, 1);
    }

    #[test]
    fn a_run_is_void_only_beyond_the_limit() {
        let limit = Duration::from_micros(500);
        let late = |micros| Lateness { p99: Duration::from_micros(micros), ..Lateness::default() };
        assert_eq!(late(500).beyond(limit), None);
        assert_eq!(
            late(501).beyond(limit).unwrap(),
            "the network emulator was too late to judge by: p99 501 µs, limit 500 µs"
        );
    }
}
