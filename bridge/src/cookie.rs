//! How an endpoint shows that it receives where it sends from.

use std::net::{Ipv4Addr, SocketAddrV4};

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Returns the cookie for one sender; `epoch` limits its life.
pub fn cookie(secret: &[u8; 32], peer: SocketAddrV4, instance: u64, epoch: u64) -> u64 {
    let port = peer.port().to_be_bytes();
    let parts: [&[u8]; 4] =
        [&peer.ip().octets(), &port, &instance.to_be_bytes(), &epoch.to_be_bytes()];
    let tag = mac(secret, &parts);
    let (first, _) = tag.split_first_chunk().expect("a tag has 32 bytes");
    u64::from_be_bytes(*first)
}

/// Returns a number for an address that nobody else can foresee.
pub fn place(secret: &[u8; 32], address: Ipv4Addr) -> usize {
    let [first, second, ..] = mac(secret, &[b"place", &address.octets()]);
    usize::from(u16::from_be_bytes([first, second]))
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_of_one_address_and_one_epoch() {
        let peer = |port| SocketAddrV4::new([192, 0, 2, 1].into(), port);
        let base = cookie(&[7; 32], peer(1), 1, 1);
        assert_ne!(base, cookie(&[7; 32], peer(2), 1, 1));
        assert_ne!(base, cookie(&[7; 32], peer(1), 2, 1));
        assert_ne!(base, cookie(&[7; 32], peer(1), 1, 2));
        assert_ne!(base, cookie(&[8; 32], peer(1), 1, 1));
    }
}
