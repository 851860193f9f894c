//! The Internet checksum (RFC 1071), which every datagram of a run takes twice.
//!
//! Its sum does not depend on the order of bytes (RFC 1071, 2 (B)), so words are added as they lie
//! in memory, four at a time, and what comes out is written as it is.

/// Adds up bytes; sums of parts may be added, all but the last part being of even length.
pub fn sum(bytes: &[u8]) -> u64 {
    let (longs, rest) = bytes.as_chunks();
    let (words, last) = rest.as_chunks();
    let longs: u128 = longs.iter().map(|long| u128::from(u64::from_ne_bytes(*long))).sum();
    let words: u64 = words.iter().map(|word| u64::from(u16::from_ne_bytes(*word))).sum();
    let last = last.first().map_or(0, |byte| u16::from_ne_bytes([*byte, 0]));
    // What is carried out of one word counts as one in the next.
    let (high, low) = ((longs >> 64) as u64, longs as u64);
    high + (low >> 32) + (low & 0xFFFF_FFFF) + words + u64::from(last)
}

/// Returns the checksum of what was added up: zero where it was among it and is right.
pub fn checksum(sum: u64) -> [u8; 2] {
    let mut folded = sum;
    while folded > 0xFFFF {
        folded = (folded & 0xFFFF) + (folded >> 16);
    }
    (!(folded as u16)).to_ne_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_the_standard() {
        let words = [0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7];
        assert_eq!(checksum(sum(&words)), [0x22, 0x0D]);
    }

    proptest! {
        #[test]
        fn a_checksum_makes_its_own_sum_right_and_no_other(
            mut bytes in proptest::collection::vec(any::<u8>(), 2..1600),
            bit in 0..16usize,
        ) {
            bytes[..2].fill(0);
            let whole = checksum(sum(&bytes));
            bytes[..2].copy_from_slice(&whole);
            prop_assert_eq!(checksum(sum(&bytes)), [0, 0]);
            prop_assert_eq!(checksum(sum(&bytes[..2]) + sum(&bytes[2..])), [0, 0]);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(checksum(sum(&bytes)), [0, 0]);
        }
    }
}
