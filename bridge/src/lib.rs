//! Carries Ethernet frames between technician and workshop through a relay.
//!
//! * [`technician`]: the endpoint beside the tester; its LAN port follows the vehicle's link.
//! * [`mechanic`]: the endpoint beside the vehicle; offers the order.
//! * [`relay`]: joins the two sides of each order and forwards what it cannot read.
//! * [`config`]: what endpoints and relay can be told.
//! * [`event`]: what endpoints and relay tell.
//! * [`guard`]: judges the way between the endpoints against limits.
//! * [`message`]: the datagrams between endpoint and relay.
//! * [`payload`]: what travels from endpoint to endpoint inside them.
//! * [`secret`]: what all of a party's secrets are drawn from.
//! * [`tunnel`]: the seam through which every payload passes.
//!
//! Frames ride in datagrams and are never sent twice: what the network loses is lost, what it
//! reorders stays reordered, as on a wire.

pub mod config;
mod endpoint;
pub mod event;
pub mod guard;
pub mod mechanic;
pub mod message;
mod meter;
mod passcode;
pub mod payload;
mod reassembly;
pub mod relay;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod scenes;
pub mod secret;
pub mod technician;
pub mod tunnel;

pub use config::{Carry, EndpointConfig, RelayConfig};
pub use event::{BridgeEvent, DropReason, EndReason, Flow, RelayEvent, Sample};
pub use guard::{Assessment, GuardConfig, GuardMode, Light, Limits, Reasons};
pub use mechanic::Mechanic;
pub use message::{OrderNumber, Refusal, Role};
pub use relay::Relay;
pub use secret::Secret;
pub use technician::Technician;
