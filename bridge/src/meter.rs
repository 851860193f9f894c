//! Turns growing totals into what happened between two looks.

use crate::event::Flow;

/// Turns growing totals into what happened between two looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauge {
    expected: u64,
    received: u64,
}

impl Gauge {
    /// Returns what happened since the last look.
    pub fn advance(&mut self, expected: u64, received: u64) -> Flow {
        let (expected, received) = (expected.max(self.expected), received.max(self.received));
        let sent = expected.saturating_sub(self.expected);
        let lost_before = self.expected.saturating_sub(self.received);
        let lost_now = expected.saturating_sub(received);
        *self = Self { expected, received };
        Flow { sent, lost: lost_now.saturating_sub(lost_before), bytes: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_shows_the_difference_and_forgives_late_arrivals() {
        let mut gauge = Gauge::default();
        assert_eq!(gauge.advance(10, 8), Flow { sent: 10, lost: 2, bytes: 0 });
        assert_eq!(gauge.advance(20, 19), Flow { sent: 10, lost: 0, bytes: 0 });
        assert_eq!(gauge.advance(30, 28), Flow { sent: 10, lost: 1, bytes: 0 });
    }
}
