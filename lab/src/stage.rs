//! What a run asks of the world it is played in, whichever clock drives it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use netem_rs::Impairment;
use node::Instant;
use record::{Engine, Timeliness};
use scenarios::tester::TesterEvent;
use sim_gateway::{Fault, Gateway, VehicleEvent};

use crate::world::{Met, Sighting, Way, World};

/// A world in which a run is played: [`World`] in virtual time, another one in real time.
///
/// Everything the run hears comes from the same machines, and everything it does to them goes
/// through here, so that one code judges both.
pub trait Stage {
    /// How often a watcher is asked whether to stop, in steps of this stage.
    const ASK_EVERY: u64;

    /// Which clock drives it.
    fn engine(&self) -> Engine;
    /// What a record's header says of this stage besides the scenario.
    fn facts(&self) -> BTreeMap<String, serde_json::Value>;
    /// The time it is.
    fn now(&self) -> Instant;
    /// When something happens next, as far as that is known.
    fn poll_timeout(&self) -> Option<Instant>;
    /// Goes on until `at`, or until something happened before.
    fn advance(&mut self, at: Instant);
    /// Carries out what was asked of a party, at the same instant.
    fn settle(&mut self);

    /// Takes the next thing the tester has to tell.
    fn poll_tester(&mut self) -> Option<TesterEvent>;
    /// Takes the next thing the vehicle has to tell.
    fn poll_vehicle(&mut self) -> Option<VehicleEvent>;
    /// Tells `hear` what those between have to say, and who says it.
    fn poll_between(&mut self, hear: &mut dyn FnMut(&str, &dyn Debug));
    /// Takes the next frame on the internet that was not plainly delivered.
    fn poll_fate(&mut self) -> Option<Met>;
    /// Takes the next frame seen at a tap.
    fn poll_sighting(&mut self) -> Option<Sighting>;

    /// The car as it is now.
    fn vehicle(&self) -> &Gateway;
    /// How many frames have entered one direction of the internet so far.
    fn entered(&self, way: Way) -> u64;
    /// How many frames have entered any link so far.
    fn frames(&self) -> u64;
    /// One number for everything that crossed a link; empty where chance is not all ours.
    fn digest(&self) -> String;

    /// Something goes wrong in the car.
    fn fault(&mut self, fault: Fault);
    /// The supply at the OBD socket changed.
    fn set_voltage(&mut self, millivolts: u32);
    /// Changes what `change` names in one direction of the internet, from now on.
    fn change(&mut self, way: Way, change: &Impairment);
    /// Loses everything that enters one direction from now on, for a while.
    fn black_out(&mut self, way: Way, lasts: Duration);
    /// Kills the tester's computer; it comes back after `restart`, if ever.
    fn crash_tester(&mut self, restart: Option<Duration>);
    /// Kills the relay's program.
    fn kill_relay(&mut self);
    /// Starts the relay's program again.
    fn start_relay(&mut self);

    /// The tester is done: nothing is left to hear but how the car comes to rest.
    fn leave_alone(&mut self) {}
    /// Why the run cannot go on, when it cannot.
    fn failure(&mut self) -> Option<String> {
        None
    }
    /// How well the machine kept up, where the clock is a real one; nothing more happens then.
    fn timeliness(&mut self) -> Option<Timeliness> {
        None
    }
    /// Why nothing can be said of the run, whatever came of it.
    fn void(&mut self) -> Option<String> {
        None
    }
}

impl Stage for World {
    const ASK_EVERY: u64 = 1024;

    fn engine(&self) -> Engine {
        Engine::Virtual
    }

    fn facts(&self) -> BTreeMap<String, serde_json::Value> {
        BTreeMap::new()
    }

    fn now(&self) -> Instant {
        World::now(self)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        World::poll_timeout(self)
    }

    fn advance(&mut self, at: Instant) {
        World::advance(self, at);
    }

    fn settle(&mut self) {
        World::settle(self);
    }

    fn poll_tester(&mut self) -> Option<TesterEvent> {
        self.tester.app_mut().poll_event()
    }

    fn poll_vehicle(&mut self) -> Option<VehicleEvent> {
        self.vehicle.app_mut().poll_event()
    }

    fn poll_between(&mut self, hear: &mut dyn FnMut(&str, &dyn Debug)) {
        while let Some(event) = self.vci.poll_event() {
            hear("vci", &event);
        }
        let Some(bridge) = &mut self.bridge else { return };
        while let Some(event) = bridge.technician.app_mut().poll_event() {
            hear("technician", &event);
        }
        while let Some(event) = bridge.mechanic.app_mut().poll_event() {
            hear("mechanic", &event);
        }
        let Some(relay) = &mut bridge.relay else { return };
        while let Some(event) = relay.app_mut().poll_event() {
            hear("relay", &event);
        }
    }

    fn poll_fate(&mut self) -> Option<Met> {
        self.taps.poll_fate()
    }

    fn poll_sighting(&mut self) -> Option<Sighting> {
        self.taps.poll_sighting()
    }

    fn vehicle(&self) -> &Gateway {
        self.vehicle.app()
    }

    fn entered(&self, way: Way) -> u64 {
        self.wan.entered(way)
    }

    fn frames(&self) -> u64 {
        self.taps.frames()
    }

    fn digest(&self) -> String {
        World::digest(self).to_string()
    }

    fn fault(&mut self, fault: Fault) {
        let now = World::now(self);
        self.vehicle.with_app(now, |vehicle| vehicle.handle_fault(now, fault));
    }

    fn set_voltage(&mut self, millivolts: u32) {
        self.vci.set_voltages(millivolts, millivolts);
    }

    fn change(&mut self, way: Way, change: &Impairment) {
        let now = World::now(self);
        self.wan.change(way, now, change);
    }

    fn black_out(&mut self, way: Way, lasts: Duration) {
        let now = World::now(self);
        self.wan.black_out(way, now, lasts);
    }

    fn crash_tester(&mut self, restart: Option<Duration>) {
        let now = World::now(self);
        self.tester.with_app(now, |tester| tester.crash(now, restart));
    }

    fn kill_relay(&mut self) {
        World::kill_relay(self);
    }

    fn start_relay(&mut self) {
        World::start_relay(self);
    }
}
