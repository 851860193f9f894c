//! Speaks HSFZ and DoIP on the vehicle's port for the control units behind it.
//!
//! * [`gateway`]: the vehicle at its port; protocols, control units, resets and supply together.
//! * `hsfz`, `doip`: the two protocols, each a machine over sockets.
//! * `units`: the control units, and whose answer goes where. `functional`: who owes one to all.
//!   `identity`: what they know of the vehicle.
//! * [`reset`]: the gateway's reset, step by step. `port`: what it does to carrier and stack.
//! * [`supply`]: battery, charger, load, voltage over time.
//! * [`vehicle`], [`dialect`], [`entity`]: what differs from car to car, read from YAML.
//! * [`setup`], [`event`]: what a run changes about a vehicle, and what a vehicle tells the run.
//!
//! Deliberately absent: TLS, IPv6, sleep of the network.

#[cfg(test)]
mod bench;
mod desk;
pub mod dialect;
mod doip;
pub mod entity;
pub mod event;
mod functional;
pub mod gateway;
mod hsfz;
mod identity;
mod later;
mod outbox;
mod port;
mod profile_error;
mod quantity;
pub mod reset;
pub mod setup;
pub mod supply;
mod units;
pub mod vehicle;

pub use dialect::Dialect;
pub use entity::EntityProfile;
pub use event::{Fault, VehicleEvent};
pub use gateway::Gateway;
pub use profile_error::ProfileError;
pub use reset::{ResetCause, ResetOverride, ResetPhase, ResetTimes, WhileStarting};
pub use setup::Setup;
pub use supply::Supply;
pub use vehicle::{Limits, Protocols, Resets, VehicleProfile};
