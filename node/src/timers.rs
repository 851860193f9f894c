//! Named deadlines.

use crate::Instant;

/// A set of named deadlines; each name has at most one.
#[derive(Clone, Debug)]
pub struct Timers<T> {
    due: Vec<(Instant, T)>,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { due: Vec::new() }
    }
}

impl<T: Copy + Ord> Timers<T> {
    /// Sets or moves a deadline.
    pub fn set(&mut self, timer: T, at: Instant) {
        match self.due.iter_mut().find(|(_, name)| *name == timer) {
            Some(entry) => entry.0 = at,
            None => self.due.push((at, timer)),
        }
    }

    /// Takes a deadline away; nothing happens when it was not set.
    pub fn cancel(&mut self, timer: T) {
        self.due.retain(|(_, name)| *name != timer);
    }

    /// Takes all deadlines away.
    pub fn clear(&mut self) {
        self.due.clear();
    }

    /// Removes and returns a deadline that is due at `now`: earliest first, ties by name.
    pub fn expire(&mut self, now: Instant) -> Option<T> {
        let (index, _) = self.due.iter().enumerate().min_by_key(|(_, entry)| **entry)?;
        (self.due[index].0 <= now).then(|| self.due.swap_remove(index).1)
    }

    /// Returns the earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        self.due.iter().map(|(at, _)| *at).min()
    }

    /// Returns when one deadline is due.
    pub fn deadline(&self, timer: T) -> Option<Instant> {
        self.due.iter().find(|(_, name)| *name == timer).map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expires_earliest_first_and_ties_by_name() {
        let mut timers = Timers::default();
        timers.set('b', Instant::from_secs(1));
        timers.set('a', Instant::from_secs(1));
        timers.set('c', Instant::ZERO);
        let order: Vec<_> = std::iter::from_fn(|| timers.expire(Instant::from_secs(1))).collect();
        assert_eq!(order, ['c', 'a', 'b']);
    }

    #[test]
    fn setting_again_moves_the_deadline() {
        let mut timers = Timers::default();
        timers.set((), Instant::from_secs(1));
        timers.set((), Instant::from_secs(2));
        assert_eq!(timers.expire(Instant::from_secs(1)), None);
        assert_eq!(timers.next(), Some(Instant::from_secs(2)));
    }
}
