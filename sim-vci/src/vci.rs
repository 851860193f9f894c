//! Either VCI, between its workshop side and its car side.

use node::{Instant, Node, PortInput, PortOutput};

use crate::enet_cable::EnetCable;
use crate::event::VciEvent;
use crate::icom::Icom;
use crate::icom::config::IcomConfig;

/// One end of a VCI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Towards the workshop's network.
    Workshop,
    /// Towards the OBD socket.
    Car,
}

/// What is plugged into the car.
pub struct Vci(Kind);

enum Kind {
    EnetCable(EnetCable),
    Icom(Box<Icom>),
}

impl Vci {
    /// Makes an ENET cable.
    pub fn enet_cable() -> Self {
        Self(Kind::EnetCable(EnetCable::default()))
    }

    /// Makes an ICOM Next that has just been powered up.
    pub fn icom_next(config: IcomConfig) -> Self {
        Self(Kind::Icom(Box::new(Icom::new(config))))
    }

    /// Takes the next event, oldest first; a cable has none.
    pub fn poll_event(&mut self) -> Option<VciEvent> {
        match &mut self.0 {
            Kind::EnetCable(_) => None,
            Kind::Icom(icom) => icom.poll_event(),
        }
    }

    /// Tells the voltages at the OBD socket, in millivolts; an ICOM shows them by SLP.
    pub fn set_voltages(&mut self, terminal_15: u32, terminal_30: u32) {
        match &mut self.0 {
            Kind::EnetCable(_) => {}
            Kind::Icom(icom) => icom.set_voltages(terminal_15, terminal_30),
        }
    }
}

impl Side {
    /// Returns the other end.
    pub const fn other(self) -> Self {
        match self {
            Self::Workshop => Self::Car,
            Self::Car => Self::Workshop,
        }
    }
}

impl Node for Vci {
    type In = (Side, PortInput);
    type Out = (Side, PortOutput);

    fn handle_input(&mut self, now: Instant, input: Self::In) {
        match &mut self.0 {
            Kind::EnetCable(cable) => cable.handle_input(now, input),
            Kind::Icom(icom) => icom.handle_input(now, input),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match &mut self.0 {
            Kind::EnetCable(cable) => cable.handle_timeout(now),
            Kind::Icom(icom) => icom.handle_timeout(now),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match &self.0 {
            Kind::EnetCable(cable) => cable.poll_timeout(),
            Kind::Icom(icom) => icom.poll_timeout(),
        }
    }

    fn poll_output(&mut self) -> Option<Self::Out> {
        match &mut self.0 {
            Kind::EnetCable(cable) => cable.poll_output(),
            Kind::Icom(icom) => icom.poll_output(),
        }
    }
}
