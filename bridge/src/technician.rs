//! The endpoint beside the tester; its LAN port follows the vehicle's link.

use std::collections::VecDeque;

use node::{Frame, Instant, Node, PortInput, PortOutput, SocketAction, SocketEvent};

use tracing::info;

use crate::config::EndpointConfig;
use crate::endpoint::{Endpoint, Notice};
use crate::event::{BridgeEvent, DropReason};
use crate::guard::gate::{Begin, Gate};
use crate::guard::{Assessment, GuardMode, Light};
use crate::message::Role;
use crate::secret::Secret;

/// Joins an order and shows the tester the vehicle's network port.
pub struct Technician {
    endpoint: Endpoint,
    link: Link,
    gate: Option<Gate>,
    lan: VecDeque<PortOutput>,
}

/// What is known of the vehicle side's link, and so the state of the LAN port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// Nobody has told; the port has no carrier.
    Unknown,
    /// Told with this number.
    Known { number: u32, up: bool },
}

impl Technician {
    /// Makes a technician that joins as soon as its host has an address.
    pub fn new(config: EndpointConfig, secret: &Secret) -> Self {
        let gate = match config.guard.mode {
            GuardMode::Off | GuardMode::Advise => None,
            GuardMode::Enforce => Some(Gate::new(config.guard.linger)),
        };
        let endpoint = Endpoint::new(config, Role::Technician, secret);
        Self { endpoint, link: Link::Unknown, gate, lan: VecDeque::new() }
    }

    /// Takes what arrives at the LAN port.
    ///
    /// The tester's own carrier is not carried: it is the tester who asks for the vehicle.
    pub fn handle_lan(&mut self, now: Instant, input: PortInput) {
        match input {
            PortInput::Frame(frame) if self.link.is_up() => {
                if let Some(frame) = self.guarded(now, frame) {
                    self.endpoint.send_frame(now, &frame);
                }
            }
            PortInput::Frame(frame) => {
                self.endpoint.drop_frame(DropReason::NoCarrier, frame.len());
            }
            PortInput::Link(_) => {}
        }
    }

    /// Takes what leaves the LAN port, oldest first.
    pub fn poll_lan(&mut self) -> Option<PortOutput> {
        self.lan.pop_front()
    }

    /// Takes the next event, oldest first.
    pub fn poll_event(&mut self) -> Option<BridgeEvent> {
        self.endpoint.poll_event()
    }

    /// Leaves the order for good; the LAN goes down.
    pub fn leave(&mut self) {
        self.endpoint.leave();
        self.act(Instant::ZERO);
    }

    /// Returns what the guard thinks of the way between the two sides now.
    pub fn assessment(&self) -> Assessment {
        self.endpoint.assessment()
    }

    /// Returns true while both sides of the order are there.
    pub fn is_paired(&self) -> bool {
        self.endpoint.is_paired()
    }

    /// Returns true while the LAN port has carrier.
    pub fn is_lan_up(&self) -> bool {
        self.link.is_up()
    }

    /// Lets a frame of the tester's through the gate, when there is one.
    fn guarded(&mut self, now: Instant, frame: Frame) -> Option<Frame> {
        let Some(gate) = &mut self.gate else {
            return Some(frame);
        };
        let may_begin = self.endpoint.assessment_at(now).light == Light::Green;
        let (frame, begin) = gate.pass_to_vehicle(now, frame, may_begin);
        if let Some(Begin { target, refused }) = begin {
            info!(target, refused, "programming asked for");
            self.endpoint.tell(BridgeEvent::Programming { target, refused });
        }
        frame
    }

    fn act(&mut self, now: Instant) {
        while let Some(notice) = self.endpoint.poll_notice() {
            self.act_on(now, notice);
        }
    }

    fn act_on(&mut self, now: Instant, notice: Notice) {
        match notice {
            Notice::Frame(frame) if self.link.is_up() => {
                let frame = match &mut self.gate {
                    Some(gate) => gate.pass_to_tester(now, frame),
                    None => frame,
                };
                self.lan.push_back(PortOutput::Frame(frame));
            }
            Notice::Frame(frame) => {
                self.endpoint.drop_frame(DropReason::NoCarrier, frame.len());
            }
            Notice::Link { number, up } => {
                if self.link.is_older_than(number) {
                    if up && self.link.is_up() {
                        // Word that the link went was lost, or is late: it went all the same.
                        self.set_link(Link::Known { number, up: false });
                    }
                    self.set_link(Link::Known { number, up });
                    self.endpoint.confirm_link(now, number);
                } else if let Link::Known { number, .. } = self.link {
                    self.endpoint.confirm_link(now, number);
                }
            }
            Notice::Bonded | Notice::Parted => self.set_link(Link::Unknown),
            // Only the vehicle's side has a link state to be seen.
            Notice::LinkSeen { .. } => {}
        }
    }

    fn set_link(&mut self, link: Link) {
        let was_up = self.link.is_up();
        self.link = link;
        let up = link.is_up();
        if up != was_up {
            self.lan.push_back(PortOutput::Link(up));
            self.endpoint.tell(BridgeEvent::Link { up });
        }
    }
}

impl Link {
    fn is_up(self) -> bool {
        matches!(self, Self::Known { up: true, .. })
    }

    fn is_older_than(self, newer: u32) -> bool {
        match self {
            Self::Unknown => true,
            Self::Known { number, .. } => {
                newer != number && newer.wrapping_sub(number) <= u32::MAX / 2
            }
        }
    }
}

impl Node for Technician {
    type In = SocketEvent;
    type Out = SocketAction;

    fn handle_input(&mut self, now: Instant, input: SocketEvent) {
        self.endpoint.handle_event(now, input);
        self.act(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.act(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.endpoint.poll_timeout()
    }

    fn poll_output(&mut self) -> Option<SocketAction> {
        self.endpoint.poll_action()
    }
}
