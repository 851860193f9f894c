//! The DHCP server (RFC 2131) by which the car gets its address.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use bytes::{Bytes, BytesMut};
use node::{Duration, Instant};
use smoltcp::wire::{DhcpMessageType, DhcpPacket, DhcpRepr};

/// UDP port of servers.
pub const SERVER_PORT: u16 = 67;
/// UDP port of clients.
pub const CLIENT_PORT: u16 = 68;

/// Last byte of the first address that is leased.
const FIRST: u8 = 100;
const MASK: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 0);

/// Leases addresses of one /24 network, a bounded number of them.
#[derive(Clone, Debug)]
pub struct DhcpServer {
    address: Ipv4Addr,
    capacity: u8,
    lease_time: Duration,
    leases: BTreeMap<[u8; 6], Lease>,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    address: Ipv4Addr,
    until: Instant,
    /// False while the address is offered only.
    bound: bool,
}

/// What the server says, and whether an address was given by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// To be broadcast to [`CLIENT_PORT`].
    pub datagram: Bytes,
    /// The client and its address, when the client may use it now.
    pub leased: Option<([u8; 6], Ipv4Addr)>,
}

impl DhcpServer {
    /// Makes a server at `address` that leases at most `capacity` addresses.
    pub fn new(address: Ipv4Addr, capacity: u8, lease_time: Duration) -> Self {
        let capacity = capacity.min(u8::MAX - FIRST);
        Self { address, capacity, lease_time, leases: BTreeMap::new() }
    }

    /// Takes a datagram that was sent to [`SERVER_PORT`].
    pub fn handle(&mut self, now: Instant, datagram: &[u8]) -> Option<Reply> {
        let packet = DhcpPacket::new_checked(datagram).ok()?;
        let request = DhcpRepr::parse(&packet).ok()?;
        let mac = request.client_hardware_address.0;
        match request.message_type {
            DhcpMessageType::Discover => {
                let address = self.reserve(now, mac)?;
                Some(self.reply(&request, DhcpMessageType::Offer, address))
            }
            DhcpMessageType::Request => self.request(now, &request),
            DhcpMessageType::Release | DhcpMessageType::Decline => {
                self.leases.remove(&mac);
                None
            }
            DhcpMessageType::Offer
            | DhcpMessageType::Ack
            | DhcpMessageType::Nak
            | DhcpMessageType::Inform
            | DhcpMessageType::Unknown(_) => None,
        }
    }

    fn request(&mut self, now: Instant, request: &DhcpRepr<'_>) -> Option<Reply> {
        if request.server_identifier.is_some_and(|server| server != self.address) {
            return None;
        }
        let mac = request.client_hardware_address.0;
        let wanted = request.requested_ip.unwrap_or(request.client_ip);
        if self.reserve(now, mac) != Some(wanted) {
            return Some(self.reply(request, DhcpMessageType::Nak, Ipv4Addr::UNSPECIFIED));
        }
        let until = now + self.lease_time;
        self.leases.insert(mac, Lease { address: wanted, until, bound: true });
        let mut reply = self.reply(request, DhcpMessageType::Ack, wanted);
        reply.leased = Some((mac, wanted));
        Some(reply)
    }

    /// Returns the client's address, a new one when it has none; `None` when all are taken.
    fn reserve(&mut self, now: Instant, mac: [u8; 6]) -> Option<Ipv4Addr> {
        if let Some(lease) = self.leases.get(&mac) {
            return Some(lease.address);
        }
        self.leases.retain(|_, lease| lease.until > now);
        let [a, b, c, _] = self.address.octets();
        let pool = (FIRST..FIRST + self.capacity).map(|last| Ipv4Addr::new(a, b, c, last));
        let taken = |address: &Ipv4Addr| self.leases.values().any(|l| l.address == *address);
        let free = pool.into_iter().find(|address| *address != self.address && !taken(address));
        // Offers nobody takes are forgotten first: a flood of them starves no bound client.
        let address = free.or_else(|| self.oldest_offer())?;
        self.leases.retain(|_, lease| lease.address != address);
        let until = now + self.lease_time;
        self.leases.insert(mac, Lease { address, until, bound: false });
        Some(address)
    }

    fn oldest_offer(&self) -> Option<Ipv4Addr> {
        let offers = self.leases.values().filter(|lease| !lease.bound);
        offers.min_by_key(|lease| lease.until).map(|lease| lease.address)
    }

    fn reply(&self, to: &DhcpRepr<'_>, kind: DhcpMessageType, address: Ipv4Addr) -> Reply {
        let grants = !address.is_unspecified();
        let seconds = u32::try_from(self.lease_time.as_secs()).unwrap_or(u32::MAX);
        let repr = DhcpRepr {
            message_type: kind,
            transaction_id: to.transaction_id,
            secs: 0,
            client_hardware_address: to.client_hardware_address,
            client_ip: Ipv4Addr::UNSPECIFIED,
            your_ip: address,
            server_ip: self.address,
            router: None,
            subnet_mask: grants.then_some(MASK),
            relay_agent_ip: Ipv4Addr::UNSPECIFIED,
            broadcast: true,
            requested_ip: None,
            client_identifier: None,
            server_identifier: Some(self.address),
            parameter_request_list: None,
            dns_servers: None,
            max_size: None,
            lease_duration: grants.then_some(seconds),
            renew_duration: None,
            rebind_duration: None,
            additional_options: &[],
        };
        let mut bytes = BytesMut::zeroed(repr.buffer_len());
        let emitted = repr.emit(&mut DhcpPacket::new_unchecked(&mut bytes[..]));
        emitted.expect("the buffer has the length the message asked for");
        Reply { datagram: bytes.freeze(), leased: None }
    }
}

#[cfg(test)]
mod tests {
    use smoltcp::wire::EthernetAddress;

    use super::*;

    const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 11, 1);

    fn server(capacity: u8) -> DhcpServer {
        DhcpServer::new(SERVER, capacity, Duration::from_secs(100))
    }

    fn ask(
        server: &mut DhcpServer,
        now: u64,
        client: u8,
        kind: DhcpMessageType,
        wanted: Option<Ipv4Addr>,
    ) -> Option<(DhcpMessageType, Ipv4Addr)> {
        let repr = DhcpRepr {
            message_type: kind,
            transaction_id: 7,
            secs: 0,
            client_hardware_address: EthernetAddress([2, 0, 0, 0, 0, client]),
            client_ip: Ipv4Addr::UNSPECIFIED,
            your_ip: Ipv4Addr::UNSPECIFIED,
            server_ip: Ipv4Addr::UNSPECIFIED,
            router: None,
            subnet_mask: None,
            relay_agent_ip: Ipv4Addr::UNSPECIFIED,
            broadcast: true,
            requested_ip: wanted,
            client_identifier: None,
            server_identifier: None,
            parameter_request_list: None,
            dns_servers: None,
            max_size: None,
            lease_duration: None,
            renew_duration: None,
            rebind_duration: None,
            additional_options: &[],
        };
        let mut bytes = vec![0; repr.buffer_len()];
        repr.emit(&mut DhcpPacket::new_unchecked(&mut bytes[..])).expect("the buffer fits");
        let reply = server.handle(Instant::from_secs(now), &bytes)?.datagram;
        let packet = DhcpPacket::new_checked(&reply[..]).expect("a reply is a packet");
        let repr = DhcpRepr::parse(&packet).expect("a reply is a message");
        assert_eq!((repr.transaction_id, repr.server_identifier), (7, Some(SERVER)));
        Some((repr.message_type, repr.your_ip))
    }

    fn pool(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(192, 168, 11, last)
    }

    #[test]
    fn a_client_gets_an_address_and_keeps_it() {
        use DhcpMessageType::{Ack, Discover, Offer, Request};
        let mut server = server(4);
        assert_eq!(ask(&mut server, 0, 1, Discover, None), Some((Offer, pool(100))));
        assert_eq!(ask(&mut server, 0, 1, Request, Some(pool(100))), Some((Ack, pool(100))));
        assert_eq!(ask(&mut server, 50, 2, Discover, None), Some((Offer, pool(101))));
        assert_eq!(ask(&mut server, 60, 1, Discover, None), Some((Offer, pool(100))));
    }

    #[test]
    fn another_address_is_denied() {
        use DhcpMessageType::{Nak, Request};
        let denied = ask(&mut server(4), 0, 1, Request, Some(pool(7)));
        assert_eq!(denied, Some((Nak, Ipv4Addr::UNSPECIFIED)));
    }

    #[test]
    fn bound_addresses_are_not_given_twice_but_run_out() {
        use DhcpMessageType::{Ack, Discover, Offer, Request};
        let mut server = server(1);
        assert_eq!(ask(&mut server, 0, 1, Request, Some(pool(100))), Some((Ack, pool(100))));
        assert_eq!(ask(&mut server, 99, 2, Discover, None), None);
        assert_eq!(ask(&mut server, 100, 2, Discover, None), Some((Offer, pool(100))));
    }

    #[test]
    fn an_offer_nobody_took_gives_way() {
        use DhcpMessageType::{Discover, Offer};
        let mut server = server(1);
        for client in 1..=200 {
            let offer = ask(&mut server, 0, client, Discover, None);
            assert_eq!(offer, Some((Offer, pool(100))));
        }
        assert_eq!(server.leases.len(), 1);
    }

    #[test]
    fn bytes_that_are_no_request_are_ignored() {
        let mut server = server(4);
        for length in [0, 1, 239, 240, 300] {
            assert_eq!(server.handle(Instant::ZERO, &vec![0x63; length]), None);
        }
    }
}
