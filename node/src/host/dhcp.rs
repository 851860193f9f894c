//! A DHCP client (RFC 2131) that tries for ever, as the vehicle does (`hsfz-and-doip.md` §12).

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::BytesMut;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    DHCP_CLIENT_PORT, DHCP_SERVER_PORT, DhcpMessageType, DhcpOption, DhcpPacket, DhcpRepr,
    EthernetAddress, EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket,
    UdpRepr,
};

use crate::{Frame, Instant, Stream};

/// How long the first DISCOVER may stay unanswered before link-local addressing begins.
const FIRST_WAIT: Duration = Duration::from_secs(4);
/// Longest pause between two DISCOVERs: ~64 s, as seen on real vehicles.
const LAST_WAIT: Duration = Duration::from_secs(64);
const REQUEST_WAIT: Duration = Duration::from_secs(4);
const REQUEST_TRIES: u32 = 3;
/// Leases shorter than this are renewed as if they were this long.
const LEASE_MIN: Duration = Duration::from_secs(60);
const HOST_NAME_OPTION: u8 = 12;
const ETHERNET: usize = 14;

/// A lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Our address.
    pub address: Ipv4Addr,
    /// Length of the subnet prefix in bits.
    pub prefix: u8,
    /// The way out of the subnet.
    pub router: Option<Ipv4Addr>,
    server: Ipv4Addr,
    duration: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Selecting { wait: Duration },
    Requesting { offer: Lease, tries: u32 },
    Bound { lease: Lease, expires: Instant },
}

/// What the client found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nobody offered for a while; the client goes on asking.
    NoOffer,
    /// The address may be used.
    Bound(Lease),
    /// The lease ran out without renewal.
    Expired,
}

/// The client of one host.
#[derive(Debug)]
pub struct Dhcp {
    mac: [u8; 6],
    name: String,
    stream: Stream,
    transaction: u32,
    state: State,
    due: Option<Instant>,
    pub frames: VecDeque<Frame>,
}

/// Returns whether a frame is a UDP datagram to the DHCP client port.
pub fn is_for_client(frame: &[u8]) -> bool {
    frame.get(12..15) == Some(&[0x08, 0x00, 0x45])
        && frame.get(23) == Some(&17)
        && frame.get(36..38) == Some(&DHCP_CLIENT_PORT.to_be_bytes())
}

impl Dhcp {
    /// Makes a client that is not asking yet.
    pub fn new(mac: [u8; 6], name: String, stream: Stream) -> Self {
        let frames = VecDeque::new();
        Self { mac, name, stream, transaction: 0, state: State::Idle, due: None, frames }
    }

    /// Begins asking, from DISCOVER.
    pub fn start(&mut self, now: Instant) {
        self.transaction = self.stream.next_u64() as u32;
        self.discover(now, FIRST_WAIT);
    }

    /// Stops asking.
    pub fn stop(&mut self) {
        self.state = State::Idle;
        self.due = None;
    }

    /// Takes a frame for which [`is_for_client`] holds.
    pub fn handle_frame(&mut self, now: Instant, frame: &[u8]) -> Option<Finding> {
        let (kind, lease) = self.parse(frame)?;
        match (self.state, kind) {
            (State::Selecting { .. }, DhcpMessageType::Offer) => {
                self.request(now, lease, 1);
                None
            }
            (State::Requesting { offer, .. }, DhcpMessageType::Ack)
                if offer.address == lease.address =>
            {
                self.bind(now, lease);
                Some(Finding::Bound(lease))
            }
            (State::Bound { lease: held, .. }, DhcpMessageType::Ack)
                if held.address == lease.address =>
            {
                self.bind(now, lease);
                None
            }
            (State::Requesting { .. }, DhcpMessageType::Nak) => {
                self.discover(now, FIRST_WAIT);
                None
            }
            (State::Bound { .. }, DhcpMessageType::Nak) => {
                self.discover(now, FIRST_WAIT);
                Some(Finding::Expired)
            }
            (
                State::Idle
                | State::Selecting { .. }
                | State::Requesting { .. }
                | State::Bound { .. },
                _,
            ) => None,
        }
    }

    /// Repeats what got no answer, or renews.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Finding> {
        if self.due.is_none_or(|at| at > now) {
            return None;
        }
        match self.state {
            State::Idle => None,
            State::Selecting { wait } => {
                self.discover(now, (wait * 2).min(LAST_WAIT));
                Some(Finding::NoOffer)
            }
            State::Requesting { offer, tries } if tries < REQUEST_TRIES => {
                self.request(now, offer, tries + 1);
                None
            }
            State::Requesting { .. } => {
                self.discover(now, FIRST_WAIT);
                Some(Finding::NoOffer)
            }
            State::Bound { expires, .. } if expires <= now => {
                self.discover(now, FIRST_WAIT);
                Some(Finding::Expired)
            }
            State::Bound { lease, expires } => {
                self.send(DhcpMessageType::Request, Some(lease));
                self.due = Some((now + lease.duration / 8).min(expires));
                None
            }
        }
    }

    /// When something is repeated or renewed.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    fn discover(&mut self, now: Instant, wait: Duration) {
        self.state = State::Selecting { wait };
        self.due = Some(now + wait);
        self.send(DhcpMessageType::Discover, None);
    }

    fn request(&mut self, now: Instant, offer: Lease, tries: u32) {
        self.state = State::Requesting { offer, tries };
        self.due = Some(now + REQUEST_WAIT);
        self.send(DhcpMessageType::Request, Some(offer));
    }

    fn bind(&mut self, now: Instant, lease: Lease) {
        self.state = State::Bound { lease, expires: now + lease.duration };
        self.due = Some(now + lease.duration / 2);
    }

    fn send(&mut self, kind: DhcpMessageType, lease: Option<Lease>) {
        let options = [DhcpOption { kind: HOST_NAME_OPTION, data: self.name.as_bytes() }];
        let repr = DhcpRepr {
            message_type: kind,
            transaction_id: self.transaction,
            secs: 0,
            client_hardware_address: EthernetAddress(self.mac),
            client_ip: Ipv4Addr::UNSPECIFIED,
            your_ip: Ipv4Addr::UNSPECIFIED,
            server_ip: Ipv4Addr::UNSPECIFIED,
            router: None,
            subnet_mask: None,
            relay_agent_ip: Ipv4Addr::UNSPECIFIED,
            broadcast: true,
            requested_ip: lease.map(|lease| lease.address),
            client_identifier: Some(EthernetAddress(self.mac)),
            server_identifier: lease.map(|lease| lease.server),
            parameter_request_list: Some(&[1, 3]),
            dns_servers: None,
            max_size: None,
            lease_duration: None,
            renew_duration: None,
            rebind_duration: None,
            additional_options: if self.name.is_empty() { &[] } else { &options },
        };
        self.frames.push_back(broadcast(self.mac, &repr));
    }

    fn parse(&self, frame: &[u8]) -> Option<(DhcpMessageType, Lease)> {
        let ip = Ipv4Packet::new_checked(frame.get(ETHERNET..)?).ok()?;
        if !ip.verify_checksum() {
            return None;
        }
        let udp = UdpPacket::new_checked(ip.payload()).ok()?;
        let (source, destination) = (ip.src_addr().into(), ip.dst_addr().into());
        if udp.src_port() != DHCP_SERVER_PORT || !udp.verify_checksum(&source, &destination) {
            return None;
        }
        let packet = DhcpPacket::new_checked(udp.payload()).ok()?;
        let repr = DhcpRepr::parse(&packet).ok()?;
        if repr.transaction_id != self.transaction || repr.client_hardware_address.0 != self.mac {
            return None;
        }
        let mask = repr.subnet_mask.unwrap_or(Ipv4Addr::new(255, 255, 255, 0));
        let duration = Duration::from_secs(repr.lease_duration.unwrap_or(3600).into());
        let lease = Lease {
            address: repr.your_ip,
            prefix: mask.to_bits().leading_ones() as u8,
            router: repr.router,
            server: repr.server_identifier.unwrap_or(ip.src_addr()),
            duration: duration.max(LEASE_MIN),
        };
        Some((repr.message_type, lease))
    }
}

/// Wraps a DHCP message into a broadcast frame from a host without an address.
fn broadcast(mac: [u8; 6], dhcp: &DhcpRepr<'_>) -> Frame {
    let udp = UdpRepr { src_port: DHCP_CLIENT_PORT, dst_port: DHCP_SERVER_PORT };
    let ip = Ipv4Repr {
        src_addr: Ipv4Addr::UNSPECIFIED,
        dst_addr: Ipv4Addr::BROADCAST,
        next_header: IpProtocol::Udp,
        payload_len: udp.header_len() + dhcp.buffer_len(),
        hop_limit: 64,
    };
    let mut bytes = BytesMut::zeroed(ETHERNET + ip.buffer_len() + ip.payload_len);
    let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
    frame.set_src_addr(EthernetAddress(mac));
    frame.set_dst_addr(EthernetAddress::BROADCAST);
    frame.set_ethertype(EthernetProtocol::Ipv4);
    let checksums = ChecksumCapabilities::default();
    let mut packet = Ipv4Packet::new_unchecked(frame.payload_mut());
    ip.emit(&mut packet, &checksums);
    udp.emit(
        &mut UdpPacket::new_unchecked(packet.payload_mut()),
        &ip.src_addr.into(),
        &ip.dst_addr.into(),
        dhcp.buffer_len(),
        |payload| {
            let mut packet = DhcpPacket::new_unchecked(payload);
            dhcp.emit(&mut packet).expect("the buffer has the length the message asked for");
        },
        &checksums,
    );
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    #[test]
    fn an_unanswered_client_asks_at_growing_intervals_for_ever() {
        let mut client = Dhcp::new([2; 6], "DIAGADR10".into(), Seed(1).stream("dhcp"));
        client.start(Instant::ZERO);
        let mut asked = vec![0];
        for _ in 0..7 {
            let now = client.poll_timeout().expect("it goes on asking");
            assert_eq!(client.handle_timeout(now), Some(Finding::NoOffer));
            asked.push(now.as_nanos() / 1_000_000_000);
        }
        assert_eq!(asked, [0, 4, 12, 28, 60, 124, 188, 252]);
        assert_eq!(client.frames.len(), 8);
    }

    #[test]
    fn a_frame_for_another_transaction_is_ignored() {
        let mut client = Dhcp::new([2; 6], String::new(), Seed(1).stream("dhcp"));
        client.start(Instant::ZERO);
        let own = client.frames.pop_front().expect("a DISCOVER");
        assert_eq!(client.handle_frame(Instant::ZERO, &own), None);
    }
}
