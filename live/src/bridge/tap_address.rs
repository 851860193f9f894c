//! Which address the technician's adapter gets.

use std::net::Ipv4Addr;
use std::str::FromStr;

use node::Stream;

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

#[cfg(test)]
mod tests {
    use node::Seed;
    use rstest::rstest;

    use super::*;

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
