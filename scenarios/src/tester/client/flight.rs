//! One request on its way, and the answers to it.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use node::Instant;
use wire::hsfz::ErrorCode;
use wire::uds::{Answer as Kind, NEGATIVE_RESPONSE, POSITIVE_OFFSET, classify};

use crate::tester::event::{Exchange, latency_name};
use crate::tester::timeouts::Collection;

/// What is asked, and of whom. The UDS bytes are `head` followed by `body`.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub target: u8,
    pub head: Bytes,
    /// The larger part of a block; shared with the image.
    pub body: Bytes,
    pub expect: Expect,
    /// How many `78` of one control unit are tolerated.
    pub pending_limit: u32,
}

/// What ends an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// The acknowledge: no answer is to come.
    Acknowledge,
    /// One final answer.
    Answer,
    /// As many answers as come.
    Answers,
}

/// A final answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub ecu: u8,
    pub data: Bytes,
}

/// One request on its way.
#[derive(Debug)]
pub(super) struct Flight {
    pub target: u8,
    pub expect: Expect,
    /// The frame; a resend shares it.
    pub frame: Bytes,
    /// The UDS bytes in the frame.
    pub uds: Bytes,
    pub phase: Phase,
    pub answers: Vec<Answer>,
    /// An error word that came instead of the acknowledge.
    pub word: Option<ErrorCode>,
    pending_limit: u32,
    /// How many `78` came from whom.
    pending: BTreeMap<u8, u32>,
    transmissions: u32,
    first_sent: Instant,
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits for the connection.
    Connection,
    /// Sent; answers that come before the acknowledge are discarded (§6).
    Acknowledge,
    /// Acknowledged; answers count.
    Answer {
        /// When it was acknowledged.
        acknowledged: Instant,
        /// When the last answer, or `78`, came.
        last: Instant,
        /// When a `78` last came.
        pending: Option<Instant>,
    },
}

/// What an answer means for the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It belongs to something else.
    Ignored,
    /// More is to come.
    Pending,
    /// It is final; of a functional request, one of several.
    Final,
}

impl Flight {
    pub fn new(request: &Request, frame: Bytes, uds: Bytes) -> Self {
        Self {
            target: request.target,
            expect: request.expect,
            frame,
            uds,
            phase: Phase::Connection,
            answers: Vec::new(),
            word: None,
            pending_limit: request.pending_limit,
            pending: BTreeMap::new(),
            transmissions: 0,
            first_sent: Instant::ZERO,
        }
    }

    /// Notes that the request goes out.
    pub fn sent(&mut self, now: Instant) {
        if self.transmissions == 0 {
            self.first_sent = now;
        }
        self.transmissions += 1;
        self.phase = Phase::Acknowledge;
        self.pending.clear();
        self.answers.clear();
    }

    /// Notes the acknowledge.
    pub fn acknowledged(&mut self, now: Instant) {
        self.phase = Phase::Answer { acknowledged: now, last: now, pending: None };
    }

    /// Takes UDS bytes from a control unit.
    pub fn answered(&mut self, now: Instant, ecu: u8, data: &Bytes) -> Verdict {
        let Phase::Answer { last, pending, .. } = &mut self.phase else {
            return Verdict::Ignored;
        };
        let is_asked = self.expect == Expect::Answers || ecu == self.target;
        if !is_asked || !answers_to(&self.uds, data) {
            return Verdict::Ignored;
        }
        *last = now;
        if let Kind::Pending { .. } = classify(data) {
            let count = self.pending.entry(ecu).or_default();
            *count += 1;
            if *count <= self.pending_limit {
                *pending = Some(now);
                return Verdict::Pending;
            }
        }
        self.answers.push(Answer { ecu, data: data.clone() });
        Verdict::Final
    }

    /// Tells whether the client may send it (again): once, and one resend.
    pub fn may_be_sent(&self) -> bool {
        self.transmissions < 2
    }

    /// Tells whether it was ever sent.
    pub fn was_sent(&self) -> bool {
        self.transmissions > 0
    }

    /// Returns when collecting answers to a functional request ends (§7).
    pub fn collected_at(&self, rule: &Collection) -> Option<Instant> {
        let Phase::Answer { acknowledged, last, pending } = self.phase else {
            return None;
        };
        let mut until = (acknowledged + rule.window).max(last + rule.gap);
        if let Some(pending) = pending {
            until = until.max(pending + rule.after_pending);
        }
        Some(until.min(acknowledged + rule.limit))
    }

    /// Tells about the exchange; without an answer it was given up, or none was to come.
    pub fn exchange(&self, now: Instant, answer: Option<&Answer>) -> Exchange {
        let ecu = answer.map_or(self.target, |answer| answer.ecu);
        Exchange {
            name: latency_name(&self.uds),
            ecu,
            functional: self.target == super::FUNCTIONAL,
            request: self.uds.clone(),
            response: answer.map(|answer| answer.data.clone()),
            sent: self.first_sent,
            latency: self.latency(now),
            is_measured: answer.is_some() || self.expect != Expect::Answers,
            pending: self.pending.get(&ecu).copied().unwrap_or_default(),
            resent: self.transmissions > 1,
        }
    }

    fn latency(&self, now: Instant) -> Duration {
        now.saturating_since(self.first_sent)
    }
}

/// Tells whether `response` can answer `request`: its service is the one asked for.
fn answers_to(request: &[u8], response: &[u8]) -> bool {
    let Some(&service) = request.first() else {
        return false;
    };
    match *response {
        [NEGATIVE_RESPONSE, refused, ..] => refused == service,
        [first, ..] => first == service.wrapping_add(POSITIVE_OFFSET),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn acknowledged(expect: Expect, pending_limit: u32) -> Flight {
        let uds = Bytes::from_static(&[0x31, 0x01, 0xFF, 0x00]);
        let request =
            Request { target: 0x18, head: uds.clone(), body: Bytes::new(), expect, pending_limit };
        let mut flight = Flight::new(&request, uds.clone(), uds);
        flight.sent(Instant::ZERO);
        flight.acknowledged(Instant::from_millis(1));
        flight
    }

    #[rstest]
    #[case::right(0x18, &[0x71, 0x01, 0xFF, 0x00], Verdict::Final)]
    #[case::refused(0x18, &[0x7F, 0x31, 0x22], Verdict::Final)]
    #[case::pending(0x18, &[0x7F, 0x31, 0x78], Verdict::Pending)]
    #[case::other_ecu(0x12, &[0x71, 0x01, 0xFF, 0x00], Verdict::Ignored)]
    #[case::other_service(0x18, &[0x76, 0x01], Verdict::Ignored)]
    #[case::refused_other_service(0x18, &[0x7F, 0x36, 0x73], Verdict::Ignored)]
    fn answers_are_told_apart(#[case] ecu: u8, #[case] data: &'static [u8], #[case] is: Verdict) {
        let mut flight = acknowledged(Expect::Answer, 3);
        let now = Instant::from_millis(2);
        assert_eq!(flight.answered(now, ecu, &Bytes::from_static(data)), is);
    }

    #[test]
    fn an_answer_before_the_acknowledge_is_discarded() {
        let mut flight = acknowledged(Expect::Answer, 3);
        flight.sent(Instant::from_millis(5));
        let data = Bytes::from_static(&[0x71, 0x01, 0xFF, 0x00]);
        assert_eq!(flight.answered(Instant::from_millis(6), 0x18, &data), Verdict::Ignored);
    }

    #[test]
    fn the_fourth_pending_is_handed_up() {
        let mut flight = acknowledged(Expect::Answer, 3);
        let pending = Bytes::from_static(&[0x7F, 0x31, 0x78]);
        let verdicts: Vec<_> =
            (2..6).map(|at| flight.answered(Instant::from_millis(at), 0x18, &pending)).collect();
        let three = [Verdict::Pending; 3];
        assert_eq!(verdicts, [&three[..], &[Verdict::Final]].concat());
    }

    #[test]
    fn collecting_ends_when_window_and_gap_are_over() {
        let mut flight = acknowledged(Expect::Answers, 3);
        let rule = Collection::default();
        assert_eq!(flight.collected_at(&rule), Some(Instant::from_millis(2_201)));
        let data = Bytes::from_static(&[0x71, 0x01, 0xFF, 0x00]);
        flight.answered(Instant::from_millis(100), 0x12, &data);
        assert_eq!(flight.collected_at(&rule), Some(Instant::from_millis(2_300)));
        flight.answered(Instant::from_millis(200), 0x18, &Bytes::from_static(&[0x7F, 0x31, 0x78]));
        assert_eq!(flight.collected_at(&rule), Some(Instant::from_millis(5_250)));
        let window_alone = Collection { gap: Duration::ZERO, ..rule };
        let mut quiet = acknowledged(Expect::Answers, 3);
        quiet.answered(Instant::from_millis(100), 0x12, &data);
        assert_eq!(quiet.collected_at(&window_alone), Some(Instant::from_millis(251)));
    }
}
