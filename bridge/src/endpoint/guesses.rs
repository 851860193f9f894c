//! How often a mechanic lets strangers try the passcode.

use node::{Duration, Instant};

/// Wrong passcodes in a row that cost nobody but their sender anything.
const FREE: u32 = 8;

/// Longest time between two strangers once many were wrong.
const SPACING_MAX: Duration = Duration::from_secs(30);

/// Counts wrong passcodes of one order, whoever sent them.
///
/// The relay makes each guesser wait by its address. This bounds what many addresses can do
/// together: after the free ones, one try in up to 30 s, 2 880 a day. A technician who is in, or
/// comes back within its connection, is never held up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Guesses {
    wrong: u32,
    closed_until: Instant,
}

impl Guesses {
    /// Returns whether a stranger may try now.
    pub fn are_taken(&self, now: Instant) -> bool {
        now >= self.closed_until
    }

    /// Notes a wrong passcode.
    pub fn wrong(&mut self, now: Instant) {
        self.wrong = self.wrong.saturating_add(1);
        if let Some(over) = self.wrong.checked_sub(FREE) {
            let spacing = Duration::from_secs(1).saturating_mul(1 << over.min(8));
            self.closed_until = now + spacing.min(SPACING_MAX);
        }
    }

    /// Notes a right passcode.
    pub fn right(&mut self) {
        self.wrong /= 2;
        self.closed_until = Instant::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_guessing_gives_few_guesses() {
        let mut guesses = Guesses::default();
        let tries = (0..86_400)
            .map(Instant::from_secs)
            .filter(|now| {
                let taken = guesses.are_taken(*now);
                if taken {
                    guesses.wrong(*now);
                }
                taken
            })
            .count();
        assert!((2_880..2_900).contains(&tries), "{tries}");
    }

    #[test]
    fn a_right_passcode_opens_again() {
        let mut guesses = Guesses::default();
        (0..20).for_each(|_| guesses.wrong(Instant::ZERO));
        assert!(!guesses.are_taken(Instant::from_secs(29)));
        guesses.right();
        assert!(guesses.are_taken(Instant::from_secs(1)));
    }
}
