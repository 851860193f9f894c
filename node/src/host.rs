//! The TCP/IP host beneath an application: smoltcp, an address, an Ethernet port.
//!
//! * [`profile`]: what kind of TCP it speaks; the retransmission floor is a decision, not a default.
//! * `clock`: feeds smoltcp time that makes its fixed floor the profile's.
//! * `shortcut`: datagrams between hosts that know each other, past smoltcp.
//! * `peek`: what a frame is for, before it is parsed.
//! * `priority`: tags that name no VLAN are taken off.
//! * `stack`: sockets as [`SocketEvent`] and [`SocketAction`].
//! * `addressing`: fixed, RFC 3927 link-local, or DHCP with link-local while nobody offers.
//!
//! Deliberately absent: IPv6, VLANs, IP fragments, congestion control (the table in
//! [`profile`] says why).

mod addressing;
mod arp;
mod checksum;
mod clock;
mod device;
mod dhcp;
mod link_local;
mod peek;
mod priority;
pub mod profile;
mod shortcut;
mod stack;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use crate::{AddressPlan, Frame, Instant, Node, PortInput, PortOutput, Seed};
use crate::{SocketAction, SocketEvent, StackLoss};
use addressing::{Addressing, Change};
pub use profile::TcpProfile;
use stack::Stack;

/// What a host is made of.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Hardware address of its Ethernet port.
    pub mac: [u8; 6],
    /// How it gets its IPv4 address.
    pub address: AddressPlan,
    /// What kind of TCP it speaks.
    pub tcp: TcpProfile,
    /// The host name it gives to a DHCP server; may be empty.
    pub name: String,
    /// Largest IP packet of its port in bytes; 1500 on plain Ethernet.
    pub mtu: usize,
    /// Where its randomness comes from: ports, sequence numbers, link-local candidates.
    pub seed: Seed,
}

/// An application with a TCP/IP stack beneath it, seen from its Ethernet port.
pub struct Host<A> {
    config: HostConfig,
    app: A,
    /// Carrier as this end switches it, and as the far end shows it.
    carrier_near: bool,
    carrier_far: bool,
    stack: Option<Stack>,
    addressing: Addressing,
    events: VecDeque<SocketEvent>,
    output: VecDeque<PortOutput>,
    next_accepted: u64,
    deadline: Option<Instant>,
}

impl<A: Node<In = SocketEvent, Out = SocketAction>> Host<A> {
    /// Makes a host with its carrier on; the far end's carrier must be told with
    /// [`PortInput::Link`] before anything flows.
    pub fn new(config: HostConfig, app: A) -> Self {
        let mut host = Self {
            addressing: Addressing::new(&config),
            stack: Some(Stack::new(&config, Instant::ZERO, 0)),
            config,
            app,
            carrier_near: true,
            carrier_far: false,
            events: VecDeque::new(),
            output: VecDeque::from([PortOutput::Link(true)]),
            next_accepted: 0,
            deadline: None,
        };
        host.settle(Instant::ZERO);
        host
    }

    /// Runs `f` on the application, then carries out what it asked.
    pub fn with_app<R>(&mut self, now: Instant, f: impl FnOnce(&mut A) -> R) -> R {
        let result = f(&mut self.app);
        self.settle(now);
        result
    }

    /// Takes what arrives at one instant, and acts once it has everything.
    pub fn handle_inputs(&mut self, now: Instant, inputs: impl IntoIterator<Item = PortInput>) {
        for input in inputs {
            if let PortInput::Link(_) = input {
                // What came before the carrier went is heard, and answered, before.
                self.settle(now);
            }
            self.take(now, input);
        }
        self.settle(now);
    }

    /// Returns the application.
    pub fn app(&self) -> &A {
        &self.app
    }

    /// Returns the application, for verbs that ask nothing of the host (`poll_event`, `poll_lan`).
    pub fn app_mut(&mut self) -> &mut A {
        &mut self.app
    }

    /// Returns the address the host holds.
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.addressing.current().map(|held| held.address)
    }

    /// Returns whether both ends of the port show carrier.
    pub fn has_link(&self) -> bool {
        self.carrier_near && self.carrier_far
    }

    fn take(&mut self, now: Instant, input: PortInput) {
        match input {
            PortInput::Frame(frame) => {
                if !self.has_link() {
                    return;
                }
                let frame = priority::untagged(frame);
                if arp::is_arp(&frame) || dhcp::is_for_client(&frame) {
                    self.addressing.handle_frame(now, &frame);
                }
                if let Some(stack) = &mut self.stack {
                    stack.receive(now, frame);
                }
            }
            PortInput::Link(up) => {
                let before = self.has_link();
                self.carrier_far = up;
                self.link_changed(now, before);
            }
        }
    }

    /// Repeats until the application asks nothing more and nothing is due at `now`.
    fn settle(&mut self, now: Instant) {
        // In real time an input may come before a deadline that has passed was looked at.
        if self.addressing.poll_timeout().is_some_and(|at| at <= now) {
            self.addressing.handle_timeout(now);
        }
        let app = loop {
            while let Some(action) = self.app.poll_output() {
                self.perform(now, action);
            }
            if let Some(event) = self.events.pop_front() {
                self.app.handle_input(now, event);
                continue;
            }
            self.address_changes(now);
            if let Some(stack) = &mut self.stack {
                stack.poll(now);
                stack.move_events(&mut self.events);
            }
            if !self.events.is_empty() {
                continue;
            }
            let next = self.app.poll_timeout();
            if next.is_none_or(|at| at > now) {
                break next;
            }
            // Due at the very instant of an input; a deadline that stays put is caught below.
            self.app.handle_timeout(now);
            let next = self.app.poll_timeout();
            if next.is_some_and(|at| at <= now) {
                break next;
            }
        };
        self.emit_frames();
        self.deadline = self.next_deadline(now, app);
    }

    fn perform(&mut self, now: Instant, action: SocketAction) {
        match action {
            SocketAction::StackDown { loss } => self.stack_down(now, loss),
            SocketAction::StackUp { new_address } => self.stack_up(now, new_address),
            SocketAction::SetLink { up } => self.set_carrier(now, up),
            SocketAction::Listen { .. }
            | SocketAction::Unlisten { .. }
            | SocketAction::Connect { .. }
            | SocketAction::Send { .. }
            | SocketAction::Close { .. }
            | SocketAction::Abort { .. }
            | SocketAction::Bind { .. }
            | SocketAction::Unbind { .. }
            | SocketAction::SendTo { .. } => {
                if let Some(stack) = &mut self.stack {
                    stack.perform(now, action);
                    stack.move_events(&mut self.events);
                }
            }
        }
    }

    fn stack_down(&mut self, now: Instant, loss: StackLoss) {
        let Some(mut stack) = self.stack.take() else { return };
        stack.wind_up(now, loss);
        self.next_accepted = stack.next_accepted();
        let up = self.has_link();
        send(up, || stack.take_frame(), &mut self.output);
        self.addressing.stop();
        self.events.clear();
    }

    fn stack_up(&mut self, now: Instant, new_address: bool) {
        self.stack = Some(Stack::new(&self.config, now, self.next_accepted));
        self.addressing.restart(new_address);
        if self.has_link() {
            self.addressing.link_up(now);
        }
    }

    fn set_carrier(&mut self, now: Instant, up: bool) {
        if self.carrier_near != up {
            self.emit_frames();
            let before = self.has_link();
            self.carrier_near = up;
            self.output.push_back(PortOutput::Link(up));
            self.link_changed(now, before);
        }
    }

    fn link_changed(&mut self, now: Instant, before: bool) {
        match (before, self.has_link()) {
            (false, true) => {
                self.events.push_back(SocketEvent::LinkUp);
                if self.stack.is_some() {
                    self.addressing.link_up(now);
                }
            }
            (true, false) => {
                self.events.push_back(SocketEvent::LinkDown);
                self.addressing.link_down();
            }
            (true, true) | (false, false) => {}
        }
    }

    fn address_changes(&mut self, now: Instant) {
        while let Some(change) = self.addressing.poll_change() {
            let Some(stack) = &mut self.stack else { continue };
            match change {
                Change::Lost => {
                    stack.clear_address();
                    stack.move_events(&mut self.events);
                    self.events.push_back(SocketEvent::AddressLost);
                }
                Change::Acquired(held) => {
                    stack.set_address(now, held);
                    let (address, prefix) = (held.address, held.prefix);
                    self.events.push_back(SocketEvent::AddressAcquired { address, prefix });
                }
            }
        }
    }

    fn emit_frames(&mut self) {
        let up = self.has_link();
        if let Some(stack) = &mut self.stack {
            send(up, || stack.take_frame(), &mut self.output);
        }
        send(up, || self.addressing.take_frame(), &mut self.output);
    }

    fn next_deadline(&mut self, now: Instant, app: Option<Instant>) -> Option<Instant> {
        let stack = self.stack.as_mut().and_then(|stack| stack.poll_at(now));
        let next = [app, stack, self.addressing.poll_timeout()].into_iter().flatten().min();
        assert!(next.is_none_or(|at| at > now), "a deadline at {next:?} stays put at {now}");
        next
    }
}

/// Puts frames on the wire; without link they are lost.
fn send(up: bool, mut take: impl FnMut() -> Option<Frame>, output: &mut VecDeque<PortOutput>) {
    while let Some(frame) = take() {
        if up {
            output.push_back(PortOutput::Frame(frame));
        }
    }
}

impl<A: Node<In = SocketEvent, Out = SocketAction>> Node for Host<A> {
    type In = PortInput;
    type Out = PortOutput;

    fn handle_input(&mut self, now: Instant, input: PortInput) {
        self.take(now, input);
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_none_or(|at| at > now) {
            return;
        }
        self.addressing.handle_timeout(now);
        self.settle(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    fn poll_output(&mut self) -> Option<PortOutput> {
        self.output.pop_front()
    }
}
