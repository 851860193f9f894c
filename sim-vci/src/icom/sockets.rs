//! The thin application on each of an ICOM's hosts: it only passes on.

use std::collections::VecDeque;

use node::{Instant, Node, SocketAction, SocketEvent};

/// Keeps what its host heard for the firmware, and what the firmware asks for its host.
#[derive(Debug, Default)]
pub struct Sockets {
    heard: VecDeque<SocketEvent>,
    asked: VecDeque<SocketAction>,
}

impl Sockets {
    /// Takes what the host heard, oldest first.
    pub fn take_event(&mut self) -> Option<SocketEvent> {
        self.heard.pop_front()
    }

    /// Asks something of the host, when it is next polled.
    pub fn ask(&mut self, action: SocketAction) {
        self.asked.push_back(action);
    }

    /// Returns true while the host has not yet taken what was asked.
    pub fn is_asking(&self) -> bool {
        !self.asked.is_empty()
    }
}

impl Node for Sockets {
    type In = SocketEvent;
    type Out = SocketAction;

    fn handle_input(&mut self, _: Instant, event: SocketEvent) {
        self.heard.push_back(event);
    }

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn poll_output(&mut self) -> Option<SocketAction> {
        self.asked.pop_front()
    }
}
