//! What a tester tells about its work.

use std::net::SocketAddrV4;
use std::time::Duration;

use bytes::Bytes;
use node::Instant;

use crate::Outcome;

/// What a tester tells about its work, oldest first. Steps are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TesterEvent {
    /// A step begins.
    StepStarted {
        /// Which.
        index: usize,
        /// The step in words, such as `program egs`.
        name: String,
    },
    /// A long step moved on.
    Progress {
        /// Which step.
        index: usize,
        /// How much is done.
        done: u64,
        /// How much there is in all.
        total: u64,
        /// What is counted, such as `blocks`.
        unit: &'static str,
    },
    /// A control unit is programmed with this image from now on.
    Image {
        /// Its diagnostic address.
        ecu: u8,
        /// The image's name, one of [`TesterEcu::images`](super::TesterEcu::images).
        name: String,
    },
    /// A request was answered, or given up. A functional request gives one per answer.
    Exchange(Exchange),
    /// The connection to the car came or went.
    Connection(Connection),
    /// A step is over.
    StepFinished {
        /// Which.
        index: usize,
        /// How it ended.
        outcome: Outcome,
        /// Why, in words, unless it is done.
        why: Option<String>,
    },
    /// Something a person may want to know.
    Note(String),
    /// The last step is over, or a step failed that was not expected to.
    Finished,
}

/// One request and its final answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What kind of request it is, one of [`LATENCY_NAMES`].
    pub name: &'static str,
    /// Who answered; for an unanswered request, who was asked.
    pub ecu: u8,
    /// Whether all control units were asked at once.
    pub functional: bool,
    /// The request.
    pub request: Bytes,
    /// The final answer; none when nothing came, or nothing was to come.
    pub response: Option<Bytes>,
    /// When the request was first sent.
    pub sent: Instant,
    /// From there to the final answer, to the acknowledge where no answer is to come, or to
    /// giving up.
    pub latency: Duration,
    /// Whether somebody was waited for that long: not where all were asked and nobody answered.
    pub is_measured: bool,
    /// How many `78` came before it.
    pub pending: u32,
    /// Whether the client sent the request a second time.
    pub resent: bool,
}

/// What happened to the connection to the car.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The car, or the interface before it, told its address.
    Found {
        /// Where diagnosis is served.
        peer: SocketAddrV4,
        /// The vehicle identification number it told, when it told one.
        vin: Option<String>,
    },
    /// The connection is up; over DoIP routing is activated.
    Up {
        /// Where to.
        peer: SocketAddrV4,
    },
    /// The connection is gone.
    Down {
        /// Why, in words.
        why: String,
    },
}

/// The names of [`Exchange::name`], which thresholds use (`transfer-data.p99 < 400ms`).
pub const LATENCY_NAMES: &[&str] = &[
    "session",
    "reset",
    "clear-faults",
    "read-faults",
    "read-did",
    "read-memory",
    "security-access",
    "communication-control",
    "authentication",
    "dynamic-did",
    "write-did",
    "io-control",
    "routine",
    "erase",
    "verify",
    "dependencies",
    "request-download",
    "transfer-data",
    "transfer-exit",
    "tester-present",
    "fault-setting",
    "other",
];

/// Returns what kind of request this is, one of [`LATENCY_NAMES`].
pub fn latency_name(request: &[u8]) -> &'static str {
    match request {
        [0x31, _, 0xFF, 0x00, ..] => "erase",
        [0x31, _, 0x02, 0x02, ..] => "verify",
        [0x31, _, 0xFF, 0x01, ..] => "dependencies",
        [0x31, ..] => "routine",
        [0x10, ..] => "session",
        [0x11, ..] => "reset",
        [0x14, ..] => "clear-faults",
        [0x19, ..] => "read-faults",
        [0x22, ..] => "read-did",
        [0x23, ..] => "read-memory",
        [0x27, ..] => "security-access",
        [0x28, ..] => "communication-control",
        [0x29, ..] => "authentication",
        [0x2C, ..] => "dynamic-did",
        [0x2E, ..] => "write-did",
        [0x2F, ..] => "io-control",
        [0x34, ..] => "request-download",
        [0x36, ..] => "transfer-data",
        [0x37, ..] => "transfer-exit",
        [0x3E, ..] => "tester-present",
        [0x85, ..] => "fault-setting",
        [..] => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_has_a_name_that_thresholds_know() {
        for first in 0..=0xFF {
            for second in [[0xFF, 0x00], [0x02, 0x02], [0xFF, 0x01], [0x0F, 0x0C]] {
                let name = latency_name(&[first, 0x01, second[0], second[1]]);
                assert!(LATENCY_NAMES.contains(&name), "{name}");
            }
        }
        assert_eq!(latency_name(&[]), "other");
    }

    #[test]
    fn every_name_belongs_to_a_request() {
        let mut names: Vec<_> = (0..=0xFF).map(|sid| latency_name(&[sid])).collect();
        names.extend(
            [[0xFF, 0x00], [0x02, 0x02], [0xFF, 0x01]]
                .map(|[a, b]| latency_name(&[0x31, 0x01, a, b])),
        );
        for name in LATENCY_NAMES {
            assert!(names.contains(name), "{name}");
        }
    }
}
