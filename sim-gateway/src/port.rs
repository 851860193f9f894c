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
    /// Down because the gateway resets; a hold asked for meanwhile outlasts the reset.
    Down {
        held: Option<Instant>,
    },
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
        let until = from + hold;
        self.link = match self.link {
            _ if hold.is_zero() => return,
            Link::Up | Link::Doomed { .. } => Link::Doomed { from, until },
            Link::Held { until: before } => Link::Held { until: until.max(before) },
            Link::Down { held } => Link::Down { held: held.max(Some(until)) },
        };
    }

    /// Switches the carrier for a reset, which ends any hold that was before it; returns whether
    /// it changed.
    pub(crate) fn set_link(&mut self, up: bool, out: &mut Outbox) -> bool {
        let (link, changed) = match (self.link, up) {
            (Link::Up | Link::Doomed { .. } | Link::Held { .. }, true) => return false,
            (Link::Down { held: Some(until) }, true) => (Link::Held { until }, false),
            (Link::Down { held: None }, true) => (Link::Up, true),
            (Link::Up | Link::Doomed { .. }, false) => (Link::Down { held: None }, true),
            (Link::Held { .. }, false) => (Link::Down { held: None }, false),
            (Link::Down { .. }, false) => return false,
        };
        self.link = link;
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
            Link::Up | Link::Down { .. } | Link::Doomed { .. } | Link::Held { .. } => return None,
        };
        out.push(SocketAction::SetLink { up });
        Some(up)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self.link {
            Link::Up | Link::Down { .. } => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_secs(seconds)
    }

    /// Lets every deadline pass, and tells when the carrier changed.
    fn changes(port: &mut Port, out: &mut Outbox) -> Vec<(Instant, bool)> {
        let mut changes = Vec::new();
        while let Some(now) = port.poll_timeout() {
            changes.extend(port.handle_timeout(now, out).map(|up| (now, up)));
        }
        changes
    }

    #[test]
    fn a_hold_during_a_reset_outlasts_it() {
        let (mut port, mut out) = (Port::new(), Outbox::default());
        assert!(port.set_link(false, &mut out));
        port.hold(at(1), Duration::from_secs(9));
        assert_eq!(port.poll_timeout(), None, "the reset has the link");
        assert!(!port.set_link(true, &mut out));
        assert_eq!(changes(&mut port, &mut out), [(at(10), true)]);
    }

    #[test]
    fn a_hold_that_ended_during_a_reset_is_forgotten() {
        let (mut port, mut out) = (Port::new(), Outbox::default());
        port.set_link(false, &mut out);
        port.hold(at(1), Duration::from_secs(1));
        port.set_link(true, &mut out);
        assert_eq!(port.handle_timeout(at(5), &mut out), Some(true));
        assert_eq!(port.poll_timeout(), None);
    }

    #[test]
    fn a_second_hold_lengthens_the_first() {
        let (mut port, mut out) = (Port::new(), Outbox::default());
        port.hold(at(1), Duration::from_secs(5));
        assert_eq!(port.handle_timeout(at(1), &mut out), Some(false));
        port.hold(at(2), Duration::from_secs(1));
        port.hold(at(2), Duration::from_secs(8));
        assert_eq!(changes(&mut port, &mut out), [(at(10), true)]);
    }
}
