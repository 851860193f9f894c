//! What an application says to the TCP/IP host beneath it, and hears from it.
//!
//! An application (gateway, tester, bridge endpoint, ICOM) is a
//! `Node<In = SocketEvent, Out = SocketAction>`. In virtual time a `Host` (smoltcp) stands beneath
//! it; in `live` the kernel's sockets do. The application cannot tell which.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use bytes::Bytes;

use crate::Frame;

/// Names one TCP connection of one host.
///
/// An application picks numbers below [`ConnectionId::FIRST_ACCEPTED`] for the connections it
/// opens and never uses one twice; the host numbers accepted ones upward from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

impl ConnectionId {
    /// The number of the first accepted connection.
    pub const FIRST_ACCEPTED: u64 = 1 << 32;
}

/// What the host tells its application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketEvent {
    /// The port has carrier.
    LinkUp,
    /// The port lost carrier. Connections stay until they time out.
    LinkDown,
    /// The host may now send and receive under this address.
    AddressAcquired {
        /// The address.
        address: Ipv4Addr,
        /// Length of the subnet prefix in bits.
        prefix: u8,
    },
    /// The address is gone; every connection on it is closed without a word to the peer.
    AddressLost,
    /// A peer connected to a listening port.
    Accepted {
        /// The new connection.
        connection: ConnectionId,
        /// The port that listened.
        local_port: u16,
        /// Who connected.
        peer: SocketAddrV4,
    },
    /// A connection asked for with [`SocketAction::Connect`] is established.
    Connected {
        /// The connection.
        connection: ConnectionId,
    },
    /// Bytes arrived, in order.
    Received {
        /// The connection.
        connection: ConnectionId,
        /// One or more bytes.
        data: Bytes,
    },
    /// The connection is over; nothing more comes for it and nothing may be sent on it.
    ///
    /// Every connection ends with exactly one of these, except those that the application itself
    /// closed, aborted or dropped with its stack: they end without.
    Closed {
        /// The connection.
        connection: ConnectionId,
        /// Why.
        reason: CloseReason,
    },
    /// A UDP datagram arrived at a bound port.
    Datagram {
        /// The port it was sent to.
        local_port: u16,
        /// Who sent it.
        peer: SocketAddrV4,
        /// Its payload.
        data: Bytes,
    },
}

/// Why a connection ended without the application asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The peer closed (FIN). The host has answered with its own FIN.
    Finished,
    /// The peer reset (RST), or refused the connect.
    Reset,
    /// The peer did not answer: connect or retransmission time-out.
    TimedOut,
    /// The address went away, or there was none to connect from.
    AddressLost,
    /// The application sent faster than the peer took, beyond the host's send limit.
    Overrun,
}

/// What the application asks of its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketAction {
    /// Accepts connections on a TCP port, from now on.
    Listen {
        /// The port.
        port: u16,
    },
    /// Stops listening; connections already accepted stay.
    Unlisten {
        /// The port.
        port: u16,
    },
    /// Opens a connection.
    Connect {
        /// A number never used before by this application.
        connection: ConnectionId,
        /// Where to.
        peer: SocketAddrV4,
        /// After which `Closed { TimedOut }` is reported when nothing was established.
        timeout: Duration,
    },
    /// Sends bytes on a connection; the host queues what the window does not take.
    Send {
        /// The connection.
        connection: ConnectionId,
        /// One or more bytes.
        data: Bytes,
    },
    /// Ends a connection with FIN after everything queued was sent.
    Close {
        /// The connection.
        connection: ConnectionId,
    },
    /// Ends a connection with RST at once.
    Abort {
        /// The connection.
        connection: ConnectionId,
    },
    /// Receives datagrams on a UDP port, broadcasts included, from now on.
    Bind {
        /// The port.
        port: u16,
    },
    /// Stops receiving on a UDP port.
    Unbind {
        /// The port.
        port: u16,
    },
    /// Sends one datagram; lost without a word when the host has no address or no link.
    SendTo {
        /// The bound port it is sent from.
        port: u16,
        /// Where to; `255.255.255.255` and the subnet broadcast are broadcast on the link.
        peer: SocketAddrV4,
        /// Its payload.
        data: Bytes,
    },
    /// Takes the whole TCP/IP stack away: connections, listeners, bound ports, address.
    ///
    /// Nothing is answered until [`SocketAction::StackUp`], not even ARP.
    StackDown {
        /// What peers see.
        loss: StackLoss,
    },
    /// Brings the stack back, empty, and starts acquiring an address.
    StackUp {
        /// False: the address held before is tried first. True: a new one is chosen.
        new_address: bool,
    },
    /// Switches the port's carrier on or off.
    SetLink {
        /// Whether there is carrier.
        up: bool,
    },
}

/// How a stack goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackLoss {
    /// Without a word: peers find out by time-out.
    Silent,
    /// Every connection is reset.
    Reset,
    /// Every connection is finished.
    Finish,
}

/// How a host gets its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressPlan {
    /// A fixed address, usable as soon as there is link.
    Static {
        /// The address.
        address: Ipv4Addr,
        /// Length of the subnet prefix in bits.
        prefix: u8,
        /// Where to send what is not on the subnet.
        router: Option<Ipv4Addr>,
    },
    /// RFC 3927 link-local addressing with ARP probes.
    LinkLocal,
    /// DHCP, and no address while nobody offers one.
    Dhcp,
    /// DHCP; while nobody offers, RFC 3927, as the vehicle does.
    DhcpThenLinkLocal,
}

/// What arrives at an Ethernet port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortInput {
    /// A frame.
    Frame(Frame),
    /// The far end's carrier came (true) or went (false).
    Link(bool),
}

/// What leaves an Ethernet port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortOutput {
    /// A frame.
    Frame(Frame),
    /// This end's carrier came (true) or went (false).
    Link(bool),
}
