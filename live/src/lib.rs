//! Runs the same world on real clocks, namespaces, TAP devices and network ports.
//!
//! So far: any application on the sockets of this machine's kernel.
//!
//! * `bridge` (Linux): relay and endpoints of the bridge.
//! * [`vehicle`]: a simulated vehicle for other people's testers.
//! * [`car`]: the vehicle and what is plugged into it, as one machine with one port.
//! * [`attach`]: the same vehicle on a network port of this machine (Linux).
//! * [`driver`]: the loop that runs one application.
//! * [`sockets`]: its kernel sockets, and what becomes of them when its stack goes away.
//! * [`netem`]: the internet between the sites, in real time.
//! * `port`: Ethernet ports of this machine, frame by frame (Linux).
//! * [`place`]: its address, its subnet, its ports.
//! * `routes`: the kernel's table of routes.
//! * `namespace`: network namespaces, their links, a run that leaves nothing behind (Linux).
//! * `rig`: a whole scenario in real time, with any bridge under test (Linux).
//! * `device`: a bridge under test, started, watched and stopped by its manifest (Linux).
//! * [`clock`], [`alarm`]: real time, and being woken in it.
//! * [`error`], [`holder`]: why this machine cannot, and who is in the way.
//!
//! Only this crate may use tokio.

#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub mod alarm;
pub mod attach;
#[cfg(target_os = "linux")]
pub mod bridge;
pub mod car;
pub mod clock;
#[cfg(target_os = "linux")]
pub mod device;
pub mod driver;
pub mod error;
pub mod holder;
pub mod interrupt;
#[cfg(target_os = "linux")]
pub mod namespace;
pub mod netem;
pub mod place;
#[cfg(target_os = "linux")]
pub mod port;
#[cfg(target_os = "linux")]
pub mod rig;
mod routes;
pub mod sockets;
pub mod vehicle;
#[cfg(target_os = "linux")]
mod watched;

pub use alarm::Alarm;
pub use attach::{AttachOptions, Plug, attach_vehicle};
pub use clock::Clock;
pub use driver::{Driver, Note};
pub use error::LiveError;
pub use holder::Holder;
pub use interrupt::on_interrupt;
pub use place::{OpenPort, Place, Transport};
pub use sockets::Totals;
pub use vehicle::{Happening, VehicleOptions, serve_vehicle};
