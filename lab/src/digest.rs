//! One number for everything that crossed a link.

use std::fmt;

use node::Instant;
use twox_hash::XxHash3_64;

/// The digest of a run: every frame that entered a link, with the link and the time.
///
/// Equal digests mean that two runs were the same, frame by frame and nanosecond by nanosecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest(u64);

impl Digest {
    /// Adds a frame that entered link number `link` at `now`.
    pub fn add(&mut self, link: u8, now: Instant, frame: &[u8]) {
        let mut entry = [0; 17];
        entry[0] = link;
        entry[1..9].copy_from_slice(&now.as_nanos().to_le_bytes());
        entry[9..].copy_from_slice(&XxHash3_64::oneshot(frame).to_le_bytes());
        self.0 = XxHash3_64::oneshot_with_seed(self.0, &entry);
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depends_on_link_time_bytes_and_order() {
        let digest = |frames: &[(u8, u64, &[u8])]| {
            let mut digest = Digest::default();
            for (link, nanos, frame) in frames {
                digest.add(*link, Instant::from_nanos(*nanos), frame);
            }
            digest
        };
        let base = digest(&[(0, 1, b"a"), (1, 1, b"b")]);
        assert_eq!(base, digest(&[(0, 1, b"a"), (1, 1, b"b")]));
        for other in [
            digest(&[(1, 1, b"b"), (0, 1, b"a")]),
            digest(&[(0, 2, b"a"), (1, 1, b"b")]),
            digest(&[(0, 1, b"a"), (1, 1, b"c")]),
            digest(&[(0, 1, b"a"), (2, 1, b"b")]),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn is_the_same_number_on_every_machine() {
        // As the xxhash package for Python has it.
        let mut digest = Digest::default();
        digest.add(0, Instant::from_nanos(1), b"a");
        digest.add(1, Instant::from_nanos(1), b"b");
        assert_eq!(digest.to_string(), "0ce0c03b076e1b69");
        let frame: Vec<u8> = (0..=255).chain(0..=255).collect();
        let mut digest = Digest::default();
        digest.add(3, Instant::from_nanos(2_000_000_001), &frame);
        assert_eq!(digest.to_string(), "fe911755734b2165");
    }
}
