//! The reference bridge: three hosts on the internet.

use std::net::{Ipv4Addr, SocketAddrV4};

use bridge::config::RELAY_PORT;
use bridge::guard::GuardMode;
use bridge::{EndpointConfig, Mechanic, OrderNumber, Relay, RelayConfig, Secret, Technician};
use node::{AddressPlan, Host, HostConfig, Instant, Node, PortInput, Seed, TcpProfile};
use scenarios::{BridgeSetup, Carry, Guard};

/// Hardware address of the technician's port on the internet.
pub const TECHNICIAN_MAC: [u8; 6] = [0x02, 0, 0, 0xBC, 0x01, 0x01];
/// Hardware address of the relay.
pub const RELAY_MAC: [u8; 6] = [0x02, 0, 0, 0xBC, 0x01, 0x02];
/// Hardware address of the mechanic's port on the internet.
pub const MECHANIC_MAC: [u8; 6] = [0x02, 0, 0, 0xBC, 0x01, 0x03];

const RELAY_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const TECHNICIAN_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const MECHANIC_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 3);
const PREFIX: u8 = 24;
const MTU: usize = 1500;
/// The order of every run; nobody else is on this internet.
const ORDER: u64 = 1;
const PASSCODE: &str = "bench";

/// The three roles of the bridge, each on its own host.
pub struct Bridge {
    /// Beside the tester.
    pub technician: Host<Technician>,
    /// Somewhere on the internet; `None` while it is dead.
    pub relay: Option<Host<Relay>>,
    /// Beside the vehicle.
    pub mechanic: Host<Mechanic>,
    seed: Seed,
}

impl Bridge {
    /// Starts all three, set as the scenario says.
    pub fn new(setup: BridgeSetup, seed: Seed) -> Self {
        let seed = seed.child("bridge");
        let relay = SocketAddrV4::new(RELAY_ADDRESS, RELAY_PORT);
        let config = || config(relay, setup);
        let secret = |role| Secret::of_virtual_time(seed.child(role));
        let technician = Technician::new(config(), &secret("technician"));
        let mechanic = Mechanic::new(config(), &secret("mechanic"));
        let mut bridge = Self {
            technician: Host::new(
                host("technician", TECHNICIAN_MAC, TECHNICIAN_ADDRESS, seed),
                technician,
            ),
            relay: None,
            mechanic: Host::new(host("mechanic", MECHANIC_MAC, MECHANIC_ADDRESS, seed), mechanic),
            seed,
        };
        bridge.technician.handle_input(Instant::ZERO, PortInput::Link(true));
        bridge.mechanic.handle_input(Instant::ZERO, PortInput::Link(true));
        bridge.start_relay(Instant::ZERO);
        bridge
    }

    /// Starts the relay, which knows nothing of orders it may have had in an earlier life.
    pub fn start_relay(&mut self, now: Instant) {
        let life = self.seed.child(&format!("relay/{}", now.as_nanos()));
        let app = Relay::new(RelayConfig::default(), &Secret::of_virtual_time(life));
        let mut relay = Host::new(host("relay", RELAY_MAC, RELAY_ADDRESS, life), app);
        relay.handle_input(now, PortInput::Link(true));
        self.relay = Some(relay);
    }
}

/// Makes the configuration of an endpoint; the limits of the guard are the published ones.
fn config(relay: SocketAddrV4, setup: BridgeSetup) -> EndpointConfig {
    let mut config = EndpointConfig::new(relay, OrderNumber(ORDER), PASSCODE);
    config.carry = match setup.carry {
        Carry::Datagram => bridge::Carry::Datagram,
        Carry::Stream => bridge::Carry::Stream,
    };
    config.guard.mode = match setup.guard {
        Guard::Off => GuardMode::Off,
        Guard::Advise => GuardMode::Advise,
        Guard::Enforce => GuardMode::Enforce,
    };
    if setup.guard != Guard::Enforce {
        // Nothing follows from the judgement: an idle line costs nothing to simulate.
        config.guard.spacing = None;
    }
    config
}

fn host(name: &str, mac: [u8; 6], address: Ipv4Addr, seed: Seed) -> HostConfig {
    HostConfig {
        mac,
        address: AddressPlan::Static { address, prefix: PREFIX, router: None },
        tcp: TcpProfile::LINUX,
        name: name.to_owned(),
        mtu: MTU,
        seed: seed.child(&format!("host/{name}")),
    }
}
