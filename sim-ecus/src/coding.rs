//! Coding: what a tester must write so that a control unit counts as coded
//! (`uds-and-bmw-ecus.md` §8).

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::profile::EcuProfile;
use crate::security::digest;

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
