//! The vehicle, and what is plugged into it, as one machine with one port.

use std::collections::VecDeque;

use node::{AddressPlan, Host, HostConfig, Instant, Node, PortInput, PortOutput, TcpProfile};
use sim_gateway::{Gateway, VehicleEvent};
use sim_vci::{IcomConfig, Side, Vci};

use super::{AttachOptions, Noted, Plug};
use crate::Note;

/// A vehicle seen from the far end of what is plugged into it.
pub struct Car {
    vehicle: Host<Noted<Gateway>>,
    vci: Option<Vci>,
    output: VecDeque<PortOutput>,
}

/// Who an input is for.
enum Inside {
    Vehicle(PortInput),
    Vci(Side, PortInput),
}

impl Car {
    /// Builds the vehicle, and the VCI where one stands between it and the cable.
    ///
    /// `mtu` is the largest IP packet of the port in bytes.
    pub fn new(options: &AttachOptions, mtu: u16) -> Self {
        let AttachOptions { vehicle, setup, address, plug, seed, .. } = options;
        let (vci, address) = match plug {
            Plug::EnetCable => (None, *address),
            Plug::IcomNext => {
                let config =
                    IcomConfig { workshop_address: *address, ..IcomConfig::new(seed.child("vci")) };
                (Some(Vci::icom_next(config)), AddressPlan::DhcpThenLinkLocal)
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
        let vehicle = Host::new(host, Noted::new(gateway));
        let mut car = Self { vehicle, vci, output: VecDeque::new() };
        let mut inside = VecDeque::new();
        car.collect(&mut inside);
        car.pass(Instant::ZERO, inside);
        car
    }

    /// Returns the vehicle on its TCP/IP stack.
    pub fn vehicle(&self) -> &Host<Noted<Gateway>> {
        &self.vehicle
    }

    /// Takes what happened at the vehicle's sockets since the last call.
    pub fn take_notes(&mut self) -> Vec<Note> {
        self.vehicle.app_mut().take_notes()
    }

    /// Takes the vehicle's next event.
    pub fn poll_event(&mut self) -> Option<VehicleEvent> {
        self.vehicle.app_mut().app_mut().poll_event()
    }

    /// Takes the next event of what is plugged in; a cable has none.
    pub fn poll_vci_event(&mut self) -> Option<sim_vci::VciEvent> {
        self.vci.as_mut().and_then(Vci::poll_event)
    }

    /// Finishes every connection of the vehicle's.
    pub fn finish(&mut self, now: Instant) {
        self.vehicle.with_app(now, Noted::finish);
        let mut inside = VecDeque::new();
        self.collect(&mut inside);
        self.pass(now, inside);
    }

    /// Lets vehicle and VCI talk until neither has more to say.
    fn pass(&mut self, now: Instant, mut inside: VecDeque<Inside>) {
        while let Some(input) = inside.pop_front() {
            match (input, &mut self.vci) {
                (Inside::Vehicle(input), _) => self.vehicle.handle_input(now, input),
                (Inside::Vci(side, input), Some(vci)) => vci.handle_input(now, (side, input)),
                (Inside::Vci(..), None) => unreachable!("only a VCI is spoken to as one"),
            }
            self.collect(&mut inside);
        }
    }

    /// Takes what vehicle and VCI say: to each other, and to the cable.
    fn collect(&mut self, inside: &mut VecDeque<Inside>) {
        let Some(vci) = &mut self.vci else {
            while let Some(output) = self.vehicle.poll_output() {
                self.output.push_back(output);
            }
            return;
        };
        while let Some(output) = self.vehicle.poll_output() {
            inside.push_back(Inside::Vci(Side::Car, arriving(output)));
        }
        while let Some((side, output)) = vci.poll_output() {
            match side {
                Side::Car => inside.push_back(Inside::Vehicle(arriving(output))),
                Side::Workshop => self.output.push_back(output),
            }
        }
    }
}

impl Node for Car {
    type In = PortInput;
    type Out = PortOutput;

    fn handle_input(&mut self, now: Instant, input: PortInput) {
        let input = match self.vci {
            None => Inside::Vehicle(input),
            Some(_) => Inside::Vci(Side::Workshop, input),
        };
        self.pass(now, VecDeque::from([input]));
    }

    fn handle_timeout(&mut self, now: Instant) {
        let mut inside = VecDeque::new();
        self.vehicle.handle_timeout(now);
        self.collect(&mut inside);
        if let Some(vci) = &mut self.vci {
            vci.handle_timeout(now);
            self.collect(&mut inside);
        }
        self.pass(now, inside);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let vci = self.vci.as_ref().and_then(Vci::poll_timeout);
        self.vehicle.poll_timeout().into_iter().chain(vci).min()
    }

    fn poll_output(&mut self) -> Option<PortOutput> {
        self.output.pop_front()
    }
}

/// What leaves one end of a plug arrives at the other.
fn arriving(output: PortOutput) -> PortInput {
    match output {
        PortOutput::Frame(frame) => PortInput::Frame(frame),
        PortOutput::Link(up) => PortInput::Link(up),
    }
}

/// The largest IP packet of plain Ethernet, in bytes.
const ETHERNET_MTU: u16 = 1500;
