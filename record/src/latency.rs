//! Exact percentiles from sorted nanoseconds.

use std::collections::BTreeMap;
use std::time::Duration;

use node::Ratio;
use serde::{Deserialize, Serialize};

/// Latencies of one run, by name.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    samples: BTreeMap<String, Vec<u64>>,
}

impl Latencies {
    /// Adds one measurement.
    pub fn add(&mut self, name: &str, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        match self.samples.get_mut(name) {
            Some(samples) => samples.push(nanos),
            None => {
                self.samples.insert(name.to_owned(), vec![nanos]);
            }
        }
    }

    /// Returns how many measurements there are under a name.
    pub fn count(&self, name: &str) -> usize {
        self.samples.get(name).map_or(0, Vec::len)
    }

    /// Returns the smallest measurement that at least this share of all does not exceed.
    ///
    /// This is the nearest-rank percentile: always a value that was measured. A share of zero gives
    /// the smallest, of one the largest; without measurements there is nothing to return.
    pub fn quantile(&self, name: &str, share: Ratio) -> Option<Duration> {
        quantile(&self.sorted(name), share).map(Duration::from_nanos)
    }

    /// Returns count, median, 99th percentile and maximum of every name.
    pub fn summarise(&self) -> BTreeMap<String, LatencySummary> {
        self.samples
            .keys()
            .filter_map(|name| Some((name.clone(), LatencySummary::of(&self.sorted(name))?)))
            .collect()
    }

    fn sorted(&self, name: &str) -> Vec<u64> {
        let mut sorted = self.samples.get(name).cloned().unwrap_or_default();
        sorted.sort_unstable();
        sorted
    }
}

/// What is told of the latencies of one name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencySummary {
    /// How many were measured.
    pub count: u64,
    /// The median in milliseconds.
    pub p50_ms: f64,
    /// The 99th percentile in milliseconds.
    pub p99_ms: f64,
    /// The largest in milliseconds.
    pub max_ms: f64,
}

impl LatencySummary {
    fn of(sorted: &[u64]) -> Option<Self> {
        let milliseconds = |share| quantile(sorted, share).map(|nanos| nanos as f64 / 1e6);
        Some(Self {
            count: sorted.len() as u64,
            p50_ms: milliseconds(MEDIAN)?,
            p99_ms: milliseconds(P99)?,
            max_ms: milliseconds(Ratio::ONE)?,
        })
    }
}

fn quantile(sorted: &[u64], share: Ratio) -> Option<u64> {
    let billionths = sorted.len() as u128 * u128::from(share.as_ppb());
    let rank = billionths.div_ceil(1_000_000_000) as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

const MEDIAN: Ratio = Ratio::from_ppb(500_000_000);
const P99: Ratio = Ratio::from_ppb(990_000_000);

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::the_smallest(0, 1)]
    #[case::the_median(500_000_000, 50)]
    #[case::just_above_the_median(500_000_001, 51)]
    #[case::p99(990_000_000, 99)]
    #[case::just_above_p99(990_000_001, 100)]
    #[case::the_largest(1_000_000_000, 100)]
    fn a_quantile_is_the_nearest_rank(#[case] ppb: u32, #[case] millis: u64) {
        let latencies = one_to_a_hundred_ms();
        let found = latencies.quantile("read", Ratio::from_ppb(ppb));
        assert_eq!(found, Some(Duration::from_millis(millis)));
    }

    #[test]
    fn nothing_measured_has_no_quantile() {
        assert_eq!(one_to_a_hundred_ms().quantile("write", MEDIAN), None);
    }

    #[test]
    fn summarises_each_name_by_itself() {
        let mut latencies = one_to_a_hundred_ms();
        latencies.add("write", Duration::from_micros(1_500));
        let summaries = latencies.summarise();
        let read = LatencySummary { count: 100, p50_ms: 50.0, p99_ms: 99.0, max_ms: 100.0 };
        let write = LatencySummary { count: 1, p50_ms: 1.5, p99_ms: 1.5, max_ms: 1.5 };
        assert_eq!(summaries["read"], read);
        assert_eq!(summaries["write"], write);
        assert_eq!(latencies.count("read"), 100);
    }

    /// In an order that sorting has to mend.
    fn one_to_a_hundred_ms() -> Latencies {
        let mut latencies = Latencies::default();
        for i in 0..100 {
            latencies.add("read", Duration::from_millis((i * 37) % 100 + 1));
        }
        latencies
    }
}
