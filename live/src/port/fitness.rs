//! Which adapters are no place for a car.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use super::{Adapter, Kind, adapters};
use crate::LiveError;
use crate::bridge::wan::address_towards;

/// Finds the adapter of this name and refuses what would not work, or would cut this machine off.
pub fn fit(name: &str, force: bool) -> Result<Adapter, LiveError> {
    if pnet_datalink::interfaces().iter().any(|found| found.name == name && found.is_loopback()) {
        return Err(LiveError::UnfitAdapter {
            name: name.to_owned(),
            why: "is this machine's loopback, and no cable leads there",
            remedy: "Name an adapter with a cable.",
        });
    }
    let mut there = adapters()?;
    match there.iter().position(|adapter| adapter.name == name) {
        Some(at) => judge(there.swap_remove(at), force),
        None => {
            let present = there.into_iter().map(|adapter| adapter.name).collect();
            Err(LiveError::NoAdapter { name: name.to_owned(), present })
        }
    }
}

/// Refuses an adapter by which this machine speaks to somebody: the relay, for one.
pub fn fit_beside(name: &str, speaks_to: SocketAddrV4) -> Result<(), LiveError> {
    let Some(own) = address_towards(speaks_to) else { return Ok(()) };
    if has_address(name, own) {
        return Err(LiveError::UnfitAdapter {
            name: name.to_owned(),
            why: "leads to the relay: the bridge would carry its own packets",
            remedy: "Name the adapter the vehicle is plugged into, or add --force if that is meant.",
        });
    }
    Ok(())
}

fn has_address(name: &str, address: Ipv4Addr) -> bool {
    let all = pnet_datalink::interfaces();
    all.iter()
        .filter(|found| found.name == name)
        .any(|found| found.ips.iter().any(|network| network.ip() == IpAddr::V4(address)))
}

fn judge(adapter: Adapter, force: bool) -> Result<Adapter, LiveError> {
    let unfit = |why, remedy| LiveError::UnfitAdapter { name: adapter.name.clone(), why, remedy };
    if adapter.kind == Kind::Wireless {
        return Err(unfit(
            "is wireless, and a radio sends under no hardware address but its own",
            "Name an adapter with a cable.",
        ));
    }
    if adapter.has_default_route && !force {
        return Err(unfit(
            "carries the default route: the car's resets would cut this machine off",
            "Name another adapter, or add --force if that is meant.",
        ));
    }
    Ok(adapter)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::a_cable(Kind::Ethernet, false, false, None)]
    #[case::a_veth(Kind::Virtual, false, false, None)]
    #[case::a_radio(Kind::Wireless, false, false, Some("wireless"))]
    #[case::a_radio_by_force(Kind::Wireless, false, true, Some("wireless"))]
    #[case::the_way_out(Kind::Ethernet, true, false, Some("default route"))]
    #[case::the_way_out_by_force(Kind::Ethernet, true, true, None)]
    fn refuses_what_would_not_work_or_would_hurt(
        #[case] kind: Kind,
        #[case] has_default_route: bool,
        #[case] force: bool,
        #[case] reason: Option<&str>,
    ) {
        let adapter = Adapter {
            name: "eth1".into(),
            mac: [2, 0, 0, 0, 0, 1],
            mtu: 1500,
            carrier: true,
            kind,
            driver: None,
            addresses: Vec::new(),
            has_default_route,
        };
        let refused = judge(adapter, force).err().map(|error| error.to_string());
        assert_eq!(refused.is_some(), reason.is_some(), "{refused:?}");
        assert!(reason.is_none_or(|reason| refused.unwrap().contains(reason)));
    }

    #[rstest]
    #[case::of_itself(false)]
    #[case::by_force(true)]
    fn the_loopback_is_refused(#[case] force: bool) {
        let refused = fit("lo", force).unwrap_err().to_string();
        assert!(refused.contains("loopback"), "{refused}");
    }

    #[test]
    fn an_adapter_on_the_way_to_the_relay_is_refused() {
        let relay = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 52_100);
        let refused = fit_beside("lo", relay).unwrap_err().to_string();
        assert!(refused.contains("relay"), "{refused}");
        assert!(fit_beside("no-such", relay).is_ok());
    }
}
