//! Which adapters are no place for a car.

use crate::LiveError;
use crate::port::{Adapter, Kind, adapters};

/// Finds the adapter of this name and refuses what would not work, or would cut this machine off.
pub fn fit(name: &str, force: bool) -> Result<Adapter, LiveError> {
    let mut there = adapters()?;
    match there.iter().position(|adapter| adapter.name == name) {
        Some(at) => judge(there.swap_remove(at), force),
        None => {
            let present = there.into_iter().map(|adapter| adapter.name).collect();
            Err(LiveError::NoAdapter { name: name.to_owned(), present })
        }
    }
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
}
