//! How a session stands: what is shown to people while it runs.

use std::collections::VecDeque;

use bridge::guard::Assessment;
use bridge::{BridgeEvent, EndReason, Flow, Refusal, Sample};
use node::{Duration, Instant};

/// How many samples jitter and loss are taken over.
const SAMPLES: usize = 16;

/// Where an endpoint stands with relay and peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It asks the relay to be let in.
    Registering,
    /// It was refused, and asks again.
    Refused(Refusal),
    /// It is in the order, alone.
    Waiting,
    /// Both sides of the order are there.
    Paired,
    /// The peer fell silent or left; it is waited for.
    PeerLost,
    /// It gave up.
    Ended(EndReason),
}

impl Phase {
    /// The word for it in status lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registering => "registering",
            Self::Refused(_) => "refused",
            Self::Waiting => "waiting",
            Self::Paired => "paired",
            Self::PeerLost => "peer-lost",
            Self::Ended(_) => "ended",
        }
    }
}

/// Frames and bytes of the LAN port, one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Frames.
    pub frames: u64,
    /// Bytes, Ethernet header included.
    pub bytes: u64,
}

impl Passed {
    /// Counts a frame.
    pub fn add(&mut self, bytes: usize) {
        self.frames += 1;
        self.bytes += bytes as u64;
    }
}

/// How a session stands.
#[derive(Clone, Debug)]
pub struct Status {
    /// Where it stands with relay and peer.
    pub phase: Phase,
    /// Whether the vehicle's side has link; `None` until it is known.
    pub link: Option<bool>,
    /// How often the two sides were joined.
    pub pairings: u64,
    /// When they were joined last.
    pub paired_since: Option<Instant>,
    /// From this LAN to the peer's.
    pub outbound: Passed,
    /// From the peer's LAN to this one.
    pub inbound: Passed,
    /// The longest IP packet whose frame travels in one datagram; `None` until it is known.
    pub mtu: Option<u16>,
    /// Frames that were not carried.
    pub dropped: u64,
    /// What the guard thinks; `None` until it has said so.
    pub guard: Option<Assessment>,
    samples: VecDeque<Sample>,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            phase: Phase::Registering,
            link: None,
            pairings: 0,
            paired_since: None,
            outbound: Passed::default(),
            inbound: Passed::default(),
            mtu: None,
            dropped: 0,
            guard: None,
            samples: VecDeque::with_capacity(SAMPLES),
        }
    }
}

impl Status {
    /// Takes what the endpoint tells.
    pub fn note(&mut self, now: Instant, event: &BridgeEvent) {
        match event {
            BridgeEvent::Waiting => self.part(Phase::Waiting),
            BridgeEvent::Paired { .. } => {
                self.phase = Phase::Paired;
                self.pairings += 1;
                self.paired_since = Some(now);
            }
            BridgeEvent::Refused { reason, .. } => self.part(Phase::Refused(*reason)),
            BridgeEvent::RelayForgot => self.part(Phase::Registering),
            BridgeEvent::PeerLost { .. } | BridgeEvent::PeerLeft => self.part(Phase::PeerLost),
            BridgeEvent::PeerReplaced => self.samples.clear(),
            BridgeEvent::Link { up } => self.link = Some(*up),
            BridgeEvent::Sample(sample) => {
                if self.samples.len() == SAMPLES {
                    self.samples.pop_front();
                }
                self.samples.push_back(*sample);
            }
            BridgeEvent::Room { mtu } => self.mtu = Some(*mtu),
            BridgeEvent::Dropped { .. } => self.dropped += 1,
            BridgeEvent::Guard(assessment) => self.guard = Some(*assessment),
            BridgeEvent::Programming { .. }
            | BridgeEvent::WrongPasscode
            | BridgeEvent::CalledInVain { .. } => {}
            BridgeEvent::Ended(reason) => self.part(Phase::Ended(*reason)),
        }
    }

    /// The newest round trip between the endpoints.
    pub fn rtt(&self) -> Option<Duration> {
        self.samples.back().map(|sample| sample.rtt)
    }

    /// How much successive round trips differ.
    pub fn jitter(&self) -> Option<Duration> {
        self.samples.back().map(|sample| sample.jitter)
    }

    /// What this side sent of late, and how much of it was lost.
    pub fn outbound_flow(&self) -> Flow {
        sum(self.samples.iter().map(|sample| sample.outbound))
    }

    /// What the peer sent of late, and how much of it was lost.
    pub fn inbound_flow(&self) -> Flow {
        sum(self.samples.iter().map(|sample| sample.inbound))
    }

    fn part(&mut self, phase: Phase) {
        self.phase = phase;
        self.paired_since = None;
    }
}

fn sum(flows: impl Iterator<Item = Flow>) -> Flow {
    flows.fold(Flow::default(), |sum, flow| Flow {
        sent: sum.sent + flow.sent,
        lost: sum.lost + flow.lost,
        bytes: sum.bytes + flow.bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(rtt: u64, sent: u64, lost: u64) -> BridgeEvent {
        let outbound = Flow { sent, lost, bytes: 0 };
        let (rtt, jitter, span) = (Duration::from_millis(rtt), Duration::ZERO, Duration::ZERO);
        BridgeEvent::Sample(Sample { rtt, jitter, span, outbound, inbound: Flow::default() })
    }

    #[test]
    fn loss_is_that_of_the_newest_samples() {
        let mut status = Status::default();
        status.note(Instant::ZERO, &sample(1, 1000, 1000));
        for _ in 0..SAMPLES {
            status.note(Instant::ZERO, &sample(1, 10, 1));
        }
        assert_eq!(status.outbound_flow(), Flow { sent: 160, lost: 16, bytes: 0 });
    }

    #[test]
    fn a_lost_peer_ends_the_pairing_and_not_the_link() {
        let mut status = Status::default();
        let at = Instant::from_secs(1);
        status.note(at, &BridgeEvent::Paired { resumed: false });
        status.note(at, &BridgeEvent::Link { up: true });
        assert_eq!((status.phase, status.paired_since), (Phase::Paired, Some(at)));
        status.note(at, &BridgeEvent::PeerLost { silent_for: Duration::from_secs(15) });
        assert_eq!((status.phase, status.paired_since), (Phase::PeerLost, None));
        assert_eq!(status.link, Some(true));
    }
}
