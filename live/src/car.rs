//! The car and what is plugged into it, on the machines of virtual time.

use std::collections::VecDeque;

use lab::world::{Cable, Sighting, Tap};
use node::{Frame, Host, Instant, Node, PortInput, PortOutput, SocketAction, SocketEvent};
use sim_vci::{Side, Vci};

/// Sightings that wait to be taken; more are forgotten.
const SIGHTINGS_KEPT: usize = 1 << 16;

/// The car, the cable, and what is plugged in: one machine with one port, that of the workshop.
pub struct Car<A> {
    /// The car, on its own TCP/IP.
    pub vehicle: Host<A>,
    /// What is plugged into it.
    pub vci: Vci,
    to_vehicle: Cable,
    from_vehicle: Cable,
    to_workshop: VecDeque<PortOutput>,
    /// Frames that left or reached the car's port.
    pub frames: u64,
    sightings: Option<VecDeque<Sighting>>,
}

impl<A: Node<In = SocketEvent, Out = SocketAction>> Car<A> {
    /// Plugs something into the car; nothing is at its other end yet.
    pub fn new(vehicle: Host<A>, vci: Vci, capturing: bool) -> Self {
        let mut car = Self {
            vehicle,
            vci,
            to_vehicle: Cable::default(),
            from_vehicle: Cable::default(),
            to_workshop: VecDeque::new(),
            frames: 0,
            sightings: capturing.then(VecDeque::new),
        };
        car.drain(Instant::ZERO);
        car
    }

    /// Lets everything happen that is due; returns whether that was anything. What a party had to
    /// do by itself comes before what arrives: on a late machine both are due at once.
    pub fn act(&mut self, now: Instant) -> bool {
        let mut acted = false;
        if self.vci.poll_timeout().is_some_and(|at| at <= now) {
            self.vci.handle_timeout(now);
            acted = true;
        }
        if self.vehicle.poll_timeout().is_some_and(|at| at <= now) {
            self.vehicle.handle_timeout(now);
            acted = true;
        }
        self.drain(now);
        while let Some(input) = self.to_vehicle.pop(now) {
            self.see(now, &input);
            self.vehicle.handle_input(now, input);
            self.drain(now);
            acted = true;
        }
        while let Some(input) = self.from_vehicle.pop(now) {
            self.vci.handle_input(now, (Side::Car, input));
            self.drain(now);
            acted = true;
        }
        acted
    }

    /// Has something done to the car, then does what it asks.
    pub fn with_vehicle(&mut self, now: Instant, f: impl FnOnce(&mut A)) {
        self.vehicle.with_app(now, f);
        self.drain(now);
    }

    /// When something arrives at either end of the cable next.
    pub fn on_the_cable(&self) -> Option<Instant> {
        let ways = [&self.to_vehicle, &self.from_vehicle];
        ways.into_iter().filter_map(Cable::poll_timeout).min()
    }

    /// Takes the next frame seen at the car's port.
    pub fn poll_sighting(&mut self) -> Option<Sighting> {
        self.sightings.as_mut()?.pop_front()
    }

    fn drain(&mut self, now: Instant) {
        while let Some((side, output)) = self.vci.poll_output() {
            match side {
                Side::Car => self.to_vehicle.push(now, crossed(output)),
                Side::Workshop => self.to_workshop.push_back(output),
            }
        }
        while let Some(output) = self.vehicle.poll_output() {
            let input = crossed(output);
            self.see(now, &input);
            self.from_vehicle.push(now, input);
        }
    }

    fn see(&mut self, at: Instant, input: &PortInput) {
        let PortInput::Frame(frame) = input else { return };
        self.frames += 1;
        if let Some(sightings) = &mut self.sightings
            && sightings.len() < SIGHTINGS_KEPT
        {
            let frame: Frame = frame.clone();
            sightings.push_back(Sighting { tap: Tap::Vehicle, at, frame, comment: None });
        }
    }
}

impl<A: Node<In = SocketEvent, Out = SocketAction>> Node for Car<A> {
    type In = PortInput;
    type Out = PortOutput;

    /// Something arrived from the workshop.
    fn handle_input(&mut self, now: Instant, input: PortInput) {
        self.vci.handle_input(now, (Side::Workshop, input));
        self.drain(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.act(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = [self.on_the_cable(), self.vci.poll_timeout(), self.vehicle.poll_timeout()];
        deadlines.into_iter().flatten().min()
    }

    /// Takes what leaves towards the workshop.
    fn poll_output(&mut self) -> Option<PortOutput> {
        self.to_workshop.pop_front()
    }
}

/// What leaves one port is what arrives at the port it is wired to.
fn crossed(output: PortOutput) -> PortInput {
    match output {
        PortOutput::Frame(frame) => PortInput::Frame(frame),
        PortOutput::Link(up) => PortInput::Link(up),
    }
}
