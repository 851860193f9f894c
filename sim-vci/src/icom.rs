//! An ICOM Next: a host on the workshop's network, a host on the car's, and firmware between them.
//!
//! * [`config`]: what it can be told.
//! * `firmware`: what it does with its two ports, above TCP/IP.
//! * `session`, `framing`: one tester's connection and its way to the car.
//! * `search`: whether the car is there, and who it is.
//! * `dhcp`, `slp`: the services it offers to the car and to the workshop.
//!
//! Deliberately absent: TLS (50163), NMP/RPLUS (6801), reservation by HTTP.

pub mod config;
mod dhcp;
mod firmware;
mod framing;
mod search;
mod session;
mod slp;
mod sockets;
#[cfg(test)]
mod tests;

use node::host::{Host, HostConfig, TcpProfile};
use node::{AddressPlan, Instant, Node, PortInput, PortOutput};

use crate::event::VciEvent;
use crate::vci::Side;
use config::IcomConfig;
use firmware::Firmware;
use sockets::Sockets;

/// An ICOM Next.
pub struct Icom {
    firmware: Firmware,
    workshop: Host<Sockets>,
    car: Host<Sockets>,
}

impl Icom {
    /// Makes an ICOM that has just been powered up.
    pub fn new(config: IcomConfig) -> Self {
        let host = |name: &str, mac, address| {
            let config = HostConfig {
                mac,
                address,
                tcp: TcpProfile::LINUX,
                name: String::new(),
                mtu: 1500,
                seed: config.seed.child(name),
            };
            Host::new(config, Sockets::default())
        };
        let car_side = AddressPlan::Static { address: config.car_side, prefix: 24, router: None };
        let mut icom = Self {
            workshop: host("icom/workshop", config.workshop_mac, config.workshop_address),
            car: host("icom/car", config.car_mac, car_side),
            firmware: Firmware::new(config),
        };
        icom.settle(Instant::ZERO);
        icom
    }

    /// Takes the next event, oldest first.
    pub fn poll_event(&mut self) -> Option<VciEvent> {
        self.firmware.poll_event()
    }

    /// Tells the voltages at the OBD socket, in millivolts.
    pub fn set_voltages(&mut self, terminal_15: u32, terminal_30: u32) {
        self.firmware.set_voltages(terminal_15, terminal_30);
    }

    /// Repeats until neither host has heard anything and the firmware asks nothing.
    fn settle(&mut self, now: Instant) {
        loop {
            let mut quiet = true;
            for side in [Side::Workshop, Side::Car] {
                while let Some(event) = self.host(side).app_mut().take_event() {
                    self.firmware.handle_input(now, (side, event));
                }
            }
            while let Some((side, action)) = self.firmware.poll_output() {
                quiet = false;
                self.host(side).app_mut().ask(action);
            }
            if quiet {
                return;
            }
            for side in [Side::Workshop, Side::Car] {
                if self.host(side).app().is_asking() {
                    self.host(side).with_app(now, |_| ());
                }
            }
        }
    }

    fn host(&mut self, side: Side) -> &mut Host<Sockets> {
        match side {
            Side::Workshop => &mut self.workshop,
            Side::Car => &mut self.car,
        }
    }
}

impl Node for Icom {
    type In = (Side, PortInput);
    type Out = (Side, PortOutput);

    fn handle_input(&mut self, now: Instant, (side, input): Self::In) {
        self.host(side).handle_input(now, input);
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.workshop.handle_timeout(now);
        self.car.handle_timeout(now);
        self.firmware.handle_timeout(now);
        self.settle(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let hosts = [self.workshop.poll_timeout(), self.car.poll_timeout()];
        hosts.into_iter().flatten().chain(self.firmware.poll_timeout()).min()
    }

    fn poll_output(&mut self) -> Option<Self::Out> {
        let workshop = self.workshop.poll_output().map(|output| (Side::Workshop, output));
        workshop.or_else(|| self.car.poll_output().map(|output| (Side::Car, output)))
    }
}
