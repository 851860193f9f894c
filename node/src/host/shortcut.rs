//! Datagrams between hosts of one link that know each other, past smoltcp.
//!
//! A bridge endpoint or relay speaks in datagrams only, and a virtual run spends most of its time on
//! them. What smoltcp would do with such a datagram is done here in one step, byte for byte alike;
//! everything else (unknown neighbours, broadcasts, routers, options, fragments, closed ports) is
//! left to it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use bytes::BytesMut;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, IpAddress, IpProtocol,
    Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};

use super::addressing::Held;
use super::arp::Claim;
use crate::{Frame, Instant};

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const UDP: usize = 8;
const HEADERS: usize = ETHERNET + IPV4 + UDP;
/// How long a neighbour is known after it was last heard, as long as common stacks hold it.
const REACHABLE: Duration = Duration::from_secs(30);
/// How many neighbours are known at most; the rest go through smoltcp.
const NEIGHBOURS: usize = 256;

/// What a host needs to know to send to its neighbours, and to know itself addressed.
#[derive(Debug)]
pub struct Shortcut {
    mac: EthernetAddress,
    mtu: usize,
    hop_limit: u8,
    held: Option<Held>,
    neighbours: BTreeMap<Ipv4Addr, Neighbour>,
}

#[derive(Clone, Copy, Debug)]
struct Neighbour {
    mac: EthernetAddress,
    heard: Instant,
}

/// A datagram for one of the host's ports.
#[derive(Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The port it was sent to.
    pub port: u16,
    /// Who sent it.
    pub peer: SocketAddrV4,
    /// Its payload, still in the frame it came in.
    pub data: Frame,
}

impl Shortcut {
    /// Makes a host that knows nobody; `mtu` is the largest IP packet in bytes.
    pub fn new(mac: [u8; 6], mtu: usize, hop_limit: u8) -> Self {
        let mac = EthernetAddress(mac);
        Self { mac, mtu, hop_limit, held: None, neighbours: BTreeMap::new() }
    }

    /// Takes a new address, or none; whoever was known under the old one is forgotten.
    pub fn set_address(&mut self, held: Option<Held>) {
        self.held = held;
        self.neighbours.clear();
    }

    /// Learns who speaks in an ARP frame that asks for this host or answers it (RFC 826).
    pub fn learn(&mut self, now: Instant, claim: Claim) {
        let Some(held) = self.held else { return };
        let is_new = !self.neighbours.contains_key(&claim.sender);
        let is_asked = claim.target == held.address && is_on_link(held, claim.sender);
        if is_asked && !(is_new && self.neighbours.len() == NEIGHBOURS) {
            let mac = EthernetAddress(claim.mac);
            self.neighbours.insert(claim.sender, Neighbour { mac, heard: now });
        }
    }

    /// Reads a datagram for this host; `None` for whatever smoltcp has to look at.
    pub fn receive(
        &mut self,
        now: Instant,
        frame: &Frame,
        is_bound: impl FnOnce(u16) -> bool,
    ) -> Option<Arrived> {
        let address = self.held?.address;
        let ethernet = EthernetFrame::new_checked(&frame[..]).ok()?;
        if ethernet.dst_addr() != self.mac || ethernet.ethertype() != EthernetProtocol::Ipv4 {
            return None;
        }
        let ip = Ipv4Packet::new_checked(ethernet.payload()).ok()?;
        let is_plain = usize::from(ip.header_len()) == IPV4
            && !ip.more_frags()
            && ip.frag_offset() == 0
            && ip.next_header() == IpProtocol::Udp;
        if !is_plain || ip.dst_addr() != address || !ip.verify_checksum() {
            return None;
        }
        let udp = UdpPacket::new_checked(ip.payload()).ok()?;
        let (source, port) = (ip.src_addr(), udp.dst_port());
        let is_intact = udp.verify_checksum(&source.into(), &address.into());
        if !is_intact || udp.src_port() == 0 || !is_bound(port) {
            return None;
        }
        let neighbour = self.neighbours.get_mut(&source)?;
        if neighbour.mac == ethernet.src_addr() {
            neighbour.heard = now;
        }
        let data = frame.slice(HEADERS..HEADERS + udp.payload().len());
        Some(Arrived { port, peer: SocketAddrV4::new(source, udp.src_port()), data })
    }

    /// Makes the frame of a datagram; `None` when smoltcp has to find the way.
    pub fn send(
        &mut self,
        now: Instant,
        port: u16,
        peer: SocketAddrV4,
        data: &[u8],
    ) -> Option<Frame> {
        let held = self.held?;
        let neighbour = self.neighbours.get(peer.ip())?;
        if now - neighbour.heard > REACHABLE || IPV4 + UDP + data.len() > self.mtu {
            return None;
        }
        let (source, target) = (held.address, *peer.ip());
        let checksums = ChecksumCapabilities::default();
        let mut bytes = BytesMut::with_capacity(HEADERS + data.len());
        bytes.extend_from_slice(&[0; HEADERS]);
        bytes.extend_from_slice(data);
        let mut ethernet = EthernetFrame::new_unchecked(&mut bytes[..]);
        EthernetRepr {
            src_addr: self.mac,
            dst_addr: neighbour.mac,
            ethertype: EthernetProtocol::Ipv4,
        }
        .emit(&mut ethernet);
        let mut ip = Ipv4Packet::new_unchecked(ethernet.payload_mut());
        Ipv4Repr {
            src_addr: source,
            dst_addr: target,
            next_header: IpProtocol::Udp,
            payload_len: UDP + data.len(),
            hop_limit: self.hop_limit,
        }
        .emit(&mut ip, &checksums);
        UdpRepr { src_port: port, dst_port: peer.port() }.emit(
            &mut UdpPacket::new_unchecked(ip.payload_mut()),
            &IpAddress::Ipv4(source),
            &IpAddress::Ipv4(target),
            data.len(),
            |_| {}, // the payload is there
            &checksums,
        );
        Some(bytes.freeze())
    }
}

/// Returns whether an address is a host of the link; probes have none.
fn is_on_link(held: Held, other: Ipv4Addr) -> bool {
    let mask = u32::MAX.checked_shl(32 - u32::from(held.prefix)).unwrap_or(0);
    !other.is_unspecified() && u32::from(held.address) & mask == u32::from(other) & mask
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const NEAR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
    const FAR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
    const NEAR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
    const FAR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const NOW: Instant = Instant::from_secs(5);

    fn host(mac: [u8; 6], address: Ipv4Addr) -> Shortcut {
        let mut host = Shortcut::new(mac, 1500, 64);
        host.set_address(Some(Held { address, prefix: 24, router: None }));
        host
    }

    /// Two hosts that know each other.
    fn pair() -> (Shortcut, Shortcut) {
        let (mut near, mut far) = (host(NEAR_MAC, NEAR), host(FAR_MAC, FAR));
        near.learn(NOW, Claim { mac: FAR_MAC, sender: FAR, target: NEAR });
        far.learn(NOW, Claim { mac: NEAR_MAC, sender: NEAR, target: FAR });
        (near, far)
    }

    fn sent(near: &mut Shortcut) -> Frame {
        near.send(NOW, 7, SocketAddrV4::new(FAR, 9), b"hello").expect("the way is known")
    }

    #[test]
    fn a_datagram_arrives_as_it_was_sent() {
        let (mut near, mut far) = pair();
        let arrived = far.receive(NOW, &sent(&mut near), |port| port == 9);
        let data = Frame::from_static(b"hello");
        assert_eq!(arrived, Some(Arrived { port: 9, peer: SocketAddrV4::new(NEAR, 7), data }));
    }

    #[rstest]
    fn a_changed_bit_is_never_taken_for_the_datagram(
        #[values(0, 12, 14, 20, 23, 26, 30, 34, 36, 38, 40, 42, 46)] at: usize,
    ) {
        let (mut near, mut far) = pair();
        let mut bytes = sent(&mut near).to_vec();
        bytes[at] ^= 1;
        assert_eq!(far.receive(NOW, &bytes.into(), |port| port == 9), None);
    }

    #[test]
    fn a_closed_port_is_left_to_smoltcp() {
        let (mut near, mut far) = pair();
        assert_eq!(far.receive(NOW, &sent(&mut near), |_| false), None);
    }

    #[rstest]
    #[case::stranger(Ipv4Addr::new(10, 77, 0, 9), 5, NOW)]
    #[case::too_long(FAR, 1473, NOW)]
    #[case::silent_for_long(FAR, 5, NOW + REACHABLE + Duration::from_nanos(1))]
    #[case::broadcast(Ipv4Addr::new(10, 77, 0, 255), 5, NOW)]
    fn what_is_not_plain_is_left_to_smoltcp(
        #[case] peer: Ipv4Addr,
        #[case] length: usize,
        #[case] now: Instant,
    ) {
        let (mut near, _) = pair();
        let data = vec![0; length];
        assert_eq!(near.send(now, 7, SocketAddrV4::new(peer, 9), &data), None);
    }

    #[rstest]
    #[case::asked_for_another(FAR, Ipv4Addr::new(10, 77, 0, 3))]
    #[case::off_the_link(Ipv4Addr::new(10, 78, 0, 1), NEAR)]
    #[case::probe(Ipv4Addr::UNSPECIFIED, NEAR)]
    fn only_who_speaks_to_us_from_our_link_is_learned(
        #[case] sender: Ipv4Addr,
        #[case] target: Ipv4Addr,
    ) {
        let mut near = host(NEAR_MAC, NEAR);
        near.learn(NOW, Claim { mac: FAR_MAC, sender, target });
        assert_eq!(near.send(NOW, 7, SocketAddrV4::new(sender, 9), b"hello"), None);
    }

    #[test]
    fn an_address_lost_is_a_way_lost() {
        let (mut near, _) = pair();
        near.set_address(None);
        assert_eq!(near.send(NOW, 7, SocketAddrV4::new(FAR, 9), b"hello"), None);
    }
}
