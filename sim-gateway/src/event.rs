//! What happens to a vehicle, and what it tells the world that is not on the wire.

use std::time::Duration;

use sim_ecus::{EcuEvent, EcuFault};

use crate::reset::{ResetCause, ResetOverride, ResetPhase};

/// Something that goes wrong with a vehicle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The gateway resets, with the vehicle's restart times except where overridden.
    GatewayReset(ResetOverride),
    /// Battery and charger change; a curve ends.
    Supply {
        /// Voltage of the battery without load, in millivolts.
        battery: u32,
        /// Voltage of the charger in millivolts, if there is one.
        charger: Option<u32>,
    },
    /// The port loses its carrier for this long; the stack stays.
    LinkDown(Duration),
    /// The ignition is switched.
    Ignition {
        /// Whether it is on from now on.
        on: bool,
    },
    /// Something goes wrong inside a control unit; nothing happens when there is none of that name.
    Ecu {
        /// The unit.
        name: String,
        /// What goes wrong.
        fault: EcuFault,
    },
}

/// What a vehicle tells the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VehicleEvent {
    /// Something happened in a control unit.
    Ecu {
        /// The unit.
        name: String,
        /// What happened.
        event: EcuEvent,
    },
    /// A step of a gateway reset begins.
    GatewayReset {
        /// Why the gateway resets.
        cause: ResetCause,
        /// The step.
        phase: ResetPhase,
    },
    /// The vehicle switched the carrier of its port.
    Link {
        /// Whether it is on.
        up: bool,
    },
    /// The voltage at the control units changed.
    Supply {
        /// The voltage.
        millivolts: u32,
    },
}
