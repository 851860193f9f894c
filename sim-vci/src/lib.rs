//! Is what is plugged into the car: an ENET cable or an ICOM Next.
//!
//! * [`vci`]: either of them, between its workshop side and its car side.
//! * [`enet_cable`]: a wire.
//! * [`icom`]: two network hosts with a relay between them.
//! * [`event`]: what a VCI tells whoever watches.
//!
//! Facts and their sources are `hsfz-and-doip.md` §2, §5, §12, §22; whatever is inferred is a field
//! of [`IcomConfig`] and says so.

pub mod enet_cable;
pub mod event;
pub mod icom;
pub mod vci;

pub use event::{DropReason, VciEvent};
pub use icom::config::{AwayPolicy, Framing, IcomConfig, Service};
pub use vci::{Side, Vci};
