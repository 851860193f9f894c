//! Frames by the time they are due.

use std::collections::VecDeque;

use node::Instant;

/// Frames on their way, earliest due first; those due together in the order they came.
///
/// Nearly all frames come in order, so each is put in from the back.
#[derive(Clone, Debug)]
pub struct InFlight<T> {
    frames: VecDeque<(Instant, T)>,
}

impl<T> Default for InFlight<T> {
    fn default() -> Self {
        Self { frames: VecDeque::new() }
    }
}

impl<T> InFlight<T> {
    /// Adds a frame.
    pub fn insert(&mut self, due: Instant, frame: T) {
        if self.frames.back().is_none_or(|(last, _)| *last <= due) {
            self.frames.push_back((due, frame));
        } else {
            let place = self.frames.partition_point(|(other, _)| *other <= due);
            self.frames.insert(place, (due, frame));
        }
    }

    /// Takes the earliest frame, if it is due at `now`.
    pub fn take_due(&mut self, now: Instant) -> Option<(Instant, T)> {
        let (due, _) = self.frames.front()?;
        if *due > now { None } else { self.frames.pop_front() }
    }

    /// Returns when the earliest frame is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.frames.front().map(|(due, _)| *due)
    }

    /// Returns how many frames there are.
    pub fn len(&self) -> usize {
        self.frames.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_ties_come_in_order() {
        let mut frames = InFlight::default();
        for (ms, name) in [(2, 'c'), (1, 'a'), (2, 'd'), (1, 'b'), (3, 'e')] {
            frames.insert(Instant::from_millis(ms), name);
        }
        assert_eq!(frames.next_due(), Some(Instant::from_millis(1)));
        let due_at_2: Vec<_> =
            std::iter::from_fn(|| frames.take_due(Instant::from_millis(2))).collect();
        assert_eq!(due_at_2.iter().map(|(_, name)| *name).collect::<String>(), "abcd");
        assert_eq!(frames.len(), 1);
    }
}
