//! What control units know of the vehicle they stand in: its VIN, and the gateway also its MAC
//! address and who is installed (`uds-and-bmw-ecus.md` §4).

use std::collections::BTreeSet;

use sim_ecus::EcuProfile;
use sim_ecus::profile::Bus;

use crate::setup::Setup;
use crate::vehicle::VehicleProfile;

/// Data identifiers of the gateway that describe the vehicle.
mod did {
    pub(super) const MAC: u16 = 0x172B;
    pub(super) const ROUTING_TABLE: u16 = 0x2509;
    pub(super) const SVT_ACTUAL: u16 = 0x3F00;
    pub(super) const SVT_TARGET: u16 = 0x3F01;
    pub(super) const INSTALLED: u16 = 0x3F07;
    pub(super) const ANSWERING: u16 = 0x3F08;
    pub(super) const CODABLE: u16 = 0x3F0C;
    pub(super) const FLASHABLE: u16 = 0x3F0D;
    pub(super) const UDS: u16 = 0x3F15;
}

/// The lists of what hangs on one bus; what is asleep has no profile that tells its bus.
const BUSES: [(u16, Bus); 7] = [
    (0x3F0E, Bus::KCan),
    (0x3F0F, Bus::BodyCan),
    (0x3F11, Bus::Most),
    (0x3F12, Bus::FaCan),
    (0x3F13, Bus::Flexray),
    (0x3F17, Bus::Ethernet),
    (0x3F24, Bus::Ethernet),
];

/// Returns the profiles of a vehicle's units, which describe that vehicle.
///
/// # Panics
///
/// When a unit of the vehicle has no profile; reading a vehicle file makes sure of that.
pub(crate) fn profiles(vehicle: &VehicleProfile, setup: &Setup) -> Vec<EcuProfile> {
    let mut profiles: Vec<_> = vehicle.units.iter().map(|name| profile(name, setup)).collect();
    let told = description(vehicle, &profiles);
    for profile in &mut profiles {
        vehicle.vin.clone_into(&mut profile.vin);
        if profile.name == vehicle.gateway {
            for (did, content) in &told {
                profile.data.entry(*did).or_insert_with(|| content.clone());
            }
        }
    }
    profiles
}

fn profile(name: &str, setup: &Setup) -> EcuProfile {
    let given = setup.profiles.get(name).cloned();
    given.or_else(|| EcuProfile::named(name)).expect("every unit of a vehicle has a profile")
}

/// Returns what the gateway says of the vehicle, unless its profile says otherwise.
fn description(vehicle: &VehicleProfile, profiles: &[EcuProfile]) -> Vec<(u16, Vec<u8>)> {
    let answering: BTreeSet<u8> = profiles.iter().map(|profile| profile.address).collect();
    let mut installed = answering.clone();
    installed.extend(&vehicle.silent);
    let whole = [
        (did::MAC, vehicle.mac.to_vec()),
        (did::SVT_ACTUAL, count(&answering).to_vec()),
        (did::SVT_TARGET, count(&installed).to_vec()),
        (did::ANSWERING, list(&answering)),
        (did::ROUTING_TABLE, list(&installed)),
        (did::INSTALLED, list(&installed)),
        (did::CODABLE, list(&installed)),
        (did::FLASHABLE, list(&installed)),
        (did::UDS, list(&installed)),
    ];
    let buses = BUSES.map(|(did, bus)| {
        let there = profiles.iter().filter(|profile| profile.bus == Some(bus));
        (did, list(&there.map(|profile| profile.address).collect()))
    });
    whole.into_iter().chain(buses).collect()
}

/// A count of two bytes, then the addresses.
fn list(addresses: &BTreeSet<u8>) -> Vec<u8> {
    count(addresses).into_iter().chain(addresses.iter().copied()).collect()
}

fn count(addresses: &BTreeSet<u8>) -> [u8; 2] {
    u16::try_from(addresses.len()).expect("a byte has 256 values").to_be_bytes()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rstest::rstest;

    use super::*;
    use crate::bench::{Bench, Out};
    use node::SocketAction;

    /// A car that is no shipped one: another VIN, another MAC address.
    fn another(vehicle: &mut VehicleProfile) {
        vehicle.vin = "WBASMTEST00000009".to_owned();
        vehicle.mac = [0x02, 0, 0, 0xBC, 0, 0x09];
    }

    fn ask(bench: &mut Bench, target: u8, request: &str) -> String {
        let connection = bench.connect(wire::hsfz::DIAGNOSTIC_PORT);
        let length = 2 + request.split(' ').count();
        let mut out =
            bench.send(connection, &format!("{length:08X} 0001 F4 {target:02X} {request}"));
        out.extend(bench.wait(std::time::Duration::from_millis(500)));
        let answers = bench.answers(&out);
        bench.close(connection);
        let [(_, answer)] = &answers[..] else { panic!("{request}: {answers:?}") };
        answer[16..].to_owned()
    }

    fn datagrams(out: &[Out]) -> Vec<Bytes> {
        let mut sent = Vec::new();
        for Out { action, .. } in out {
            if let SocketAction::SendTo { data, .. } = action {
                sent.push(data.clone());
            }
        }
        sent
    }

    #[test]
    fn announcement_vin_and_mac_describe_one_car() {
        let mut bench = Bench::new(another);
        let mut told = bench.datagram(wire::hsfz::CONTROL_PORT, "00000000 0011");
        told.extend(bench.wait(std::time::Duration::from_millis(500)));
        let [announced] = &datagrams(&told)[..] else { panic!("one announcement") };
        let text = b"BMWMAC020000BC0009BMWVINWBASMTEST00000009";
        assert!(announced.ends_with(text), "{announced:?}");
        assert_eq!(ask(&mut bench, 0x10, "22 17 2B"), "62172B020000BC0009");
        let vin: String = b"WBASMTEST00000009".iter().map(|byte| format!("{byte:02X}")).collect();
        for unit in [0x10, 0x12, 0x18, 0x40, 0x5D] {
            assert_eq!(ask(&mut bench, unit, "22 F1 90"), format!("62F190{vin}"));
        }
    }

    #[rstest]
    #[case::g05("g05", "0005 10 12 18 40 5D")]
    #[case::f20("f20", "0004 10 12 18 40")]
    #[case::g70("g70", "0004 10 12 18 40")]
    #[case::two_asleep("g30", "0007 10 12 18 40 5D 60 63")]
    fn installed_is_what_the_vehicle_file_names(#[case] name: &str, #[case] list: &str) {
        let list = list.replace(' ', "");
        let mut bench = Bench::new(|vehicle| {
            *vehicle = VehicleProfile::named(name).expect("it ships");
            vehicle.protocols = crate::Protocols::Both;
        });
        for did in ["3F07", "3F0C", "3F0D", "3F15", "2509"] {
            let request = format!("22 {} {}", &did[..2], &did[2..]);
            assert_eq!(ask(&mut bench, 0x10, &request), format!("62{did}{list}"));
        }
        assert_eq!(ask(&mut bench, 0x10, "31 01 10 11"), format!("71011011{list}"));
    }

    #[rstest]
    #[case::asleep("g30", 0x3F08, "00 05 10 12 18 40 5D")]
    #[case::actual("g30", 0x3F00, "00 05")]
    #[case::target("g30", 0x3F01, "00 07")]
    #[case::no_camera("f20", 0x3F13, "00 01 18")]
    #[case::camera("g30", 0x3F13, "00 02 18 5D")]
    #[case::k_can("g05", 0x3F0E, "00 01 40")]
    #[case::fa_can("g05", 0x3F12, "00 01 12")]
    #[case::ethernet("g05", 0x3F24, "00 01 10")]
    #[case::nothing("g05", 0x3F11, "00 00")]
    fn a_filtered_list_holds_what_fits(#[case] name: &str, #[case] did: u16, #[case] bytes: &str) {
        let vehicle = VehicleProfile::named(name).expect("it ships");
        let profiles = profiles(&vehicle, &Setup::default());
        let zgw = profiles.iter().find(|profile| profile.name == "zgw").expect("it has one");
        let told: Vec<_> = zgw.data[&did].iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(told.join(" "), bytes);
    }

    #[test]
    fn bytes_of_a_profile_are_kept_and_only_the_gateway_is_told() {
        let vehicle = VehicleProfile::named("f20").expect("it ships");
        let mut zgw = EcuProfile::named("zgw").expect("it ships");
        zgw.data.insert(did::INSTALLED, vec![0x00, 0x01, 0x5D]);
        let given = Setup { profiles: [("zgw".to_owned(), zgw)].into(), ..Setup::default() };
        for profile in profiles(&vehicle, &given) {
            let kept = (profile.name == "zgw").then(|| vec![0x00, 0x01, 0x5D]);
            assert_eq!(profile.data.get(&did::INSTALLED), kept.as_ref(), "{}", profile.name);
        }
    }
}
