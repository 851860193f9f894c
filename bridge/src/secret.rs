//! What all of a party's secrets are drawn from.

use std::fmt;

use hmac::{Hmac, Mac};
use node::Seed;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sha2::Sha256;

/// Thirty-two bytes nobody can guess: from the operating system live, of the seed in virtual time.
///
/// Every purpose has a stream of its own, so that drawing more for one changes no other.
#[derive(Clone)]
pub struct Secret([u8; 32]);

/// A stream of random bytes for one purpose, fit for keys.
pub struct Source(ChaCha20Rng);

impl Secret {
    /// Makes the secret of a party in virtual time: a seed has 64 bits, and who knows one thing
    /// drawn from it can try them all.
    pub fn of_virtual_time(seed: Seed) -> Self {
        let mut bytes = [0; 32];
        seed.stream("bridge/secret").fill(&mut bytes);
        Self(bytes)
    }

    /// Returns the stream for one purpose.
    pub fn source(&self, purpose: &str) -> Source {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes any key");
        mac.update(purpose.as_bytes());
        Source(ChaCha20Rng::from_seed(mac.finalize().into_bytes().into()))
    }
}

impl From<[u8; 32]> for Secret {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Source {
    /// Fills a buffer.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// Draws so many bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// Draws a number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Draws a number below `limit`; zero when that is zero.
    pub fn below(&mut self, limit: u64) -> u64 {
        // The widest part of the numbers that gives each result equally often.
        let fair = u64::MAX - u64::MAX % limit.max(1);
        loop {
            let number = self.number();
            if number < fair {
                return number % limit.max(1);
            }
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_differ_and_repeat() {
        let secret = Secret::of_virtual_time(Seed(1));
        let first: [u8; 16] = secret.source("a").bytes();
        assert_eq!(first, secret.source("a").bytes());
        assert_ne!(first, secret.source("b").bytes());
        assert_ne!(first, Secret::from([0; 32]).source("a").bytes());
    }

    #[test]
    fn every_bit_of_the_bytes_counts() {
        let drawn = |secret: [u8; 32]| Secret::from(secret).source("a").number();
        let first = drawn([0; 32]);
        for bit in 0..256 {
            let mut other = [0; 32];
            other[bit / 8] = 1 << (bit % 8);
            assert_ne!(first, drawn(other), "bit {bit}");
        }
    }

    #[test]
    fn numbers_below_a_limit_are_all_drawn_and_no_others() {
        let mut source = Secret::from([3; 32]).source("a");
        let mut drawn = [0; 7];
        (0..7_000).for_each(|_| drawn[source.below(7) as usize] += 1);
        assert!(drawn.iter().all(|times| (850..1_150).contains(times)), "{drawn:?}");
        assert_eq!((source.below(1), source.below(0)), (0, 0));
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{:?}", Secret::from([7; 32])), "Secret(…)");
    }
}
