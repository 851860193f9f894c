//! The kernel's own settings of a namespace.

use std::fs;
use std::io;

use super::Namespace;
use crate::LiveError;

const CONGESTION_CONTROL: &str = "net/ipv4/tcp_congestion_control";
/// What every namespace may use: the kernel never restricts it. It repairs the loss of single
/// segments as cubic does, and paces nothing.
const UNRESTRICTED: &str = "reno";

/// What every namespace is given where the kernel has it: no IPv6 chatter, no packet refused for
/// the way it came, nothing remembered of earlier connections.
const SETTLED: [(&str, &str); 7] = [
    ("net/ipv6/conf/all/disable_ipv6", "1"),
    ("net/ipv6/conf/default/disable_ipv6", "1"),
    ("net/ipv4/conf/all/rp_filter", "0"),
    ("net/ipv4/conf/default/rp_filter", "0"),
    ("net/ipv4/tcp_no_metrics_save", "1"),
    ("net/ipv4/conf/all/arp_notify", "0"),
    ("net/ipv4/ping_group_range", "0 2147483647"),
];

impl Namespace {
    /// Reads a setting, such as `net/ipv4/tcp_rmem`.
    pub fn setting(&self, name: &str) -> Result<String, LiveError> {
        self.run(|| fs::read_to_string(path(name)))
            .map(|text| text.trim().to_owned())
            .map_err(|source| self.refused(name, source))
    }

    /// Changes a setting.
    pub fn set(&self, name: &str, value: &str) -> Result<(), LiveError> {
        self.run(|| fs::write(path(name), value)).map_err(|source| self.refused(name, source))
    }

    /// Pins the congestion control of every TCP socket born here from now on; returns the one in
    /// force: Reno where this machine keeps the one asked for to itself
    /// (`net.ipv4.tcp_allowed_congestion_control`).
    pub fn pin_congestion_control(&self, algorithm: &str) -> Result<String, LiveError> {
        if let Err(error) = self.set(CONGESTION_CONTROL, algorithm) {
            tracing::info!(%error, algorithm, instead = UNRESTRICTED, "congestion control");
            if let Err(error) = self.set(CONGESTION_CONTROL, UNRESTRICTED) {
                tracing::warn!(%error, "the congestion control stays what it was");
            }
        }
        self.setting(CONGESTION_CONTROL)
    }

    pub(super) fn settle(&self) -> Result<(), LiveError> {
        for (name, value) in SETTLED {
            match self.run(|| fs::write(path(name), value)) {
                Ok(()) => {}
                // Without IPv6 there is nothing to switch off; a container may keep its settings
                // from being written, and the usual ones do.
                Err(error) => tracing::debug!(%error, name, "not set"),
            }
        }
        Ok(())
    }

    fn refused(&self, name: &str, source: io::Error) -> LiveError {
        let (what, namespace) = (format!("setting {name}"), self.name.clone());
        LiveError::Network { what, namespace, source }
    }
}

fn path(name: &str) -> String {
    format!("/proc/sys/{name}")
}
