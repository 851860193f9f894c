//! What endpoints and relay tell whoever watches them.

use std::time::Duration;

use crate::guard::Assessment;
use crate::message::{OrderNumber, Refusal, Role};

/// What an endpoint tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BridgeEvent {
    /// The relay took the registration; the peer is not there.
    Waiting,
    /// The two sides of the order are joined.
    Paired {
        /// True when it is the same peer as before an interruption; nothing was reset.
        resumed: bool,
    },
    /// The relay refused the registration.
    Refused {
        /// Why.
        reason: Refusal,
        /// Time until the endpoint asks again.
        retry_in: Duration,
    },
    /// Somebody tried to join with a wrong passcode, on the mechanic's side only.
    WrongPasscode,
    /// Callers began to prove themselves and did not go on, on the mechanic's side only: they may
    /// keep the technician from being heard.
    CalledInVain {
        /// How many in a row.
        callers: u32,
    },
    /// The relay forgot the order or this side of it; the endpoint registers again.
    RelayForgot,
    /// The peer was silent for the configured time.
    PeerLost {
        /// How long it was silent.
        silent_for: Duration,
    },
    /// The peer left the order on purpose.
    PeerLeft,
    /// The peer is there again, but as another program: what was agreed with the old one is gone.
    PeerReplaced,
    /// The vehicle side's link changed; on the technician's side so did the LAN port.
    Link {
        /// Whether there is carrier.
        up: bool,
    },
    /// A keep-alive came back.
    Sample(Sample),
    /// The longest IP packet whose frame travels in one datagram was found out, or changed.
    ///
    /// Longer ones travel in two. [`suggested_mtu`](crate::EndpointConfig::suggested_mtu) is what to
    /// go by until then.
    Room {
        /// Its length in bytes.
        mtu: u16,
    },
    /// A frame was not carried.
    Dropped {
        /// Why.
        reason: DropReason,
        /// Its length in bytes.
        bytes: usize,
    },
    /// The guard's judgement of the way between the two endpoints changed.
    Guard(Assessment),
    /// The tester asked a control unit to begin programming, on the technician's side only.
    Programming {
        /// The control unit's diagnostic address.
        target: u16,
        /// True when the guard turned the request away.
        refused: bool,
    },
    /// The endpoint gave up; it sends nothing more.
    Ended(EndReason),
}

/// One measurement of the way between the two endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Time from sending a keep-alive to its answer, through the relay and back.
    pub rtt: Duration,
    /// How much successive round trips differ, smoothed.
    pub jitter: Duration,
    /// Time since the sample before, or since pairing.
    pub span: Duration,
    /// What this side sent and the peer received since the last sample.
    pub outbound: Flow,
    /// What the peer sent and this side received since the last sample.
    pub inbound: Flow,
}

/// What passed in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Datagrams that were sent.
    pub sent: u64,
    /// Datagrams of those that did not arrive, or not yet.
    pub lost: u64,
    /// Bytes of Ethernet frames this side took from (outbound) or gave to (inbound) its LAN port.
    pub bytes: u64,
}

/// Why an endpoint did not carry a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// The two sides are not joined.
    NotPaired,
    /// The frame is longer than two datagrams hold.
    TooLong,
    /// The LAN port it was meant for has no carrier.
    NoCarrier,
    /// More was waiting for the tunnel than may.
    QueueFull,
    /// One half of it did not arrive in time, or too many halves were waiting.
    HalfMissing,
}

/// Why an endpoint gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The relay closed the order because its other side did not come.
    Expired,
    /// Another program has taken this side's place.
    Replaced,
    /// The passcode was refused as often as the configuration allows.
    WrongPasscode,
    /// The endpoint was told to leave.
    Left,
}

/// What a relay tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayEvent {
    /// A mechanic opened an order.
    Offered(OrderNumber),
    /// Both sides of an order are there.
    Paired(OrderNumber),
    /// Someone was refused.
    Refused(OrderNumber, Refusal),
    /// One side of an order fell silent.
    SideLost(OrderNumber, Role),
    /// One side left on purpose.
    SideLeft(OrderNumber, Role),
    /// The order is gone.
    Closed(OrderNumber),
}
