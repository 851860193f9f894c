//! Lends a stream of random bytes to the cryptography beneath, for the length of one call.
//!
//! rustls asks a static object for randomness. That object has none of its own: whoever calls into
//! rustls puts a stream into this thread's slot and takes it out again, so that what is drawn
//! depends on the caller's stream alone.

use std::cell::RefCell;

use rand_core_06::{CryptoRng, Error, RngCore};
use rustls::crypto::{GetRandomFailed, SecureRandom};

use crate::secret::Source;

thread_local! {
    static LENT: RefCell<Option<Source>> = const { RefCell::new(None) };
}

/// Runs something that may draw from `source`.
pub fn lend<R>(source: &mut Option<Source>, run: impl FnOnce() -> R) -> R {
    LENT.with_borrow_mut(|slot| std::mem::swap(slot, source));
    let result = run();
    LENT.with_borrow_mut(|slot| std::mem::swap(slot, source));
    result
}

/// Fills a buffer from the stream that is lent; false when none is.
pub fn draw(bytes: &mut [u8]) -> bool {
    LENT.with_borrow_mut(|slot| match slot {
        Some(source) => {
            source.fill(bytes);
            true
        }
        None => false,
    })
}

/// The randomness of rustls: whatever is lent.
#[derive(Debug)]
pub struct Lent;

impl SecureRandom for Lent {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        if draw(bytes) { Ok(()) } else { Err(GetRandomFailed) }
    }
}

/// A stream as the crates of an earlier `rand_core` take it.
pub struct Earlier<'a>(pub &'a mut Source);

impl RngCore for Earlier<'_> {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(self.0.bytes())
    }

    fn next_u64(&mut self) -> u64 {
        self.0.number()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl CryptoRng for Earlier<'_> {}

#[cfg(test)]
mod tests {
    use crate::secret::Secret;

    use super::*;

    #[test]
    fn only_what_is_lent_is_drawn() {
        let mut source = Some(Secret::from([1; 32]).source("x"));
        let expected: [u8; 8] = Secret::from([1; 32]).source("x").bytes();
        let mut drawn = [0; 8];
        assert!(lend(&mut source, || draw(&mut drawn)));
        assert_eq!(drawn, expected);
        assert!(!draw(&mut drawn), "nothing stays behind");
        assert!(source.is_some());
    }
}
