//! The vehicle's Ethernet port: carrier, stack and address, and the switch routine that holds it.

use std::time::Duration;

use node::{Instant, SocketAction, StackLoss};

use crate::outbox::Outbox;

/// What the gateway knows of its port.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    link: Link,
    stack: Stack,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Up,
    /// Up, and about to be held down.
    Doomed {
        from: Instant,
        until: Instant,
    },
    /// Held down by the switch routine, or by a fault.
    Held {
        until: Instant,
    },
    /// Down because the gateway resets.
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stack {
    Gone,
    Up { address: bool, listening: bool },
}

impl Port {
    /// A port that is up, without an address yet.
    pub(crate) fn new() -> Self {
        Self { link: Link::Up, stack: Stack::Up { address: false, listening: false } }
    }

    /// Takes the carrier away from `from` on, for as long as given.
    pub(crate) fn hold(&mut self, from: Instant, hold: Duration) {
        if self.link != Link::Down && !hold.is_zero() {
            self.link = Link::Doomed { from, until: from + hold };
        }
    }

    /// Switches the carrier for a reset, which ends any hold; returns whether it changed.
    pub(crate) fn set_link(&mut self, up: bool, out: &mut Outbox) -> bool {
        let (before, changed) = match self.link {
            Link::Up | Link::Doomed { .. } => (true, !up),
            Link::Held { .. } if up => return false,
            Link::Held { .. } | Link::Down => (false, up),
        };
        if before && up {
            return false;
        }
        self.link = if up { Link::Up } else { Link::Down };
        if changed {
            out.push(SocketAction::SetLink { up });
        }
        changed
    }

    /// Begins or ends a hold that is due; returns the carrier when it changed.
    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) -> Option<bool> {
        let up = match self.link {
            Link::Doomed { from, until } if from <= now => {
                self.link = Link::Held { until };
                false
            }
            Link::Held { until } if until <= now => {
                self.link = Link::Up;
                true
            }
            Link::Up | Link::Down | Link::Doomed { .. } | Link::Held { .. } => return None,
        };
        out.push(SocketAction::SetLink { up });
        Some(up)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self.link {
            Link::Up | Link::Down => None,
            Link::Doomed { from, .. } => Some(from),
            Link::Held { until } => Some(until),
        }
    }

    /// Takes the stack away; returns whether it was there.
    pub(crate) fn stack_down(&mut self, loss: StackLoss, out: &mut Outbox) -> bool {
        let was_there = self.stack != Stack::Gone;
        if was_there {
            self.stack = Stack::Gone;
            out.push(SocketAction::StackDown { loss });
        }
        was_there
    }

    pub(crate) fn stack_up(&mut self, new_address: bool, out: &mut Outbox) {
        if self.stack == Stack::Gone {
            self.stack = Stack::Up { address: false, listening: false };
            out.push(SocketAction::StackUp { new_address });
        }
    }

    pub(crate) fn set_listening(&mut self) {
        if let Stack::Up { listening, .. } = &mut self.stack {
            *listening = true;
        }
    }

    pub(crate) fn is_listening(&self) -> bool {
        matches!(self.stack, Stack::Up { listening: true, .. })
    }

    pub(crate) fn set_address(&mut self, known: bool) {
        if let Stack::Up { address, .. } = &mut self.stack {
            *address = known;
        }
    }

    pub(crate) fn can_announce(&self) -> bool {
        self.stack == Stack::Up { address: true, listening: true }
    }
}
