//! Exit codes, the same for people and for CI.

use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything was as expected.
    AsExpected,
    /// An expectation failed.
    Failed,
    /// A scenario is wrong.
    BadScenario,
    /// The environment cannot run it.
    Environment,
    /// Nothing was selected.
    Nothing,
    /// Somebody pressed Ctrl-C.
    Interrupted,
    /// As the process ended that did the work.
    As(u8),
}

impl Exit {
    /// Returns how another process of this program ended, by its exit code.
    pub fn from_code(code: u8) -> Self {
        match code {
            0 => Self::AsExpected,
            1 => Self::Failed,
            2 => Self::BadScenario,
            4 => Self::Nothing,
            130 => Self::Interrupted,
            // Anything else is a process that could not do what it was started for.
            _ => Self::Environment,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::AsExpected => 0,
            Exit::Failed => 1,
            Exit::BadScenario => 2,
            Exit::Environment => 3,
            Exit::Nothing => 4,
            Exit::Interrupted => 130,
            Exit::As(code) => code,
        })
    }
}
