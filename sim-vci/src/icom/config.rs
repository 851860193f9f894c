//! What an ICOM can be told.
//!
//! Ports, addresses and the SLP answer are documented; how an ICOM behaves towards a tester while
//! the car is away is not (`hsfz-and-doip.md` §25.10). Each field says which it is: C, 1 or I as
//! defined there.

use std::net::Ipv4Addr;
use std::time::Duration;

use node::{AddressPlan, Seed};

/// How an ICOM behaves.
#[derive(Clone, Debug)]
pub struct IcomConfig {
    /// Where randomness of its hosts comes from.
    pub seed: Seed,
    /// Hardware address of the workshop side.
    pub workshop_mac: [u8; 6],
    /// How the workshop side gets its address; DHCP or fixed on a real one (1).
    pub workshop_address: AddressPlan,
    /// Hardware address of the car side.
    pub car_mac: [u8; 6],
    /// Address of the car side, in a /24 (1: 192.168.11.1).
    pub car_side: Ipv4Addr,
    /// How many addresses above `.100` of that network may be leased (I).
    pub leases: u8,
    /// How long a lease lasts (I).
    pub lease_time: Duration,
    /// Ports relayed to the car (C; the second channel on 515xx is 1 and off by default).
    pub services: Vec<Service>,
    /// How many testers may be connected at once, over all ports (I).
    pub sessions: usize,
    /// What happens to messages that arrive while the car is away (I: silence).
    pub away: AwayPolicy,
    /// Bytes that may wait per tester: while connecting, and under [`AwayPolicy::Queue`] (I).
    pub queue_limit: usize,
    /// Longest message that is relayed, in bytes without header (I).
    pub message_limit: u32,
    /// Time between two identification requests to a car that does not answer; doubles (I).
    pub search_interval: Duration,
    /// Longest time between two identification requests (I).
    pub search_interval_max: Duration,
    /// How long the car may take to accept a connection (I).
    pub connect_timeout: Duration,
    /// How long the car may take to answer a repeated routing activation (C: 2 s).
    pub activation_timeout: Duration,
    /// How long a car that closed a connection may take to answer an identification request.
    ///
    /// One that answers has closed on purpose, and the tester is told; one that does not is
    /// resetting, and the tester's connection is kept (I).
    pub close_verdict: Duration,
    /// A car that announces itself this long after a connection was opened has restarted, even
    /// when its carrier was never seen to drop (I).
    pub stale_after: Duration,
    /// Serial number in the SLP answer; invented.
    pub serial: String,
    /// Voltages at the OBD socket when the ICOM is powered up, in millivolts: terminals 15, 30.
    pub voltages: (u32, u32),
}

/// A TCP port of the workshop side and the car's port behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// Where testers connect.
    pub port: u16,
    /// Where the car listens.
    pub car_port: u16,
    /// How messages are told apart.
    pub framing: Framing,
}

/// How messages on a connection are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// As HSFZ does.
    Hsfz,
    /// As DoIP does; routing activation is repeated to a car that comes back.
    Doip,
}

/// What happens to messages that arrive while the car is away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AwayPolicy {
    /// Nothing: the tester waits in vain.
    #[default]
    Drop,
    /// They wait for the car, up to the queue's limit.
    Queue,
}

impl Service {
    /// Diagnosis over HSFZ.
    pub const DIAGNOSIS: Self = Self { port: 50160, car_port: 6801, framing: Framing::Hsfz };
    /// Terminal 15 over HSFZ.
    pub const CONTROL: Self = Self { port: 50161, car_port: 6811, framing: Framing::Hsfz };
    /// DoIP.
    pub const DOIP: Self = Self { port: 50162, car_port: 13400, framing: Framing::Doip };
    /// The second channel of each, for programming.
    pub const PROGRAMMING: [Self; 3] = [
        Self { port: 51560, ..Self::DIAGNOSIS },
        Self { port: 51561, ..Self::CONTROL },
        Self { port: 51562, ..Self::DOIP },
    ];
}

impl IcomConfig {
    /// Makes a configuration with the defaults, link-local on the workshop side.
    pub fn new(seed: Seed) -> Self {
        Self {
            seed,
            workshop_mac: [0x02, 0x00, 0x00, 0x1C, 0x00, 0x01],
            workshop_address: AddressPlan::LinkLocal,
            car_mac: [0x02, 0x00, 0x00, 0x1C, 0x00, 0x02],
            car_side: Ipv4Addr::new(192, 168, 11, 1),
            leases: 16,
            lease_time: Duration::from_secs(86_400),
            services: vec![Service::DIAGNOSIS, Service::CONTROL, Service::DOIP],
            sessions: 8,
            away: AwayPolicy::Drop,
            queue_limit: 0x1_0000,
            message_limit: 0x10_0000,
            search_interval: Duration::from_millis(500),
            search_interval_max: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            activation_timeout: Duration::from_secs(2),
            close_verdict: Duration::from_secs(1),
            stale_after: Duration::from_secs(5),
            serial: "SIM0000001".to_owned(),
            voltages: (12_000, 12_000),
        }
    }
}
