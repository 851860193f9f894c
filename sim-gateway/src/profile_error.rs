//! What can be wrong with a dialect or a vehicle file.

use thiserror::Error;

/// Why a dialect or vehicle file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct ProfileError {
    message: String,
    line: Option<u64>,
    column: Option<u64>,
}

impl ProfileError {
    /// Returns the line of the mistake, counted from one, when it has a place.
    pub fn line(&self) -> Option<u64> {
        self.line
    }

    /// Returns the column of the mistake, counted from one, when it has a place.
    pub fn column(&self) -> Option<u64> {
        self.column
    }

    #[expect(clippy::needless_pass_by_value, reason = "stands in map_err without a closure")]
    pub(crate) fn from_yaml(error: yaml::Error) -> Self {
        let (line, column) = (Some(error.line), Some(error.column));
        Self { message: error.explanation(), line, column }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { message: message.into(), line: None, column: None }
    }

    pub(crate) fn unknown<'a>(
        kind: &str,
        name: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> Self {
        let known: Vec<_> = known.collect();
        Self::invalid(format!("there is no {kind} `{name}`; there are {}", known.join(", ")))
    }
}
