//! Functional requests, and which units still owe them an answer.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use node::Instant;

/// The functional requests that wait for answers.
#[derive(Debug)]
pub(crate) struct Functional {
    asked: VecDeque<Asked>,
    limit: usize,
    patience: Duration,
}

#[derive(Debug)]
struct Asked {
    since: Instant,
    channel: u64,
    /// The units whose answer may still come.
    owing: BTreeSet<usize>,
}

impl Functional {
    /// At most `limit` requests wait at once, none longer than `patience`.
    pub(crate) fn new(limit: usize, patience: Duration) -> Self {
        Self { asked: VecDeque::new(), limit, patience }
    }

    /// Returns whether one more can be taken.
    pub(crate) fn has_room(&mut self, now: Instant) -> bool {
        while self.asked.front().is_some_and(|asked| asked.since + self.patience <= now) {
            self.asked.pop_front();
        }
        self.asked.len() < self.limit
    }

    /// Notes a request of a tester, and which units may owe it an answer.
    pub(crate) fn ask(&mut self, now: Instant, channel: u64, owing: BTreeSet<usize>) {
        if !owing.is_empty() {
            self.asked.push_back(Asked { since: now, channel, owing });
        }
    }

    /// Notes the final answer of a unit to a tester: to what it was asked first.
    pub(crate) fn answered(&mut self, unit: usize, channel: u64) {
        let mut asked = self.asked.iter_mut().filter(|asked| asked.channel == channel);
        if asked.any(|asked| asked.owing.remove(&unit)) {
            self.tidy();
        }
    }

    /// Notes that a unit is too busy for what it was asked last.
    pub(crate) fn refused(&mut self, unit: usize, channel: u64) {
        let mut asked = self.asked.iter_mut().rev().filter(|asked| asked.channel == channel);
        if asked.any(|asked| asked.owing.remove(&unit)) {
            self.tidy();
        }
    }

    /// Notes that a unit works on nothing: it owes nobody anything.
    pub(crate) fn idle(&mut self, unit: usize) {
        let mut any = false;
        for asked in &mut self.asked {
            any |= asked.owing.remove(&unit);
        }
        if any {
            self.tidy();
        }
    }

    /// Forgets what a tester asked who is gone.
    pub(crate) fn close(&mut self, channel: u64) {
        self.asked.retain(|asked| asked.channel != channel);
    }

    fn tidy(&mut self) {
        self.asked.retain(|asked| !asked.owing.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const LATER: Instant = Instant::from_secs(1);

    /// Tester 7 asked units 1 and 2, then unit 1 again; there is room for no third request.
    fn full() -> Functional {
        let mut functional = Functional::new(2, Duration::from_secs(10));
        functional.ask(Instant::ZERO, 7, [1, 2].into());
        functional.ask(Instant::ZERO, 7, [1].into());
        functional
    }

    /// Who owes an answer, request by request.
    fn owing(functional: &Functional) -> String {
        let asked = functional.asked.iter().map(|asked| format!("{:?}", asked.owing));
        asked.collect::<Vec<_>>().join(" ")
    }

    #[rstest]
    #[case::answered(|it: &mut Functional| it.answered(1, 7), "{2} {1}")]
    #[case::answered_by_another(|it: &mut Functional| it.answered(2, 7), "{1} {1}")]
    #[case::answered_somebody_else(|it: &mut Functional| it.answered(1, 8), "{1, 2} {1}")]
    #[case::too_busy(|it: &mut Functional| it.refused(1, 7), "{1, 2}")]
    #[case::idle(|it: &mut Functional| it.idle(1), "{2}")]
    #[case::gone(|it: &mut Functional| it.close(7), "")]
    #[case::asked_nobody(|it: &mut Functional| it.ask(LATER, 7, [].into()), "{1, 2} {1}")]
    fn a_request_waits_while_a_unit_owes_it_an_answer(
        #[case] event: fn(&mut Functional),
        #[case] left: &str,
    ) {
        let mut functional = full();
        event(&mut functional);
        assert_eq!(owing(&functional), left);
        assert_eq!(functional.has_room(LATER), !left.contains("} {"));
    }

    #[test]
    fn a_request_waits_no_longer_than_patience() {
        let mut functional = full();
        assert!(!functional.has_room(Instant::from_secs(9)));
        assert!(functional.has_room(Instant::from_secs(10)));
    }
}
