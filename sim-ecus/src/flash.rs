//! Programming: erase, download, check, dependencies (`uds-and-bmw-ecus.md` §2.6, §6.2, §7.2).

use bytes::Bytes;
use node::Instant;
use wire::uds::{BlockCounter, Nrc};

use crate::engine::{Deed, Pace, Work};
use crate::ledger::LedgerKind;
use crate::memory::{BOOT, Dependencies, OpenError};
use crate::supply;
use crate::unit::{Software, Unit};

/// Service identifier and block sequence counter.
const BLOCK_HEADER: usize = 2;
/// Length of `34 <DFI> 44 <addr4> <size4>`.
const DOWNLOAD_LENGTH: usize = 11;
/// No compression, no encryption.
const PLAIN: u8 = 0x00;
/// Four bytes of address, four bytes of size.
const FOUR_AND_FOUR: u8 = 0x44;

/// Positive answers to `36`, by counter.
static BLOCK_ANSWERS: [[u8; 2]; 256] = {
    let mut answers = [[0x76, 0]; 256];
    let mut counter = 0;
    while counter < answers.len() {
        answers[counter][1] = counter as u8;
        counter += 1;
    }
    answers
};

/// A download.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Download {
    /// None is open.
    #[default]
    Idle,
    /// `34` was accepted, `37` was not.
    Receiving {
        /// Where in memory.
        area: usize,
        /// First address.
        address: u32,
        /// Bytes announced.
        size: u32,
        /// Bytes still to come.
        remaining: u32,
        /// Counter of the block to come.
        next: BlockCounter,
        /// Blocks accepted.
        blocks: u32,
    },
}

impl Unit {
    /// `34` RequestDownload.
    pub(crate) fn request_download(&mut self, now: Instant, data: &Bytes) -> Result<Work, Nrc> {
        if data[1] != PLAIN || data[2] != FOUR_AND_FOUR {
            return Err(Nrc::RequestOutOfRange);
        }
        let Some(range) = data.get(3..DOWNLOAD_LENGTH).filter(|_| data.len() == DOWNLOAD_LENGTH)
        else {
            return Err(Nrc::IncorrectLength);
        };
        let address = be32(&range[..4]);
        let size = be32(&range[4..]);
        if self.memory.area_around(address, size).is_none() {
            return Err(Nrc::RequestOutOfRange);
        }
        self.lock.require(PROGRAMMING_LEVEL)?;
        if self.download != Download::Idle {
            return Err(Nrc::ConditionsNotCorrect);
        }
        let area = self.memory.open(address, size).map_err(|error| match error {
            OpenError::OutOfRange => Nrc::RequestOutOfRange,
            OpenError::NotErased => Nrc::UploadDownloadNotAccepted,
        })?;
        let next = BlockCounter::FIRST;
        self.download =
            Download::Receiving { area, address, size, remaining: size, next, blocks: 0 };
        self.invalidate();
        self.record(now, LedgerKind::DownloadStarted { address, size });
        let [high, low] = self.profile.flash.max_block_length.to_be_bytes();
        Ok(Work::answer(vec![0x74, 0x20, high, low]))
    }

    /// `36` TransferData, up to the write.
    pub(crate) fn transfer_data(&mut self, now: Instant, data: &Bytes) -> Result<Work, Nrc> {
        if data.len() > usize::from(self.profile.flash.max_block_length) {
            return Err(Nrc::IncorrectLength);
        }
        let Download::Receiving { remaining, next, blocks, .. } = self.download else {
            return Err(Nrc::RequestSequenceError);
        };
        let counter = BlockCounter(data[1]);
        let bytes = (data.len() - BLOCK_HEADER) as u32;
        if blocks > 0 && counter.next() == next {
            let kind = LedgerKind::Block { index: blocks, counter: data[1], bytes, repeated: true };
            self.record(now, kind);
            return Ok(Work::answer(block_answer(counter)));
        }
        let index = blocks + 1;
        if counter != next || self.sabotage.wrong_counter.remove(&index) {
            return Err(Nrc::WrongBlockSequenceCounter);
        }
        if bytes > remaining {
            self.abort_download(now);
            return Err(Nrc::TransferDataSuspended);
        }
        if let Err(nrc) = supply::check_flash(self.millivolts) {
            self.record(now, LedgerKind::WriteFailed { index, nrc: nrc.number() });
            return match nrc {
                Nrc::VoltageTooLow => Ok(Work::prompt(Deed::GiveUp(nrc))),
                nrc => Err(nrc),
            };
        }
        let block = self.profile.timing.block;
        let time = self.chance.block.between(block.low, block.high);
        Ok(Work { pace: Pace::Exactly(time), deed: Deed::Block(data.clone()) })
    }

    /// Writes a block that passed its checks.
    pub(crate) fn write_block(&mut self, now: Instant, request: &Bytes) -> Result<Bytes, Nrc> {
        let Download::Receiving { area, remaining, next, blocks, .. } = &mut self.download else {
            return Err(Nrc::RequestSequenceError);
        };
        let (area, index, counter) = (*area, *blocks + 1, *next);
        let content = &request[BLOCK_HEADER..];
        if self.sabotage.write_error.remove(&index) {
            let nrc = Nrc::GeneralProgrammingFailure;
            self.record(now, LedgerKind::WriteFailed { index, nrc: nrc.number() });
            self.abort_download(now);
            return Err(nrc);
        }
        let bytes = content.len() as u32;
        *remaining -= bytes;
        *next = counter.next();
        *blocks = index;
        self.memory.append(area, content);
        if self.sabotage.damage.remove(&index) {
            self.memory.damage(area);
        }
        self.record(now, LedgerKind::Block { index, counter: counter.0, bytes, repeated: false });
        Ok(block_answer(counter))
    }

    /// `37` RequestTransferExit.
    pub(crate) fn transfer_exit(&mut self, now: Instant, data: &Bytes) -> Result<Work, Nrc> {
        if data.len() != 1 {
            return Err(Nrc::IncorrectLength);
        }
        let Download::Receiving { address, size, remaining: 0, .. } = self.download else {
            return Err(Nrc::RequestSequenceError);
        };
        self.download = Download::Idle;
        self.record(now, LedgerKind::TransferExit { address, size });
        Ok(Work::answer(&[0x77][..]))
    }

    /// Gives up an open download; what it wrote stays, unverified.
    pub(crate) fn abort_download(&mut self, now: Instant) {
        if let Download::Receiving { address, size, remaining, .. } = self.download {
            self.download = Download::Idle;
            let written = size - remaining;
            self.record(now, LedgerKind::DownloadAborted { address, written });
        }
    }

    /// Routine FF00, up to the end of the erase.
    pub(crate) fn erase(&mut self, now: Instant, option: &[u8]) -> Result<Work, Nrc> {
        let address = match option {
            [0x02, 0x40, address @ .., 0x06] if address.len() == 4 => be32(address),
            [0x02, 0x40, address @ ..] if address.len() == 4 => be32(address),
            [..] => return Err(Nrc::RequestOutOfRange),
        };
        let area = self.memory.area_at(address).ok_or(Nrc::RequestOutOfRange)?;
        supply::check_flash(self.millivolts)?;
        self.abort_download(now);
        self.invalidate();
        let block = self.memory.block(area);
        self.record(now, LedgerKind::EraseStarted { address: block.address, size: block.size });
        self.memory.begin_erase(area);
        if area != BOOT {
            self.coding.forget();
        }
        let time = self.profile.scaled(self.profile.timing.erase);
        Ok(Work { pace: Pace::Long(time), deed: Deed::Erase(area) })
    }

    /// Ends an erase.
    pub(crate) fn finish_erase(&mut self, now: Instant, area: usize) -> Result<Bytes, Nrc> {
        let block = self.memory.block(area);
        if supply::check_flash(self.millivolts).is_err() {
            self.record(now, LedgerKind::EraseFailed { address: block.address });
            return Err(Nrc::GeneralProgrammingFailure);
        }
        self.memory.finish_erase(area);
        self.record(now, LedgerKind::EraseFinished { address: block.address, size: block.size });
        Ok(self.routine_result(0xFF00, &[0x00]))
    }

    /// Routine 0202, up to its result.
    pub(crate) fn check_memory(&mut self, option: &[u8]) -> Result<Work, Nrc> {
        let [0x12, 0x40, address @ .., 0x00, 0x00] = option else {
            return Err(Nrc::RequestOutOfRange);
        };
        let address = be32(address);
        let area = self.memory.area_at(address).ok_or(Nrc::RequestOutOfRange)?;
        if self.download != Download::Idle {
            return Err(Nrc::RequestSequenceError);
        }
        let timing = &self.profile.timing;
        let longest = if area == BOOT { timing.install } else { timing.check };
        let time = self.profile.scaled(longest);
        Ok(Work { pace: Pace::Long(time), deed: Deed::CheckMemory(address) })
    }

    /// Ends a memory check: 00 good, 01 bad.
    pub(crate) fn finish_check(&mut self, now: Instant, address: u32) -> Bytes {
        let ok = self.memory.verify(address, self.sabotage.blind_verify);
        self.sabotage.was_blind |= self.sabotage.blind_verify;
        self.record(now, LedgerKind::Verified { address, ok });
        self.routine_result(0x0202, &[u8::from(!ok)])
    }

    /// Routine FF01, up to its result.
    pub(crate) fn check_dependencies(&mut self) -> Result<Work, Nrc> {
        if self.download != Download::Idle {
            return Err(Nrc::RequestSequenceError);
        }
        let time = self.profile.scaled(self.profile.timing.authentication);
        Ok(Work { pace: Pace::Long(time), deed: Deed::Dependencies })
    }

    /// Ends the check of the dependencies: the marker of valid software is set here alone.
    pub(crate) fn finish_dependencies(&mut self, now: Instant) -> Bytes {
        let verdict = self.memory.dependencies();
        self.software = match verdict {
            Dependencies::Correct => Software::Valid,
            Dependencies::Incorrect | Dependencies::NotProgrammed => Software::Unchecked,
            Dependencies::WrongHardware => Software::WrongHardware,
        };
        let ok = verdict == Dependencies::Correct;
        if ok && self.dirty {
            self.programmings = self.programmings.saturating_add(1);
            self.faults.forget();
            self.dirty = false;
        }
        self.record(now, LedgerKind::Dependencies { ok });
        self.routine_result(0xFF01, &[verdict.code()])
    }

    /// Clears the marker of valid software.
    fn invalidate(&mut self) {
        self.software = Software::Unchecked;
        self.dirty = true;
    }
}

/// The security level of programming.
pub(crate) const PROGRAMMING_LEVEL: u8 = 0x11;

fn block_answer(counter: BlockCounter) -> Bytes {
    Bytes::from_static(&BLOCK_ANSWERS[usize::from(counter.0)])
}

/// Reads a number of up to four bytes.
fn be32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}
