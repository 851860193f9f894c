//! Running the checks in virtual time: against the plain wire, and against the reference bridge.

use std::collections::{BTreeMap, VecDeque};

use netem_rs::{Impairment, Link};
use node::{Duration, Frame, Instant, Node, PortInput, PortOutput, Seed};
use scenarios::BridgeSetup;
use scenarios::manifest::{Capability, Manifest};

use super::machine::{Checks, Deed, End, Options, Seen};
use super::row::Row;
use crate::world::{Bridge, MECHANIC_MAC, TECHNICIAN_MAC, Way};

/// What is between the two ports.
pub trait Between {
    /// Takes what is sent into a port, or the carrier that is shown to it.
    fn enter(&mut self, now: Instant, end: End, input: PortInput);
    /// Kills the relay, or starts it again.
    fn relay(&mut self, now: Instant, up: bool);
    /// Lets happen what is due.
    fn handle_timeout(&mut self, now: Instant);
    /// When something happens next.
    fn poll_timeout(&self) -> Option<Instant>;
    /// Takes what comes out of a port.
    fn poll(&mut self) -> Option<(End, PortInput)>;
    /// Takes what is carried between the sites, where there is anything.
    fn overheard(&mut self) -> Option<Frame> {
        None
    }
    /// Tells that it ended without being asked, once.
    fn ended(&mut self) -> Option<String> {
        None
    }
}

/// What can be examined in virtual time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Our own bridge: three hosts, two legs.
    Reference,
    /// The plain wire over the same legs.
    Wire,
}

/// Makes every check of one subject; the same rows for the same seed.
pub fn examine(subject: Subject, seed: Seed, idle: Duration) -> Vec<Row> {
    match subject {
        Subject::Reference => {
            run(&mut Reference::new(seed), options("reference", Some(true), idle))
        }
        Subject::Wire => run(&mut Wire::new(seed), options("wire", None, idle)),
    }
}

/// The options of a shipped bridge; it has a relay when told so.
pub(super) fn options(name: &str, relay: Option<bool>, idle: Duration) -> Options {
    let manifest = Manifest::named(name).expect("the bridge is shipped");
    let relay = relay.unwrap_or_else(|| manifest.claims(Capability::Relay));
    let claims = manifest.capabilities;
    let way = LEG * 2;
    Options { claims, mtu: 1500, relay, way, link: true, idle, excused: BTreeMap::new() }
}

/// Drives machine and subject until every check is made.
pub(super) fn run(between: &mut dyn Between, options: Options) -> Vec<Row> {
    let mut checks = Checks::new(options);
    let mut driver = Driver { now: Instant::ZERO, link: false };
    while !checks.is_done() {
        let next = [checks.poll_timeout(), between.poll_timeout()].into_iter().flatten().min();
        let Some(next) = next.filter(|at| *at < END) else {
            checks.give_up("time is up");
            break;
        };
        driver.now = next;
        between.handle_timeout(next);
        checks.handle_timeout(next);
        driver.exchange(&mut checks, between);
        if let Some(how) = between.ended() {
            checks.ended(next, &how);
        }
    }
    checks.rows().to_vec()
}

struct Driver {
    now: Instant,
    /// The carrier of the vehicle's port.
    link: bool,
}

impl Driver {
    /// Carries what either has to say to the other until both are silent.
    fn exchange(&mut self, checks: &mut Checks, between: &mut dyn Between) {
        let now = self.now;
        loop {
            if let Some(deed) = checks.poll_output() {
                self.perform(deed, between);
            } else if let Some((end, input)) = between.poll() {
                // A port without carrier hears nothing.
                let deaf = end == End::Vehicle && !self.link;
                if !(deaf && matches!(input, PortInput::Frame(_))) {
                    checks.handle_input(now, Seen { end, input });
                }
            } else if let Some(frame) = between.overheard() {
                checks.overhear(now, &frame);
            } else {
                return;
            }
        }
    }

    fn perform(&mut self, deed: Deed, between: &mut dyn Between) {
        match deed {
            Deed::Send(End::Vehicle, _) if !self.link => {}
            Deed::Send(end, frame) => between.enter(self.now, end, PortInput::Frame(frame)),
            Deed::Link(up) => {
                self.link = up;
                between.enter(self.now, End::Vehicle, PortInput::Link(up));
            }
            Deed::Relay(up) => between.relay(self.now, up),
        }
    }
}

/// A plain wire of the same length as the two legs together.
pub struct Wire {
    to_vehicle: Link<Frame>,
    to_technician: Link<Frame>,
    out: VecDeque<(End, PortInput)>,
}

impl Wire {
    /// Lays the wire.
    pub fn new(seed: Seed) -> Self {
        let way = leg(LEG * 2);
        Self {
            to_vehicle: Link::new(&way, seed.child("to-vehicle")),
            to_technician: Link::new(&way, seed.child("to-technician")),
            out: VecDeque::new(),
        }
    }
}

impl Between for Wire {
    fn enter(&mut self, now: Instant, end: End, input: PortInput) {
        match (end, input) {
            (End::Technician, PortInput::Frame(frame)) => {
                self.to_vehicle.push(now, frame);
            }
            (End::Vehicle, PortInput::Frame(frame)) => {
                self.to_technician.push(now, frame);
            }
            (end, link @ PortInput::Link(_)) => self.out.push_back((end.other(), link)),
        }
    }

    fn relay(&mut self, _: Instant, _: bool) {}

    fn handle_timeout(&mut self, now: Instant) {
        for (end, link) in
            [(End::Vehicle, &mut self.to_vehicle), (End::Technician, &mut self.to_technician)]
        {
            while let Some(frame) = due(link, now) {
                self.out.push_back((end, PortInput::Frame(frame)));
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let ways = [self.to_vehicle.poll_timeout(), self.to_technician.poll_timeout()];
        ways.into_iter().flatten().min()
    }

    fn poll(&mut self) -> Option<(End, PortInput)> {
        self.out.pop_front()
    }
}

/// The reference bridge: three hosts, and two legs of the internet between them.
pub struct Reference {
    bridge: Bridge,
    /// In the order of [`Way::ALL`].
    ways: [Link<Frame>; 4],
    out: VecDeque<(End, PortInput)>,
    /// What left either site.
    carried: VecDeque<Frame>,
}

impl Reference {
    /// Starts the three hosts.
    pub fn new(seed: Seed) -> Self {
        let way = leg(LEG);
        let ways = Way::ALL.map(|name| Link::new(&way, seed.child(name.name())));
        Self {
            bridge: Bridge::new(BridgeSetup::default(), seed),
            ways,
            out: VecDeque::new(),
            carried: VecDeque::new(),
        }
    }

    fn push(&mut self, now: Instant, way: Way, frame: Frame) {
        match way {
            Way::TechnicianUp | Way::MechanicUp => self.carried.push_back(frame.clone()),
            Way::TechnicianDown | Way::MechanicDown => {}
        }
        self.ways[way as usize].push(now, frame);
    }

    fn deliver(&mut self, now: Instant, way: Way, frame: Frame) {
        let input = PortInput::Frame(frame);
        match way {
            Way::TechnicianUp | Way::MechanicUp => {
                if let Some(relay) = &mut self.bridge.relay {
                    relay.handle_input(now, input);
                }
            }
            Way::TechnicianDown => self.bridge.technician.handle_input(now, input),
            Way::MechanicDown => self.bridge.mechanic.handle_input(now, input),
        }
        self.drain(now);
    }

    /// Takes what the three hosts have to say.
    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.bridge.technician.poll_output() {
            if let PortOutput::Frame(frame) = output {
                self.push(now, Way::TechnicianUp, frame);
            }
        }
        while let Some(output) = self.bridge.mechanic.poll_output() {
            if let PortOutput::Frame(frame) = output {
                self.push(now, Way::MechanicUp, frame);
            }
        }
        while let Some(output) = self.bridge.relay.as_mut().and_then(Node::poll_output) {
            let PortOutput::Frame(frame) = output else { continue };
            let target = frame.get(..6).unwrap_or_default();
            if target != MECHANIC_MAC {
                self.push(now, Way::TechnicianDown, frame.clone());
            }
            if target != TECHNICIAN_MAC {
                self.push(now, Way::MechanicDown, frame);
            }
        }
        while let Some(output) = self.bridge.technician.app_mut().poll_lan() {
            self.out.push_back((End::Technician, crossed(output)));
        }
        while let Some(output) = self.bridge.mechanic.app_mut().poll_lan() {
            self.out.push_back((End::Vehicle, crossed(output)));
        }
    }
}

impl Between for Reference {
    fn enter(&mut self, now: Instant, end: End, input: PortInput) {
        match end {
            End::Technician => {
                self.bridge.technician.with_app(now, |app| app.handle_lan(now, input));
            }
            End::Vehicle => {
                self.bridge.mechanic.with_app(now, |app| app.handle_lan(now, input));
            }
        }
        self.drain(now);
    }

    fn relay(&mut self, now: Instant, up: bool) {
        if up {
            self.bridge.start_relay(now);
            self.drain(now);
        } else {
            self.bridge.relay = None;
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        for way in Way::ALL {
            while let Some(frame) = due(&mut self.ways[way as usize], now) {
                self.deliver(now, way, frame);
            }
        }
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_due(self.bridge.technician.poll_timeout()) {
            self.bridge.technician.handle_timeout(now);
        }
        if let Some(relay) = &mut self.bridge.relay
            && is_due(relay.poll_timeout())
        {
            relay.handle_timeout(now);
        }
        if is_due(self.bridge.mechanic.poll_timeout()) {
            self.bridge.mechanic.handle_timeout(now);
        }
        self.drain(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let ways = self.ways.iter().filter_map(Node::poll_timeout);
        let relay = self.bridge.relay.as_ref().and_then(Node::poll_timeout);
        let ends = [self.bridge.technician.poll_timeout(), self.bridge.mechanic.poll_timeout()];
        ways.chain(relay).chain(ends.into_iter().flatten()).min()
    }

    fn poll(&mut self) -> Option<(End, PortInput)> {
        self.out.pop_front()
    }

    fn overheard(&mut self) -> Option<Frame> {
        self.carried.pop_front()
    }
}

fn crossed(output: PortOutput) -> PortInput {
    match output {
        PortOutput::Frame(frame) => PortInput::Frame(frame),
        PortOutput::Link(up) => PortInput::Link(up),
    }
}

fn due(link: &mut Link<Frame>, now: Instant) -> Option<Frame> {
    if link.poll_timeout().is_none_or(|at| at > now) {
        return None;
    }
    link.handle_timeout(now);
    link.poll_output()
}

fn leg(delay: Duration) -> Impairment {
    Impairment { delay: Some(delay.into()), ..Impairment::default() }
}

/// The delay of one direction of one leg.
const LEG: Duration = Duration::from_millis(10);
/// No run takes longer: a machine that never ends is a mistake of ours.
const END: Instant = Instant::from_secs(4 * 3600);
