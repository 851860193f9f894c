//! Vehicles for tests: the shipped ones, as far as a scenario has to know them.

use std::collections::BTreeMap;

use crate::catalogue::{Catalogue, EcuFacts, VehicleFacts};
use crate::link::Protocol;

/// Returns a catalogue like the one of the shipped vehicles.
pub(crate) fn catalogue() -> Catalogue {
    let both = &[Protocol::Hsfz, Protocol::Doip][..];
    let vehicles = [
        ("f20", &both[..1], &UNITS[..4]),
        ("f30", &both[..1], UNITS),
        ("g05", both, UNITS),
        ("g30", both, UNITS),
        ("g70", &both[1..], &UNITS[..4]),
    ];
    Catalogue {
        vehicles: vehicles
            .into_iter()
            .map(|(name, protocols, units)| (name.to_owned(), vehicle(protocols, units)))
            .collect(),
    }
}

fn vehicle(protocols: &[Protocol], units: &[(&str, u8, &[u64])]) -> VehicleFacts {
    let ecus: BTreeMap<String, EcuFacts> = units
        .iter()
        .map(|(name, address, areas)| ((*name).to_owned(), ecu(*address, areas)))
        .collect();
    VehicleFacts { protocols: protocols.to_vec(), ecus }
}

fn ecu(address: u8, areas: &[u64]) -> EcuFacts {
    EcuFacts {
        address,
        areas: areas.to_vec(),
        block_bytes: 2_999,
        has_coding: true,
        has_adaptations: address == 0x18 || address == 0x12,
    }
}

/// Names, addresses and flash areas.
const UNITS: &[(&str, u8, &[u64])] = &[
    ("zgw", 0x10, &[0x17_0000, 0x1_0000]),
    ("bdc", 0x40, &[0x3_8000, 0x4_0000, 0x20_0000, 0x4_0000, 0x4_0000]),
    ("egs", 0x18, &[0xC_0000, 0xA_0000, 0xA_0000]),
    ("dme", 0x12, &[0x40_0000, 0x18_0000, 0x8_0000]),
    ("kafas", 0x5D, &[0x300_0000]),
];
