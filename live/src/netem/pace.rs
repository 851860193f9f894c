//! How the engine waits for the next frame.

use std::fmt;
use std::str::FromStr;

use node::Duration;

/// How the engine waits for the next frame: the more exact, the more of a processor it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Sleeps until the deadline, to the nanosecond as far as the kernel wakes it in time; on a
    /// real-time priority where this user may have one.
    #[default]
    Epoll,
    /// Sleeps until shortly before the deadline, then spins, and for as long after whatever
    /// happened, since frames come in company; on a real-time priority as well.
    Hybrid,
    /// Never sleeps: a processor of its own, on an ordinary priority.
    Spin,
}

impl Pace {
    /// Every pace, from the cheapest to the most exact.
    pub const ALL: [Self; 3] = [Self::Epoll, Self::Hybrid, Self::Spin];

    /// The word used on the command line and in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Epoll => "epoll",
            Self::Hybrid => "hybrid",
            Self::Spin => "spin",
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Pace {
    type Err = UnknownPace;

    fn from_str(text: &str) -> Result<Self, UnknownPace> {
        let found = Self::ALL.into_iter().find(|pace| pace.name() == text);
        found.ok_or_else(|| UnknownPace(text.to_owned()))
    }
}

/// A word that names no pace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no pace of the emulator: take epoll, hybrid or spin")]
pub struct UnknownPace(pub String);

/// How an emulator runs, besides what it does to frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How it waits.
    pub pace: Pace,
    /// How long [`Pace::Hybrid`] spins before a deadline, and after a frame.
    pub spin: Duration,
    /// The processor the thread keeps to; any where nothing is said.
    pub processor: Option<usize>,
    /// Frames kept for whoever asks for the unusual ones; what comes on top is counted.
    pub fates: usize,
    /// Frames kept for a capture; 0 where nobody captures. What comes on top is counted.
    pub sightings: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { pace: Pace::Epoll, spin: SPIN, processor: None, fates: FATES, sightings: 0 }
    }
}

/// Longer than nearly every wake-up of a processor that had gone to sleep.
const SPIN: Duration = Duration::from_micros(100);

/// As many as virtual time keeps.
const FATES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pace_is_read_by_its_name_and_others_are_refused() {
        assert_eq!(Pace::ALL.map(|pace| pace.name().parse()), Pace::ALL.map(Ok));
        assert_eq!(
            "busy".parse::<Pace>().unwrap_err().to_string(),
            "`busy` is no pace of the emulator: take epoll, hybrid or spin"
        );
    }
}
