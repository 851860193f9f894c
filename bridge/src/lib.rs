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
//! * `tunnel`: QUIC between the endpoints, and on it the proof of the passcode.
//!
//! The relay reads nothing and can alter nothing: endpoints prove the passcode to each other inside
//! the tunnel, bound to its handshake. Frames ride in datagrams and are never sent twice, as on a
//! wire, or on a stream, when the mechanic says so.

pub mod config;
mod cookie;
mod endpoint;
pub mod event;
pub mod guard;
pub mod mechanic;
pub mod message;
mod meter;
pub mod payload;
mod reassembly;
pub mod relay;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod scenes;
pub mod secret;
pub mod technician;
mod tunnel;

pub use config::{Carry, EndpointConfig, RelayConfig};
pub use event::{BridgeEvent, DropReason, EndReason, Flow, RelayEvent, Sample};
pub use guard::{Assessment, GuardConfig, GuardMode, Light, Limits, Reasons};
pub use mechanic::Mechanic;
pub use message::{OrderNumber, Refusal, Role};
pub use relay::Relay;
pub use secret::Secret;
pub use technician::Technician;
