//! SecurityAccess: the placeholder key, seeds, attempts and delays (`uds-and-bmw-ecus.md` §2.5).

use bytes::Bytes;
use hmac::{Hmac, Mac};
use node::{Instant, Stream};
use sha2::Sha512;
use std::time::Duration;
use wire::uds::Nrc;

use crate::engine::Work;
use crate::engine::checks::plain;
use crate::ledger::LedgerKind;
use crate::profile::SecurityProfile;
use crate::unit::Unit;

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

/// Length of `27 <level> <user id 4>`.
const SEED_REQUEST_LENGTH: usize = 6;

/// A seed that waits for its key.
#[derive(Clone, Copy, Debug)]
struct Challenge {
    level: u8,
    seed: [u8; SEED_LENGTH],
    until: Instant,
}

/// What is locked, and how often somebody tried.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lock {
    unlocked: Option<u8>,
    challenge: Option<Challenge>,
    /// Wrong keys since the last right one; kept over restarts.
    failures: u8,
    delayed_until: Option<Instant>,
}

impl Lock {
    pub(crate) fn is_unlocked(&self) -> bool {
        self.unlocked.is_some()
    }

    /// Refuses what needs a level that is not unlocked.
    pub(crate) fn require(&self, level: u8) -> Result<(), Nrc> {
        if self.unlocked == Some(level) { Ok(()) } else { Err(Nrc::SecurityAccessDenied) }
    }

    /// Refuses a key that no valid seed waits for.
    pub(crate) fn check_sequence(&self, now: Instant, sub: u8) -> Result<(), Nrc> {
        let is_key = sub.is_multiple_of(2);
        let level = request_level(sub);
        let awaited = self
            .challenge
            .is_some_and(|challenge| challenge.level == level && now < challenge.until);
        if is_key && !awaited { Err(Nrc::RequestSequenceError) } else { Ok(()) }
    }

    /// Locks every level.
    pub(crate) fn relock(&mut self) {
        self.unlocked = None;
        self.challenge = None;
    }

    /// Begins the delay again when the attempts were used up before.
    pub(crate) fn power_up(&mut self, now: Instant, profile: &SecurityProfile) {
        self.relock();
        self.delayed_until = (self.failures >= profile.attempts).then(|| now + profile.delay);
    }

    fn is_delayed(&self, now: Instant) -> bool {
        self.delayed_until.is_some_and(|until| now < until)
    }

    fn challenge(
        &mut self,
        level: u8,
        now: Instant,
        window: Duration,
        chance: &mut Stream,
    ) -> [u8; SEED_LENGTH] {
        if self.unlocked == Some(level) {
            return [0; SEED_LENGTH];
        }
        let mut seed = [0; SEED_LENGTH];
        while seed == [0; SEED_LENGTH] {
            chance.fill(&mut seed);
        }
        self.challenge = Some(Challenge { level, seed, until: now + window });
        seed
    }

    /// Compares a key; each seed is good for one.
    fn answer(
        &mut self,
        now: Instant,
        ecu: u8,
        key: &[u8],
        profile: &SecurityProfile,
    ) -> Result<u8, Nrc> {
        let Challenge { level, seed, .. } =
            self.challenge.take().ok_or(Nrc::RequestSequenceError)?;
        if key == placeholder_key(ecu, level, &seed, profile.wide_key) {
            self.failures = 0;
            self.delayed_until = None;
            self.unlocked = Some(level);
            return Ok(level);
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures < profile.attempts {
            return Err(Nrc::InvalidKey);
        }
        self.delayed_until = Some(now + profile.delay);
        Err(Nrc::ExceededNumberOfAttempts)
    }
}

impl Unit {
    /// `27` SecurityAccess.
    pub(crate) fn security_access(&mut self, now: Instant, data: &Bytes) -> Result<Work, Nrc> {
        let sub = plain(data[1]);
        let profile = &self.profile.security;
        if sub.is_multiple_of(2) {
            let length = placeholder_key_length(profile.wide_key);
            if data.len() != 2 + length {
                return Err(Nrc::IncorrectLength);
            }
            let level = self.lock.answer(now, self.profile.address, &data[2..], profile)?;
            self.record(now, LedgerKind::Unlocked { level });
            return Ok(Work::answer(vec![0x67, sub]));
        }
        if data.len() != SEED_REQUEST_LENGTH {
            return Err(Nrc::IncorrectLength);
        }
        if self.lock.is_delayed(now) {
            return Err(Nrc::RequiredTimeDelayNotExpired);
        }
        let seed = self.lock.challenge(sub, now, profile.window, &mut self.chance.seed);
        let mut answer = vec![0x67, sub];
        answer.extend_from_slice(&seed);
        Ok(Work::answer(answer))
    }
}

/// Returns how long a key is, in bytes.
const fn placeholder_key_length(wide: bool) -> usize {
    if wide { 132 } else { 68 }
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
