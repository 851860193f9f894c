//! RFC 3927: choosing, probing, claiming and defending a link-local address.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::arp::{self, Claim};
use crate::{Frame, Instant, Stream};

// RFC 3927 §9.
const PROBE_WAIT: Duration = Duration::from_secs(1);
const PROBE_NUM: u32 = 3;
const PROBE_MIN: Duration = Duration::from_secs(1);
const PROBE_MAX: Duration = Duration::from_secs(2);
const ANNOUNCE_WAIT: Duration = Duration::from_secs(2);
const ANNOUNCE_NUM: u32 = 2;
const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(2);
const MAX_CONFLICTS: u32 = 10;
const RATE_LIMIT_INTERVAL: Duration = Duration::from_secs(60);
const DEFEND_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    /// `sent` probes are out; the next step is due at `due`.
    Probing {
        sent: u32,
        due: Instant,
    },
    /// The address is ours; `announced` announcements are out.
    Claimed {
        announced: u32,
        due: Option<Instant>,
        defended: Option<Instant>,
    },
}

/// What link-local addressing found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The address may be used.
    Claimed(Ipv4Addr),
    /// Somebody else uses it; a new candidate is being probed.
    Lost,
}

/// The machine of one host.
#[derive(Debug)]
pub struct LinkLocal {
    mac: [u8; 6],
    stream: Stream,
    candidate: Ipv4Addr,
    conflicts: u32,
    state: State,
    pub frames: VecDeque<Frame>,
}

impl LinkLocal {
    /// Makes the machine; the first candidate comes from the host's own stream.
    pub fn new(mac: [u8; 6], mut stream: Stream) -> Self {
        let candidate = draw(&mut stream);
        Self { mac, stream, candidate, conflicts: 0, state: State::Idle, frames: VecDeque::new() }
    }

    /// Begins probing the candidate, unless the address is held or being probed already.
    pub fn start(&mut self, now: Instant) {
        if self.state == State::Idle {
            let due = now + self.stream.between(Duration::ZERO, PROBE_WAIT);
            self.state = State::Probing { sent: 0, due };
        }
    }

    /// Forgets the claim; the next start probes the same candidate again.
    pub fn stop(&mut self) {
        self.state = State::Idle;
    }

    /// Chooses another candidate for the next start.
    pub fn choose_another(&mut self) {
        self.candidate = draw(&mut self.stream);
    }

    /// Whether the candidate is ours to use.
    pub fn is_claimed(&self) -> bool {
        matches!(self.state, State::Claimed { .. })
    }

    /// Takes what another host says about addresses.
    pub fn handle_claim(&mut self, now: Instant, claim: Claim) -> Option<Finding> {
        if claim.mac == self.mac {
            return None;
        }
        let probed_by_another =
            claim.sender == Ipv4Addr::UNSPECIFIED && claim.target == self.candidate;
        match self.state {
            State::Idle => None,
            State::Probing { .. } if claim.sender == self.candidate || probed_by_another => {
                self.conflict(now);
                None
            }
            State::Probing { .. } => None,
            State::Claimed { .. } if claim.sender != self.candidate => None,
            State::Claimed { announced, due, defended } => {
                if defended.is_some_and(|at| now - at < DEFEND_INTERVAL) {
                    self.conflict(now);
                    return Some(Finding::Lost);
                }
                self.frames.push_back(arp::request(self.mac, self.candidate, self.candidate));
                self.state = State::Claimed { announced, due, defended: Some(now) };
                None
            }
        }
    }

    /// Sends the probe or announcement that is due.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Finding> {
        match self.state {
            State::Probing { sent, due } if due <= now => {
                if sent == PROBE_NUM {
                    self.state = State::Claimed { announced: 0, due: Some(now), defended: None };
                    self.announce(now);
                    return Some(Finding::Claimed(self.candidate));
                }
                let probe = arp::request(self.mac, Ipv4Addr::UNSPECIFIED, self.candidate);
                self.frames.push_back(probe);
                let pause = if sent + 1 == PROBE_NUM {
                    ANNOUNCE_WAIT
                } else {
                    self.stream.between(PROBE_MIN, PROBE_MAX)
                };
                self.state = State::Probing { sent: sent + 1, due: now + pause };
            }
            State::Claimed { due: Some(due), .. } if due <= now => self.announce(now),
            State::Idle | State::Probing { .. } | State::Claimed { .. } => {}
        }
        None
    }

    /// When the next probe or announcement is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Idle => None,
            State::Probing { due, .. } => Some(due),
            State::Claimed { due, .. } => due,
        }
    }

    fn announce(&mut self, now: Instant) {
        if let State::Claimed { announced, defended, .. } = self.state {
            self.frames.push_back(arp::request(self.mac, self.candidate, self.candidate));
            let announced = announced + 1;
            let due = (announced < ANNOUNCE_NUM).then(|| now + ANNOUNCE_INTERVAL);
            self.state = State::Claimed { announced, due, defended };
        }
    }

    fn conflict(&mut self, now: Instant) {
        self.conflicts += 1;
        self.candidate = draw(&mut self.stream);
        let wait = if self.conflicts > MAX_CONFLICTS {
            RATE_LIMIT_INTERVAL
        } else {
            self.stream.between(Duration::ZERO, PROBE_WAIT)
        };
        self.state = State::Probing { sent: 0, due: now + wait };
    }
}

/// Draws from 169.254.1.0 to 169.254.254.255 (RFC 3927 §2.1).
fn draw(stream: &mut Stream) -> Ipv4Addr {
    let offset = stream.below(254 * 256) as u32;
    Ipv4Addr::from_bits(Ipv4Addr::new(169, 254, 1, 0).to_bits() + offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    #[test]
    fn claims_after_three_probes_without_an_answer() {
        let mut machine = machine();
        machine.start(Instant::ZERO);
        let claimed = run(&mut machine);
        let probes = machine.frames.len() - 1;
        assert_eq!(probes, 3);
        assert!(claimed >= Instant::from_secs(4) && claimed <= Instant::from_secs(7), "{claimed}");
    }

    #[test]
    fn probing_gives_way_to_a_holder() {
        let mut machine = machine();
        machine.start(Instant::ZERO);
        let wanted = machine.candidate;
        let claim = Claim { mac: [9; 6], sender: wanted, target: wanted };
        assert_eq!(machine.handle_claim(Instant::from_secs(1), claim), None);
        assert_ne!(machine.candidate, wanted);
        run(&mut machine);
        assert!(machine.is_claimed());
    }

    #[test]
    fn a_claim_is_defended_once_and_given_up_at_the_second_conflict() {
        let mut machine = machine();
        machine.start(Instant::ZERO);
        let now = run(&mut machine);
        let held = machine.candidate;
        let claim = Claim { mac: [9; 6], sender: held, target: held };
        assert_eq!(machine.handle_claim(now, claim), None);
        let again = now + Duration::from_secs(1);
        assert_eq!(machine.handle_claim(again, claim), Some(Finding::Lost));
        assert!(!machine.is_claimed());
    }

    fn machine() -> LinkLocal {
        LinkLocal::new([2, 0, 0, 0, 0, 1], Seed(1).stream("link-local"))
    }

    /// Lets time pass until the address is claimed; returns when that was.
    fn run(machine: &mut LinkLocal) -> Instant {
        loop {
            let now = machine.poll_timeout().expect("probing goes on until claimed");
            if machine.handle_timeout(now).is_some() {
                return now;
            }
        }
    }
}
