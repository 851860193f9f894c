//! Joins frames that travelled in two datagrams.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use node::{Frame, Instant};

/// Which half of a frame a datagram carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The first bytes.
    First,
    /// The remaining bytes.
    Second,
}

/// Halves that wait for their other half; bounded in number and time.
#[derive(Clone, Debug)]
pub struct Reassembly {
    waiting: VecDeque<Waiting>,
    timeout: Duration,
    capacity: usize,
}

#[derive(Clone, Debug)]
struct Waiting {
    /// What both halves of a frame have in common.
    key: u16,
    half: Half,
    since: Instant,
    bytes: Bytes,
}

impl Reassembly {
    /// Makes an empty table; halves wait for `timeout`, at most `capacity` of them.
    pub fn new(timeout: Duration, capacity: usize) -> Self {
        Self { waiting: VecDeque::new(), timeout, capacity: capacity.max(1) }
    }

    /// Takes one half and returns the frame when it was the one that was missing.
    ///
    /// Lengths of halves that were given up are pushed to `lost`.
    pub fn insert(
        &mut self,
        now: Instant,
        key: u16,
        half: Half,
        bytes: Bytes,
        lost: &mut Vec<usize>,
    ) -> Option<Frame> {
        self.give_up(now, lost);
        if let Some(index) = self.waiting.iter().position(|entry| entry.key == key) {
            if self.waiting[index].half == half {
                return None;
            }
            let other = self.waiting.remove(index).expect("the position was just found");
            let (first, second) = match half {
                Half::First => (&bytes, &other.bytes),
                Half::Second => (&other.bytes, &bytes),
            };
            return Some(join(first, second));
        }
        if self.waiting.len() == self.capacity {
            lost.extend(self.waiting.pop_front().map(|entry| entry.bytes.len()));
        }
        self.waiting.push_back(Waiting { key, half, since: now, bytes });
        None
    }

    fn give_up(&mut self, now: Instant, lost: &mut Vec<usize>) {
        while let Some(oldest) = self.waiting.front()
            && now - oldest.since > self.timeout
        {
            lost.push(oldest.bytes.len());
            self.waiting.pop_front();
        }
    }
}

fn join(first: &[u8], second: &[u8]) -> Frame {
    let mut frame = BytesMut::with_capacity(first.len() + second.len());
    frame.extend_from_slice(first);
    frame.extend_from_slice(second);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Bytes = Bytes::from_static(b"ab");
    const SECOND: Bytes = Bytes::from_static(b"c");

    fn table() -> Reassembly {
        Reassembly::new(Duration::from_secs(1), 2)
    }

    #[test]
    fn either_order_gives_the_frame() {
        let mut lost = Vec::new();
        let mut table = table();
        assert_eq!(table.insert(Instant::ZERO, 7, Half::First, FIRST, &mut lost), None);
        let frame = table.insert(Instant::ZERO, 7, Half::Second, SECOND, &mut lost);
        assert_eq!(frame.as_deref(), Some(&b"abc"[..]));
        assert_eq!(table.insert(Instant::ZERO, 0, Half::Second, SECOND, &mut lost), None);
        let frame = table.insert(Instant::ZERO, 0, Half::First, FIRST, &mut lost);
        assert_eq!(frame.as_deref(), Some(&b"abc"[..]));
        assert!(lost.is_empty());
    }

    #[test]
    fn a_repeated_half_does_not_complete_a_frame() {
        let mut lost = Vec::new();
        let mut table = table();
        assert_eq!(table.insert(Instant::ZERO, 7, Half::First, FIRST, &mut lost), None);
        assert_eq!(table.insert(Instant::ZERO, 7, Half::First, FIRST, &mut lost), None);
        assert!(table.insert(Instant::ZERO, 7, Half::Second, SECOND, &mut lost).is_some());
    }

    #[test]
    fn a_half_that_waited_too_long_is_lost() {
        let mut lost = Vec::new();
        let mut table = table();
        table.insert(Instant::ZERO, 7, Half::First, FIRST, &mut lost);
        let late = Instant::from_millis(1_001);
        assert_eq!(table.insert(late, 7, Half::Second, SECOND, &mut lost), None);
        assert_eq!(lost, [2]);
    }

    #[test]
    fn the_oldest_half_gives_way() {
        let mut lost = Vec::new();
        let mut table = table();
        for key in [10, 20, 30] {
            table.insert(Instant::ZERO, key, Half::First, FIRST, &mut lost);
        }
        assert_eq!(lost, [2]);
        assert!(table.insert(Instant::ZERO, 30, Half::Second, SECOND, &mut lost).is_some());
        assert!(table.insert(Instant::ZERO, 10, Half::Second, SECOND, &mut lost).is_none());
    }
}
