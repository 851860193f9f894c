//! What all of a party's secrets are drawn from.

use std::fmt;

use hmac::{Hmac, Mac};
use node::Seed;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sha2::Sha256;

/// Thirty-two bytes nobody can guess: from the operating system live, from the seed in virtual
/// time.
///
/// Every purpose has a stream of its own, so that drawing more for one changes no other.
#[derive(Clone)]
pub struct Secret([u8; 32]);

/// A stream of random bytes for one purpose, fit for keys.
pub struct Source(ChaCha20Rng);

impl Secret {
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

impl From<Seed> for Secret {
    /// For virtual time only: a seed is a number that can be guessed.
    fn from(seed: Seed) -> Self {
        let mut bytes = [0; 32];
        seed.stream("bridge/secret").fill(&mut bytes);
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
        let secret = Secret::from(Seed(1));
        let first: [u8; 16] = secret.source("a").bytes();
        assert_eq!(first, secret.source("a").bytes());
        assert_ne!(first, secret.source("b").bytes());
        assert_ne!(first, Secret::from([0; 32]).source("a").bytes());
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{:?}", Secret::from([7; 32])), "Secret(…)");
    }
}
