//! The endpoint beside the vehicle; offers the order.

use std::collections::VecDeque;

use node::{Duration, Instant, Node, PortInput, PortOutput, SocketAction, SocketEvent};

use crate::config::EndpointConfig;
use crate::endpoint::{Endpoint, Notice};
use crate::event::{BridgeEvent, DropReason};
use crate::guard::Assessment;
use crate::message::Role;
use crate::payload::Payload;
use crate::secret::Secret;

/// Opens an order and carries what its LAN port hears, link state included.
///
/// Its own LAN carrier is up from the beginning, paired or not: [`Mechanic::poll_lan`] says so
/// first.
pub struct Mechanic {
    endpoint: Endpoint,
    link: Report,
    repeat: Duration,
    repeat_max: Duration,
    lan: VecDeque<PortOutput>,
}

/// The LAN port's link state and how far the technician's side knows of it.
#[derive(Clone, Copy, Debug)]
struct Report {
    number: u32,
    up: bool,
    /// Set while the technician's side has not confirmed.
    repetition: Option<Repetition>,
}

#[derive(Clone, Copy, Debug)]
struct Repetition {
    at: Instant,
    spacing: Duration,
}

impl Mechanic {
    /// Makes a mechanic that opens the order as soon as its host has an address.
    pub fn new(config: EndpointConfig, secret: &Secret) -> Self {
        let (repeat, repeat_max) = (config.link_repeat, config.link_repeat_max);
        let endpoint = Endpoint::new(config, Role::Mechanic, secret);
        let link = Report { number: 0, up: false, repetition: None };
        let lan = VecDeque::from([PortOutput::Link(true)]);
        Self { endpoint, link, repeat, repeat_max, lan }
    }

    /// Takes what arrives at the LAN port.
    pub fn handle_lan(&mut self, now: Instant, input: PortInput) {
        match input {
            PortInput::Frame(frame) if self.link.up => self.endpoint.send_frame(now, &frame),
            PortInput::Frame(frame) => {
                self.endpoint.drop_frame(DropReason::NoCarrier, frame.len());
            }
            PortInput::Link(up) if up == self.link.up => {}
            PortInput::Link(up) => {
                self.link.up = up;
                self.endpoint.tell(BridgeEvent::Link { up });
                self.report(now);
            }
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

    /// Closes the order for good.
    pub fn leave(&mut self, now: Instant) {
        self.endpoint.leave();
        self.act(now);
    }

    /// Returns what the guard thinks of the way between the two sides now.
    pub fn assessment(&self) -> Assessment {
        self.endpoint.assessment()
    }

    /// Returns true while both sides of the order are there.
    pub fn is_paired(&self) -> bool {
        self.endpoint.is_paired()
    }

    fn act(&mut self, now: Instant) {
        while let Some(notice) = self.endpoint.poll_notice() {
            self.act_on(now, notice);
        }
    }

    fn act_on(&mut self, now: Instant, notice: Notice) {
        match notice {
            Notice::Frame(frame) if self.link.up => {
                self.lan.push_back(PortOutput::Frame(frame));
            }
            Notice::Frame(frame) => {
                self.endpoint.drop_frame(DropReason::NoCarrier, frame.len());
            }
            Notice::LinkSeen { number } => {
                if number == self.link.number {
                    self.link.repetition = None;
                } else if self.link.repetition.is_none() {
                    self.start_report(now);
                }
            }
            Notice::Bonded => {
                self.link.number = self.link.number.max(1);
                self.start_report(now);
            }
            Notice::Parted => self.link.repetition = None,
            // The technician's side has no link state of its own.
            Notice::Link { .. } => {}
        }
    }

    /// Tells the technician's side the link state, until it is seen or the peer is gone.
    fn report(&mut self, now: Instant) {
        self.link.number = self.link.number.wrapping_add(1).max(1);
        if self.endpoint.is_bonded() {
            self.start_report(now);
        }
    }

    fn start_report(&mut self, now: Instant) {
        self.link.repetition = Some(Repetition { at: now, spacing: self.repeat });
        self.repeat_report(now);
    }

    fn repeat_report(&mut self, now: Instant) {
        let Some(repetition) = &mut self.link.repetition else {
            return;
        };
        if now < repetition.at {
            return;
        }
        repetition.at = now + repetition.spacing;
        repetition.spacing = (repetition.spacing * 2).min(self.repeat_max);
        let (number, up) = (self.link.number, self.link.up);
        self.endpoint.send(now, &Payload::Link { number, up });
    }
}

impl Node for Mechanic {
    type In = SocketEvent;
    type Out = SocketAction;

    fn handle_input(&mut self, now: Instant, input: SocketEvent) {
        self.endpoint.handle_event(now, input);
        self.act(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.act(now);
        self.repeat_report(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let repetition = self.link.repetition.map(|repetition| repetition.at);
        repetition.into_iter().chain(self.endpoint.poll_timeout()).min()
    }

    fn poll_output(&mut self) -> Option<SocketAction> {
        self.endpoint.poll_action()
    }
}
