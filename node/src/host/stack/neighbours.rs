//! ARP requests for those for whom smoltcp never gets round to asking.
//!
//! smoltcp waits a second of its time between any two requests, whomever they are for. A connection
//! to a host that is gone asks again the moment that second is over, every time, and nobody else is
//! ever asked for. Common stacks limit the requests for each neighbour alone; so whenever smoltcp
//! asks for one, the host itself asks for the others that something waits for.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use smoltcp::iface::{Interface, SocketSet};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress};

use crate::Frame;
use crate::host::arp;
use crate::host::device::Device;

/// Where the destination stands in an IPv4 frame.
const DESTINATION: std::ops::Range<usize> = 30..34;
/// Any port but zero: what is sent from and to it never leaves.
const PORT: u16 = 9;
/// Bytes of a frame with a datagram of one byte.
const LENGTH: usize = 43;

/// Returns whom a connection has something for that may not have left.
pub fn wanted(socket: &tcp::Socket<'_>) -> Option<Ipv4Addr> {
    let is_waiting = match socket.state() {
        tcp::State::SynSent
        | tcp::State::SynReceived
        | tcp::State::FinWait1
        | tcp::State::Closing
        | tcp::State::LastAck => true,
        tcp::State::Established | tcp::State::CloseWait => socket.send_queue() > 0,
        tcp::State::Closed | tcp::State::Listen | tcp::State::FinWait2 | tcp::State::TimeWait => {
            false
        }
    };
    let IpAddress::Ipv4(peer) = socket.remote_endpoint()?.addr;
    is_waiting.then_some(peer)
}

/// Makes requests for those of `wanted`, hosts of the link, whom smoltcp does not know.
///
/// smoltcp asked for somebody else at this very time, so it asks for nobody now.
pub fn requests(at: Instant, interface: &mut Interface, wanted: &BTreeSet<Ipv4Addr>) -> Vec<Frame> {
    let Some(own) = interface.ipv4_addr() else { return Vec::new() };
    let HardwareAddress::Ethernet(mac) = interface.hardware_addr();
    let known = known(at, interface, wanted);
    let unknown = wanted.iter().filter(|peer| !known.contains(peer));
    unknown.map(|peer| arp::request(mac.0, own, *peer)).collect()
}

/// Finds out whom smoltcp knows by what it would send them.
fn known(
    at: Instant,
    interface: &mut Interface,
    wanted: &BTreeSet<Ipv4Addr>,
) -> BTreeSet<Ipv4Addr> {
    let mut sockets = SocketSet::new(Vec::new());
    for peer in wanted {
        let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY], vec![0]);
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket.bind(PORT).expect("a new socket may be bound to a port");
        socket.send_slice(&[0], (*peer, PORT)).expect("hosts of the link have addresses");
        sockets.add(socket);
    }
    let mut nowhere = Device::new(LENGTH);
    interface.poll_egress(at, &mut nowhere, &mut sockets);
    let sent = std::iter::from_fn(|| nowhere.take_sent()).filter(|frame| !arp::is_arp(frame));
    sent.filter_map(|frame| {
        let octets: [u8; 4] = frame.get(DESTINATION)?.try_into().ok()?;
        Some(Ipv4Addr::from(octets))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use smoltcp::iface::Config;
    use smoltcp::wire::{EthernetAddress, IpCidr};

    use super::*;

    const OWN: [u8; 6] = [2, 0, 0, 0, 0, 1];

    fn host(number: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, number)
    }

    /// Host 1, which knows host 2 and has just asked for host 9.
    fn interface(at: Instant) -> Interface {
        let mut device = Device::new(1514);
        let config = Config::new(EthernetAddress(OWN).into());
        let mut interface = Interface::new(config, &mut device, at);
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(host(1).into(), 24)).unwrap();
        });
        device.receive(arp::request([2, 0, 0, 0, 0, 2], host(2), host(1)));
        interface.poll_ingress_single(at, &mut device, &mut SocketSet::new(Vec::new()));
        assert!(device.take_sent().is_some_and(|answer| arp::is_arp(&answer)));
        assert_eq!(device.take_asked(), None, "an answer asks for nobody");
        let mut socket = udp::Socket::new(
            udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY], vec![0]),
            udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY], vec![0]),
        );
        socket.bind(PORT).unwrap();
        socket.send_slice(&[0], (host(9), PORT)).unwrap();
        let mut sockets = SocketSet::new(Vec::new());
        sockets.add(socket);
        interface.poll_egress(at, &mut device, &mut sockets);
        assert_eq!(device.take_asked(), Some(host(9)));
        interface
    }

    #[test]
    fn who_is_known_is_not_asked_for() {
        let at = Instant::from_secs(5);
        let wanted = BTreeSet::from([host(2), host(3), host(4)]);
        let requests = requests(at, &mut interface(at), &wanted);
        let wanted = [3, 4].map(|number| arp::request(OWN, host(1), host(number)));
        assert_eq!(requests, wanted);
    }

    #[test]
    fn a_host_without_an_address_asks_for_nobody() {
        let at = Instant::from_secs(5);
        let mut interface = interface(at);
        interface.update_ip_addrs(|addresses| addresses.clear());
        assert!(requests(at, &mut interface, &BTreeSet::from([host(3)])).is_empty());
    }
}
