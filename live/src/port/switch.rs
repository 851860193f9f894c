//! What shows or hides the carrier of an adapter while somebody else has its port.

use super::Carrier;
use super::link::Link;
use crate::LiveError;

/// Switches the carrier of the adapter at the other end of a port.
pub struct Switch(By);

enum By {
    /// The adapter is a TAP device, which can be told.
    Adapter(Link),
    /// The adapter is an end of a veth pair: the far end is switched on and off.
    FarEnd(Link),
}

impl Switch {
    pub(super) fn of_adapter(link: Link) -> Self {
        Self(By::Adapter(link))
    }

    pub(super) fn of_far_end(link: Link) -> Self {
        Self(By::FarEnd(link))
    }

    /// Shows or hides carrier.
    pub fn set(&mut self, up: bool) -> Result<Carrier, LiveError> {
        match &mut self.0 {
            By::Adapter(link) => link.set_carrier(up),
            By::FarEnd(link) => link.set_up(up).map(|()| Carrier::Switched),
        }
    }
}
