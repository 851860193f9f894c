//! The vehicle at its Ethernet port: protocols, control units, resets and supply together.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use node::{Instant, Node, Seed, SocketAction, SocketEvent};
use sim_ecus::{Ecu, EcuEvent, EcuInput, ResetKind};
use tracing::{info, warn};
use wire::hsfz::Address;

use crate::desk::Desk;
use crate::doip::Doip;
use crate::event::{Fault, VehicleEvent};
use crate::hsfz::Hsfz;
use crate::outbox::Outbox;
use crate::port::Port;
use crate::reset::{ResetCause, ResetMachine, ResetPhase, ResetTimes, WhileStarting};
use crate::setup::Setup;
use crate::supply::Monitor;
use crate::units::{Route, Units};
use crate::vehicle::{Resets, VehicleProfile};

/// Events kept for a driver that does not ask for them; beyond it the oldest goes.
const EVENTS_MAX: usize = 1 << 16;

/// A vehicle: its gateway on the wire, its control units behind it.
#[derive(Debug)]
pub struct Gateway {
    units: Units,
    /// Which unit is the gateway, and which one houses it.
    gateway: usize,
    housing: Option<usize>,
    hsfz: Option<Hsfz>,
    doip: Option<Doip>,
    port: Port,
    reset: ResetMachine,
    times: Resets,
    resets: u32,
    supply: Monitor,
    brownout: u32,
    recovery: u32,
    out: Outbox,
    events: VecDeque<VehicleEvent>,
    deadline: Option<Instant>,
}

impl Gateway {
    /// Makes a vehicle that listens from the start; everything random in it is drawn from `seed`.
    ///
    /// # Panics
    ///
    /// When a unit of the vehicle has no profile; reading a vehicle file makes sure it has one.
    pub fn new(vehicle: &VehicleProfile, setup: Setup, seed: Seed) -> Self {
        let units = Units::new(vehicle, &setup, seed);
        let gateway = units.index(&vehicle.gateway).expect("the gateway is one of the units");
        let protocols = setup.protocols.unwrap_or(vehicle.protocols);
        let dialect = setup.dialect.unwrap_or_else(|| vehicle.dialect.clone());
        let ignition = setup.ignition.unwrap_or(vehicle.ignition);
        let supply = setup.supply.unwrap_or_else(|| vehicle.supply.clone());
        let address = units.ecu(gateway).address();
        let mut vehicle = Self {
            gateway,
            housing: vehicle.housing.as_deref().and_then(|name| units.index(name)),
            hsfz: protocols.hsfz().then(|| Hsfz::new(vehicle, dialect, ignition, seed)),
            doip: protocols.doip().then(|| Doip::new(vehicle, address, seed)),
            port: Port::new(),
            reset: ResetMachine::new(),
            times: vehicle.reset.clone(),
            resets: 0,
            supply: Monitor::new(supply, units.load()),
            brownout: vehicle.brownout,
            recovery: vehicle.recovery,
            out: Outbox::default(),
            events: VecDeque::new(),
            deadline: None,
            units,
        };
        vehicle.listen(true);
        vehicle.voltage_changed(Instant::ZERO, vehicle.supply.millivolts());
        vehicle.run(Instant::ZERO);
        vehicle
    }

    /// Lets something go wrong.
    pub fn handle_fault(&mut self, now: Instant, fault: Fault) {
        match fault {
            Fault::GatewayReset(change) => {
                let times = self.times.restart.with(&change);
                self.begin_reset(now, ResetCause::Fault, times);
            }
            Fault::Supply { battery, charger } => self.supply.set_sources(now, battery, charger),
            Fault::LinkDown(hold) => self.port.hold(now, hold),
            Fault::Ignition { on } => {
                if let Some(hsfz) = &mut self.hsfz {
                    hsfz.set_ignition(on);
                }
            }
            Fault::Ecu { name, fault } => {
                if let Some(unit) = self.units.index(&name) {
                    self.units.tell(now, unit, EcuInput::Fault(fault));
                }
            }
        }
        self.run(now);
    }

    /// Takes the next thing the world should know, oldest first.
    pub fn poll_event(&mut self) -> Option<VehicleEvent> {
        self.events.pop_front()
    }

    /// Returns the control units, by address.
    pub fn ecus(&self) -> impl Iterator<Item = &Ecu> {
        self.units.ecus()
    }

    /// Returns a control unit by its name, such as `egs`.
    pub fn ecu(&self, name: &str) -> Option<&Ecu> {
        self.units.index(name).map(|unit| self.units.ecu(unit))
    }

    /// Returns how often the gateway has reset; a held link is no reset.
    pub fn resets(&self) -> u32 {
        self.resets
    }

    /// Returns the voltage at the control units, in millivolts.
    pub fn voltage_millivolts(&self) -> u32 {
        self.supply.millivolts()
    }

    /// Returns what feeds the vehicle: battery and charger, in millivolts.
    pub fn sources(&self) -> (u32, Option<u32>) {
        self.supply.sources()
    }

    /// Returns the gateway's diagnostic address.
    pub fn address(&self) -> Address {
        self.units.ecu(self.gateway).address()
    }

    /// Lets everything that is due happen, until nothing is.
    fn run(&mut self, now: Instant) {
        loop {
            self.settle(now);
            self.supply.set_load(now, self.units.load());
            self.deadline = self.next_deadline();
            if self.deadline.is_none_or(|at| at > now) {
                return;
            }
            self.expire(now);
        }
    }

    fn expire(&mut self, now: Instant) {
        self.units.handle_timeout(now);
        let mut desk = Desk { now, units: &mut self.units, out: &mut self.out };
        if let Some(hsfz) = &mut self.hsfz {
            hsfz.handle_timeout(&mut desk);
        }
        if let Some(doip) = &mut self.doip {
            doip.handle_timeout(&mut desk);
        }
        if let Some(millivolts) = self.supply.handle_timeout(now) {
            self.voltage_changed(now, millivolts);
        }
        while let Some((cause, phase)) = self.reset.step(now) {
            self.enter(now, cause, phase);
        }
        if let Some(up) = self.port.handle_timeout(now, &mut self.out) {
            self.tell(VehicleEvent::Link { up });
        }
    }

    /// Passes on what the control units said.
    fn settle(&mut self, now: Instant) {
        while let Some(answer) = self.units.poll_answer() {
            match answer.route {
                Route::Hsfz { connection, tester } => {
                    Hsfz::answer(connection, tester, answer, &mut self.out);
                }
                Route::Doip { connection, tester } => {
                    let mut desk = Desk { now, units: &mut self.units, out: &mut self.out };
                    if let Some(doip) = &mut self.doip {
                        doip.answer(connection, tester, answer, &mut desk);
                    }
                }
            }
        }
        while let Some((unit, event)) = self.units.poll_event() {
            self.unit_event(now, unit, &event);
            let name = self.units.ecu(unit).name().to_owned();
            self.tell(VehicleEvent::Ecu { name, event });
        }
    }

    /// Does what an event inside a unit means for the gateway.
    fn unit_event(&mut self, now: Instant, unit: usize, event: &EcuEvent) {
        match event {
            EcuEvent::Restarting { kind, .. } => {
                if let Some((cause, times)) = self.reset_by(unit, *kind) {
                    self.begin_reset(now, cause, times);
                }
            }
            EcuEvent::SwitchHold { port: _, hold } if unit == self.gateway => {
                self.port.hold(now + self.times.restart.reply, *hold);
            }
            EcuEvent::Died if unit == self.gateway => {
                self.reset.die(now, self.times.restart.clone());
            }
            EcuEvent::SwitchHold { .. }
            | EcuEvent::Ledger(_)
            | EcuEvent::Running { .. }
            | EcuEvent::EnergyMode(_)
            | EcuEvent::Died => {}
        }
    }

    /// Returns whether the restart of a unit resets the gateway, and how.
    fn reset_by(&self, unit: usize, kind: ResetKind) -> Option<(ResetCause, ResetTimes)> {
        let restart = (ResetCause::Restart, self.times.restart.clone());
        let housing = (ResetCause::Housing, self.times.housing.clone());
        let is_gateway = unit == self.gateway;
        let is_housing = Some(unit) == self.housing;
        match kind {
            // The gateway has limits of its own.
            ResetKind::Brownout => None,
            ResetKind::IntoBootloader => {
                is_gateway.then(|| (ResetCause::Bootloader, self.times.bootloader.clone()))
            }
            _ if is_gateway => Some(restart),
            ResetKind::Hard | ResetKind::KeyOffOn | ResetKind::PowerCycle => {
                is_housing.then_some(housing)
            }
            ResetKind::Soft
            | ResetKind::PowerDown
            | ResetKind::OutOfBootloader
            | ResetKind::SessionTimeout
            | ResetKind::LowVoltage => None,
        }
    }

    /// Begins a reset; while one runs, only a fault begins another before the stack is back.
    fn begin_reset(&mut self, now: Instant, cause: ResetCause, times: ResetTimes) {
        let busy = !matches!(self.reset.phase(), ResetPhase::Ready | ResetPhase::Starting);
        if busy && cause != ResetCause::Fault {
            return;
        }
        if self.reset.begin(now, cause, times) {
            self.resets += 1;
        }
    }

    /// Does what a step of a reset means at the port.
    fn enter(&mut self, now: Instant, cause: ResetCause, phase: ResetPhase) {
        info!(%now, ?cause, ?phase, "gateway reset");
        self.tell(VehicleEvent::GatewayReset { cause, phase });
        let times = self.reset.times().cloned().unwrap_or_default();
        match phase {
            ResetPhase::Reply => {}
            ResetPhase::StackGone => self.stack_down(now, cause, &times),
            ResetPhase::LinkDown => {
                self.stack_down(now, cause, &times);
                self.link(false);
            }
            ResetPhase::Booting => self.link(true),
            ResetPhase::Starting => {
                self.port.stack_up(times.new_address, &mut self.out);
                if times.while_starting == WhileStarting::NotReady {
                    self.listen(false);
                }
            }
            ResetPhase::Ready => {
                if self.port.is_listening() {
                    self.serve();
                } else {
                    self.listen(true);
                }
                self.announce(now);
            }
        }
    }

    /// Takes the stack away, and with it what its own unit has in memory.
    fn stack_down(&mut self, now: Instant, cause: ResetCause, times: &ResetTimes) {
        let mut desk = Desk { now, units: &mut self.units, out: &mut self.out };
        if let Some(hsfz) = &mut self.hsfz {
            hsfz.stack_gone(&mut desk);
        }
        if let Some(doip) = &mut self.doip {
            doip.stack_gone(&mut desk);
        }
        let was_there = self.port.stack_down(times.stack, &mut self.out);
        self.units.tell(now, self.gateway, EcuInput::Reachable(false));
        let from_outside = matches!(cause, ResetCause::Fault | ResetCause::Housing);
        if was_there && from_outside && self.units.ecu(self.gateway).is_running() {
            let silent_for = times.total().saturating_sub(times.reply);
            self.units.tell(now, self.gateway, EcuInput::Restart { silent_for });
        }
    }

    fn tell(&mut self, event: VehicleEvent) {
        if self.events.len() >= EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn link(&mut self, up: bool) {
        if self.port.set_link(up, &mut self.out) {
            self.tell(VehicleEvent::Link { up });
        }
    }

    fn listen(&mut self, ready: bool) {
        if let Some(hsfz) = &mut self.hsfz {
            hsfz.listen(ready, &mut self.out);
        }
        if let Some(doip) = &mut self.doip {
            doip.listen(ready, &mut self.out);
        }
        self.port.set_listening();
    }

    fn serve(&mut self) {
        if let Some(hsfz) = &mut self.hsfz {
            hsfz.set_ready();
        }
        if let Some(doip) = &mut self.doip {
            doip.set_ready();
        }
    }

    /// Announces the vehicle when it has an address and listens.
    fn announce(&mut self, now: Instant) {
        if !self.port.can_announce() || self.reset.phase() == ResetPhase::Starting {
            return;
        }
        if let Some(hsfz) = &mut self.hsfz {
            hsfz.announce(now);
        }
        if let Some(doip) = &mut self.doip {
            doip.announce(now);
        }
    }

    /// Tells the units, and takes the gateway down or up when its own limits are crossed.
    fn voltage_changed(&mut self, now: Instant, millivolts: u32) {
        self.tell(VehicleEvent::Supply { millivolts });
        self.units.tell_all(now, &EcuInput::Supply { millivolts });
        if millivolts < self.brownout && !self.reset.is_dark() {
            warn!(%now, millivolts, "the gateway goes dark");
            self.resets += 1;
            self.reset.power_off(now, self.times.restart.clone());
        } else if millivolts >= self.recovery {
            self.reset.power_on(now);
        }
    }

    fn socket_event(&mut self, now: Instant, event: SocketEvent) {
        let mut desk = Desk { now, units: &mut self.units, out: &mut self.out };
        match event {
            SocketEvent::LinkUp => self.announce(now),
            SocketEvent::LinkDown | SocketEvent::Connected { .. } => {}
            SocketEvent::AddressAcquired { .. } => {
                self.port.set_address(true);
                self.units.tell(now, self.gateway, EcuInput::Reachable(true));
                self.announce(now);
            }
            SocketEvent::AddressLost => self.port.set_address(false),
            SocketEvent::Accepted { connection, local_port, .. } => {
                match (&mut self.hsfz, &mut self.doip) {
                    (Some(hsfz), _) if Hsfz::owns_port(local_port) => {
                        hsfz.accepted(connection, local_port, &mut desk);
                    }
                    (_, Some(doip)) if local_port == wire::doip::PORT => {
                        doip.accepted(connection, &mut desk);
                    }
                    (_, _) => self.out.push(SocketAction::Abort { connection }),
                }
            }
            SocketEvent::Received { connection, data } => {
                let hsfz = self.hsfz.as_mut();
                if hsfz.is_some_and(|hsfz| hsfz.received(connection, &data, &mut desk)) {
                    return;
                }
                if let Some(doip) = &mut self.doip {
                    doip.received(connection, &data, &mut desk);
                }
            }
            SocketEvent::Closed { connection, .. } => {
                if let Some(hsfz) = &mut self.hsfz {
                    hsfz.closed(connection, &mut desk);
                }
                if let Some(doip) = &mut self.doip {
                    doip.closed(connection, &mut desk);
                }
            }
            SocketEvent::Datagram { local_port, peer, data } => {
                match (&mut self.hsfz, &mut self.doip) {
                    (Some(hsfz), _) if local_port == wire::hsfz::CONTROL_PORT => {
                        hsfz.datagram(peer, &data, now);
                    }
                    (_, Some(doip)) if local_port == wire::doip::PORT => {
                        doip.datagram(peer, &data, now, &mut self.out);
                    }
                    (_, _) => {}
                }
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let hsfz = self.hsfz.as_ref().and_then(Hsfz::poll_timeout);
        let doip = self.doip.as_ref().and_then(Doip::poll_timeout);
        let others = [self.reset.poll_timeout(), self.supply.poll_timeout()];
        let port = self.port.poll_timeout();
        let all = [self.units.poll_timeout(), hsfz, doip, port].into_iter().chain(others);
        all.flatten().min()
    }
}

impl Node for Gateway {
    type In = SocketEvent;
    type Out = SocketAction;

    fn handle_input(&mut self, now: Instant, input: SocketEvent) {
        self.socket_event(now, input);
        self.run(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_some_and(|at| at <= now) {
            self.run(now);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    fn poll_output(&mut self) -> Option<SocketAction> {
        self.out.pop()
    }
}
