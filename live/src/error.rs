//! What keeps a live run from running.

use std::io;
use std::net::Ipv4Addr;

use crate::holder::Holder;
use crate::place::Transport;

/// A reason why this machine cannot run what was asked (exit code 3).
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// Somebody else has the port.
    #[error("{transport} port {port} of {address} is taken{}", by(.holder.as_ref()))]
    PortTaken {
        /// TCP or UDP.
        transport: Transport,
        /// The address it was wanted on.
        address: Ipv4Addr,
        /// The port, offset included.
        port: u16,
        /// The process that holds it, where the system tells.
        holder: Option<Holder>,
    },
    /// The system does not let this user open the port.
    #[error("this user may not open {transport} port {port} of {address}")]
    PortForbidden {
        /// TCP or UDP.
        transport: Transport,
        /// The address it was wanted on.
        address: Ipv4Addr,
        /// The port, offset included.
        port: u16,
    },
    /// No interface has the address.
    #[error("no interface of this machine has the address {address}")]
    AddressMissing {
        /// The address asked for.
        address: Ipv4Addr,
    },
    /// A standard port and the offset together leave the range of ports.
    #[error("port {port} moved up by {offset} is beyond 65535")]
    OffsetTooLarge {
        /// The standard port.
        port: u16,
        /// The offset asked for.
        offset: u16,
    },
    /// The port could not be opened for a reason of the system's own.
    #[error("{transport} port {port} of {address} could not be opened: {source}")]
    Port {
        /// TCP or UDP.
        transport: Transport,
        /// The address it was wanted on.
        address: Ipv4Addr,
        /// The port, offset included.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The network of a namespace could not be made or changed as asked.
    #[error("no {what} in the namespace {namespace}: {source}")]
    Network {
        /// What was asked for.
        what: String,
        /// Where.
        namespace: String,
        /// What the system said.
        source: io::Error,
    },
    /// Every folder that could be covered for the time of a run is needed.
    #[error("no folder is free to be covered by a private one")]
    NoPrivateFolder,
    /// This machine does not let this user have namespaces.
    #[cfg(target_os = "linux")]
    #[error("{0}")]
    Obstacle(crate::namespace::Obstacle),
    /// There is no adapter of this name.
    #[error("there is no adapter `{name}`{}", there_are(.present))]
    NoAdapter {
        /// The name asked for.
        name: String,
        /// The adapters there are.
        present: Vec<String>,
    },
    /// An adapter is no place for a car.
    #[error("the adapter `{name}` {why}")]
    UnfitAdapter {
        /// The adapter.
        name: String,
        /// What speaks against it.
        why: &'static str,
        /// What helps.
        remedy: &'static str,
    },
    /// What was asked for is made of what only Linux has.
    #[error("{what} needs Linux")]
    NeedsLinux {
        /// What was asked for.
        what: &'static str,
    },
    /// A TAP device could not be made.
    #[error("no TAP device `{name}`: {source}")]
    Tap {
        /// The name asked for.
        name: String,
        /// What helps.
        remedy: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A network port could not be opened for frames.
    #[error("the port `{name}` cannot be opened for frames: {source}")]
    RawPort {
        /// The port.
        name: String,
        /// What helps.
        remedy: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// An adapter did not do as it was told.
    #[error("the adapter `{name}` cannot {what}: {source}")]
    Adapter {
        /// The adapter.
        name: String,
        /// What it was told.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The bridge under test could not be brought up.
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    Bridge(#[from] crate::device::DeviceError),
    /// The system refused what every live run needs: a poller, a timer, a signal handler.
    #[error("the system refused a {what}: {source}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl LiveError {
    /// The exit code of a run that this machine cannot do.
    pub const EXIT_CODE: u8 = 3;

    /// Sorts what the system said about a port.
    pub(crate) fn port(
        transport: Transport,
        address: Ipv4Addr,
        port: u16,
        source: io::Error,
    ) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => {
                let holder = Holder::find(transport, port);
                Self::PortTaken { transport, address, port, holder }
            }
            io::ErrorKind::PermissionDenied => Self::PortForbidden { transport, address, port },
            io::ErrorKind::AddrNotAvailable => Self::AddressMissing { address },
            _ => Self::Port { transport, address, port, source },
        }
    }

    /// Returns what a user can do about it, as a sentence.
    pub fn remedy(&self) -> String {
        match self {
            Self::PortTaken { holder: Some(holder), .. } => {
                format!("End process {} or choose other ports with --port-offset N.", holder.pid)
            }
            Self::PortTaken { holder: None, .. } => {
                "Another simulated vehicle, a diagnostic tool or a bridge may hold it: end it, or \
                 choose other ports with --port-offset N."
                    .to_owned()
            }
            Self::PortForbidden { .. } => {
                "Choose ports above 1023 with --port-offset N, or run with the right to open \
                 this one."
                    .to_owned()
            }
            Self::AddressMissing { .. } => {
                "Name an address of this machine with --listen, such as 127.0.0.1 or 0.0.0.0."
                    .to_owned()
            }
            Self::OffsetTooLarge { port, .. } => {
                format!("Choose --port-offset {} or less.", u16::MAX - port)
            }
            Self::Port { .. } => {
                "Choose another address with --listen or other ports with --port-offset N."
                    .to_owned()
            }
            Self::Network { .. } => {
                "See whether this kernel has veth, bridge and the setting named (modprobe), and \
                 whether this container may change its network."
                    .to_owned()
            }
            Self::NoPrivateFolder => {
                "Write results elsewhere than in /run, /mnt, /media, /srv and /var/lib.".to_owned()
            }
            #[cfg(target_os = "linux")]
            Self::Obstacle(obstacle) => obstacle.remedy().to_owned(),
            Self::NoAdapter { .. } => {
                "Name one of them; `benchcar bridge adapters` tells more about each.".to_owned()
            }
            Self::Tap { remedy, .. }
            | Self::RawPort { remedy, .. }
            | Self::UnfitAdapter { remedy, .. } => (*remedy).to_owned(),
            Self::NeedsLinux { .. } => {
                "Run it on Linux: a virtual machine with the adapter passed through will do."
                    .to_owned()
            }
            Self::Adapter { .. } => {
                "See whether the adapter is still there, and whether this user may change it \
                 (CAP_NET_ADMIN)."
                    .to_owned()
            }
            #[cfg(target_os = "linux")]
            Self::Bridge(error) => error.remedy(),
            Self::System { .. } => {
                "Raise the limit of open files (ulimit -n), or see what else keeps this process \
                 from it."
                    .to_owned()
            }
        }
    }
}

fn by(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |holder| format!(" by {holder}"))
}

fn there_are(present: &[String]) -> String {
    match present {
        [] => "; this machine has none".to_owned(),
        names => format!("; there are: {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_names_port_holder_and_remedy() {
        let error = LiveError::PortTaken {
            transport: Transport::Tcp,
            address: Ipv4Addr::LOCALHOST,
            port: 6801,
            holder: Some(Holder { pid: 42, name: "ista".to_owned() }),
        };
        assert_eq!(error.to_string(), "TCP port 6801 of 127.0.0.1 is taken by ista (process 42)");
        assert_eq!(error.remedy(), "End process 42 or choose other ports with --port-offset N.");
    }

    #[test]
    fn what_the_system_said_decides_the_kind() {
        let sort = |kind: io::ErrorKind| {
            LiveError::port(Transport::Udp, Ipv4Addr::LOCALHOST, 1, kind.into())
        };
        assert!(matches!(sort(io::ErrorKind::AddrInUse), LiveError::PortTaken { .. }));
        assert!(matches!(sort(io::ErrorKind::PermissionDenied), LiveError::PortForbidden { .. }));
        assert!(matches!(sort(io::ErrorKind::AddrNotAvailable), LiveError::AddressMissing { .. }));
        assert!(matches!(sort(io::ErrorKind::OutOfMemory), LiveError::Port { .. }));
    }
}
