//! How long before its time a frame must be let go to be at the far end in time.

use node::{Duration, Instant};

/// Learns from every frame how long letting one go takes.
///
/// A port's far end notes a frame after about two thirds of the call that sends it (measured on veth
/// pairs). Half of the usual call is what it takes at least: no frame comes early.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ahead {
    /// What a frame took lately, the last ones counting most.
    usual: Duration,
}

impl Ahead {
    /// Notes how long one frame took.
    pub fn note(&mut self, took: Duration) {
        self.usual = (self.usual * (MEMORY - 1) + took.min(MOST)) / MEMORY;
    }

    /// Returns how much earlier than due to let a frame go.
    pub fn by(&self) -> Duration {
        self.usual / 2
    }

    /// Returns when to let go a frame that is due at `due`.
    pub fn of(&self, due: Instant) -> Instant {
        Instant::ZERO + (due - (Instant::ZERO + self.by()))
    }
}

/// How many frames what was learned is made of.
const MEMORY: u32 = 16;

/// What took longer was interrupted, and tells nothing of sending.
const MOST: Duration = Duration::from_micros(50);

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing_is_known_at_first(&[], 0)]
    #[case::half_of_what_it_takes(&[8; 200], 4)]
    #[case::slower_ones_are_learned(&[&[8; 200], &[20; 200][..]].concat(), 10)]
    #[case::quicker_ones_too(&[&[20; 200], &[8; 200][..]].concat(), 4)]
    #[case::an_interruption_counts_little(&[&[8; 200], &[9_000][..]].concat(), 5)]
    #[case::within_bounds(&[900; 200], 25)]
    fn what_sending_takes_is_learned(#[case] micros: &[u64], #[case] by: u128) {
        let mut ahead = Ahead::default();
        for took in micros {
            ahead.note(Duration::from_micros(*took));
        }
        assert_eq!((ahead.by() + Duration::from_nanos(500)).as_micros(), by);
    }

    #[test]
    fn a_frame_is_let_go_so_much_before_it_is_due() {
        let ahead = Ahead { usual: Duration::from_micros(8) };
        assert_eq!(
            ahead.of(Instant::from_millis(3)) + Duration::from_micros(4),
            Instant::from_millis(3)
        );
        assert_eq!(ahead.of(Instant::ZERO), Instant::ZERO);
    }
}
