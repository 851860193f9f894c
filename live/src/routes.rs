//! The kernel's table of routes, as Linux shows it.

use std::fs;
use std::net::Ipv4Addr;

/// One IPv4 route of the calling thread's namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The adapter it leads through.
    pub adapter: String,
    /// The network it leads to.
    pub network: Ipv4Addr,
    /// Length of that network's prefix in bits.
    pub prefix: u8,
    /// The router on the way, unless the network is on the link.
    pub router: Option<Ipv4Addr>,
}

impl Route {
    /// Reads the table; it is empty where the system shows none.
    pub fn all() -> Vec<Self> {
        let table = fs::read_to_string("/proc/thread-self/net/route").unwrap_or_default();
        Self::read(&table)
    }

    /// Reads a table: adapter, destination, gateway and mask are columns 1, 2, 3 and 8, the latter
    /// three in hexadecimal.
    pub fn read(table: &str) -> Vec<Self> {
        table.lines().skip(1).filter_map(Self::of).collect()
    }

    fn of(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let number = |nth: usize| {
            let written = u32::from_str_radix(fields.get(nth)?, 16).ok()?;
            Some(u32::from_be(written))
        };
        let router = Some(number(2)?).filter(|router| *router != 0);
        Some(Self {
            adapter: (*fields.first()?).to_owned(),
            network: Ipv4Addr::from_bits(number(1)?),
            prefix: number(7)?.leading_ones() as u8,
            router: router.map(Ipv4Addr::from_bits),
        })
    }

    /// Whether it leads to the rest of the world.
    pub fn is_default(&self) -> bool {
        self.network.is_unspecified() && self.prefix == 0
    }

    /// Whether an address is on the link this route is about.
    pub fn is_on_link(&self, address: Ipv4Addr) -> bool {
        let host_bits = u32::MAX.checked_shr(self.prefix.into()).unwrap_or(0);
        self.router.is_none()
            && self.prefix != 0
            && address.to_bits() & !host_bits == self.network.to_bits()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TABLE: &str = "\
Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth1\t0000A8C0\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth2\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
nonsense\there
";

    #[test]
    fn a_line_is_a_route_and_nonsense_is_none() {
        let routes = Route::read(TABLE);
        let told: Vec<_> = routes
            .iter()
            .map(|route| (route.adapter.as_str(), route.prefix, route.is_default()))
            .collect();
        assert_eq!(told, [("eth0", 0, true), ("eth1", 16, false), ("eth2", 24, false)]);
        assert_eq!(routes[0].router, Some(Ipv4Addr::new(192, 168, 0, 1)));
    }

    #[rstest]
    #[case::both("192.168.1.7", &["eth1", "eth2"])]
    #[case::one("192.168.2.7", &["eth1"])]
    #[case::only_the_default_route("10.0.0.1", &[])]
    fn an_address_is_on_the_links_that_cover_it(#[case] address: Ipv4Addr, #[case] on: &[&str]) {
        let routes = Route::read(TABLE);
        let links = routes.iter().filter(|route| route.is_on_link(address));
        assert_eq!(links.map(|route| route.adapter.as_str()).collect::<Vec<_>>(), on);
    }
}
