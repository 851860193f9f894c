//! What exists, for whoever checks a scenario.

use scenarios::Protocol;
use scenarios::catalogue::{Catalogue, EcuFacts, VehicleFacts};
use sim_ecus::EcuProfile;
use sim_gateway::{Protocols, VehicleProfile};

/// Bytes of a TransferData message that are not data: service identifier and counter.
const BLOCK_HEADER: u32 = 2;

/// Returns every shipped vehicle with its control units.
pub fn catalogue() -> Catalogue {
    let vehicles = VehicleProfile::names().map(|name| {
        let vehicle = VehicleProfile::named(name).expect("shipped vehicles are checked by a test");
        (name.to_owned(), facts(&vehicle))
    });
    Catalogue { vehicles: vehicles.collect() }
}

/// Returns the profile of a control unit of a shipped vehicle.
pub fn profile(unit: &str) -> EcuProfile {
    EcuProfile::named(unit).expect("vehicles name shipped control units")
}

fn facts(vehicle: &VehicleProfile) -> VehicleFacts {
    let mut protocols = in_order(vehicle.protocols);
    for other in in_order(vehicle.can_speak) {
        if !protocols.contains(&other) {
            protocols.push(other);
        }
    }
    let ecus = vehicle.units.iter().map(|unit| (unit.clone(), ecu_facts(&profile(unit))));
    VehicleFacts { protocols, ecus: ecus.collect() }
}

fn in_order(protocols: Protocols) -> Vec<Protocol> {
    match protocols {
        Protocols::Hsfz => vec![Protocol::Hsfz],
        Protocols::Doip => vec![Protocol::Doip],
        Protocols::Both => vec![Protocol::Hsfz, Protocol::Doip],
    }
}

fn ecu_facts(profile: &EcuProfile) -> EcuFacts {
    EcuFacts {
        address: profile.address,
        areas: profile.flash.blocks.iter().map(|block| u64::from(block.size)).collect(),
        block_bytes: u32::from(profile.flash.max_block_length).saturating_sub(BLOCK_HEADER),
        has_coding: !profile.coding.items.is_empty(),
        has_adaptations: profile.learned.is_some(),
    }
}
