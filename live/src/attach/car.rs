//! The vehicle of the command line, plugged in.

use std::time::Duration;

use node::{AddressPlan, Host, HostConfig, Instant, Node, TcpProfile};
use sim_gateway::{Gateway, VehicleEvent};
use sim_vci::{IcomConfig, Vci, VciEvent};

use super::{AttachOptions, Noted, Plug};
use crate::Note;
use crate::car::Car;

/// A vehicle whose doings at its sockets people watch, and what is plugged into it.
pub type NotedCar = Car<Noted<Gateway>>;

/// Builds the vehicle, and the VCI where one stands between it and the cable.
///
/// `mtu` is the largest IP packet of the port in bytes.
pub fn plugged(options: &AttachOptions, mtu: u16) -> NotedCar {
    let AttachOptions { vehicle, setup, address, plug, seed, .. } = options;
    let (vci, address) = match plug {
        Plug::EnetCable => (Vci::enet_cable(), *address),
        Plug::IcomNext => {
            let config =
                IcomConfig { workshop_address: *address, ..IcomConfig::new(seed.child("vci")) };
            (Vci::icom_next(config), AddressPlan::DhcpThenLinkLocal)
        }
    };
    let host = HostConfig {
        mac: vehicle.mac,
        address,
        tcp: TcpProfile::EMBEDDED,
        name: format!("DIAGADR10BMWVIN{}", vehicle.vin),
        mtu: usize::from(mtu.min(ETHERNET_MTU)),
        seed: seed.child("host/vehicle"),
    };
    let gateway = Gateway::new(vehicle, setup.clone(), seed.child("vehicle"));
    Car::new(Host::new(host, Noted::new(gateway)), vci, false)
}

impl NotedCar {
    /// Takes what happened at the vehicle's sockets since the last call.
    pub fn take_notes(&mut self) -> Vec<Note> {
        self.vehicle.app_mut().take_notes()
    }

    /// Takes the vehicle's next event.
    pub fn poll_event(&mut self) -> Option<VehicleEvent> {
        self.vehicle.app_mut().app_mut().poll_event()
    }

    /// Takes the next event of what is plugged in; a cable has none.
    pub fn poll_vci_event(&mut self) -> Option<VciEvent> {
        self.vci.poll_event()
    }

    /// Finishes every connection of the vehicle's, and brings what that takes to the far end of the
    /// cable: nobody waits for it any more.
    pub fn finish(&mut self, now: Instant) {
        self.with_vehicle(now, Noted::finish);
        let end = now + FAREWELL;
        while let Some(at) = self.on_the_cable().filter(|at| *at <= end) {
            self.handle_timeout(at);
        }
    }
}

/// The largest IP packet of plain Ethernet, in bytes.
const ETHERNET_MTU: u16 = 1500;
/// How long farewells may be on the cable.
const FAREWELL: Duration = Duration::from_millis(10);
