//! What the driver needs of an endpoint, whichever end of the bridge it is.

use bridge::{BridgeEvent, Mechanic, Role, Technician};
use node::{Instant, Node, PortInput, PortOutput, SocketAction, SocketEvent};

/// An endpoint of the bridge: sockets on one side, an Ethernet port on the other.
pub trait Machine: Node<In = SocketEvent, Out = SocketAction> {
    /// Which end of the bridge it is.
    const ROLE: Role;

    /// Takes what arrives at the LAN port.
    fn handle_lan(&mut self, now: Instant, input: PortInput);
    /// Takes what leaves the LAN port, oldest first.
    fn poll_lan(&mut self) -> Option<PortOutput>;
    /// Takes the next event, oldest first.
    fn poll_event(&mut self) -> Option<BridgeEvent>;
    /// Leaves the order for good.
    fn leave(&mut self, now: Instant);
}

impl Machine for Technician {
    const ROLE: Role = Role::Technician;

    fn handle_lan(&mut self, now: Instant, input: PortInput) {
        Self::handle_lan(self, now, input);
    }

    fn poll_lan(&mut self) -> Option<PortOutput> {
        Self::poll_lan(self)
    }

    fn poll_event(&mut self) -> Option<BridgeEvent> {
        Self::poll_event(self)
    }

    fn leave(&mut self, _now: Instant) {
        Self::leave(self);
    }
}

impl Machine for Mechanic {
    const ROLE: Role = Role::Mechanic;

    fn handle_lan(&mut self, now: Instant, input: PortInput) {
        Self::handle_lan(self, now, input);
    }

    fn poll_lan(&mut self) -> Option<PortOutput> {
        Self::poll_lan(self)
    }

    fn poll_event(&mut self) -> Option<BridgeEvent> {
        Self::poll_event(self)
    }

    fn leave(&mut self, now: Instant) {
        Self::leave(self, now);
    }
}
