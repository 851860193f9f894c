//! End states: what became of a control unit, judged from memory and ledger.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::coding::CodingState;
use crate::image::Image;
use crate::unit::{Software, Unit};

/// What became of a control unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndState {
    /// Nothing was erased or written.
    Untouched,
    /// New software is verified and starts, coding is complete.
    Programmed,
    /// The software is the one it had, coding was written anew and is complete.
    Coded,
    /// The software starts, coding is missing.
    Uncoded,
    /// The software starts, coding is half written.
    MixedCoding,
    /// Only the bootloader answers; a new flash can save it.
    Stranded,
    /// It will never answer again.
    Dead,
    /// Verified as good, but not what the tester sent: must never happen.
    CorruptAccepted,
}

impl EndState {
    /// Every end state.
    pub const ALL: [Self; 8] = [
        Self::Untouched,
        Self::Programmed,
        Self::Coded,
        Self::Uncoded,
        Self::MixedCoding,
        Self::Stranded,
        Self::Dead,
        Self::CorruptAccepted,
    ];

    /// Returns the name scenarios use, such as `mixed-coding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Untouched => "untouched",
            Self::Programmed => "programmed",
            Self::Coded => "coded",
            Self::Uncoded => "uncoded",
            Self::MixedCoding => "mixed-coding",
            Self::Stranded => "stranded",
            Self::Dead => "dead",
            Self::CorruptAccepted => "corrupt-accepted",
        }
    }

    /// Finds an end state by the name scenarios use.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl fmt::Display for EndState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Unit {
    /// Judges from memory, coding and ledger; `sent` is what the tester wrote.
    pub(crate) fn end_state(&self, sent: Option<&Image>) -> EndState {
        if self.dead {
            return EndState::Dead;
        }
        if !self.ledger.is_changed() {
            return EndState::Untouched;
        }
        if self.software != Software::Valid || !self.memory.is_boot_whole() {
            return EndState::Stranded;
        }
        if self.memory.is_corrupt(sent) {
            return EndState::CorruptAccepted;
        }
        let is_new = self.memory.is_written();
        if !is_new && !self.ledger.is_coded() {
            return EndState::Untouched;
        }
        match self.coding.state() {
            CodingState::Complete if is_new => EndState::Programmed,
            CodingState::Complete => EndState::Coded,
            CodingState::Missing => EndState::Uncoded,
            CodingState::Partial => EndState::MixedCoding,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_state_is_found_by_its_name() {
        for state in EndState::ALL {
            assert_eq!(EndState::named(state.name()), Some(state));
        }
        assert_eq!(EndState::named("fine"), None);
    }
}
