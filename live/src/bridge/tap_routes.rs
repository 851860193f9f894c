//! The routes of the technician's adapter, given so that no other adapter loses traffic to it.
//!
//! The kernel would answer an address with two routes that win against every later one: to its
//! network, and to that network's broadcast. Both are replaced by ones with the highest metric:
//! wherever another adapter knows the same network, that adapter goes on being used.

use std::net::Ipv4Addr;

use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags};
use rtnetlink::packet_route::route::{
    RouteAttribute, RouteMessage, RouteMetric, RouteProtocol, RouteScope, RouteType,
};
use rtnetlink::{Error, Handle, RouteMessageBuilder};
use tokio::task::JoinHandle;
use tracing::{debug, warn};

use super::BridgeError;
use crate::routes::Route;

/// Metric of our routes: every other one is better.
const LAST: u32 = 65_000;

/// The kernel's table of local and broadcast addresses.
const TABLE_LOCAL: u32 = 255;

/// Bytes of IPv4 and TCP headers.
const HEADERS: u32 = 40;

/// The address of an adapter and the routes that go with it; all are gone with the adapter.
pub struct TapRoutes {
    adapter: u32,
    address: Ipv4Addr,
    prefix: u8,
    mtu: u16,
    netlink: Handle,
    connection: JoinHandle<()>,
}

impl TapRoutes {
    /// Gives an adapter its address, with routes for packets of up to `mtu` bytes.
    pub async fn give(
        adapter: &str,
        address: Ipv4Addr,
        prefix: u8,
        mtu: u16,
    ) -> Result<Self, BridgeError> {
        if let Some((other, adapter)) = taken(&Route::all(), address, prefix) {
            return Err(BridgeError::AddressTaken { address, prefix, other, adapter });
        }
        let failed = |what, reason: String| {
            let adapter = adapter.to_owned();
            BridgeError::Address { adapter, what, reason }
        };
        let index = nix::net::if_::if_nametoindex(adapter)
            .map_err(|error| failed("the number", error.to_string()))?;
        let (connection, netlink, _) =
            rtnetlink::new_connection().map_err(|error| failed("anything", error.to_string()))?;
        let connection = tokio::spawn(connection);
        let given = Self { adapter: index, address, prefix, mtu, netlink, connection };
        given.add_address().await.map_err(|error| failed("the address", error.to_string()))?;
        given.add_routes().await.map_err(|error| failed("the routes", error.to_string()))?;
        Ok(given)
    }

    /// The address that was given.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Has this machine's TCP make packets of at most `mtu` bytes from now on, and ask the vehicle
    /// for such; connections that are open follow with what they send.
    pub fn fit(&mut self, mtu: u16) {
        if std::mem::replace(&mut self.mtu, mtu) == mtu {
            return;
        }
        let change = self.netlink.route().add(self.network_route()).replace();
        tokio::spawn(async move {
            if let Err(error) = change.execute().await {
                warn!(%error, mtu, "the tester's packets keep their length");
            }
        });
    }

    async fn add_address(&self) -> Result<(), Error> {
        let (netlink, address) = (&self.netlink, self.address.into());
        let mut request = netlink.address().add(self.adapter, address, self.prefix);
        let attributes = &mut request.message_mut().attributes;
        attributes.push(AddressAttribute::Flags(AddressFlags::Noprefixroute));
        request.execute().await
    }

    async fn add_routes(&self) -> Result<(), Error> {
        let kernels = self.broadcast_route(RouteProtocol::Kernel, None);
        if let Err(error) = self.netlink.route().del(kernels).execute().await {
            debug!(%error, "there was no broadcast route to replace");
        }
        let ours = self.broadcast_route(RouteProtocol::Static, Some(LAST));
        self.netlink.route().add(ours).execute().await?;
        self.netlink.route().add(self.network_route()).execute().await
    }

    fn network_route(&self) -> RouteMessage {
        let network = Ipv4Addr::from_bits(self.address.to_bits() & self.mask());
        let mut route = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(network, self.prefix)
            .pref_source(self.address)
            .output_interface(self.adapter)
            .scope(RouteScope::Link)
            .priority(LAST)
            .build();
        let mtu = u32::from(self.mtu);
        let metrics = vec![RouteMetric::Mtu(mtu), RouteMetric::Advmss(mtu.saturating_sub(HEADERS))];
        route.attributes.push(RouteAttribute::Metrics(metrics));
        route
    }

    fn broadcast_route(&self, protocol: RouteProtocol, metric: Option<u32>) -> RouteMessage {
        let broadcast = Ipv4Addr::from_bits(self.address.to_bits() | !self.mask());
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(broadcast, 32)
            .pref_source(self.address)
            .output_interface(self.adapter)
            .table_id(TABLE_LOCAL)
            .kind(RouteType::Broadcast)
            .scope(RouteScope::Link)
            .protocol(protocol);
        match metric {
            Some(metric) => route.priority(metric).build(),
            None => route.build(),
        }
    }

    fn mask(&self) -> u32 {
        u32::MAX << (32 - u32::from(self.prefix))
    }
}

impl Drop for TapRoutes {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Finds a network of another adapter from which ours would cut out a part.
///
/// The default route is none: what is said to an address on the vehicle's network is meant for the
/// vehicle. The same network is none either, because its routes are better than ours.
fn taken(routes: &[Route], address: Ipv4Addr, prefix: u8) -> Option<(String, String)> {
    let cut = routes.iter().find(|route| {
        let mask = u32::MAX.checked_shl(32 - u32::from(route.prefix)).unwrap_or(0);
        let covers = address.to_bits() & mask == route.network.to_bits();
        !route.is_default() && route.prefix < prefix && covers
    })?;
    Some((format!("{}/{}", cut.network, cut.prefix), cut.adapter.clone()))
}

#[cfg(test)]
mod tests {
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
        assert_eq!(taken(&Route::read(ROUTES), address, prefix), expected);
    }
}
