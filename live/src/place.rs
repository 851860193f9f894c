//! Where a party stands in the real network: its address, its subnet, its ports.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::LiveError;
use crate::routes::Route;

/// The address of a live party and how its standard ports are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The IPv4 address its sockets are bound to; `0.0.0.0` for all of the machine's.
    pub address: Ipv4Addr,
    /// Length of the subnet prefix in bits.
    pub prefix: u8,
    /// What is added to every port it opens and to every port it broadcasts to.
    pub port_offset: u16,
}

impl Place {
    /// Places a party on an address of this machine; the subnet is the one the machine has there.
    pub fn new(address: Ipv4Addr, port_offset: u16) -> Self {
        let prefix = route_prefix(address).unwrap_or_else(|| usual_prefix(address));
        Self { address, prefix, port_offset }
    }

    /// Returns the real port of a standard port.
    pub fn port(&self, standard: u16) -> Result<u16, LiveError> {
        standard
            .checked_add(self.port_offset)
            .ok_or(LiveError::OffsetTooLarge { port: standard, offset: self.port_offset })
    }

    /// Returns the subnet's broadcast address.
    pub fn broadcast(&self) -> Ipv4Addr {
        let host_bits = u32::MAX.checked_shr(u32::from(self.prefix)).unwrap_or(0);
        Ipv4Addr::from_bits(self.address.to_bits() | host_bits)
    }

    /// Returns the addresses on which broadcasts to this party arrive, beside its own.
    ///
    /// A socket bound to one address does not hear them; one bound to all addresses does.
    pub fn broadcast_addresses(&self) -> Vec<Ipv4Addr> {
        if self.address.is_unspecified() {
            return Vec::new();
        }
        vec![Ipv4Addr::BROADCAST, self.broadcast()]
    }

    /// Returns where a datagram really goes.
    ///
    /// Broadcasts go to the moved port, and on loopback, which has no limited broadcast, to the
    /// subnet's; everything else goes where it says, for its sender gave the real port.
    pub fn destination(&self, peer: SocketAddrV4) -> Result<SocketAddrV4, LiveError> {
        let limited = peer.ip().is_broadcast();
        if !limited && (*peer.ip() != self.broadcast() || self.address.is_unspecified()) {
            return Ok(peer);
        }
        let address = if self.address.is_loopback() { self.broadcast() } else { *peer.ip() };
        Ok(SocketAddrV4::new(address, self.port(peer.port())?))
    }
}

/// The transport of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}

/// A port an application has opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenPort {
    /// TCP or UDP.
    pub transport: Transport,
    /// The port the application named.
    pub standard: u16,
    /// The kernel's port, offset included.
    pub real: u16,
}

impl fmt::Display for OpenPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.transport, self.real)?;
        if self.real == self.standard { Ok(()) } else { write!(f, " for {}", self.standard) }
    }
}

/// Finds the longest on-link prefix that covers `address`, where the system tells.
fn route_prefix(address: Ipv4Addr) -> Option<u8> {
    let routes = Route::all().into_iter().filter(|route| route.is_on_link(address));
    routes.map(|route| route.prefix).max()
}

/// Returns the prefix an address of its kind usually has.
fn usual_prefix(address: Ipv4Addr) -> u8 {
    if address.is_unspecified() {
        0
    } else if address.is_loopback() {
        8
    } else if address.is_link_local() {
        16
    } else {
        24
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn place(address: &str, prefix: u8) -> Place {
        Place { address: address.parse().unwrap(), prefix, port_offset: 1000 }
    }

    #[rstest]
    #[case::loopback_limited(place("127.0.0.1", 8), "255.255.255.255:7811", "127.255.255.255:8811")]
    #[case::limited(place("169.254.1.2", 16), "255.255.255.255:7811", "255.255.255.255:8811")]
    #[case::directed(place("169.254.1.2", 16), "169.254.255.255:13400", "169.254.255.255:14400")]
    #[case::unicast(place("169.254.1.2", 16), "169.254.3.4:50000", "169.254.3.4:50000")]
    fn only_broadcasts_are_moved(
        #[case] place: Place,
        #[case] asked: SocketAddrV4,
        #[case] real: SocketAddrV4,
    ) {
        assert_eq!(place.destination(asked).unwrap(), real);
    }

    #[rstest]
    #[case(6801, "TCP 6801")]
    #[case(7801, "TCP 7801 for 6801")]
    fn a_port_tells_when_it_is_moved(#[case] real: u16, #[case] text: &str) {
        let port = OpenPort { transport: Transport::Tcp, standard: 6801, real };
        assert_eq!(port.to_string(), text);
    }

    #[test]
    fn an_offset_beyond_the_last_port_is_an_error() {
        let place = Place { port_offset: 60_000, ..place("127.0.0.1", 8) };
        assert!(matches!(
            place.port(6801),
            Err(LiveError::OffsetTooLarge { port: 6801, offset: 60_000 })
        ));
    }
}
