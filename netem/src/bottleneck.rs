//! A rate with a queue before it.

use std::collections::VecDeque;

use node::Instant;

use crate::units::BitRate;

/// Where frames wait for their turn on a link with a rate.
#[derive(Clone, Debug, Default)]
pub struct Bottleneck {
    waiting: VecDeque<(Instant, u64)>,
    bytes: u64,
    free_at: Instant,
}

impl Bottleneck {
    /// Lets a frame queue up; returns when its last bit has left, or nothing when it is refused.
    ///
    /// A frame counts against the queue until its last bit has left. One that finds nobody before
    /// it is never refused, however small the queue.
    pub fn enter(&mut self, now: Instant, len: u64, rate: BitRate, queue: u64) -> Option<Instant> {
        self.leave(now);
        if !self.waiting.is_empty() && self.bytes.saturating_add(len) > queue {
            return None;
        }
        let begins = self.free_at.max(now);
        let nanos = begins.as_nanos().saturating_add(rate.nanos_for(len));
        let left = Instant::from_nanos(nanos);
        self.free_at = left;
        self.waiting.push_back((left, len));
        self.bytes += len;
        Some(left)
    }

    fn leave(&mut self, now: Instant) {
        while let Some((left, len)) = self.waiting.front().copied() {
            if left > now {
                break;
            }
            self.waiting.pop_front();
            self.bytes -= len;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_leave_one_after_the_other() {
        let mut bottleneck = Bottleneck::default();
        let left = [0, 0, 5].map(|ms| enter(&mut bottleneck, ms, 1_000));
        assert_eq!(left, [1, 2, 6].map(|ms| Some(Instant::from_millis(ms))));
    }

    #[test]
    fn the_queue_refuses_what_does_not_fit_until_a_frame_has_left() {
        let mut bottleneck = Bottleneck::default();
        let left = [0, 0, 0, 0, 1].map(|ms| enter(&mut bottleneck, ms, 1_000).is_some());
        assert_eq!(left, [true, true, true, false, true]);
    }

    #[test]
    fn an_empty_queue_takes_any_frame() {
        let mut bottleneck = Bottleneck::default();
        assert!(enter(&mut bottleneck, 0, 100_000).is_some());
        assert!(enter(&mut bottleneck, 0, 1).is_none());
    }

    /// 8 Mbit/s, so that 1000 bytes take 1 ms, and a queue of 3000 bytes.
    fn enter(bottleneck: &mut Bottleneck, ms: u64, len: u64) -> Option<Instant> {
        let rate = BitRate::from_bits_per_second(8_000_000).unwrap();
        bottleneck.enter(Instant::from_millis(ms), len, rate, 3_000)
    }
}
