//! Why a bridge cannot be run, and what helps.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use scenarios::manifest::{Placeholder, RoleName};

/// A reason why a bridge cannot be run here (exit code 3).
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// A program it is made of is not installed.
    #[error("{program}, a program of the bridge {bridge}, is not installed: {sought}")]
    NotInstalled {
        /// The bridge.
        bridge: String,
        /// The program.
        program: String,
        /// Where it was looked for.
        sought: Sought,
        /// What its manifest says helps.
        remedy: Option<String>,
    },
    /// A file it is made of is missing.
    #[error("{file}, a file of the bridge {bridge}, is missing: {sought}")]
    NoFile {
        /// The bridge.
        bridge: String,
        /// The file, as its manifest names it.
        file: String,
        /// Where it was looked for.
        sought: Sought,
        /// What its manifest says helps.
        remedy: Option<String>,
    },
    /// A file it is made of cannot be read.
    #[error("{} cannot be read: {source}", .file.display())]
    Unread {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program that is to be started is missing.
    #[error("{program} could not be started, it is missing: {sought}")]
    NotThere {
        /// The program.
        program: String,
        /// Where it was looked for.
        sought: Sought,
    },
    /// A program could not be started.
    #[error("{program} could not be started: {source}")]
    NotStarted {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// A preparation went wrong.
    #[error("preparing `{what}` failed: {how}")]
    NotPrepared {
        /// The command or file.
        what: String,
        /// What it said.
        how: String,
    },
    /// A role ended before it was ready.
    #[error("the {role} ended before it was ready ({how}); it said: {}", said(.last))]
    Ended {
        /// The role.
        role: RoleName,
        /// How it ended.
        how: String,
        /// The last lines it printed.
        last: Vec<String>,
    },
    /// A role was not ready in time.
    #[error("the {role} was not ready within {within:?}: {missing}; it said: {}", said(.last))]
    NotReady {
        /// The role.
        role: RoleName,
        /// How long was waited.
        within: Duration,
        /// What was waited for.
        missing: String,
        /// The last lines it printed.
        last: Vec<String>,
    },
    /// It makes TAP devices, and there are none.
    #[error("the bridge {bridge} makes TAP devices, and there are none here: {source}")]
    NoTap {
        /// The bridge.
        bridge: String,
        /// What helps.
        remedy: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The scenario wants something of the bridge that its manifest has no place for.
    #[error("the bridge {bridge} cannot be told `{name}: {wanted}`")]
    Untold {
        /// The bridge.
        bridge: String,
        /// The key of the scenario.
        name: &'static str,
        /// Its value.
        wanted: String,
    },
    /// A placeholder has no value here.
    #[error("`{{{}}}` means nothing here", .0.name())]
    NoValue(Placeholder),
    /// The bridge has no such role, or it does not run.
    #[error("this bridge has no {0} that runs")]
    NoRole(RoleName),
    /// The network around a role could not be made.
    #[error("the network of the {role} could not be made: {how}")]
    Network {
        /// The role.
        role: RoleName,
        /// What went wrong.
        how: String,
    },
}

/// Where something was looked for, and what is there instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// Nothing is there.
    Path(PathBuf),
    /// Something else is there, such as a folder.
    NoFile(PathBuf),
    /// It is there, but not a program.
    NotExecutable(PathBuf),
    /// In these folders, by its name.
    Folders(Vec<PathBuf>),
}

impl DeviceError {
    /// Returns what a user can do about it, as a sentence.
    pub fn remedy(&self) -> String {
        match self {
            Self::NotInstalled { remedy: Some(remedy), .. } => format!("Install it: {remedy}"),
            Self::NotInstalled { remedy: None, program, .. } => {
                format!("Install {program}, or put its folder into PATH.")
            }
            Self::NoFile { remedy: Some(remedy), .. } => format!("Get it: {remedy}"),
            Self::NoFile { remedy: None, .. } => {
                "Put it there, or mend its path below `installed: files:`.".to_owned()
            }
            Self::Unread { .. } => "See that this user may read it.".to_owned(),
            Self::NotThere { program, .. } => {
                format!("Install {program}, or mend the first word of the manifest's `run`.")
            }
            Self::NotStarted { .. } => {
                "See that the file may be executed and fits this machine.".to_owned()
            }
            Self::NotPrepared { .. } | Self::NoValue(_) | Self::NoRole(_) => {
                "See the manifest; `benchcar bridges` shows it is read.".to_owned()
            }
            Self::NoTap { remedy, .. } => (*remedy).to_owned(),
            Self::Untold { .. } => {
                "Put the placeholder of that name into the manifest's `run`, if the bridge can do \
                 it; else run the scenario over another bridge."
                    .to_owned()
            }
            Self::Ended { .. } => "See what it said, and how the manifest runs it.".to_owned(),
            Self::NotReady { .. } => {
                "See what it said; the manifest names what is waited for and how long.".to_owned()
            }
            Self::Network { .. } => {
                "See that this user may make network devices (root, or user namespaces).".to_owned()
            }
        }
    }
}

impl fmt::Display for Sought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "no file can be seen at {}", path.display()),
            Self::NoFile(path) => write!(f, "{} is no file", path.display()),
            Self::NotExecutable(file) => write!(f, "{} may not be executed", file.display()),
            Self::Folders(folders) => {
                f.write_str("no program of that name is in ")?;
                let folders: Vec<String> =
                    folders.iter().map(|folder| folder.display().to_string()).collect();
                f.write_str(&folders.join(", "))
            }
        }
    }
}

fn said(lines: &[String]) -> String {
    if lines.is_empty() { "nothing".to_owned() } else { lines.join(" | ") }
}
