//! The bridge on this machine's sockets and network adapters.
//!
//! * [`session`]: the loop of one endpoint, technician or mechanic.
//! * [`relay`]: the loop of a relay.
//! * [`machine`], [`lan`]: what a session needs of endpoint and Ethernet port.
//! * [`wan`], [`outbox`]: the UDP socket, in batches.
//! * [`relay_name`], [`relay_watch`]: where the relay is, and whether it or we moved.
//! * [`service`]: each role from start to end.
//! * [`tester_port`], [`tap_address`], [`tap_routes`]: the technician's adapter beside the other
//!   ones.
//! * [`hardware_address`]: what the adapters we make are called on the wire.
//! * [`status`]: how a session stands.
//! * [`error`]: why this machine cannot.

pub mod error;
pub mod hardware_address;
pub mod lan;
pub mod machine;
pub mod outbox;
pub mod relay;
pub mod relay_name;
pub mod relay_watch;
pub mod service;
pub mod session;
pub mod status;
pub mod tap_address;
pub mod tap_routes;
pub mod tester_port;
pub mod wan;

pub use error::BridgeError;
pub use lan::Lan;
pub use machine::Machine;
pub use relay::{RelayHappening, RelayService, RelayStatus};
pub use relay_name::{NameError, RelayName};
pub use service::{
    Entry, MechanicOptions, MechanicPort, TechnicianOptions, default_listen, run_mechanic,
    run_relay, run_technician, secret,
};
pub use session::{Happening, Session, Summary, Unanswered};
pub use status::{Passed, Phase, Status};
pub use tap_address::TapAddress;
pub use wan::WanCounts;
