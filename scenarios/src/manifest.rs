//! How a bridge is started, what it needs, what it claims to do: one file per bridge.
//!
//! | file | holds |
//! |---|---|
//! | `template` | text with placeholders such as `{tap}` |
//! | `pattern` | regular expressions |
//! | `role` | one program of a bridge: started, ready, stopped |
//! | `check` | from a file to a [`Manifest`], or to everything that is wrong with it |
//! | `schema` | the JSON Schema of a manifest |
//! | `shipped` | the manifests that are shipped |

mod check;
pub mod pattern;
pub mod role;
pub mod schema;
pub mod shipped;
pub mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::ScenarioErrors;
use crate::read;
pub use pattern::Pattern;
pub use role::{Attachment, Port, Preparation, Ready, Role, RoleName, Signal, Stop};
pub use shipped::{SHIPPED, Shipped};
pub use template::{Placeholder, Template, Value};

/// A bridge under test: how it is started, what it needs, what it claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its name, such as `openvpn`.
    pub name: String,
    /// The folder its file is in.
    pub folder: PathBuf,
    /// What it is, for people.
    pub about: Option<String>,
    /// The programs it is made of, and how to get them.
    pub installed: Installed,
    /// How its version is found out.
    pub version: Option<Version>,
    /// What it claims to do; what is absent is not supported.
    pub capabilities: BTreeSet<Capability>,
    /// What is made ready before anything starts, in order.
    pub prepare: Vec<Preparation>,
    /// What carries the frames.
    pub carrier: Carrier,
}

/// What carries the frames between the two sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Nothing: one site's port is the other's, by a plain wire.
    Wire,
    /// Programs.
    Programs(Box<Roles>),
}

/// The programs of a bridge by their role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles {
    /// Beside the tester.
    pub technician: Role,
    /// Somewhere on the internet, where the bridge has one.
    pub relay: Option<Role>,
    /// Beside the vehicle.
    pub mechanic: Role,
}

/// The programs a bridge is made of, and how to get them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Installed {
    /// Programs by name or path, beside those that are run; the digest of each goes into that of
    /// the build. `{benchcar}` is this program.
    pub programs: Vec<Template>,
    /// Scripts and libraries, from the manifest's folder; the digest of each goes into that of the
    /// build.
    #[cfg_attr(test, schemars(inner(length(min = 1))))]
    pub files: Vec<PathBuf>,
    /// The command or sentence that gets them, such as `apt-get install n2n`.
    pub remedy: Option<String>,
}

/// How a version is found out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Version {
    /// The program and its arguments; what it ends with does not count.
    pub run: Vec<Template>,
    /// Finds the version in what it prints: the first group, or all that matches.
    pub pattern: Pattern,
}

/// What a bridge can claim to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Loss of link at the car is seen at the technician's port.
    LinkState,
    /// Frames of 1514 bytes pass.
    FullSizeFrames,
    /// A gateway reset of a few seconds ends no order.
    ResetRideThrough,
    /// Both sides reach each other through a third party.
    Relay,
    /// What is carried cannot be read on the way.
    Encryption,
    /// Measures the way and advises for or against programming.
    Guard,
}

impl Capability {
    /// Every capability, in the order they are listed.
    pub const ALL: [Self; 6] = [
        Self::LinkState,
        Self::FullSizeFrames,
        Self::ResetRideThrough,
        Self::Relay,
        Self::Encryption,
        Self::Guard,
    ];

    /// The word used in manifests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LinkState => "link-state",
            Self::FullSizeFrames => "full-size-frames",
            Self::ResetRideThrough => "reset-ride-through",
            Self::Relay => "relay",
            Self::Encryption => "encryption",
            Self::Guard => "guard",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Manifest {
    /// Returns the shipped manifest of that name.
    pub fn named(name: &str) -> Option<Self> {
        let shipped = SHIPPED.iter().find(|shipped| shipped.name == name)?;
        let manifest = Self::parse(shipped.file, shipped.text);
        Some(manifest.expect("a shipped manifest is right, as a test shows"))
    }

    /// Reads and checks a manifest file.
    ///
    /// # Errors
    ///
    /// Returns every mistake that can be told apart, in the order of the file.
    pub fn read(path: &Path) -> Result<Self, ScenarioErrors> {
        let (file, bytes) = read::stored(path, SUBJECT)?;
        Self::parse_bytes(&file, &bytes)
    }

    /// Returns the shipped manifest of that name, or reads the file.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the file, or that there is none.
    pub fn find(word: &str) -> Result<Self, ScenarioErrors> {
        match Self::named(word) {
            Some(manifest) => Ok(manifest),
            None if word.ends_with(".yaml") || word.contains('/') || Path::new(word).exists() => {
                Self::read(Path::new(word))
            }
            None => Err(check::unknown(word)),
        }
    }

    /// Reads and checks a manifest from bytes; `file` is the name errors are told under.
    ///
    /// # Errors
    ///
    /// Returns every mistake that can be told apart, in the order of the file.
    pub fn parse_bytes(file: &str, bytes: &[u8]) -> Result<Self, ScenarioErrors> {
        Self::parse(file, read::text_of(file, bytes, SUBJECT)?)
    }

    /// Reads and checks a manifest from text; `file` is the name errors are told under.
    ///
    /// # Errors
    ///
    /// Returns every mistake that can be told apart, in the order of the file.
    pub fn parse(file: &str, text: &str) -> Result<Self, ScenarioErrors> {
        check::parse(file, text)
    }

    /// Returns whether the bridge claims to do this.
    pub fn claims(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    /// Returns every program the bridge is made of, once: those it names, and the first word of
    /// what it runs. What preparations make below `{dir}` is not there before, and left out.
    pub fn programs(&self) -> Vec<&Template> {
        let prepared = self.prepare.iter().filter_map(|step| match step {
            Preparation::Run(words) => words.first(),
            Preparation::File(_) => None,
        });
        let run = self.roles().filter_map(|(_, role)| role.run.first());
        let started = prepared.chain(run).filter(|word| {
            let mut placeholders = word.placeholders();
            placeholders.all(|placeholder| placeholder == Placeholder::Benchcar)
        });
        let mut programs = Vec::new();
        for program in self.installed.programs.iter().chain(started) {
            if !programs.contains(&program) {
                programs.push(program);
            }
        }
        programs
    }

    /// Returns the programs by role; nothing for a plain wire.
    pub fn roles(&self) -> impl Iterator<Item = (RoleName, &Role)> {
        let roles = match &self.carrier {
            Carrier::Wire => None,
            Carrier::Programs(roles) => Some(roles),
        };
        roles.into_iter().flat_map(|roles| {
            [
                (RoleName::Relay, roles.relay.as_ref()),
                (RoleName::Mechanic, Some(&roles.mechanic)),
                (RoleName::Technician, Some(&roles.technician)),
            ]
            .into_iter()
            .filter_map(|(name, role)| Some((name, role?)))
        })
    }
}

/// What a manifest file is called in messages.
const SUBJECT: &str = "bridge";
