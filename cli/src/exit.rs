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
