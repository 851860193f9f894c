//! The Ethernet adapters of this machine, as people choose among them.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use super::link::Link;
use crate::LiveError;
use crate::routes::Route;

/// One adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapter {
    /// Its name, such as `eth1`.
    pub name: String,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// The largest IP packet it takes, in bytes.
    pub mtu: u16,
    /// Whether it is on and something is plugged in.
    pub carrier: bool,
    /// What kind of adapter it is.
    pub kind: Kind,
    /// The driver, where the system tells.
    pub driver: Option<String>,
    /// Its addresses with prefix lengths, such as `192.168.1.7/24`.
    pub addresses: Vec<String>,
    /// Whether the way to the rest of the world leads through it.
    pub has_default_route: bool,
}

/// Kinds of adapters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A network card, or what acts as one.
    Ethernet,
    /// A radio: it carries no foreign hardware addresses, so no bridge works over it.
    Wireless,
    /// A device of the kernel's own: TAP, veth, dummy.
    Virtual,
    /// A bridge of the kernel's.
    Bridge,
}

impl Kind {
    /// The word people use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ethernet => "ethernet",
            Self::Wireless => "wireless",
            Self::Virtual => "virtual",
            Self::Bridge => "bridge",
        }
    }
}

impl Adapter {
    /// What speaks against giving it to a car; nothing when nothing does.
    pub fn caution(&self) -> Option<&'static str> {
        if self.kind == Kind::Wireless {
            return Some("a radio carries no foreign hardware addresses");
        }
        if self.has_default_route {
            return Some("the way to the rest of the world leads through it");
        }
        let link_local = self.addresses.iter().any(|address| address.starts_with("169.254."));
        link_local.then_some("another link-local network is on it")
    }
}

/// Lists the Ethernet adapters of the calling thread's network namespace, by name.
pub fn adapters() -> Result<Vec<Adapter>, LiveError> {
    let ways_out = ways_out();
    let mut adapters = Vec::new();
    for found in pnet_datalink::interfaces() {
        if found.is_loopback() || found.mac.is_none() {
            continue;
        }
        // One that has gone since it was listed is left out.
        let Ok(link) = Link::open(&found.name) else { continue };
        let addresses = found.ips.iter().filter(|network| match network.ip() {
            IpAddr::V4(_) => true,
            IpAddr::V6(address) => !address.is_unicast_link_local(),
        });
        adapters.push(Adapter {
            mac: link.mac(),
            mtu: link.mtu(),
            carrier: link.has_carrier(),
            kind: kind(&found.name),
            driver: driver(&found.name),
            addresses: addresses.map(ToString::to_string).collect(),
            has_default_route: ways_out.contains(&found.name),
            name: found.name,
        });
    }
    adapters.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(adapters)
}

/// The error of an adapter that is not there, with those that are.
pub(super) fn no_such(name: &str) -> LiveError {
    let mut present: Vec<String> = pnet_datalink::interfaces()
        .into_iter()
        .filter(|found| !found.is_loopback() && found.mac.is_some())
        .map(|found| found.name)
        .collect();
    present.sort();
    LiveError::NoAdapter { name: name.to_owned(), present }
}

fn kind(name: &str) -> Kind {
    let about = Path::new("/sys/class/net").join(name);
    if about.join("wireless").exists() || about.join("phy80211").exists() {
        Kind::Wireless
    } else if about.join("bridge").exists() {
        Kind::Bridge
    } else if about.join("device").exists() {
        Kind::Ethernet
    } else {
        Kind::Virtual
    }
}

fn driver(name: &str) -> Option<String> {
    let driver =
        fs::read_link(Path::new("/sys/class/net").join(name).join("device/driver")).ok()?;
    Some(driver.file_name()?.to_str()?.to_owned())
}

/// The adapters default routes lead through.
fn ways_out() -> Vec<String> {
    let routes = Route::all().into_iter().filter(Route::is_default);
    let table = fs::read_to_string("/proc/thread-self/net/ipv6_route").unwrap_or_default();
    routes.map(|route| route.adapter).chain(leading_out_6(&table)).collect()
}

/// Reads the kernel's table of IPv6 routes: destination, prefix length, and the adapter last.
fn leading_out_6(table: &str) -> Vec<String> {
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let nowhere = "0".repeat(32);
    let out = rows.filter(|row| row.first() == Some(&&*nowhere) && row.get(1) == Some(&"00"));
    out.filter_map(|row| row.last().filter(|name| **name != "lo").map(|name| (*name).to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn adapter(kind: Kind, addresses: &[&str], has_default_route: bool) -> Adapter {
        Adapter {
            name: "eth1".into(),
            mac: [2, 0, 0, 0, 0, 1],
            mtu: 1500,
            carrier: true,
            kind,
            driver: None,
            addresses: addresses.iter().map(|&address| address.into()).collect(),
            has_default_route,
        }
    }

    #[rstest]
    #[case::free(adapter(Kind::Ethernet, &[], false), None)]
    #[case::addressed(adapter(Kind::Ethernet, &["192.168.7.2/24"], false), None)]
    #[case::way_out(adapter(Kind::Ethernet, &[], true), Some("way"))]
    #[case::radio(adapter(Kind::Wireless, &[], false), Some("radio"))]
    #[case::link_local(adapter(Kind::Virtual, &["169.254.3.4/16"], false), Some("link-local"))]
    fn cautions_against_what_would_hurt(#[case] adapter: Adapter, #[case] word: Option<&str>) {
        let caution = adapter.caution();
        assert_eq!(caution.is_some(), word.is_some());
        assert!(word.is_none_or(|word| caution.unwrap().contains(word)));
    }

    #[test]
    fn a_default_route_of_ipv6_names_its_adapter() {
        let none = "0".repeat(32);
        let table = format!(
            "{none} 00 {none} 00 fe800000000000000000000000000001 00000400 1 0 00000003 eth2\n\
             fe800000000000000000000000000000 40 {none} 00 {none} 00000100 1 0 00000001 eth1\n\
             {none} 00 {none} 00 {none} ffffffff 1 0 00200200 lo\n"
        );
        assert_eq!(leading_out_6(&table), ["eth2"]);
    }

    #[test]
    fn an_adapter_that_is_not_there_is_an_error_that_lists_those_that_are() {
        let error = no_such("no-such").to_string();
        assert!(error.contains("no-such"), "{error}");
    }
}
