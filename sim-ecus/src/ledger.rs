//! The ledger: every erase, block, repeat, verify and reset of one control unit.

use node::Instant;
use serde::Serialize;

use crate::interface::{ResetKind, Slot};

/// Entries kept; beyond it the oldest quarter goes, so that a unit that runs for days stays small.
const LIMIT: usize = 1 << 18;

/// One line of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// When it happened.
    pub at: Instant,
    /// What happened.
    pub kind: LedgerKind,
}

/// What can be written into a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "kind")]
pub enum LedgerKind {
    /// An erase began; the marker of valid software is already gone.
    EraseStarted {
        /// First address erased.
        address: u32,
        /// Bytes erased.
        size: u32,
    },
    /// An erase ended.
    EraseFinished {
        /// First address erased.
        address: u32,
        /// Bytes erased.
        size: u32,
    },
    /// An erase broke off: the supply fell, or the unit was reset.
    EraseFailed {
        /// First address of what was to be erased.
        address: u32,
    },
    /// `34` was accepted.
    DownloadStarted {
        /// First address.
        address: u32,
        /// Bytes announced.
        size: u32,
    },
    /// `36` was answered positively.
    Block {
        /// Number of the block in its download, from 1.
        index: u32,
        /// The block sequence counter.
        counter: u8,
        /// Bytes of payload.
        bytes: u32,
        /// Whether it was the last block again, which is not written twice.
        repeated: bool,
    },
    /// A block was not written: the memory failed or the supply was out of limits.
    WriteFailed {
        /// Number of the block in its download, from 1.
        index: u32,
        /// What was answered.
        nrc: u8,
    },
    /// An open download was given up before all its data came.
    DownloadAborted {
        /// First address.
        address: u32,
        /// Bytes that had been written.
        written: u32,
    },
    /// `37` was accepted.
    TransferExit {
        /// First address.
        address: u32,
        /// Bytes written.
        size: u32,
    },
    /// checkMemory (0202) ended.
    Verified {
        /// First address checked.
        address: u32,
        /// Whether the memory was called good.
        ok: bool,
    },
    /// checkProgrammingDependencies (FF01) ended.
    Dependencies {
        /// Whether the software may start.
        ok: bool,
    },
    /// The unit restarts.
    Reset {
        /// Why.
        reset: ResetKind,
    },
    /// A session other than the default one began.
    SessionStarted {
        /// Its number.
        session: u8,
    },
    /// A session ended because no tester spoke for S3.
    SessionLost {
        /// Its number.
        session: u8,
    },
    /// A security level was unlocked.
    Unlocked {
        /// The level, as requestSeed counts it.
        level: u8,
    },
    /// The supply fell below what the unit can live on.
    Brownout {
        /// The voltage.
        millivolts: u32,
    },
    /// A coding item was written.
    CodingWritten {
        /// Its data identifier.
        did: u16,
    },
    /// The coding checksum is right and the stamp is set.
    CodingComplete,
    /// Another data identifier was written.
    DataWritten {
        /// The data identifier.
        did: u16,
    },
    /// Fault memory was cleared.
    FaultsCleared,
    /// A pairing slot of the body controller was aligned, which concerns the partner.
    Paired {
        /// Which slot.
        slot: Slot,
    },
    /// The unit restarted while its boot block was not whole.
    BootBlockBroken,
    /// The unit broke for good.
    Killed,
}

impl LedgerKind {
    /// Returns whether flash memory or coding data was changed by this.
    pub const fn is_change(&self) -> bool {
        match self {
            Self::EraseStarted { .. }
            | Self::EraseFinished { .. }
            | Self::EraseFailed { .. }
            | Self::DownloadStarted { .. }
            | Self::WriteFailed { .. }
            | Self::DownloadAborted { .. }
            | Self::TransferExit { .. }
            | Self::CodingWritten { .. }
            | Self::CodingComplete
            | Self::BootBlockBroken => true,
            Self::Block { repeated, .. } => !*repeated,
            Self::Verified { .. }
            | Self::Dependencies { .. }
            | Self::Reset { .. }
            | Self::SessionStarted { .. }
            | Self::SessionLost { .. }
            | Self::Unlocked { .. }
            | Self::Brownout { .. }
            | Self::DataWritten { .. }
            | Self::FaultsCleared
            | Self::Paired { .. }
            | Self::Killed => false,
        }
    }
}

/// The entries of one control unit, oldest first; what is counted outlives what is forgotten.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    entries: Vec<LedgerEntry>,
    changed: bool,
    coded: bool,
    erases: u64,
    repeated_blocks: u64,
}

impl Ledger {
    pub(crate) fn push(&mut self, entry: LedgerEntry) {
        if self.entries.len() >= LIMIT {
            self.entries.drain(..LIMIT / 4);
        }
        self.changed |= entry.kind.is_change();
        self.coded |= matches!(entry.kind, LedgerKind::CodingWritten { .. });
        self.erases += u64::from(matches!(entry.kind, LedgerKind::EraseStarted { .. }));
        let is_repeated = matches!(entry.kind, LedgerKind::Block { repeated: true, .. });
        self.repeated_blocks += u64::from(is_repeated);
        self.entries.push(entry);
    }

    /// Returns whether anything was ever erased, written or coded, forgotten entries included.
    pub(crate) fn is_changed(&self) -> bool {
        self.changed
    }

    /// Returns whether coding data was ever written.
    pub(crate) fn is_coded(&self) -> bool {
        self.coded
    }

    /// Returns how often an erase began.
    pub(crate) fn erases(&self) -> u64 {
        self.erases
    }

    /// Returns how many blocks came that were already written.
    pub(crate) fn repeated_blocks(&self) -> u64 {
        self.repeated_blocks
    }

    pub(crate) fn entries(&self) -> &[LedgerEntry] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: LedgerKind) -> LedgerEntry {
        LedgerEntry { at: Instant::ZERO, kind }
    }

    #[test]
    fn a_full_ledger_forgets_its_oldest_quarter_but_no_change_and_no_count() {
        let mut ledger = Ledger::default();
        ledger.push(entry(LedgerKind::EraseStarted { address: 0, size: 1 }));
        ledger.push(entry(LedgerKind::Block { index: 1, counter: 1, bytes: 8, repeated: true }));
        ledger.push(entry(LedgerKind::CodingWritten { did: 0x3000 }));
        for _ in 0..LIMIT {
            ledger.push(entry(LedgerKind::FaultsCleared));
        }
        assert_eq!(ledger.entries().len(), LIMIT - LIMIT / 4 + 3);
        assert!(ledger.is_changed() && ledger.is_coded());
        assert_eq!((ledger.erases(), ledger.repeated_blocks()), (1, 1));
    }

    #[test]
    fn a_repeated_block_changes_nothing() {
        let mut ledger = Ledger::default();
        ledger.push(entry(LedgerKind::Block { index: 1, counter: 1, bytes: 8, repeated: true }));
        assert!(!ledger.is_changed());
    }
}
