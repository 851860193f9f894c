//! A scenario made ready: everything that is the same for every seed.

use std::collections::BTreeMap;

use netem_rs::Impairment;
use node::{AddressPlan, Host, HostConfig, Instant, Seed, TcpProfile};
use scenarios::client::TcpStack;
use scenarios::tester::{Tester, TesterConfig};
use scenarios::{Interface, Protocol, Scenario};
use sim_ecus::Condition;
use sim_gateway::{Gateway, Protocols, Setup, VehicleProfile};
use sim_vci::{IcomConfig, Vci};

use crate::deeds::way;
use crate::faults::{Frames, Strike, frame_of};
use crate::goods::{Goods, goods};
use crate::world::{Bridge, Intervention, Parts, Taps, Wan, World};

const TESTER_MAC: [u8; 6] = [0x02, 0, 0, 0xBC, 0x02, 0x01];
/// Largest IP packet of the adapter the technician's endpoint gives the tester, so that its
/// frames fit one datagram each; a bare wire carries 1500.
const TUNNEL_MTU: usize = 1330;
const WIRE_MTU: usize = 1500;
const VEHICLE_MTU: usize = 1500;

/// A scenario, its vehicle, and what the tester carries: shared by all runs of the scenario.
pub struct Bench {
    scenario: Scenario,
    vehicle: VehicleProfile,
    goods: BTreeMap<String, Goods>,
}

impl Bench {
    /// Makes a checked scenario ready.
    pub fn new(scenario: Scenario) -> Self {
        let vehicle = VehicleProfile::named(&scenario.vehicle)
            .expect("a checked scenario names a shipped vehicle");
        let goods = goods(&vehicle.units, &scenario.steps);
        Self { scenario, vehicle, goods }
    }

    /// The scenario.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// What each control unit of the vehicle can be given.
    pub fn goods(&self) -> &BTreeMap<String, Goods> {
        &self.goods
    }

    /// Builds the world of one run.
    pub fn world(&self, seed: Seed, capturing: bool) -> World {
        let setup = self.scenario.bridge.setup();
        World::new(Parts {
            tester: self.tester_host(seed, setup.is_some()),
            bridge: setup.map(|setup| Bridge::new(setup, seed)),
            vci: self.vci(seed),
            vehicle: self.vehicle(seed),
            wan: self.wan(seed),
            taps: Taps::new(capturing),
        })
    }

    /// The TCP of the tester's computer: its retransmission floor decides what loss costs.
    pub fn tester_tcp(&self) -> TcpProfile {
        match self.scenario.tester.tcp {
            TcpStack::Linux => TcpProfile::LINUX,
            TcpStack::Windows => TcpProfile::WINDOWS,
            TcpStack::Embedded => TcpProfile::EMBEDDED,
        }
    }

    /// The tester's program.
    pub fn tester(&self, seed: Seed) -> Tester {
        let scenario = &self.scenario;
        let key = sim_ecus::security::placeholder_key;
        let mut config = TesterConfig::new(scenario.protocol, scenario.vci, &self.vehicle.vin, key);
        scenario.tester.apply_to(&mut config);
        config.backend = scenario.backend;
        config.expected_failures.clone_from(&scenario.expect.steps);
        config.ecus =
            self.goods.iter().map(|(name, goods)| (name.clone(), goods.tester.clone())).collect();
        Tester::new(config, scenario.steps.clone(), seed.child("tester"))
    }

    fn tester_host(&self, seed: Seed, bridged: bool) -> Host<Tester> {
        let host = HostConfig {
            mac: TESTER_MAC,
            address: AddressPlan::LinkLocal,
            tcp: self.tester_tcp(),
            name: "tester".to_owned(),
            mtu: if bridged { TUNNEL_MTU } else { WIRE_MTU },
            seed: seed.child("host/tester"),
        };
        Host::new(host, self.tester(seed))
    }

    /// What is plugged into the car.
    pub fn vci(&self, seed: Seed) -> Vci {
        match self.scenario.vci {
            Interface::EnetCable => Vci::enet_cable(),
            Interface::IcomNext => Vci::icom_next(IcomConfig::new(seed.child("vci"))),
        }
    }

    /// The car, on the TCP/IP of its gateway.
    pub fn vehicle(&self, seed: Seed) -> Host<Gateway> {
        let vehicle = &self.vehicle;
        let name = format!("DIAGADR10BMWVIN{}", vehicle.vin);
        let host = HostConfig {
            mac: vehicle.mac,
            address: AddressPlan::DhcpThenLinkLocal,
            tcp: TcpProfile::EMBEDDED,
            name,
            mtu: VEHICLE_MTU,
            seed: seed.child("host/vehicle"),
        };
        Host::new(host, Gateway::new(vehicle, self.setup(), seed.child("vehicle")))
    }

    fn setup(&self) -> Setup {
        let ecus = &self.scenario.ecus;
        let conditions =
            ecus.iter().map(|(name, ecu)| (name.clone(), condition(ecu.state))).collect();
        let profiles = self.goods.iter().map(|(name, goods)| {
            let mut profile = goods.profile.clone();
            if let Some(share) = ecus.get(name).and_then(|ecu| ecu.erase_factor) {
                profile.timing.factor = share.0;
            }
            (name.clone(), profile)
        });
        Setup {
            conditions,
            profiles: profiles.collect(),
            supply: Some(self.supply()),
            protocols: Some(match self.scenario.protocol {
                Protocol::Hsfz => Protocols::Hsfz,
                Protocol::Doip => Protocols::Doip,
            }),
            ..Setup::default()
        }
    }

    fn supply(&self) -> sim_gateway::Supply {
        let mut supply = self.vehicle.supply.clone();
        let said = &self.scenario.supply;
        if let Some(battery) = said.battery {
            supply.battery = battery.millivolts();
        }
        if let Some(charger) = said.charger {
            supply.charger = charger.millivolts();
        }
        if !said.curve.is_empty() {
            supply.curve =
                said.curve.iter().map(|point| (point.at.0, point.voltage.millivolts())).collect();
        }
        supply
    }

    /// What the network does at the beginning of a run, in the order of [`Way::ALL`].
    pub fn impairments(&self, seed: Seed) -> [Impairment; 4] {
        let network = &self.scenario.network;
        let technician = network.technician.impairments(seed, "network/technician");
        let mechanic = network.mechanic.impairments(seed, "network/mechanic");
        [technician.0, technician.1, mechanic.0, mechanic.1]
    }

    /// The internet, with what strikes frames by number.
    pub fn wan(&self, seed: Seed) -> Wan {
        let mut impairments = self.impairments(seed);
        let mut interventions = Vec::new();
        for frames in self.scenario.faults.iter().filter_map(frame_of) {
            let Frames { link, first, count, strike } = frames;
            let way = way(link);
            match strike {
                Strike::Drop => {
                    let list = impairments[way as usize].drop.get_or_insert_default();
                    list.extend(first..first.saturating_add(count.into()));
                }
                Strike::Damage => interventions.push((way, first, count, Intervention::Damage)),
                Strike::Duplicate => {
                    interventions.push((way, first, count, Intervention::Duplicate));
                }
            }
        }
        let [a, b, c, d] = &impairments;
        let mut wan = Wan::new([a, b, c, d], seed);
        for (way, first, count, what) in interventions {
            wan.intervene(way, first, count, what);
        }
        wan
    }
}

/// The time a world may take before it is given up: two days.
pub const TIME_LIMIT: Instant = Instant::from_secs(48 * 3600);

fn condition(condition: scenarios::ecu::Condition) -> Condition {
    match condition {
        scenarios::ecu::Condition::Factory => Condition::Factory,
        scenarios::ecu::Condition::Virgin => Condition::Virgin,
        scenarios::ecu::Condition::Uncoded => Condition::Uncoded,
        scenarios::ecu::Condition::HalfFlashed => Condition::HalfFlashed,
        scenarios::ecu::Condition::Used => Condition::Used,
    }
}
