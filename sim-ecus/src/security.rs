//! SecurityAccess: the placeholder key, seeds, attempts and delays (`uds-and-bmw-ecus.md` §2.5).

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;

/// The only key there is; it opens nothing real.
const TEST_KEY: &[u8] = b"SIM-ONLY-NOT-A-REAL-KEY";

/// Bytes of a seed.
pub const SEED_LENGTH: usize = 8;

/// Returns the placeholder key for a seed: 68 bytes, or 132 when `wide`.
///
/// `level` is the requestSeed sub-function (01, 11); that of sendKey (02, 12) gives the same key.
pub fn placeholder_key(ecu: u8, level: u8, seed: &[u8], wide: bool) -> Vec<u8> {
    let level = request_level(level);
    let mut key = vec![0; 4];
    key.extend_from_slice(&digest(&[b"UDS27", &[ecu, level], seed]));
    if wide {
        key.extend_from_slice(&digest(&[b"UDS27B", &[ecu, level], seed]));
    }
    key
}

/// Returns the requestSeed sub-function a level belongs to.
fn request_level(level: u8) -> u8 {
    if level.is_multiple_of(2) { level.saturating_sub(1) } else { level }
}

/// HMAC-SHA512 under the test key.
pub(crate) fn digest(parts: &[&[u8]]) -> [u8; 64] {
    let mut mac = Hmac::<Sha512>::new_from_slice(TEST_KEY).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_four_zero_bytes_and_one_or_two_digests() {
        let narrow = placeholder_key(0x18, 0x11, &[1; 8], false);
        let wide = placeholder_key(0x18, 0x11, &[1; 8], true);
        assert_eq!((narrow.len(), wide.len()), (68, 132));
        assert_eq!(wide[..68], narrow);
        assert_eq!(narrow[..4], [0; 4]);
        assert_ne!(wide[68..], narrow[4..]);
    }

    #[test]
    fn both_sub_functions_of_a_level_name_one_key() {
        let key = placeholder_key(0x18, 0x11, &[1; 8], false);
        assert_eq!(key, placeholder_key(0x18, 0x12, &[1; 8], false));
        assert_ne!(key, placeholder_key(0x18, 0x01, &[1; 8], false));
        assert_ne!(key, placeholder_key(0x12, 0x11, &[1; 8], false));
        assert_ne!(key, placeholder_key(0x18, 0x11, &[2; 8], false));
    }

    #[test]
    fn the_algorithm_is_pinned() {
        let key = placeholder_key(0x18, 0x11, &[0, 1, 2, 3, 4, 5, 6, 7], false);
        assert_eq!(key[4..12], [0xE5, 0xD0, 0x3C, 0x0F, 0xA6, 0x53, 0x9F, 0xCE]);
    }
}
