//! The control units behind the gateway: who is asked, who is due, whose answer goes where.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use node::{ConnectionId, Instant, Node, Seed};
use sim_ecus::profile::Span;
use sim_ecus::{Condition, Ecu, EcuEvent, EcuInput, EcuProfile, Partner, Request, Slot};
use wire::doip::LogicalAddress;
use wire::hsfz::Address;
use wire::uds::{self, Answer, Nrc};

use crate::functional::Functional;
use crate::identity;
use crate::setup::Setup;
use crate::vehicle::VehicleProfile;

/// Where answers to one tester go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// To a tester on an HSFZ connection.
    Hsfz { connection: ConnectionId, tester: Address },
    /// To a tester on a DoIP socket.
    Doip { connection: ConnectionId, tester: LogicalAddress },
}

/// An answer of one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnitAnswer {
    pub(crate) route: Route,
    pub(crate) source: Address,
    pub(crate) data: Bytes,
}

/// What is behind an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A control unit.
    Unit(usize),
    /// Something that never answers.
    Silent,
    /// Nothing.
    Unknown,
}

/// The control units of one vehicle.
#[derive(Debug)]
pub(crate) struct Units {
    units: Vec<Unit>,
    targets: [Target; 256],
    /// Which unit wants to be called when.
    due: BTreeSet<(Instant, usize)>,
    routes: BTreeMap<u64, Route>,
    next_channel: u64,
    answers: VecDeque<UnitAnswer>,
    events: VecDeque<(usize, EcuEvent)>,
    functional: Functional,
    waiting_limit: usize,
    patience: Duration,
    load: u32,
}

#[derive(Debug)]
struct Unit {
    ecu: Ecu,
    due: Option<Instant>,
    load: u32,
    /// When requests were taken that wait for their final answer.
    waiting: VecDeque<Instant>,
    /// Whether it said `78`: what it is asked meanwhile it answers at once or never.
    announced: bool,
}

impl Units {
    /// Makes the units of a vehicle.
    ///
    /// # Panics
    ///
    /// When a unit of the vehicle has no profile; reading a vehicle file makes sure of that.
    pub(crate) fn new(vehicle: &VehicleProfile, setup: &Setup, seed: Seed) -> Self {
        let profiles = identity::profiles(vehicle, setup);
        let mut units: Vec<_> =
            profiles.into_iter().map(|profile| Unit::new(profile, setup, seed)).collect();
        units.sort_by_key(|unit| unit.ecu.address());
        let mut targets = [Target::Unknown; 256];
        for address in &vehicle.silent {
            targets[usize::from(*address)] = Target::Silent;
        }
        for (index, unit) in units.iter().enumerate() {
            targets[usize::from(unit.ecu.address().0)] = Target::Unit(index);
        }
        let load = units.iter().map(|unit| unit.load).sum();
        let mut units = Self {
            units,
            targets,
            due: BTreeSet::new(),
            routes: BTreeMap::new(),
            next_channel: 0,
            answers: VecDeque::new(),
            events: VecDeque::new(),
            functional: Functional::new(vehicle.limits.functional, vehicle.limits.patience),
            waiting_limit: vehicle.limits.waiting,
            patience: vehicle.limits.patience,
            load,
        };
        units.introduce(vehicle, setup);
        (0..units.units.len()).for_each(|index| units.settle(index));
        units
    }

    /// Tells the body controller who stands at the other ends of its pairing slots.
    fn introduce(&mut self, vehicle: &VehicleProfile, setup: &Setup) {
        let Some(body) = vehicle.housing.as_deref().and_then(|name| self.index(name)) else {
            return;
        };
        for (slot, name) in [(Slot::Dme, "dme"), (Slot::Egs, "egs")] {
            let condition = setup.conditions.get(name).copied().unwrap_or_default();
            let partner = match (self.index(name), condition) {
                (None, _) => Partner::Absent,
                (Some(_), Condition::Used) => Partner::Foreign,
                (Some(_), _) => Partner::Fitting,
            };
            self.tell(Instant::ZERO, body, EcuInput::Partner { slot, partner });
        }
    }

    /// Opens the way of answers to a tester, and returns the channel that names it.
    pub(crate) fn open(&mut self, route: Route) -> u64 {
        let channel = self.next_channel;
        self.next_channel += 1;
        self.routes.insert(channel, route);
        channel
    }

    /// Closes a channel; answers still under way on it are dropped.
    pub(crate) fn close(&mut self, now: Instant, channel: u64) {
        if let Some(gone) = self.routes.remove(&channel) {
            self.functional.close(channel);
            // A unit may have answered at once what came with the bytes that end the connection.
            self.answers.retain(|answer| answer.route != gone);
            self.tell_all(now, &EcuInput::ChannelGone(channel));
        }
    }

    /// Returns what is behind an address.
    pub(crate) fn target(&self, address: u8) -> Target {
        self.targets[usize::from(address)]
    }

    /// Returns whether a unit's queue has room for one more request; nothing waits for a unit that
    /// works on none, such as one that restarts.
    pub(crate) fn has_room(&mut self, now: Instant, unit: usize) -> bool {
        let Unit { ecu, waiting, .. } = &mut self.units[unit];
        forget(waiting, now, self.patience);
        if waiting.len() >= self.waiting_limit && !ecu.is_working() {
            waiting.clear();
        }
        waiting.len() < self.waiting_limit
    }

    /// Returns whether one more functional request can be taken.
    pub(crate) fn has_functional_room(&mut self, now: Instant) -> bool {
        self.functional.has_room(now)
    }

    /// Hands a request to one unit.
    pub(crate) fn request(&mut self, now: Instant, channel: u64, unit: usize, data: Bytes) {
        if expects_answer(&data) {
            self.units[unit].waiting.push_back(now);
        }
        let request = Request { channel, functional: false, data };
        self.tell(now, unit, EcuInput::Request(request));
    }

    /// Hands a request to every unit.
    pub(crate) fn request_all(&mut self, now: Instant, channel: u64, data: Bytes) {
        if expects_answer(&data) {
            let units = self.units.iter().enumerate();
            let owing = units.filter(|(_, unit)| !unit.announced).map(|(index, _)| index);
            self.functional.ask(now, channel, owing.collect());
        }
        self.tell_all(now, &EcuInput::Request(Request { channel, functional: true, data }));
    }

    /// Tells every unit the same.
    pub(crate) fn tell_all(&mut self, now: Instant, input: &EcuInput) {
        for unit in 0..self.units.len() {
            self.tell(now, unit, input.clone());
        }
    }

    /// Tells one unit something; answers and events wait to be polled.
    pub(crate) fn tell(&mut self, now: Instant, unit: usize, input: EcuInput) {
        self.units[unit].ecu.handle_input(now, input);
        self.settle(unit);
    }

    /// Lets every unit that is due act.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, unit)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.units[unit].ecu.handle_timeout(now);
            self.settle(unit);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes the next answer that still has somewhere to go.
    pub(crate) fn poll_answer(&mut self) -> Option<UnitAnswer> {
        self.answers.pop_front()
    }

    /// Takes the next event, with the number of its unit.
    pub(crate) fn poll_event(&mut self) -> Option<(usize, EcuEvent)> {
        self.events.pop_front()
    }

    /// Returns what all units draw together, in milliamperes.
    pub(crate) fn load(&self) -> u32 {
        self.load
    }

    pub(crate) fn ecu(&self, unit: usize) -> &Ecu {
        &self.units[unit].ecu
    }

    pub(crate) fn ecus(&self) -> impl Iterator<Item = &Ecu> {
        self.units.iter().map(|unit| &unit.ecu)
    }

    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.units.iter().position(|unit| unit.ecu.name() == name)
    }

    /// Takes from a unit what it has to say, and notes when it is due and what it draws.
    fn settle(&mut self, index: usize) {
        let unit = &mut self.units[index];
        while let Some(response) = unit.ecu.poll_output() {
            match uds::classify(&response.data) {
                Answer::Pending { .. } => unit.announced = true,
                Answer::Negative { nrc: Nrc::BusyRepeatRequest, .. } => {
                    unit.waiting.pop_front();
                    if !unit.announced {
                        self.functional.refused(index, response.channel);
                    }
                }
                Answer::Positive { .. } | Answer::Negative { .. } | Answer::Malformed => {
                    unit.waiting.pop_front();
                    unit.announced = false;
                    self.functional.answered(index, response.channel);
                }
            }
            if let Some(route) = self.routes.get(&response.channel) {
                let (source, data) = (unit.ecu.address(), response.data);
                self.answers.push_back(UnitAnswer { route: *route, source, data });
            }
        }
        while let Some(event) = unit.ecu.poll_event() {
            self.events.push_back((index, event));
        }
        if !unit.ecu.is_working() {
            unit.announced = false;
            self.functional.idle(index);
        }
        let due = unit.ecu.poll_timeout();
        if due != unit.due {
            self.due.extend(due.map(|at| (at, index)));
            if let Some(before) = std::mem::replace(&mut unit.due, due) {
                self.due.remove(&(before, index));
            }
        }
        let load = unit.ecu.load_milliamps();
        self.load = self.load - unit.load + load;
        unit.load = load;
    }
}

impl Unit {
    fn new(mut profile: EcuProfile, setup: &Setup, seed: Seed) -> Self {
        if let Some(factor) = setup.erase_factor {
            profile.timing.factor = factor;
        }
        let condition = setup.conditions.get(&profile.name).copied().unwrap_or_default();
        if setup.immediate {
            let none = Span { low: Duration::ZERO, high: Duration::ZERO };
            (profile.timing.latency, profile.timing.functional_latency) = (none, none);
        }
        let ecu = Ecu::new(&profile, condition, seed.child("ecu").child(&profile.name));
        let load = ecu.load_milliamps();
        Self { ecu, due: None, load, waiting: VecDeque::new(), announced: false }
    }
}

fn forget(waiting: &mut VecDeque<Instant>, now: Instant, patience: Duration) {
    while waiting.front().is_some_and(|since| *since + patience <= now) {
        waiting.pop_front();
    }
}

fn expects_answer(data: &[u8]) -> bool {
    match *data {
        [sid, sub, ..] => !(uds::service::has_sub_function(sid) && sub & 0x80 != 0),
        [_] => true,
        [] => false,
    }
}
