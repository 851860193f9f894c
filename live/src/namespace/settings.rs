//! The kernel's own settings of a namespace.

use std::fs;
use std::io;

use socket2::{Domain, Protocol, Socket, Type};

use super::Namespace;
use crate::LiveError;

const CONGESTION_CONTROL: &str = "net/ipv4/tcp_congestion_control";
/// What every namespace may use: the kernel never restricts it. It repairs the loss of single
/// segments as cubic does, and paces nothing.
const UNRESTRICTED: &str = "reno";

/// The congestion control in force in a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CongestionControl {
    /// What the kernel calls it.
    pub name: String,
    /// Whether it has to be given to each socket before it connects.
    pub per_socket: bool,
}

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

    /// Pins the congestion control of every TCP socket born here from now on, where the machine
    /// lets a namespace have this one.
    ///
    /// Where it does not, sockets are born with `reno`, which is always allowed and paces nothing,
    /// and each may be given another: see [`CongestionControl::per_socket`].
    pub fn pin_congestion_control(&self, wanted: &str) -> Result<CongestionControl, LiveError> {
        if self.set(CONGESTION_CONTROL, wanted).is_ok() {
            return Ok(CongestionControl { name: wanted.to_owned(), per_socket: false });
        }
        if let Err(error) = self.set(CONGESTION_CONTROL, UNRESTRICTED) {
            tracing::debug!(%error, "the congestion control stays what it was");
        }
        let tried = self.run(|| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
            socket.set_tcp_congestion(wanted.as_bytes())
        });
        if let Err(error) = tried {
            tracing::warn!(%error, wanted, "the congestion control is another");
            let name = self.setting(CONGESTION_CONTROL)?;
            return Ok(CongestionControl { name, per_socket: false });
        }
        Ok(CongestionControl { name: wanted.to_owned(), per_socket: true })
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
