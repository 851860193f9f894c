//! Every party of a run and the wires between them.
//!
//! | file | holds |
//! |---|---|
//! | `bridge` | the reference bridge's three hosts |
//! | `cable` | 100BASE-TX between VCI and vehicle |
//! | `wan` | the two legs of the internet, each with two impaired directions |
//! | `taps` | where frames are counted, digested and captured |
//!
//! One thread, one clock: [`World::advance`] goes to the earliest deadline of any part, lets every
//! part that is due act, and carries frames on until nobody has anything to say at that instant.

mod bridge;
mod cable;
mod taps;
mod wan;

use std::collections::VecDeque;

use node::{Frame, Host, Instant, Node, PortInput, PortOutput};
use scenarios::tester::Tester;
use sim_gateway::Gateway;
use sim_vci::{Side, Vci};

use crate::digest::Digest;
pub use bridge::Bridge;
pub(crate) use bridge::{MECHANIC_MAC, TECHNICIAN_MAC};
pub use cable::Cable;
pub use taps::{Sighting, Tap, Taps};
pub use wan::{Intervention, Met, Wan, Way};

/// Where a frame or a change of carrier arrives next, at the same instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    Tester,
    TechnicianLan,
    MechanicLan,
    VciWorkshop,
}

/// One world: a car, what is plugged into it, a tester, and what lies between.
pub struct World {
    /// The technician's computer.
    pub tester: Host<Tester>,
    /// The device under test; `None` for a plain wire over the same legs.
    pub bridge: Option<Bridge>,
    /// What is plugged into the car.
    pub vci: Vci,
    /// The car.
    pub vehicle: Host<Gateway>,
    /// The internet.
    pub wan: Wan,
    /// Counting, digest and capture.
    pub taps: Taps,
    to_vehicle: Cable,
    from_vehicle: Cable,
    queue: VecDeque<(Port, PortInput)>,
    now: Instant,
}

/// The parts of a world before they are wired.
pub struct Parts {
    /// See [`World::tester`].
    pub tester: Host<Tester>,
    /// See [`World::bridge`].
    pub bridge: Option<Bridge>,
    /// See [`World::vci`].
    pub vci: Vci,
    /// See [`World::vehicle`].
    pub vehicle: Host<Gateway>,
    /// See [`World::wan`].
    pub wan: Wan,
    /// See [`World::taps`].
    pub taps: Taps,
}

impl World {
    /// Wires the parts together and lets everyone see the carrier that is there from the start.
    pub fn new(parts: Parts) -> Self {
        let Parts { tester, bridge, vci, vehicle, wan, taps } = parts;
        let mut world = Self {
            tester,
            bridge,
            vci,
            vehicle,
            wan,
            taps,
            to_vehicle: Cable::default(),
            from_vehicle: Cable::default(),
            queue: VecDeque::new(),
            now: Instant::ZERO,
        };
        world.settle();
        world
    }

    /// The time it is.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The digest of everything that crossed a link so far.
    pub fn digest(&self) -> Digest {
        self.taps.digest()
    }

    /// When something happens next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let bridge = self.bridge.as_ref().and_then(|bridge| {
            let ends = earliest(bridge.technician.poll_timeout(), bridge.mechanic.poll_timeout());
            earliest(ends, bridge.relay.as_ref().and_then(Node::poll_timeout))
        });
        let cables = earliest(self.to_vehicle.poll_timeout(), self.from_vehicle.poll_timeout());
        let ends = earliest(self.tester.poll_timeout(), self.vehicle.poll_timeout());
        let between = earliest(self.vci.poll_timeout(), self.wan.poll_timeout());
        earliest(earliest(bridge, cables), earliest(ends, between))
    }

    /// Goes to `at`, which is not later than [`World::poll_timeout`], and lets happen what is due.
    pub fn advance(&mut self, at: Instant) {
        debug_assert!(at >= self.now, "time does not go back");
        self.now = at;
        while let Some(input) = self.to_vehicle.pop(at) {
            self.taps.arrived(Tap::Vehicle, at, &input);
            self.vehicle.handle_input(at, input);
            self.drain_vehicle();
        }
        while let Some(input) = self.from_vehicle.pop(at) {
            self.vci.handle_input(at, (Side::Car, input));
            self.drain_vci();
        }
        while let Some((way, frame)) = self.wan.pop(at) {
            self.arrived_from_wan(way, frame);
        }
        self.let_parties_act(at);
        self.deliver_all();
    }

    /// Carries out what was asked of a party from outside, at the same instant.
    pub fn settle(&mut self) {
        self.drain_all();
        self.deliver_all();
    }

    /// Kills the relay's program; frames to it are lost until [`World::start_relay`].
    pub fn kill_relay(&mut self) {
        if let Some(bridge) = &mut self.bridge {
            bridge.relay = None;
        }
    }

    /// Starts the relay's program again.
    pub fn start_relay(&mut self) {
        if let Some(bridge) = &mut self.bridge {
            bridge.start_relay(self.now);
        }
        self.settle();
    }

    fn let_parties_act(&mut self, at: Instant) {
        if is_due(self.tester.poll_timeout(), at) {
            self.tester.handle_timeout(at);
            self.drain_tester();
        }
        self.let_bridge_act(at);
        if is_due(self.vci.poll_timeout(), at) {
            self.vci.handle_timeout(at);
            self.drain_vci();
        }
        if is_due(self.vehicle.poll_timeout(), at) {
            self.vehicle.handle_timeout(at);
            self.drain_vehicle();
        }
    }

    fn let_bridge_act(&mut self, at: Instant) {
        if let Some(bridge) = &mut self.bridge
            && is_due(bridge.technician.poll_timeout(), at)
        {
            bridge.technician.handle_timeout(at);
            self.drain_technician();
        }
        if let Some(relay) = self.bridge.as_mut().and_then(|bridge| bridge.relay.as_mut())
            && is_due(relay.poll_timeout(), at)
        {
            relay.handle_timeout(at);
            self.drain_relay();
        }
        if let Some(bridge) = &mut self.bridge
            && is_due(bridge.mechanic.poll_timeout(), at)
        {
            bridge.mechanic.handle_timeout(at);
            self.drain_mechanic();
        }
    }

    fn deliver_all(&mut self) {
        while let Some((port, input)) = self.queue.pop_front() {
            self.deliver(port, input);
        }
    }

    /// Hands over an input and, to a host, those for the same port right behind it.
    fn deliver(&mut self, port: Port, input: PortInput) {
        let now = self.now;
        let queue = &mut self.queue;
        let rest = std::iter::from_fn(|| {
            queue.pop_front_if(|(next, _)| *next == port).map(|(_, input)| input)
        });
        match port {
            Port::Tester => {
                let taps = &mut self.taps;
                let inputs = std::iter::once(input).chain(rest);
                let seen = inputs.inspect(|input| taps.arrived(Tap::Tester, now, input));
                self.tester.handle_inputs(now, seen);
                self.drain_tester();
            }
            Port::TechnicianLan => {
                if let Some(bridge) = &mut self.bridge {
                    bridge.technician.with_app(now, |app| {
                        app.handle_lan(now, input);
                        rest.for_each(|input| app.handle_lan(now, input));
                    });
                    self.drain_technician();
                }
            }
            Port::MechanicLan => {
                if let Some(bridge) = &mut self.bridge {
                    bridge.mechanic.with_app(now, |app| {
                        app.handle_lan(now, input);
                        rest.for_each(|input| app.handle_lan(now, input));
                    });
                    self.drain_mechanic();
                }
            }
            Port::VciWorkshop => {
                self.vci.handle_input(now, (Side::Workshop, input));
                self.drain_vci();
            }
        }
    }

    fn arrived_from_wan(&mut self, way: Way, frame: Frame) {
        let now = self.now;
        let Some(bridge) = &mut self.bridge else {
            return match way {
                Way::TechnicianUp => self.wan.push(Way::MechanicDown, now, frame, &mut self.taps),
                Way::MechanicUp => self.wan.push(Way::TechnicianDown, now, frame, &mut self.taps),
                Way::TechnicianDown => {
                    self.queue.push_back((Port::Tester, PortInput::Frame(frame)))
                }
                Way::MechanicDown => {
                    self.queue.push_back((Port::VciWorkshop, PortInput::Frame(frame)));
                }
            };
        };
        let rest = std::iter::from_fn(|| self.wan.pop_way(way, now)).map(|(_, frame)| frame);
        let burst = std::iter::once(frame).chain(rest).map(PortInput::Frame);
        match way {
            Way::TechnicianUp | Way::MechanicUp => {
                if let Some(relay) = &mut bridge.relay {
                    relay.handle_inputs(now, burst);
                    self.drain_relay();
                }
            }
            Way::TechnicianDown => {
                bridge.technician.handle_inputs(now, burst);
                self.drain_technician();
            }
            Way::MechanicDown => {
                bridge.mechanic.handle_inputs(now, burst);
                self.drain_mechanic();
            }
        }
    }

    fn drain_all(&mut self) {
        self.drain_tester();
        self.drain_technician();
        self.drain_relay();
        self.drain_mechanic();
        self.drain_vci();
        self.drain_vehicle();
    }

    fn drain_tester(&mut self) {
        while let Some(output) = self.tester.poll_output() {
            self.taps.left(Tap::Tester, self.now, &output);
            match (&self.bridge, output) {
                (Some(_), output) => self.queue.push_back((Port::TechnicianLan, crossed(output))),
                (None, PortOutput::Frame(frame)) => {
                    self.wan.push(Way::TechnicianUp, self.now, frame, &mut self.taps);
                }
                (None, PortOutput::Link(up)) => {
                    self.queue.push_back((Port::VciWorkshop, PortInput::Link(up)));
                }
            }
        }
    }

    fn drain_technician(&mut self) {
        let Some(bridge) = &mut self.bridge else { return };
        while let Some(output) = bridge.technician.poll_output() {
            if let PortOutput::Frame(frame) = output {
                self.wan.push(Way::TechnicianUp, self.now, frame, &mut self.taps);
            }
        }
        while let Some(output) = bridge.technician.app_mut().poll_lan() {
            self.queue.push_back((Port::Tester, crossed(output)));
        }
    }

    fn drain_relay(&mut self) {
        let Some(relay) = self.bridge.as_mut().and_then(|bridge| bridge.relay.as_mut()) else {
            return;
        };
        while let Some(output) = relay.poll_output() {
            let PortOutput::Frame(frame) = output else { continue };
            let target = frame.get(..6).unwrap_or_default();
            let (now, taps) = (self.now, &mut self.taps);
            if target == MECHANIC_MAC {
                self.wan.push(Way::MechanicDown, now, frame, taps);
            } else if target == TECHNICIAN_MAC {
                self.wan.push(Way::TechnicianDown, now, frame, taps);
            } else {
                self.wan.push(Way::TechnicianDown, now, frame.clone(), taps);
                self.wan.push(Way::MechanicDown, now, frame, taps);
            }
        }
    }

    fn drain_mechanic(&mut self) {
        let Some(bridge) = &mut self.bridge else { return };
        while let Some(output) = bridge.mechanic.poll_output() {
            if let PortOutput::Frame(frame) = output {
                self.wan.push(Way::MechanicUp, self.now, frame, &mut self.taps);
            }
        }
        while let Some(output) = bridge.mechanic.app_mut().poll_lan() {
            self.queue.push_back((Port::VciWorkshop, crossed(output)));
        }
    }

    fn drain_vci(&mut self) {
        while let Some((side, output)) = self.vci.poll_output() {
            match (side, &self.bridge, output) {
                (Side::Car, _, output) => self.to_vehicle.push(self.now, crossed(output)),
                (Side::Workshop, Some(_), output) => {
                    self.queue.push_back((Port::MechanicLan, crossed(output)));
                }
                (Side::Workshop, None, PortOutput::Frame(frame)) => {
                    self.wan.push(Way::MechanicUp, self.now, frame, &mut self.taps);
                }
                (Side::Workshop, None, PortOutput::Link(up)) => {
                    self.queue.push_back((Port::Tester, PortInput::Link(up)));
                }
            }
        }
    }

    fn drain_vehicle(&mut self) {
        while let Some(output) = self.vehicle.poll_output() {
            self.taps.left(Tap::Vehicle, self.now, &output);
            self.from_vehicle.push(self.now, crossed(output));
        }
    }
}

/// What leaves one port is what arrives at the port it is wired to.
fn crossed(output: PortOutput) -> PortInput {
    match output {
        PortOutput::Frame(frame) => PortInput::Frame(frame),
        PortOutput::Link(up) => PortInput::Link(up),
    }
}

fn is_due(deadline: Option<Instant>, now: Instant) -> bool {
    deadline.is_some_and(|at| at <= now)
}

fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
