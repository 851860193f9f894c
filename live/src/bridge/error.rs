//! What keeps a bridge from running, and what to do about it.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::RelayName;
use crate::LiveError;

/// A reason why this machine cannot run its part of the bridge (exit code 3).
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    /// The relay's name does not resolve.
    #[error("the relay {name} cannot be found: {source}")]
    RelayUnknown {
        /// The name.
        name: RelayName,
        /// What the system said.
        source: io::Error,
    },
    /// The relay cannot listen.
    #[error("the relay cannot listen on {listen}: {source}")]
    Listen {
        /// Where it was to listen.
        listen: SocketAddrV4,
        /// Why it cannot.
        source: LiveError,
    },
    /// The Ethernet port went away while it was used.
    #[error("the network adapter is gone: {source}")]
    LanGone {
        /// What the system said.
        source: io::Error,
    },
    /// The address for the technician's adapter would take traffic from another one.
    #[error("{address}/{prefix} lies within {other} of adapter {adapter}")]
    AddressTaken {
        /// The address.
        address: Ipv4Addr,
        /// Length of its prefix in bits.
        prefix: u8,
        /// The other network.
        other: String,
        /// The adapter that leads there.
        adapter: String,
    },
    /// The system refused the technician's adapter its address.
    #[error("{what} of adapter {adapter} could not be set: {reason}")]
    Address {
        /// The adapter.
        adapter: String,
        /// What was to be set.
        what: &'static str,
        /// What the system said.
        reason: String,
    },
    /// Everything else this machine refuses.
    #[error(transparent)]
    Live(#[from] LiveError),
}

impl BridgeError {
    /// Notes where a relay was to listen.
    pub(super) fn listen(listen: SocketAddrV4, source: LiveError) -> Self {
        Self::Listen { listen, source }
    }

    /// Returns what a user can do about it, as a sentence.
    pub fn remedy(&self) -> String {
        match self {
            Self::RelayUnknown { .. } => "Check the spelling of --relay and that this machine \
                                          is on the internet, or give the relay's IPv4 address."
                .to_owned(),
            Self::Listen { .. } => {
                "End what holds the port, or choose another one with --listen ADDRESS:PORT."
                    .to_owned()
            }
            Self::LanGone { .. } => {
                "Plug the adapter in again and start the same command with the same order \
                 number and passcode: the other side waits."
                    .to_owned()
            }
            Self::AddressTaken { .. } => {
                "Choose another network with --address A.B.C.D/LEN, or none with --address none."
                    .to_owned()
            }
            Self::Address { .. } => {
                "Run as root or with `sudo setcap cap_net_admin,cap_net_raw+ep` on the \
                 benchcar binary, or set the address yourself and use --address none."
                    .to_owned()
            }
            Self::Live(error) => error.remedy(),
        }
    }
}
