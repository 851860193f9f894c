//! Counts what arrives by its sequence numbers.

use crate::event::Flow;

/// How far behind the newest sequence number a late one is still recognised.
const WINDOW: u32 = 64;

/// Counts the payloads of one direction.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    newest: Option<u32>,
    /// Bit `n`: the payload `n` before the newest has arrived.
    arrived: u64,
    expected: u64,
    received: u64,
}

impl Meter {
    /// Notes the arrival of a payload; true when it is known to have arrived before.
    pub fn arrive(&mut self, sequence: u32) -> bool {
        let Some(newest) = self.newest else {
            *self = Self { newest: Some(sequence), arrived: 1, expected: 1, received: 1 };
            return false;
        };
        let ahead = sequence.wrapping_sub(newest);
        if ahead != 0 && ahead <= u32::MAX / 2 {
            self.newest = Some(sequence);
            self.arrived = self.arrived.checked_shl(ahead).unwrap_or(0) | 1;
            self.expected += u64::from(ahead);
            self.received += 1;
            return false;
        }
        let behind = newest.wrapping_sub(sequence);
        if behind >= WINDOW {
            return false;
        }
        let repeated = self.arrived & (1 << behind) != 0;
        self.arrived |= 1 << behind;
        self.received += u64::from(!repeated);
        repeated
    }

    /// Returns how many payloads should have arrived: from the first to the newest.
    pub fn expected(&self) -> u64 {
        self.expected
    }

    /// Returns how many did, duplicates not counted.
    pub fn received(&self) -> u64 {
        self.received
    }
}

/// Turns growing totals into what happened between two looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauge {
    expected: u64,
    received: u64,
}

impl Gauge {
    /// Returns what happened since the last look.
    pub fn advance(&mut self, expected: u64, received: u64) -> Flow {
        let sent = expected.saturating_sub(self.expected);
        let lost_before = self.expected.saturating_sub(self.received);
        let lost_now = expected.saturating_sub(received);
        *self = Self { expected, received };
        Flow { sent, lost: lost_now.saturating_sub(lost_before), bytes: 0 }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::in_order(&[1, 2, 3], 3, 3)]
    #[case::one_lost(&[1, 3], 3, 2)]
    #[case::swapped(&[1, 3, 2], 3, 3)]
    #[case::repeated(&[1, 2, 2, 2], 2, 2)]
    #[case::late_and_repeated(&[1, 4, 2, 2], 4, 3)]
    #[case::over_the_wrap(&[u32::MAX, 0, 1], 3, 3)]
    #[case::before_the_first(&[5, 4], 1, 2)]
    #[case::too_late_to_tell(&[1, 100, 2], 100, 2)]
    fn counts(#[case] sequence: &[u32], #[case] expected: u64, #[case] received: u64) {
        let mut meter = Meter::default();
        for number in sequence {
            meter.arrive(*number);
        }
        assert_eq!((meter.expected(), meter.received()), (expected, received));
    }

    #[test]
    fn only_what_is_known_to_have_arrived_is_repeated() {
        let mut meter = Meter::default();
        let repeated = [1, 3, 3, 2, 2, 100, 3].map(|number| meter.arrive(number));
        assert_eq!(repeated, [false, false, true, false, true, false, false]);
    }

    #[test]
    fn a_gauge_shows_the_difference_and_forgives_late_arrivals() {
        let mut gauge = Gauge::default();
        assert_eq!(gauge.advance(10, 8), Flow { sent: 10, lost: 2, bytes: 0 });
        assert_eq!(gauge.advance(20, 19), Flow { sent: 10, lost: 0, bytes: 0 });
        assert_eq!(gauge.advance(30, 28), Flow { sent: 10, lost: 1, bytes: 0 });
    }
}
