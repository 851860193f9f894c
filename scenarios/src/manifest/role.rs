//! One program of a bridge: how it is started, when it is ready, how it is stopped.

use std::fmt;
use std::time::Duration;

use netem_rs::DurationText;
#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Pattern, Template};

/// Which part of a bridge a program plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleName {
    /// Somewhere on the internet.
    Relay,
    /// Beside the vehicle.
    Mechanic,
    /// Beside the tester.
    Technician,
}

impl RoleName {
    /// The word used in manifests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Mechanic => "mechanic",
            Self::Technician => "technician",
        }
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One program of a bridge.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Role {
    /// The program and its arguments; it has to stay in the foreground.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub run: Vec<Template>,
    /// How it is joined to the Ethernet port of its site; a relay has none.
    #[serde(default)]
    pub port: Option<Port>,
    /// How one can tell that it is ready.
    pub ready: Ready,
    /// How it is stopped.
    #[serde(default)]
    pub stop: Stop,
}

/// How a program is joined to the Ethernet port of its site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Port {
    /// Whether it makes a device of its own or opens one.
    pub by: Attachment,
    /// Largest IP packet it carries without loss, in bytes; 1500 where nothing is said. A tester
    /// on a device with a smaller one sends smaller packets; the car does not know of it.
    #[serde(default = "full_mtu")]
    #[cfg_attr(test, schemars(range(min = 68, max = 9000)))]
    pub mtu: u16,
    /// Whether it puts an address on its device that has to be taken away before use.
    #[serde(default)]
    pub flush_addresses: bool,
}

/// How a program gets at Ethernet frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Attachment {
    /// It makes the TAP device `{tap}`. Beside the tester that is the tester's port; beside the
    /// vehicle a Linux bridge joins it with the port the vehicle is on.
    Tap,
    /// It opens the Ethernet port `{port}` itself.
    Port,
}

/// How one can tell that a program is ready; everything that is named has to be there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ready {
    /// A line of what it prints has this.
    #[serde(default)]
    pub log: Option<Pattern>,
    /// This UDP port is open where it runs.
    #[serde(default)]
    pub udp: Option<u16>,
    /// This TCP port listens where it runs.
    #[serde(default)]
    pub tcp: Option<u16>,
    /// This network device exists where it runs.
    #[serde(default)]
    pub device: Option<Template>,
    /// Whether the program need only be ready after the other roles have been started too.
    #[serde(default)]
    pub with_peer: bool,
    /// How long that may take.
    #[serde(default = "usual_patience")]
    pub within: DurationText,
}

impl Ready {
    /// Returns whether it names nothing that could be waited for.
    pub fn is_empty(&self) -> bool {
        self.log.is_none() && self.udp.is_none() && self.tcp.is_none() && self.device.is_none()
    }
}

/// How a program is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Stop {
    /// The signal that asks it to end.
    pub signal: Signal,
    /// How long it may take; then it is killed.
    pub grace: DurationText,
}

impl Default for Stop {
    fn default() -> Self {
        Self { signal: Signal::Term, grace: DurationText(Duration::from_secs(3)) }
    }
}

/// A signal that asks a program to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// SIGTERM.
    Term,
    /// SIGINT, as Ctrl-C.
    Int,
    /// SIGHUP.
    Hup,
    /// SIGQUIT.
    Quit,
    /// SIGKILL: without being asked.
    Kill,
}

/// Something that is made ready before the programs start.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Preparation {
    /// Runs a program to its end; it has to succeed.
    Run(Vec<Template>),
    /// Writes a file, and the folders above it.
    File(PreparedFile),
}

/// A file that is written before the programs start.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PreparedFile {
    /// Where, below `{dir}`.
    pub path: Template,
    /// What is in it.
    pub text: Template,
}

const fn full_mtu() -> u16 {
    1500
}

const fn usual_patience() -> DurationText {
    DurationText(Duration::from_secs(10))
}
