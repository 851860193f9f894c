//! A piece of 100BASE-TX between two ports: frames take the time their bits take.

use std::collections::VecDeque;
use std::time::Duration;

use node::{Instant, PortInput};

/// Time one byte takes at 100 Mbit/s.
const NANOS_PER_BYTE: u64 = 80;
/// Preamble, frame check sequence and inter-frame gap, in bytes.
const OVERHEAD: u64 = 8 + 4 + 12;
/// The PHYs at both ends.
const LATENCY: Duration = Duration::from_micros(1);

/// One direction of a cable. Carrier travels in order with the frames.
#[derive(Debug, Default)]
pub struct Cable {
    flying: VecDeque<(Instant, PortInput)>,
    busy_until: Instant,
}

impl Cable {
    /// Puts a frame or a change of carrier onto the cable.
    pub fn push(&mut self, now: Instant, input: PortInput) {
        let length = match &input {
            PortInput::Frame(frame) => frame.len() as u64 + OVERHEAD,
            PortInput::Link(_) => 0,
        };
        let start = self.busy_until.max(now);
        self.busy_until = start + Duration::from_nanos(length * NANOS_PER_BYTE);
        self.flying.push_back((self.busy_until + LATENCY, input));
    }

    /// Takes what has arrived at `now`, oldest first.
    pub fn pop(&mut self, now: Instant) -> Option<PortInput> {
        let (due, _) = self.flying.front()?;
        (*due <= now).then(|| self.flying.pop_front().expect("just seen").1)
    }

    /// When something arrives next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.flying.front().map(|(due, _)| *due)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_full_frame_takes_the_time_of_its_bits() {
        let mut cable = Cable::default();
        cable.push(Instant::ZERO, PortInput::Frame(Bytes::from(vec![0; 1514])));
        let due = Instant::from_nanos(1538 * 80) + LATENCY;
        assert_eq!(cable.poll_timeout(), Some(due));
        assert_eq!(cable.pop(Instant::from_nanos(1)), None);
        assert!(cable.pop(due).is_some());
    }

    #[test]
    fn frames_queue_behind_one_another() {
        let mut cable = Cable::default();
        cable.push(Instant::ZERO, PortInput::Frame(Bytes::from(vec![0; 1514])));
        cable.push(Instant::ZERO, PortInput::Frame(Bytes::from(vec![0; 60])));
        cable.pop(Instant::from_secs(1));
        let due = Instant::from_nanos((1538 + 84) * 80) + LATENCY;
        assert_eq!(cable.poll_timeout(), Some(due));
    }
}
