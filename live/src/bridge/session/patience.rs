//! When it is time to say that somebody does not answer.

use bridge::message::{Message, is_packet};
use bytes::Bytes;
use node::{Duration, Instant};

use super::Unanswered;
use crate::bridge::Phase;

/// How long a relay may leave a newcomer without an answer.
const RELAY_AT_FIRST: Duration = Duration::from_secs(5);

/// How long a relay may be silent that let this side in: longer than it takes to find that out.
const RELAY_LATER: Duration = Duration::from_secs(20);

/// How long the other side may be there without having proven who it is.
const PEER: Duration = Duration::from_secs(10);

/// Who was heard when, and what was said about it.
#[derive(Clone, Debug, Default)]
pub struct Patience {
    relay_heard: Instant,
    is_relay_told: bool,
    /// Since when the relay says that the other side is there.
    peer_there: Option<Instant>,
    is_peer_told: bool,
}

impl Patience {
    /// Takes what the relay sent.
    pub fn hear(&mut self, now: Instant, data: &Bytes) {
        self.relay_heard = now;
        self.is_relay_told = false;
        if is_packet(data) {
            return;
        }
        if let Ok(Message::Granted { peer, .. } | Message::Pong { peer, .. }) =
            Message::decode(data.clone())
        {
            self.peer_there = peer.map(|_| self.peer_there.unwrap_or(now));
        }
    }

    /// Looks who should have answered by now; each silence is told once.
    pub fn look(&mut self, now: Instant, phase: Phase) -> Option<Unanswered> {
        let (limit, is_proven) = match phase {
            Phase::Registering => (RELAY_AT_FIRST, false),
            Phase::Waiting => (RELAY_LATER, false),
            Phase::Paired | Phase::PeerLost => (RELAY_LATER, true),
            // What comes next is a matter of minutes, or of nothing any more.
            Phase::Refused(_) | Phase::Ended(_) => {
                self.peer_there = None;
                self.is_peer_told = false;
                return None;
            }
        };
        if is_proven {
            self.peer_there = None;
            self.is_peer_told = false;
        }
        if now.saturating_since(self.relay_heard) >= limit {
            let is_told = std::mem::replace(&mut self.is_relay_told, true);
            return (!is_told).then_some(Unanswered::Relay);
        }
        if self.peer_there.is_none_or(|since| now.saturating_since(since) < PEER) {
            return None;
        }
        let is_told = std::mem::replace(&mut self.is_peer_told, true);
        (!is_told).then_some(Unanswered::Peer)
    }
}

#[cfg(test)]
mod tests {
    use bridge::Refusal;
    use rstest::rstest;

    use super::*;

    fn pong(peer: Option<u32>) -> Bytes {
        Message::Pong { channel: 1, number: 1, peer }.to_bytes()
    }

    /// Returns what is told, and in which second, while nothing more is heard.
    fn told(patience: &mut Patience, seconds: std::ops::Range<u64>, phase: Phase) -> Vec<String> {
        let looks = seconds.filter_map(|second| {
            let who = patience.look(Instant::from_secs(second), phase)?;
            Some(format!("{second} {who:?}"))
        });
        looks.collect()
    }

    #[rstest]
    #[case::a_newcomer(Phase::Registering, &["5 Relay"])]
    #[case::in_the_order(Phase::Waiting, &["20 Relay"])]
    #[case::joined(Phase::Paired, &["20 Relay"])]
    #[case::asked_to_wait(Phase::Refused(Refusal::Full), &[])]
    fn a_silent_relay_is_told_once(#[case] phase: Phase, #[case] expected: &[&str]) {
        assert_eq!(told(&mut Patience::default(), 0..100, phase), expected);
    }

    #[test]
    fn each_silence_is_told() {
        let mut patience = Patience::default();
        assert_eq!(told(&mut patience, 0..10, Phase::Registering), ["5 Relay"]);
        patience.hear(Instant::from_secs(10), &pong(None));
        assert_eq!(told(&mut patience, 10..99, Phase::Registering), ["15 Relay"]);
    }

    #[test]
    fn a_peer_that_proves_nothing_is_told_once() {
        let mut patience = Patience::default();
        let mut all = Vec::new();
        for second in 0..60 {
            patience.hear(Instant::from_secs(second), &pong((second >= 3).then_some(7)));
            all.append(&mut told(&mut patience, second..second + 1, Phase::Registering));
        }
        assert_eq!(all, ["13 Peer"]);
    }

    #[test]
    fn a_peer_met_before_a_refusal_has_its_time_again() {
        let mut patience = Patience::default();
        patience.hear(Instant::from_secs(1), &pong(Some(7)));
        patience.look(Instant::from_secs(2), Phase::Refused(Refusal::Full));
        let mut all = Vec::new();
        for second in 60..75 {
            patience.hear(Instant::from_secs(second), &pong(Some(7)));
            all.append(&mut told(&mut patience, second..second + 1, Phase::Registering));
        }
        assert_eq!(all, ["70 Peer"]);
    }

    #[rstest]
    #[case::nobody_is_there(Phase::Waiting, None)]
    #[case::proven(Phase::Paired, Some(7))]
    fn a_peer_that_is_away_or_joined_is_not_told(#[case] phase: Phase, #[case] peer: Option<u32>) {
        let mut patience = Patience::default();
        for second in 0..60 {
            patience.hear(Instant::from_secs(second), &pong(peer));
            assert_eq!(patience.look(Instant::from_secs(second), phase), None);
        }
    }
}
