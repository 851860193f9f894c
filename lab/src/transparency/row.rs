//! What a check yields: a row with grade, words and evidence.

use std::fmt;

use node::Instant;

/// How well a bridge stands in for a wire in one respect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// As a wire.
    Pass,
    /// Not as a wire, within what the bridge claims: whoever uses it has to know.
    Finding,
    /// Not as a wire, against what the bridge claims or what every bridge has to do.
    Fail,
    /// The bridge does not claim to do this, and does not.
    Unsupported,
    /// Was not tried here; the words say why.
    NotRun,
}

impl Grade {
    /// The word in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Finding => "finding",
            Self::Fail => "fail",
            Self::Unsupported => "unsupported",
            Self::NotRun => "not-run",
        }
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One check and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What was checked.
    pub check: &'static str,
    /// How it came out.
    pub grade: Grade,
    /// What was seen, as a sentence.
    pub words: String,
    /// What shows it, in the order of time.
    pub evidence: Vec<Capture>,
}

/// One thing that happened at one port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// When.
    pub at: Instant,
    /// Where and in which direction, such as `technician sent`.
    pub place: String,
    /// One line about it.
    pub words: String,
    /// The beginning of the frame in hex; empty for what is no frame.
    pub hex: String,
}

impl fmt::Display for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.at, self.place, self.words)?;
        if !self.hex.is_empty() {
            write!(f, " | {}", self.hex)?;
        }
        Ok(())
    }
}
