//! What joins a bridge's own device with the port of its site.

use std::net::Ipv4Addr;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;
use rtnetlink::AddressMessageBuilder;
use scenarios::manifest::{Attachment, Role, RoleName};

use super::{DeviceError, Running, role_of};
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
        if port.flush_addresses {
            flush(namespace, tap).map_err(|how| DeviceError::Network { role, how })?;
        }
        let refused =
            |error: crate::LiveError| DeviceError::Network { role, how: error.to_string() };
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
        let refused =
            |error: crate::LiveError| DeviceError::Network { role, how: error.to_string() };
        namespace.bridge(bridge, &[tap, port]).map_err(refused)?;
        namespace.up(bridge).map_err(refused)
    }
}

fn makes_tap(role: &Role) -> Option<()> {
    role.port.filter(|port| port.by == Attachment::Tap).map(|_| ())
}

/// Takes every IPv4 address away from a device.
fn flush(namespace: &Namespace, device: &str) -> Result<(), String> {
    namespace.run(|| {
        let index = if_nametoindex(device).map_err(|errno| errno.to_string())?;
        let held: Vec<(Ipv4Addr, u8)> = getifaddrs()
            .map_err(|errno| errno.to_string())?
            .filter(|entry| entry.interface_name == device)
            .filter_map(|entry| {
                let address = entry.address?.as_sockaddr_in()?.ip();
                let mask = u32::from(entry.netmask?.as_sockaddr_in()?.ip());
                Some((address, mask.count_ones() as u8))
            })
            .collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        runtime.block_on(async {
            let (connection, handle, _) =
                rtnetlink::new_connection().map_err(|error| error.to_string())?;
            let connection = tokio::spawn(connection);
            for (address, prefix) in held {
                let message = AddressMessageBuilder::<Ipv4Addr>::new()
                    .index(index)
                    .address(address, prefix)
                    .build();
                let done = handle.address().del(message).execute().await;
                done.map_err(|error| error.to_string())?;
            }
            connection.abort();
            Ok(())
        })
    })
}
