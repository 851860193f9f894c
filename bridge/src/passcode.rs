//! How knowledge of the passcode is shown, and how an address is.

use std::net::SocketAddrV4;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::message::OrderNumber;

/// What a relay checks the passcode of one order with.
pub type Verifier = [u8; 32];

/// Returns what the mechanic leaves at the relay when it opens an order.
///
/// Bound to the order's number, so that one passcode used for two orders leaves two verifiers.
pub fn verifier(passcode: &str, order: OrderNumber) -> Verifier {
    mac(passcode.as_bytes(), &[b"bridge order", &order.0.to_be_bytes()])
}

/// Returns what a technician shows to join; worthless after the cookie has expired.
pub fn proof(verifier: &Verifier, order: OrderNumber, cookie: u64) -> [u8; 32] {
    mac(verifier, &[b"bridge join", &order.0.to_be_bytes(), &cookie.to_be_bytes()])
}

/// Returns the cookie for one sender; `epoch` limits its life.
pub fn cookie(secret: &[u8; 32], peer: SocketAddrV4, instance: u64, epoch: u64) -> u64 {
    let port = peer.port().to_be_bytes();
    let parts: [&[u8]; 4] =
        [&peer.ip().octets(), &port, &instance.to_be_bytes(), &epoch.to_be_bytes()];
    let tag = mac(secret, &parts);
    let (first, _) = tag.split_first_chunk().expect("a tag has 32 bytes");
    u64::from_be_bytes(*first)
}

/// Compares without telling by the time it takes where the first difference is.
pub fn equal(left: &[u8; 32], right: &[u8; 32]) -> bool {
    left.iter().zip(right).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
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
    fn a_proof_depends_on_passcode_order_and_cookie() {
        let base = proof(&verifier("1234", OrderNumber(1)), OrderNumber(1), 9);
        assert_eq!(base, proof(&verifier("1234", OrderNumber(1)), OrderNumber(1), 9));
        assert_ne!(base, proof(&verifier("1235", OrderNumber(1)), OrderNumber(1), 9));
        assert_ne!(base, proof(&verifier("1234", OrderNumber(2)), OrderNumber(1), 9));
        assert_ne!(base, proof(&verifier("1234", OrderNumber(1)), OrderNumber(1), 8));
    }

    #[test]
    fn a_cookie_is_of_one_address_and_one_epoch() {
        let peer = |port| SocketAddrV4::new([192, 0, 2, 1].into(), port);
        let base = cookie(&[7; 32], peer(1), 1, 1);
        assert_ne!(base, cookie(&[7; 32], peer(2), 1, 1));
        assert_ne!(base, cookie(&[7; 32], peer(1), 2, 1));
        assert_ne!(base, cookie(&[7; 32], peer(1), 1, 2));
        assert_ne!(base, cookie(&[8; 32], peer(1), 1, 1));
    }

    #[test]
    fn tags_that_differ_in_one_bit_are_not_equal() {
        let mut other = [3; 32];
        other[31] ^= 1;
        assert!(equal(&[3; 32], &[3; 32]));
        assert!(!equal(&[3; 32], &other));
    }
}
