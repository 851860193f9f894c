//! Finding the car and connecting to it, as long as patience lasts.

use std::net::{Ipv4Addr, SocketAddrV4};

use node::Instant;

use super::{Connection, Found, Tester, TesterEvent, Timer};
use crate::Interface;

/// An attempt to get (back) to the car: search, connect, rest, and again.
#[derive(Debug)]
pub(super) struct Approach {
    /// When patience ends.
    until: Instant,
    stage: Stage,
    /// Rounds asked so far, over all searches.
    rounds: u32,
    /// An interface that answered but knows no car yet; taken when a search brings nothing better.
    candidate: Option<Found>,
}

/// What an approach is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Asks who is there.
    Asking {
        /// How often in this search.
        round: u32,
    },
    /// Waits for the connection.
    Connecting,
    /// Waits before it searches again.
    Resting,
}

/// What the tester knows of where the car is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// Nothing.
    Unknown,
    /// Found, and nothing happened since.
    Sure(Found),
    /// Found once; only the same car is taken when it is searched again.
    Doubtful(Found),
}

impl Location {
    pub fn is_sure(&self) -> bool {
        match self {
            Self::Sure(_) => true,
            Self::Unknown | Self::Doubtful(_) => false,
        }
    }

    pub fn found(&self) -> Option<Found> {
        match self {
            Self::Sure(found) | Self::Doubtful(found) => Some(found.clone()),
            Self::Unknown => None,
        }
    }

    /// Notes that the car may be elsewhere now.
    pub fn doubt(&mut self) {
        if let Some(found) = self.found() {
            *self = Self::Doubtful(found);
        }
    }

    fn may_be(&self, other: &Found) -> bool {
        self.found().is_none_or(|found| found.identity == other.identity)
    }
}

impl Tester {
    /// Searches the car from the start.
    pub(super) fn search(&mut self, now: Instant) {
        let until = now + self.config.timeouts.patience;
        let stage = Stage::Asking { round: 0 };
        self.approach = Some(Approach { until, stage, rounds: 0, candidate: None });
        self.approach_goes_on(now);
    }

    /// Waits for an approach that is under way, or begins one.
    pub(super) fn join_or_search(&mut self, now: Instant) {
        match &mut self.approach {
            Some(approach) => approach.until = now + self.config.timeouts.patience,
            None => self.search(now),
        }
    }

    /// Connects to where the car was last; searches when that fails.
    pub(super) fn return_to_car(&mut self, now: Instant) {
        if !self.location.is_sure() {
            return self.search(now);
        }
        let until = now + self.config.timeouts.patience;
        self.approach =
            Some(Approach { until, stage: Stage::Connecting, rounds: 0, candidate: None });
        self.client.connect(now);
    }

    /// Goes on when a round or a rest is over.
    pub(super) fn approach_goes_on(&mut self, now: Instant) {
        let Some(approach) = &mut self.approach else {
            return;
        };
        if now >= approach.until {
            self.approach = None;
            return self.lost_patience();
        }
        let timeouts = &self.config.timeouts;
        let round = match approach.stage {
            Stage::Asking { round } if round >= timeouts.discovery_rounds => {
                return match approach.candidate.take() {
                    Some(found) => self.go_to(now, found),
                    None => self.approach_rests(now),
                };
            }
            Stage::Asking { round } => round,
            Stage::Resting => 0,
            Stage::Connecting => return,
        };
        approach.stage = Stage::Asking { round: round + 1 };
        approach.rounds += 1;
        let subnet = self.own.map(|(address, prefix)| broadcast(address, prefix));
        self.actions.extend(self.discovery.questions(approach.rounds, subnet));
        self.timers.set(Timer::Approach, now + timeouts.discovery_round);
    }

    /// Rests after a search without an answer, or a connection that did not come up.
    pub(super) fn approach_rests(&mut self, now: Instant) {
        if let Some(approach) = &mut self.approach {
            approach.stage = Stage::Resting;
            self.timers.set(Timer::Approach, now + self.config.timeouts.retry_rest);
        }
    }

    /// Takes an answer or an announcement while it is asking, or resting.
    pub(super) fn heard_of(&mut self, now: Instant, from: SocketAddrV4, datagram: &[u8]) {
        let Some(approach) = &mut self.approach else {
            return;
        };
        if approach.stage == Stage::Connecting {
            return;
        }
        let found = self.discovery.read(from, datagram);
        let Some(found) = found.filter(|found| self.location.may_be(found)) else {
            return;
        };
        if found.vin.is_none() && self.config.interface == Interface::IcomNext {
            approach.candidate = Some(found);
        } else {
            self.go_to(now, found);
        }
    }

    fn go_to(&mut self, now: Instant, found: Found) {
        if let Some(approach) = &mut self.approach {
            approach.stage = Stage::Connecting;
        }
        self.timers.cancel(Timer::Approach);
        let (peer, vin) = (found.peer, found.vin.clone());
        self.events.push_back(TesterEvent::Connection(Connection::Found { peer, vin }));
        self.location = Location::Sure(found);
        self.client.set_peer(peer);
        if self.client.is_up() {
            self.arrived(now);
        } else {
            self.client.connect(now);
        }
    }

    /// Ends the approach: the connection is up.
    pub(super) fn arrived(&mut self, now: Instant) {
        if self.approach.take().is_some() {
            self.timers.cancel(Timer::Approach);
            self.is_at_car(now);
        }
    }
}

/// Returns the broadcast address of a subnet.
fn broadcast(address: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    let host = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() | host)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case([192, 168, 11, 7], 24, [192, 168, 11, 255])]
    #[case([169, 254, 3, 4], 16, [169, 254, 255, 255])]
    #[case([10, 0, 0, 1], 32, [10, 0, 0, 1])]
    #[case([10, 0, 0, 1], 0, [255, 255, 255, 255])]
    fn the_broadcast_address_has_all_host_bits_set(
        #[case] address: [u8; 4],
        #[case] prefix: u8,
        #[case] expected: [u8; 4],
    ) {
        assert_eq!(broadcast(address.into(), prefix), Ipv4Addr::from(expected));
    }
}
