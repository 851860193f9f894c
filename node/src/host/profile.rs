//! What kind of TCP a host speaks.
//!
//! A diagnostic exchange is one small segment with nothing behind it, so nearly every loss costs a
//! whole retransmission time-out: the floor of that time-out decides what loss costs
//! (`network.md` §2). There is no congestion control: smoltcp's initial window of two segments and
//! its cubic make stop-and-wait transfers slower under loss than any kernel, while without it they
//! agree with one.

use std::time::Duration;

/// The parameters of one kind of TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpProfile {
    /// The name used in scenarios and reports.
    pub name: &'static str,
    /// Least time before an unanswered segment is sent again; whole milliseconds.
    pub retransmission_floor: Duration,
    /// How long an acknowledgement may wait for company.
    pub delayed_ack: Duration,
    /// How long sent data may stay unacknowledged before the connection is given up.
    pub give_up: Duration,
    /// Receive buffer in bytes: the largest window offered.
    pub receive_window: usize,
    /// Send buffer in bytes.
    pub send_buffer: usize,
    /// Bytes an application may have queued beyond the send buffer.
    pub send_limit: usize,
    /// IP time to live.
    pub hop_limit: u8,
}

impl TcpProfile {
    /// Linux: floor 200 ms, delayed acknowledgement 40 ms, about 15 retransmissions.
    pub const LINUX: Self = Self {
        name: "linux",
        retransmission_floor: Duration::from_millis(200),
        delayed_ack: Duration::from_millis(40),
        give_up: Duration::from_secs(924),
        receive_window: 65_535,
        send_buffer: 65_536,
        send_limit: 4 << 20,
        hop_limit: 64,
    };

    /// Windows: floor 300 ms, delayed acknowledgement 40 ms, gives up after about 21 s.
    pub const WINDOWS: Self = Self {
        name: "windows",
        retransmission_floor: Duration::from_millis(300),
        delayed_ack: Duration::from_millis(40),
        give_up: Duration::from_secs(21),
        receive_window: 65_535,
        send_buffer: 65_536,
        send_limit: 4 << 20,
        hop_limit: 128,
    };

    /// A small embedded stack, as in a gateway: floor 500 ms; window 5840 and time to live 255 as
    /// seen on a real ZGW (`hsfz-and-doip.md` §11).
    pub const EMBEDDED: Self = Self {
        name: "embedded",
        retransmission_floor: Duration::from_millis(500),
        delayed_ack: Duration::from_millis(100),
        give_up: Duration::from_secs(60),
        receive_window: 5_840,
        send_buffer: 16_384,
        send_limit: 1 << 20,
        hop_limit: 255,
    };

    /// All profiles.
    pub const ALL: [Self; 3] = [Self::LINUX, Self::WINDOWS, Self::EMBEDDED];

    /// Returns the profile with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name == name)
    }
}
