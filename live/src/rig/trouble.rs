//! What keeps a bridge under test from being started.

use std::io;

use scenarios::manifest::RoleName;

/// A reason why a bridge under test could not be brought up.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// A program could not be started.
    #[error("the {role} of the bridge, {program}, could not be started: {source}")]
    NotStarted {
        /// Which part of the bridge.
        role: RoleName,
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program ended, or was not ready in time.
    #[error("the {role} of the bridge {what}{}", last_words(.said))]
    Program {
        /// Which part of the bridge.
        role: RoleName,
        /// What is wrong.
        what: String,
        /// Its last lines.
        said: String,
    },
    /// Something that has to be made ready could not be.
    #[error("the bridge could not be prepared: {0}")]
    Preparation(String),
    /// A manifest asks for something there is no value for.
    #[error("the bridge asks for {{{0}}}, which there is not where it asks")]
    NoValue(&'static str),
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
    /// A manifest names no program.
    #[error("the bridge names no program to run")]
    Empty,
}

impl Trouble {
    /// What a user can do about it, as a sentence.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NotStarted { .. } => {
                "Install the bridge's programs; `benchcar bridges` says how."
            }
            Self::Program { .. } | Self::Preparation(_) => {
                "See what it says above; the manifest's `run`, `ready` and `prepare` may need a \
                 change."
            }
            Self::Untold { .. } => {
                "Put the placeholder of that name into the manifest's `run`, if the bridge can do \
                 it; else run the scenario over another bridge."
            }
            Self::NoValue(_) | Self::Empty => "Correct the bridge's manifest.",
        }
    }
}

fn last_words(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!("; it said:\n{said}") }
}
