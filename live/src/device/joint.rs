//! What joins a bridge's own device with the port of its site.

use scenarios::manifest::{Attachment, Role, RoleName};

use super::{DeviceError, Running, role_of};
use crate::LiveError;
use crate::namespace::Namespace;

impl Running {
    /// Makes the device a role has made ready for use: on, and without the addresses its manifest
    /// says it brings. Does nothing for a role that opens the site's port itself.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn settle(&self, role: RoleName, namespace: &Namespace) -> Result<(), DeviceError> {
        let Some(port) = role_of(self.manifest(), role).and_then(|role| role.port) else {
            return Ok(());
        };
        if port.by == Attachment::Port {
            return Ok(());
        }
        let tap = &self.sites().of(role).tap;
        let refused = |error: LiveError| DeviceError::Network { role, how: error.to_string() };
        if port.flush_addresses {
            namespace.flush_addresses(tap).map_err(refused)?;
        }
        namespace.up(tap).map_err(refused)
    }

    /// Joins the device a role has made with a port of its site by a bridge of the kernel's. Does
    /// nothing for a role that opens the site's port itself.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn join(
        &self,
        role: RoleName,
        namespace: &Namespace,
        bridge: &str,
        port: &str,
    ) -> Result<(), DeviceError> {
        self.settle(role, namespace)?;
        let made = role_of(self.manifest(), role).and_then(makes_tap);
        if made.is_none() {
            return Ok(());
        }
        let tap = &self.sites().of(role).tap;
        let refused = |error: LiveError| DeviceError::Network { role, how: error.to_string() };
        namespace.bridge(bridge, &[tap, port]).map_err(refused)?;
        namespace.up(bridge).map_err(refused)
    }
}

fn makes_tap(role: &Role) -> Option<()> {
    role.port.filter(|port| port.by == Attachment::Tap).map(|_| ())
}
