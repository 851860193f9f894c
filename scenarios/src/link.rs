//! Which protocol is spoken, and what is plugged into the car.

use std::fmt;

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The protocol between tester and gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// BMW's HSFZ on TCP 6801.
    Hsfz,
    /// DoIP of ISO 13400-2 on TCP 13400.
    Doip,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hsfz => "hsfz",
            Self::Doip => "doip",
        })
    }
}

/// What is plugged into the OBD socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Interface {
    /// A wire: the workshop sees the link drop when the gateway resets.
    EnetCable,
    /// An ICOM Next: a host of its own that rides through a gateway reset.
    IcomNext,
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EnetCable => "enet-cable",
            Self::IcomNext => "icom-next",
        })
    }
}
