//! A simulated vehicle on a network port of this machine: `benchcar vehicle --attach`.
//!
//! | file | holds |
//! |---|---|
//! | `attached` | any machine that speaks frames, on a port, in real time |
//! | `car` | the vehicle of the command line, plugged in |
//! | `noted` | an application whose doings people watch |
//! | `serve` | all of it together, until somebody ends it |

#[cfg(target_os = "linux")]
mod attached;
mod car;
mod noted;
#[cfg(target_os = "linux")]
mod serve;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;

use node::{AddressPlan, Seed};
use sim_gateway::{Setup, VehicleProfile};

#[cfg(target_os = "linux")]
pub use self::attached::Attached;
pub use self::car::{NotedCar, plugged};
pub use self::noted::Noted;
#[cfg(target_os = "linux")]
pub use self::serve::attach_vehicle;
#[cfg(not(target_os = "linux"))]
use crate::{Happening, LiveError, Totals};

/// Which vehicle is put on which port.
#[derive(Clone, Debug)]
pub struct AttachOptions {
    /// The vehicle; its hardware address is the profile's.
    pub vehicle: VehicleProfile,
    /// What differs from its profile, such as the protocols it speaks.
    pub setup: Setup,
    /// The adapter, such as `eth1`.
    pub interface: String,
    /// How whoever faces the cable comes by an address: the vehicle, or the ICOM.
    pub address: AddressPlan,
    /// What is plugged into the vehicle.
    pub plug: Plug,
    /// Whether the way to the rest of the world may be taken away from this machine.
    pub force: bool,
    /// What everything random is drawn from.
    pub seed: Seed,
}

/// What is plugged into a vehicle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plug {
    /// An ENET cable: the vehicle itself is seen.
    #[default]
    EnetCable,
    /// An ICOM Next: a host of its own, which rides through gateway resets.
    IcomNext,
}

/// Puts a vehicle on a network port, which needs Linux.
#[cfg(not(target_os = "linux"))]
pub fn attach_vehicle(_: AttachOptions, _: impl FnMut(Happening)) -> Result<Totals, LiveError> {
    Err(LiveError::NeedsLinux { what: "a vehicle on a network port" })
}
