//! The address of the technician's adapter, given so that no other adapter loses traffic to it.
//!
//! The kernel would answer an address with two routes that win against every later one: to its
//! network, and to that network's broadcast. Both are replaced by ones with the highest metric:
//! wherever another adapter knows the same network, that adapter goes on being used.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::str::FromStr;

use node::Stream;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags};
use rtnetlink::packet_route::route::{
    RouteAttribute, RouteMessage, RouteMetric, RouteProtocol, RouteScope, RouteType,
};
use rtnetlink::{Handle, RouteMessageBuilder};
use tracing::{debug, warn};

use super::BridgeError;

/// Metric of our routes: every other one is better.
const LAST: u32 = 65_000;

/// The kernel's table of local and broadcast addresses.
const TABLE_LOCAL: u32 = 255;

/// Largest IP packet the tester's TCP makes, in bytes, so that a frame fits into one datagram.
///
/// The adapter itself takes 1500: longer frames pass, in two datagrams.
const ROUTE_MTU: u32 = 1360;

/// Bytes of IPv4 and TCP headers.
const HEADERS: u32 = 40;

/// Which address the technician's adapter gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TapAddress {
    /// None: somebody else gives it one, or puts it into a bridge.
    None,
    /// One of 169.254.0.0/16, drawn anew each time.
    #[default]
    LinkLocal,
    /// This one.
    Fixed {
        /// The address.
        address: Ipv4Addr,
        /// Length of its prefix in bits.
        prefix: u8,
    },
}

impl FromStr for TapAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected none, link-local or A.B.C.D/LEN with LEN from 8 to 30";
        match text {
            "none" => return Ok(Self::None),
            "link-local" => return Ok(Self::LinkLocal),
            _ => {}
        }
        let parse = || {
            let (address, prefix) = text.split_once('/')?;
            Some((address.parse::<Ipv4Addr>().ok()?, prefix.parse::<u8>().ok()?))
        };
        match parse() {
            Some((address, prefix)) if (8..=30).contains(&prefix) && is_usable(address) => {
                Ok(Self::Fixed { address, prefix })
            }
            Some(_) | None => Err(EXPECTED.to_owned()),
        }
    }
}

fn is_usable(address: Ipv4Addr) -> bool {
    !(address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.is_broadcast())
}

impl TapAddress {
    /// Draws what is to be drawn; the first and last 256 addresses are kept free (RFC 3927, 2.1).
    pub fn draw(self, chance: &mut Stream) -> Option<(Ipv4Addr, u8)> {
        match self {
            Self::None => None,
            Self::LinkLocal => {
                let host = 256 + chance.below(65_536 - 512) as u32;
                Some((Ipv4Addr::from_bits(0xA9FE_0000 | host), 16))
            }
            Self::Fixed { address, prefix } => Some((address, prefix)),
        }
    }
}

/// Gives an adapter its address and the routes that go with it; all are gone with the adapter.
pub async fn assign(adapter: &str, address: Ipv4Addr, prefix: u8) -> Result<(), BridgeError> {
    let routes = fs::read_to_string("/proc/thread-self/net/route").unwrap_or_default();
    if let Some((other, adapter)) = taken(&routes, address, prefix) {
        return Err(BridgeError::AddressTaken { address, prefix, other, adapter });
    }
    let failed = |what| {
        let adapter = adapter.to_owned();
        move |reason: String| BridgeError::Address { adapter, what, reason }
    };
    let index = nix::net::if_::if_nametoindex(adapter)
        .map_err(|error| failed("the number")(error.to_string()))?;
    let (connection, handle, _) =
        rtnetlink::new_connection().map_err(|error| failed("anything")(error.to_string()))?;
    let connection = tokio::spawn(connection);
    let outcome = match add_address(&handle, index, address, prefix).await {
        Err(error) => Err(failed("the address")(error.to_string())),
        Ok(()) => add_routes(&handle, index, address, prefix)
            .await
            .map_err(|error| failed("the routes")(error.to_string())),
    };
    connection.abort();
    outcome
}

/// Keeps the other side's routers from giving this machine routes through the adapter.
pub fn refuse_routers(adapter: &str) {
    for setting in ["accept_ra", "autoconf"] {
        let file = format!("/proc/sys/net/ipv6/conf/{adapter}/{setting}");
        match fs::write(&file, "0") {
            Ok(()) => {}
            // Without IPv6 there is nothing to refuse.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => warn!(%error, file, "IPv6 routers of the other side may be listened to"),
        }
    }
}

async fn add_address(
    handle: &Handle,
    index: u32,
    address: Ipv4Addr,
    prefix: u8,
) -> Result<(), rtnetlink::Error> {
    let mut request = handle.address().add(index, address.into(), prefix);
    let attributes = &mut request.message_mut().attributes;
    attributes.push(AddressAttribute::Flags(AddressFlags::Noprefixroute));
    request.execute().await
}

async fn add_routes(
    handle: &Handle,
    index: u32,
    address: Ipv4Addr,
    prefix: u8,
) -> Result<(), rtnetlink::Error> {
    let mask = u32::MAX << (32 - u32::from(prefix));
    let network = Ipv4Addr::from_bits(address.to_bits() & mask);
    let broadcast = Ipv4Addr::from_bits(address.to_bits() | !mask);
    let kernels = broadcast_route(index, address, broadcast, RouteProtocol::Kernel, None);
    if let Err(error) = handle.route().del(kernels).execute().await {
        debug!(%error, %broadcast, "there was no broadcast route to replace");
    }
    let ours = broadcast_route(index, address, broadcast, RouteProtocol::Static, Some(LAST));
    handle.route().add(ours).execute().await?;
    let mut route = RouteMessageBuilder::<Ipv4Addr>::new()
        .destination_prefix(network, prefix)
        .pref_source(address)
        .output_interface(index)
        .scope(RouteScope::Link)
        .priority(LAST)
        .build();
    let metrics = vec![RouteMetric::Mtu(ROUTE_MTU), RouteMetric::Advmss(ROUTE_MTU - HEADERS)];
    route.attributes.push(RouteAttribute::Metrics(metrics));
    handle.route().add(route).execute().await
}

fn broadcast_route(
    index: u32,
    source: Ipv4Addr,
    broadcast: Ipv4Addr,
    protocol: RouteProtocol,
    metric: Option<u32>,
) -> RouteMessage {
    let route = RouteMessageBuilder::<Ipv4Addr>::new()
        .destination_prefix(broadcast, 32)
        .pref_source(source)
        .output_interface(index)
        .table_id(TABLE_LOCAL)
        .kind(RouteType::Broadcast)
        .scope(RouteScope::Link)
        .protocol(protocol);
    match metric {
        Some(metric) => route.priority(metric).build(),
        None => route.build(),
    }
}

/// Finds a network of another adapter from which ours would cut out a part.
///
/// The default route is none: what is said to an address on the vehicle's network is meant for the
/// vehicle. The same network is none either, because its routes are better than ours.
fn taken(routes: &str, address: Ipv4Addr, prefix: u8) -> Option<(String, String)> {
    let number = |text: &str| Some(u32::from_be(u32::from_str_radix(text, 16).ok()?));
    routes.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (adapter, network) = (fields.first()?, number(fields.get(1)?)?);
        let mask = number(fields.get(7)?)?;
        let length = mask.leading_ones();
        let cuts = mask != 0 && length < u32::from(prefix) && address.to_bits() & mask == network;
        let name = || format!("{}/{length}", Ipv4Addr::from_bits(network));
        cuts.then(|| (name(), (*adapter).to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use node::Seed;
    use rstest::rstest;

    use super::*;

    const ROUTES: &str = "\
Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth0 00000000 0100A8C0 0003 0 0 0 00000000 0 0 0
eth0 0000A8C0 00000000 0001 0 0 0 0000FFFF 0 0 0
eth1 0000FEA9 00000000 0001 0 0 0 0000FFFF 0 0 0
";

    #[rstest]
    #[case::part_of_another("192.168.7.1", 24, Some(("192.168.0.0/16", "eth0")))]
    #[case::the_same_network("169.254.7.1", 16, None)]
    #[case::larger_than_another("192.168.7.1", 12, None)]
    #[case::apart("10.1.2.3", 24, None)]
    fn no_network_is_cut_in_two(
        #[case] address: Ipv4Addr,
        #[case] prefix: u8,
        #[case] expected: Option<(&str, &str)>,
    ) {
        let expected = expected.map(|(network, adapter)| (network.into(), adapter.into()));
        assert_eq!(taken(ROUTES, address, prefix), expected);
    }

    #[rstest]
    #[case::none("none", Some(TapAddress::None))]
    #[case::link_local("link-local", Some(TapAddress::LinkLocal))]
    #[case::fixed(
        "10.1.2.3/24",
        Some(TapAddress::Fixed { address: Ipv4Addr::new(10, 1, 2, 3), prefix: 24 })
    )]
    #[case::no_prefix("10.1.2.3", None)]
    #[case::default_route("10.1.2.3/0", None)]
    #[case::host("10.1.2.3/32", None)]
    #[case::loopback("127.0.0.1/8", None)]
    fn reads_addresses(#[case] text: &str, #[case] expected: Option<TapAddress>) {
        assert_eq!(text.parse().ok(), expected);
    }

    #[test]
    fn drawn_addresses_keep_clear_of_the_reserved_ones() {
        let mut chance = Seed(1).stream("tap");
        for _ in 0..10_000 {
            let (address, prefix) = TapAddress::LinkLocal.draw(&mut chance).unwrap();
            let [_, _, third, _] = address.octets();
            assert!(address.is_link_local() && prefix == 16 && (1..=254).contains(&third));
        }
    }
}
