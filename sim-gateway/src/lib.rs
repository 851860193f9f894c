//! Speaks HSFZ and DoIP on the vehicle's port for the control units behind it.

pub mod dialect;
pub mod entity;
mod profile_error;
mod quantity;
pub mod reset;
pub mod supply;
pub mod vehicle;

pub use dialect::Dialect;
pub use entity::EntityProfile;
pub use profile_error::ProfileError;
pub use reset::{ResetCause, ResetOverride, ResetPhase, ResetTimes, WhileStarting};
pub use supply::Supply;
pub use vehicle::{Limits, Protocols, Resets, VehicleProfile};
