//! Chance: one ChaCha8 stream per purpose, and draws that depend on nothing but their index.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use twox_hash::{XxHash3_64, XxHash3_128};

/// The one number everything random in a run is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// Returns the stream for one purpose, such as `"ecu/egs/seed"`.
    ///
    /// Streams of different purposes are independent: drawing more from one changes no other.
    pub fn stream(self, purpose: &str) -> Stream {
        let mut key = [0; 32];
        let low = XxHash3_128::oneshot_with_seed(self.0, purpose.as_bytes());
        let high = XxHash3_128::oneshot_with_seed(!self.0, purpose.as_bytes());
        key[..16].copy_from_slice(&low.to_le_bytes());
        key[16..].copy_from_slice(&high.to_le_bytes());
        Stream(ChaCha8Rng::from_seed(key))
    }

    /// Returns the seed of a part of the world, such as `"wan/technician/up"`.
    pub fn child(self, name: &str) -> Self {
        Self(XxHash3_64::oneshot_with_seed(self.0, name.as_bytes()))
    }
}

/// A stream of random numbers for one purpose.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// Draws a uniform 64-bit number.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Fills a buffer with random bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// Draws a uniform number below `bound`; zero when `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// Draws a uniform duration between `low` and `high`, both included, in nanoseconds.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let span = high.saturating_sub(low).as_nanos() as u64;
        low + Duration::from_nanos(self.below(span.saturating_add(1)))
    }

    /// Returns true with the given probability.
    pub fn chance(&mut self, ratio: Ratio) -> bool {
        ratio.covers(self.next_u64())
    }

    /// Jumps to draw number `index` (counted in 64-bit words) of this stream.
    ///
    /// What is drawn next depends on the seed, the purpose and `index` alone.
    pub fn seek(&mut self, index: u64) {
        self.0.set_word_pos(u128::from(index) * 2);
    }
}

/// A probability in parts per billion, so that the same text gives the same fate everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ratio(u32);

impl Ratio {
    /// Never.
    pub const ZERO: Self = Self(0);
    /// Always.
    pub const ONE: Self = Self(1_000_000_000);

    /// Makes a ratio from parts per billion; values above one billion mean always.
    pub const fn from_ppb(ppb: u32) -> Self {
        if ppb > 1_000_000_000 { Self::ONE } else { Self(ppb) }
    }

    /// Returns parts per billion, 0 to 1 000 000 000.
    pub const fn as_ppb(self) -> u32 {
        self.0
    }

    /// Returns whether a uniform 64-bit draw falls inside this ratio.
    pub fn covers(self, draw: u64) -> bool {
        ((u128::from(draw) * 1_000_000_000) >> 64) < u128::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_two_purposes_differ_and_repeat() {
        let seed = Seed(7);
        let first = seed.stream("loss").next_u64();
        assert_eq!(first, seed.stream("loss").next_u64());
        assert_ne!(first, seed.stream("delay").next_u64());
        assert_ne!(first, Seed(8).stream("loss").next_u64());
    }

    #[test]
    fn seek_finds_the_same_draw_as_walking() {
        let mut walked = Seed(1).stream("x");
        let fifth = (0..5).map(|_| walked.next_u64()).last();
        let mut jumped = Seed(1).stream("x");
        jumped.seek(4);
        assert_eq!(fifth, Some(jumped.next_u64()));
    }

    #[test]
    fn the_streams_are_pinned() {
        assert_eq!(Seed(42).stream("pin").next_u64(), 10_619_033_772_447_271_432);
    }

    #[test]
    fn a_child_is_what_xxh3_is_everywhere() {
        assert_eq!(Seed(1).child("wan/technician/up"), Seed(3_016_777_135_007_877_209));
    }

    #[test]
    fn a_ratio_of_one_covers_everything_and_zero_nothing() {
        assert!(Ratio::ONE.covers(u64::MAX));
        assert!(!Ratio::ZERO.covers(0));
    }
}
