//! Datagrams between hosts of one link that know each other, past smoltcp.
//!
//! A bridge endpoint or relay speaks in datagrams only, and a virtual run spends most of its time on
//! them. What smoltcp would do with such a datagram is done here in one step, byte for byte alike;
//! everything else (unknown neighbours, broadcasts, routers, options, fragments, closed ports) is
//! left to it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use bytes::Buf;

use super::addressing::Held;
use super::arp::Claim;
use super::checksum::{checksum, sum};
use crate::{Frame, Instant};

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const UDP: usize = 8;
const HEADERS: usize = ETHERNET + IPV4 + UDP;
/// IPv4 over Ethernet; version 4, five words of header, no wishes.
const PLAIN: [u8; 4] = [0x08, 0x00, 0x45, 0x00];
const DONT_FRAGMENT: [u8; 2] = [0x40, 0x00];
/// More fragments follow, or this is not the first.
const FRAGMENT: u16 = 0x3FFF;
const PROTOCOL_UDP: u8 = 17;
/// How long a neighbour is known after it was last heard, as long as common stacks hold it.
const REACHABLE: Duration = Duration::from_secs(30);
/// How many neighbours are known at most; the rest go through smoltcp.
const NEIGHBOURS: usize = 256;

/// What a host needs to know to send to its neighbours, and to know itself addressed.
#[derive(Debug)]
pub struct Shortcut {
    mac: [u8; 6],
    mtu: usize,
    hop_limit: u8,
    held: Option<Held>,
    neighbours: BTreeMap<Ipv4Addr, Neighbour>,
}

#[derive(Clone, Copy, Debug)]
struct Neighbour {
    mac: [u8; 6],
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
        Self { mac, mtu, hop_limit, held: None, neighbours: BTreeMap::new() }
    }

    /// Takes a new address, or none; whoever was known under the old one is forgotten.
    pub fn set_address(&mut self, held: Option<Held>) {
        self.held = held;
        self.neighbours.clear();
    }

    /// Returns the host of the link to which goes what is for one host.
    pub fn next_hop(&self, to: Ipv4Addr) -> Option<Ipv4Addr> {
        self.held?.next_hop(to)
    }

    /// Learns who speaks in an ARP frame that asks for this host or answers it (RFC 826).
    pub fn learn(&mut self, now: Instant, claim: Claim) {
        let Some(held) = self.held else { return };
        let is_new = !self.neighbours.contains_key(&claim.sender);
        let is_asked = claim.target == held.address && held.is_on_link(claim.sender);
        if is_asked && !(is_new && self.neighbours.len() == NEIGHBOURS) {
            self.neighbours.insert(claim.sender, Neighbour { mac: claim.mac, heard: now });
        }
    }

    /// Reads a datagram for this host; hands back whatever smoltcp has to look at.
    pub fn receive(
        &mut self,
        now: Instant,
        mut frame: Frame,
        is_bound: impl FnOnce(u16) -> bool,
    ) -> Result<Arrived, Frame> {
        let Some((source, port, length)) = self.plain(&frame).filter(|to| is_bound(to.1)) else {
            return Err(frame);
        };
        let Some(neighbour) = self.neighbours.get_mut(source.ip()) else {
            return Err(frame);
        };
        if neighbour.mac == frame[6..12] {
            neighbour.heard = now;
        }
        frame.advance(HEADERS);
        frame.truncate(length);
        Ok(Arrived { port, peer: source, data: frame })
    }

    /// Returns source, port and length of an intact datagram that is for this host.
    fn plain(&self, frame: &[u8]) -> Option<(SocketAddrV4, u16, usize)> {
        let address = self.held?.address;
        let headers = frame.first_chunk::<HEADERS>()?;
        let word = |at: usize| u16::from_be_bytes([headers[at], headers[at + 1]]);
        let (packet, datagram) = (usize::from(word(16)), usize::from(word(38)));
        let is_plain = headers[..6] == self.mac
            && headers[12..15] == PLAIN[..3]
            && word(20) & FRAGMENT == 0
            && headers[23] == PROTOCOL_UDP
            && headers[30..34] == address.octets()
            && ETHERNET + packet <= frame.len()
            && datagram >= UDP
            && IPV4 + datagram <= packet;
        if !is_plain || checksum(sum(&headers[ETHERNET..34])) != [0; 2] {
            return None;
        }
        let pseudo = sum(&headers[26..34]) + sum(&[0, PROTOCOL_UDP, headers[38], headers[39]]);
        let whole = pseudo + sum(&frame[34..34 + datagram]);
        if word(40) != 0 && checksum(whole) != [0; 2] {
            return None;
        }
        let [a, b, c, d] = [headers[26], headers[27], headers[28], headers[29]];
        let source = SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), word(34));
        (source.port() != 0).then_some((source, word(36), datagram - UDP))
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
        let packet = IPV4 + UDP + data.len();
        if now - neighbour.heard > REACHABLE || packet > self.mtu {
            return None;
        }
        let length = ((UDP + data.len()) as u16).to_be_bytes();
        let mut headers = [0; HEADERS];
        headers[..6].copy_from_slice(&neighbour.mac);
        headers[6..12].copy_from_slice(&self.mac);
        headers[12..16].copy_from_slice(&PLAIN);
        headers[16..18].copy_from_slice(&(packet as u16).to_be_bytes());
        headers[20..22].copy_from_slice(&DONT_FRAGMENT);
        headers[22..24].copy_from_slice(&[self.hop_limit, PROTOCOL_UDP]);
        headers[26..30].copy_from_slice(&held.address.octets());
        headers[30..34].copy_from_slice(&peer.ip().octets());
        headers[34..36].copy_from_slice(&port.to_be_bytes());
        headers[36..38].copy_from_slice(&peer.port().to_be_bytes());
        headers[38..40].copy_from_slice(&length);
        let ip = checksum(sum(&headers[ETHERNET..34]));
        headers[24..26].copy_from_slice(&ip);
        let pseudo = sum(&headers[26..34]) + sum(&[0, PROTOCOL_UDP, length[0], length[1]]);
        let udp = match checksum(pseudo + sum(&headers[34..]) + sum(data)) {
            // Zero would say that there is none.
            [0, 0] => [0xFF, 0xFF],
            udp => udp,
        };
        headers[40..].copy_from_slice(&udp);
        let mut frame = Vec::with_capacity(HEADERS + data.len());
        frame.extend_from_slice(&headers);
        frame.extend_from_slice(data);
        Some(frame.into())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::{
        EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, IpAddress, IpProtocol,
        Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
    };

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
        let arrived = far.receive(NOW, sent(&mut near), |port| port == 9);
        let data = Frame::from_static(b"hello");
        assert_eq!(arrived, Ok(Arrived { port: 9, peer: SocketAddrV4::new(NEAR, 7), data }));
    }

    #[rstest]
    fn what_pads_a_frame_is_no_data(#[values(true, false)] is_longer: bool) {
        let (mut near, mut far) = pair();
        let mut bytes = sent(&mut near).to_vec();
        bytes.resize(if is_longer { 60 } else { bytes.len() - 1 }, 0);
        let arrived = far.receive(NOW, bytes.into(), |port| port == 9).ok();
        let data = arrived.map(|arrived| arrived.data);
        assert_eq!(data.as_deref(), is_longer.then_some(&b"hello"[..]));
    }

    #[rstest]
    fn it_is_the_frame_smoltcp_would_make(#[values(0, 1, 2, 3, 4, 5, 999, 1472)] length: usize) {
        let (mut near, _) = pair();
        for fill in [0, 1, 0xFF] {
            let data = vec![fill; length];
            let frame = near.send(NOW, 7, SocketAddrV4::new(FAR, 9), &data);
            assert_eq!(frame.as_deref(), Some(&by_smoltcp(&data)[..]));
        }
    }

    #[test]
    fn a_checksum_of_zero_is_written_as_ones() {
        let (mut near, _) = pair();
        let to = SocketAddrV4::new(FAR, 9);
        let right = |data: &[u8]| by_smoltcp(data)[40..42] == [0xFF, 0xFF];
        let data = (0..=u16::MAX).map(u16::to_be_bytes).find(|data| right(data));
        let data = data.expect("some word makes the sum zero");
        assert_eq!(near.send(NOW, 7, to, &data).as_deref(), Some(&by_smoltcp(&data)[..]));
    }

    fn by_smoltcp(data: &[u8]) -> Vec<u8> {
        let checksums = ChecksumCapabilities::default();
        let mut bytes = vec![0; HEADERS + data.len()];
        let mut ethernet = EthernetFrame::new_unchecked(&mut bytes[..]);
        let (src_addr, dst_addr) = (EthernetAddress(NEAR_MAC), EthernetAddress(FAR_MAC));
        EthernetRepr { src_addr, dst_addr, ethertype: EthernetProtocol::Ipv4 }.emit(&mut ethernet);
        let mut ip = Ipv4Packet::new_unchecked(ethernet.payload_mut());
        let ip_repr = Ipv4Repr {
            src_addr: NEAR,
            dst_addr: FAR,
            next_header: IpProtocol::Udp,
            payload_len: UDP + data.len(),
            hop_limit: 64,
        };
        ip_repr.emit(&mut ip, &checksums);
        UdpRepr { src_port: 7, dst_port: 9 }.emit(
            &mut UdpPacket::new_unchecked(ip.payload_mut()),
            &IpAddress::Ipv4(NEAR),
            &IpAddress::Ipv4(FAR),
            data.len(),
            |payload| payload.copy_from_slice(data),
            &checksums,
        );
        bytes
    }

    #[rstest]
    fn a_changed_bit_is_never_taken_for_the_datagram(
        #[values(0, 12, 14, 20, 23, 26, 30, 34, 36, 38, 40, 42, 46)] at: usize,
    ) {
        let (mut near, mut far) = pair();
        let mut bytes = sent(&mut near).to_vec();
        bytes[at] ^= 1;
        let frame = Frame::from(bytes);
        assert_eq!(far.receive(NOW, frame.clone(), |port| port == 9), Err(frame));
    }

    /// A frame with these bytes changed, and checksums that are right, or not there, all the same.
    fn forged(changes: &[(usize, u8)], is_summed: bool) -> Frame {
        let (mut near, _) = pair();
        let mut bytes = sent(&mut near).to_vec();
        bytes.resize(60, 0);
        for (at, value) in changes {
            bytes[*at] = *value;
        }
        bytes[24..26].copy_from_slice(&[0; 2]);
        let ip = checksum(sum(&bytes[ETHERNET..34]));
        bytes[24..26].copy_from_slice(&ip);
        bytes[40..42].copy_from_slice(&[0; 2]);
        if is_summed {
            let end = 34 + usize::from(u16::from_be_bytes([bytes[38], bytes[39]]));
            let end = end.clamp(34, bytes.len());
            let pseudo = sum(&bytes[26..34]) + sum(&[0, bytes[23], bytes[38], bytes[39]]);
            let udp = checksum(pseudo + sum(&bytes[34..end]));
            bytes[40..42].copy_from_slice(&udp);
        }
        bytes.into()
    }

    #[rstest]
    #[case::of_another_type(&[(12, 0x86), (13, 0xDD)])]
    #[case::of_another_version(&[(14, 0x65)])]
    #[case::with_options(&[(14, 0x46)])]
    #[case::a_first_fragment(&[(20, 0x20)])]
    #[case::a_later_fragment(&[(20, 0), (21, 1)])]
    #[case::of_another_protocol(&[(23, 136)])]
    #[case::for_another_port_of_the_link(&[(5, 9)])]
    #[case::for_another_host(&[(33, 9)])]
    #[case::for_everybody(&[(33, 255)])]
    #[case::longer_than_its_frame(&[(17, 47)])]
    #[case::without_a_length(&[(39, 0)])]
    #[case::shorter_than_its_header(&[(39, 7)])]
    #[case::longer_than_its_packet(&[(39, 14)])]
    #[case::longer_than_anything(&[(38, 255), (39, 255)])]
    #[case::from_port_zero(&[(35, 0)])]
    fn what_no_checksum_shows_is_seen_all_the_same(
        #[case] changes: &[(usize, u8)],
        #[values(true, false)] is_summed: bool,
    ) {
        let (_, mut far) = pair();
        let frame = forged(changes, is_summed);
        assert_eq!(far.receive(NOW, frame.clone(), |_| true), Err(frame));
    }

    #[rstest]
    fn a_datagram_need_not_have_a_checksum(#[values(true, false)] is_summed: bool) {
        let (_, mut far) = pair();
        let arrived = far.receive(NOW, forged(&[], is_summed), |port| port == 9);
        assert_eq!(arrived.map(|arrived| arrived.data), Ok(Frame::from_static(b"hello")));
    }

    #[test]
    fn a_frame_cut_anywhere_is_left_to_smoltcp() {
        let (mut near, mut far) = pair();
        let whole = sent(&mut near);
        for length in 0..whole.len() {
            let cut = whole.slice(..length);
            assert_eq!(far.receive(NOW, cut.clone(), |_| true), Err(cut), "{length}");
        }
    }

    #[test]
    fn a_closed_port_is_left_to_smoltcp() {
        let (mut near, mut far) = pair();
        let frame = sent(&mut near);
        assert_eq!(far.receive(NOW, frame.clone(), |_| false), Err(frame));
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
