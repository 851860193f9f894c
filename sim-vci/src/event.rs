//! What a VCI tells whoever watches.

use std::net::Ipv4Addr;

/// What an ICOM does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VciEvent {
    /// The car's carrier came or went.
    CarLink {
        /// Whether there is carrier.
        up: bool,
    },
    /// The car was given an address.
    Leased {
        /// The car's hardware address.
        mac: [u8; 6],
        /// Its address.
        address: Ipv4Addr,
    },
    /// The car answers under this address.
    CarFound {
        /// Its address.
        address: Ipv4Addr,
    },
    /// The car does not answer any more; its carrier may still be there.
    CarLost,
    /// A tester connected.
    TesterConnected {
        /// The port it connected to.
        port: u16,
    },
    /// A tester's connection is gone.
    TesterGone {
        /// The port it was connected to.
        port: u16,
    },
    /// The way from a tester's connection to the car is open.
    Joined {
        /// The port the tester is connected to.
        port: u16,
        /// False the first time, true after the car was away.
        resumed: bool,
    },
    /// The way from a tester's connection to the car is interrupted; the tester is not told.
    Parted {
        /// The port the tester is connected to.
        port: u16,
    },
    /// Messages of a tester were not passed on.
    Dropped {
        /// The port the tester is connected to.
        port: u16,
        /// How many bytes.
        bytes: usize,
        /// Why.
        reason: DropReason,
    },
}

/// Why an ICOM did not pass messages on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// The car is away.
    CarAway,
    /// More is waiting for the car than may.
    QueueFull,
}
