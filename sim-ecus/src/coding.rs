//! Coding: what a tester must write so that a control unit counts as coded
//! (`uds-and-bmw-ecus.md` §8).

use std::collections::BTreeMap;

use bytes::Bytes;

use node::Instant;
use wire::uds::Nrc;

use crate::interface::Condition;
use crate::ledger::LedgerKind;
use crate::profile::{CodingProfile, EcuProfile};
use crate::security::digest;
use crate::software::SgbmId;
use crate::unit::Unit;

/// Bytes of a coding stamp: the short VIN.
pub const STAMP_LENGTH: usize = 7;

/// What a tester writes to code a control unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coding {
    /// Data identifiers and their content, in the order of writing; the signature is last.
    pub entries: Vec<(u16, Bytes)>,
    /// The coding stamp (37FE), written after the checksum routine 0F01.
    pub stamp: [u8; STAMP_LENGTH],
}

impl Coding {
    /// Returns the coding of a control unit in the vehicle of its profile.
    pub fn for_profile(profile: &EcuProfile) -> Self {
        let coding = &profile.coding;
        let mut items = coding.items.clone();
        items.insert(coding.index_did, coding.index.clone());
        items.insert(coding.cafd_did, coding.cafd.to_bytes().to_vec());
        let signature = signature(profile.address, &items);
        let mut entries: Vec<_> =
            items.into_iter().map(|(did, data)| (did, Bytes::from(data))).collect();
        entries.push((coding.signature_did, Bytes::from(signature)));
        Self { entries, stamp: stamp(&profile.vin) }
    }
}

/// Returns the last seven characters of a VIN.
pub(crate) fn stamp(vin: &str) -> [u8; STAMP_LENGTH] {
    vin.as_bytes().last_chunk().copied().unwrap_or([b'0'; STAMP_LENGTH])
}

/// Returns the stand-in for the signature over all other items: `00 00 00 20` and 128 bytes.
fn signature(ecu: u8, items: &BTreeMap<u16, Vec<u8>>) -> Vec<u8> {
    let mut block = Vec::new();
    for (did, data) in items {
        block.extend_from_slice(&did.to_be_bytes());
        block.extend_from_slice(data);
    }
    let mut signature = vec![0, 0, 0, 0x20];
    signature.extend_from_slice(&digest(&[b"CAFD", &[ecu], &block]));
    signature.extend_from_slice(&digest(&[b"CAFDB", &[ecu], &block]));
    signature
}

/// The data identifier of the coding stamp.
pub(crate) const STAMP_DID: u16 = 0x37FE;
/// The security level of coding.
pub(crate) const CODING_LEVEL: u8 = 0x01;
/// Bytes of a signature item.
const SIGNATURE_LENGTH: usize = 132;

/// How much of the coding is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodingState {
    /// Nothing.
    Missing,
    /// Some items, or all without checksum and stamp.
    Partial,
    /// Everything.
    Complete,
}

/// The coding data a control unit holds; it survives restarts.
#[derive(Clone, Debug)]
pub(crate) struct CodingStore {
    /// What is there, by data identifier.
    items: BTreeMap<u16, Vec<u8>>,
    seal: Seal,
    stamp: [u8; STAMP_LENGTH],
}

/// How far coding got after its last item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seal {
    Open,
    /// The checksum routine found everything right.
    Checked,
    /// The stamp is set.
    Stamped,
}

const NO_STAMP: [u8; STAMP_LENGTH] = [0xFF; STAMP_LENGTH];

impl CodingStore {
    pub(crate) fn new(profile: &EcuProfile, condition: Condition) -> Self {
        let mut store = Self { items: BTreeMap::new(), seal: Seal::Open, stamp: NO_STAMP };
        match condition {
            Condition::Virgin | Condition::Uncoded | Condition::HalfFlashed => {}
            Condition::Factory | Condition::Used => {
                let coding = Coding::for_profile(profile);
                let entries = coding.entries.into_iter();
                store.items = entries.map(|(did, data)| (did, data.to_vec())).collect();
                store.seal = Seal::Stamped;
                store.stamp = coding.stamp;
                if condition == Condition::Used {
                    store.stamp = *b"0000002";
                }
            }
        }
        store
    }

    pub(crate) fn state(&self) -> CodingState {
        match self.seal {
            Seal::Stamped => CodingState::Complete,
            Seal::Open if self.items.is_empty() => CodingState::Missing,
            Seal::Open | Seal::Checked => CodingState::Partial,
        }
    }

    /// Loses everything: new software does not know the old coding.
    pub(crate) fn forget(&mut self) {
        self.items.clear();
        self.seal = Seal::Open;
        self.stamp = NO_STAMP;
    }

    /// Returns what an item holds; FF when it is missing, `None` when there is no such item.
    pub(crate) fn read(&self, profile: &CodingProfile, did: u16) -> Option<Vec<u8>> {
        if did == STAMP_DID {
            return Some(self.stamp.to_vec());
        }
        let length = length_of(profile, did)?;
        Some(self.items.get(&did).cloned().unwrap_or_else(|| vec![0xFF; length]))
    }

    /// Returns what the coding data calls itself.
    pub(crate) fn software(&self, profile: &CodingProfile) -> SgbmId {
        let bytes = self.items.get(&profile.cafd_did).and_then(|item| item.first_chunk());
        bytes.copied().map_or(SgbmId::NO_CODING, SgbmId::from_bytes)
    }

    /// Refuses what does not belong into an item.
    fn check_item(&self, profile: &EcuProfile, did: u16, data: &[u8]) -> Result<(), Nrc> {
        let coding = &profile.coding;
        let length = length_of(coding, did).ok_or(Nrc::RequestOutOfRange)?;
        if data.len() != length {
            return Err(Nrc::IncorrectLength);
        }
        let is_sound = if did == coding.cafd_did {
            data[0] == SgbmId::CAFD
        } else if did == coding.signature_did {
            data == self.expected_signature(profile)
        } else {
            data.iter().any(|byte| *byte != 0xFF)
        };
        if is_sound { Ok(()) } else { Err(Nrc::RequestOutOfRange) }
    }

    /// Writes one item, which breaks the seal.
    fn write(&mut self, did: u16, data: &[u8]) {
        self.items.insert(did, data.to_vec());
        self.seal = Seal::Open;
        self.stamp = NO_STAMP;
    }

    /// Checks that everything is there and signed, and remembers that it is.
    fn check(&mut self, profile: &EcuProfile) -> bool {
        let coding = &profile.coding;
        let all = coding.items.len() + 3;
        let signature = self.items.get(&coding.signature_did);
        let ok = self.items.len() == all
            && signature.is_some_and(|signature| *signature == self.expected_signature(profile));
        self.seal = match (ok, self.seal) {
            (true, Seal::Stamped) => Seal::Stamped,
            (true, Seal::Open | Seal::Checked) => Seal::Checked,
            (false, Seal::Open | Seal::Checked | Seal::Stamped) => Seal::Open,
        };
        ok
    }

    fn expected_signature(&self, profile: &EcuProfile) -> Vec<u8> {
        let mut items = self.items.clone();
        items.remove(&profile.coding.signature_did);
        signature(profile.address, &items)
    }
}

/// Returns the length of an item, `None` when there is no such item.
fn length_of(profile: &CodingProfile, did: u16) -> Option<usize> {
    if did == profile.index_did {
        Some(profile.index.len())
    } else if did == profile.cafd_did {
        Some(SgbmId::LENGTH)
    } else if did == profile.signature_did {
        Some(SIGNATURE_LENGTH)
    } else {
        profile.items.get(&did).map(Vec::len)
    }
}

impl Unit {
    /// Writes a coding item or the stamp; `None` when the data identifier is neither.
    pub(crate) fn write_coding(
        &mut self,
        now: Instant,
        did: u16,
        data: &[u8],
    ) -> Option<Result<(), Nrc>> {
        if did == STAMP_DID {
            return Some(self.write_stamp(now, data));
        }
        length_of(&self.profile.coding, did)?;
        Some(self.write_item(now, did, data))
    }

    fn write_item(&mut self, now: Instant, did: u16, data: &[u8]) -> Result<(), Nrc> {
        self.coding.check_item(&self.profile, did, data)?;
        self.lock.require(CODING_LEVEL)?;
        self.coding.write(did, data);
        self.record(now, LedgerKind::CodingWritten { did });
        self.check_faults(now);
        Ok(())
    }

    fn write_stamp(&mut self, now: Instant, data: &[u8]) -> Result<(), Nrc> {
        let stamp = data.try_into().map_err(|_| Nrc::IncorrectLength)?;
        if !data.iter().all(u8::is_ascii_alphanumeric) {
            return Err(Nrc::RequestOutOfRange);
        }
        self.lock.require(CODING_LEVEL)?;
        if self.coding.seal == Seal::Open {
            return Err(Nrc::ConditionsNotCorrect);
        }
        self.coding.seal = Seal::Stamped;
        self.coding.stamp = stamp;
        self.record(now, LedgerKind::CodingWritten { did: STAMP_DID });
        self.record(now, LedgerKind::CodingComplete);
        self.check_faults(now);
        Ok(())
    }

    /// Routine 0F01 codingChecksum: 00 right, 01 not.
    pub(crate) fn coding_checksum(&mut self) -> u8 {
        u8::from(!self.coding.check(&self.profile))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egs() -> EcuProfile {
        EcuProfile::named("egs").expect("the profile ships")
    }

    fn uncoded() -> (EcuProfile, CodingStore) {
        let profile = egs();
        let store = CodingStore::new(&profile, Condition::Uncoded);
        (profile, store)
    }

    #[test]
    fn the_signature_comes_last_and_is_132_bytes() {
        let coding = Coding::for_profile(&egs());
        let dids: Vec<_> = coding.entries.iter().map(|(did, _)| *did).collect();
        assert_eq!(dids, [0x3000, 0x3001, 0x3002, 0x3003, 0x3004]);
        let (_, signature) = &coding.entries[4];
        assert_eq!((signature.len(), &signature[..4]), (132, &[0, 0, 0, 0x20][..]));
        assert_eq!(&coding.stamp, b"0000001");
    }

    #[test]
    fn every_item_and_the_checksum_make_it_ready_for_the_stamp() {
        let (profile, mut store) = uncoded();
        assert_eq!(store.state(), CodingState::Missing);
        for (did, data) in Coding::for_profile(&profile).entries {
            assert!(!store.check(&profile));
            assert_eq!(store.check_item(&profile, did, &data), Ok(()));
            store.write(did, &data);
            assert_eq!(store.state(), CodingState::Partial);
        }
        assert!(store.check(&profile));
        assert_eq!(store.seal, Seal::Checked);
        assert_eq!(store.software(&profile.coding), profile.coding.cafd);
    }

    #[test]
    fn a_wrong_signature_keeps_the_old_data() {
        let (profile, store) = uncoded();
        let coding = Coding::for_profile(&profile);
        let (did, signature) = &coding.entries[4];
        assert_eq!(store.check_item(&profile, *did, signature), Err(Nrc::RequestOutOfRange));
        assert_eq!(store.read(&profile.coding, *did), Some(vec![0xFF; 132]));
    }

    #[test]
    fn writing_an_item_again_breaks_the_seal() {
        let profile = egs();
        let mut store = CodingStore::new(&profile, Condition::Factory);
        assert_eq!(store.state(), CodingState::Complete);
        let mut data = profile.coding.items[&0x3000].clone();
        data[0] ^= 1;
        store.write(0x3000, &data);
        assert_eq!(store.state(), CodingState::Partial);
        assert!(!store.check(&profile));
    }

    #[test]
    fn items_of_the_wrong_length_or_class_are_refused() {
        let (profile, store) = uncoded();
        assert_eq!(store.check_item(&profile, 0x3000, &[1]), Err(Nrc::IncorrectLength));
        assert_eq!(store.check_item(&profile, 0x3003, &[8; 8]), Err(Nrc::RequestOutOfRange));
        assert_eq!(store.check_item(&profile, 0x3FFF, &[1]), Err(Nrc::RequestOutOfRange));
        assert_eq!(store.check_item(&profile, 0x3000, &[0xFF; 16]), Err(Nrc::RequestOutOfRange));
    }
}
