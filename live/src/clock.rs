//! The monotonic clock of a live run.

use node::{Duration, Instant};

/// Tells time as nanoseconds since the run began; never goes back.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: std::time::Instant,
}

impl Clock {
    /// Starts a clock at [`Instant::ZERO`].
    pub fn start() -> Self {
        Self { start: std::time::Instant::now() }
    }

    /// Returns the time since the start.
    pub fn now(&self) -> Instant {
        Instant::ZERO + self.start.elapsed()
    }

    /// Goes forward to `at` at once, when that is still to come.
    pub fn skip_to(&mut self, at: Instant) {
        let ahead = self.until(at);
        if let Some(start) = self.start.checked_sub(ahead) {
            self.start = start;
        }
    }

    /// Returns how long it is until `at`; zero when that is past.
    pub fn until(&self, at: Instant) -> Duration {
        at.saturating_since(self.now())
    }
}
