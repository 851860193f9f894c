//! Defines what a simulated party is: time, chance, timers, sockets, the TCP/IP host beneath.
//!
//! * [`instant`]: nanoseconds since the run began.
//! * [`chance`]: one ChaCha8 stream per purpose, drawn from a seed.
//! * [`timers`]: named deadlines.
//! * [`contract`]: the [`Node`] trait every party implements.
//! * [`host`]: the TCP/IP host beneath an application in virtual time.
//! * [`sockets`]: what an application says to the TCP/IP host beneath it, and hears from it.

pub mod chance;
pub mod contract;
pub mod host;
pub mod instant;
pub mod sockets;
pub mod timers;

pub use chance::{Ratio, Seed, Stream};
pub use contract::Node;
pub use host::{Host, HostConfig, TcpProfile};
pub use instant::Instant;
pub use sockets::{
    AddressPlan, CloseReason, ConnectionId, PortInput, PortOutput, SocketAction, SocketEvent,
    StackLoss,
};
pub use std::time::Duration;
pub use timers::Timers;

/// An Ethernet II frame without preamble and frame check sequence; cloning shares the bytes.
pub type Frame = bytes::Bytes;
