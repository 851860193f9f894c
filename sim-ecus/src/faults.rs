//! Fault memory: stored faults, snapshots, monitors (`uds-and-bmw-ecus.md` §2.7).

use bytes::Bytes;
use node::Instant;
use wire::uds::{Dtc, Nrc};

use crate::coding::CodingState;
use crate::engine::Work;
use crate::engine::checks::plain;
use crate::interface::Condition;
use crate::ledger::LedgerKind;
use crate::pairing::Release;
use crate::profile::{EcuProfile, StoredFault};
use crate::unit::{Mode, Unit};

/// Faults one memory holds.
const ENTRIES_MAX: usize = 255;
/// Failed, failed this cycle, pending, confirmed, failed since clear: what a monitor that fails
/// sets.
const FAILING: u8 = 0x2F;
/// Failed and failed this cycle: what a monitor that passes again clears.
const PRESENT: u8 = 0x03;
/// Pending and confirmed: what testers ask for.
const REPORTED: u8 = 0x0C;
/// Not completed since clear, not completed this cycle: a fault that never occurred.
const NOT_TESTED: u8 = 0x50;
/// The one snapshot record of each fault.
const SNAPSHOT: u8 = 0x01;
/// The groups of faults: powertrain, chassis, body, network; the rest of their numbers is zero.
const GROUPS: [Dtc; 4] =
    [Dtc([0x00, 0, 0]), Dtc([0x40, 0, 0]), Dtc([0x80, 0, 0]), Dtc([0xC0, 0, 0])];
/// The bits of a fault's number that name its group.
const GROUP: u8 = 0xC0;
/// All records.
const ALL_RECORDS: u8 = 0xFF;

/// One stored fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub dtc: Dtc,
    pub status: u8,
    kilometres: u32,
    seconds: u32,
    extended: u8,
}

/// Primary and secondary fault memory.
#[derive(Clone, Debug)]
pub(crate) struct FaultMemory {
    entries: Vec<Entry>,
    pub info: Vec<Entry>,
    /// Whether faults are recorded; `85 02` stops it.
    pub recording: bool,
}

impl FaultMemory {
    pub(crate) fn new(profile: &EcuProfile, condition: Condition) -> Self {
        let read = |faults: &[StoredFault]| faults.iter().map(Entry::from_profile).collect();
        let (entries, info) = match condition {
            Condition::Factory | Condition::Used => {
                (read(&profile.faults.stored), read(&profile.faults.info))
            }
            Condition::Virgin | Condition::Uncoded | Condition::HalfFlashed => {
                (Vec::new(), Vec::new())
            }
        };
        Self { entries, info, recording: true }
    }

    /// Returns the faults that are pending or confirmed.
    pub(crate) fn reported(&self) -> Vec<Dtc> {
        let entries = self.entries.iter().filter(|entry| entry.status & REPORTED != 0);
        entries.map(|entry| entry.dtc).collect()
    }

    /// Forgets everything: the software that stored it is gone.
    pub(crate) fn forget(&mut self) {
        self.entries.clear();
        self.info.clear();
    }

    /// Stores or updates a fault; a full memory keeps what it has.
    fn store(&mut self, entry: Entry) {
        match self.find(entry.dtc) {
            Some(index) => self.entries[index].status |= entry.status,
            None if self.entries.len() < ENTRIES_MAX => self.entries.push(entry),
            None => {}
        }
    }

    fn find(&self, dtc: Dtc) -> Option<usize> {
        self.entries.iter().position(|entry| entry.dtc == dtc)
    }
}

impl Entry {
    fn from_profile(fault: &StoredFault) -> Self {
        Self {
            dtc: number(&fault.dtc),
            status: fault.status,
            kilometres: fault.kilometres,
            seconds: fault.seconds,
            extended: fault.extended,
        }
    }

    /// Returns the body of a snapshot: odometer, time and one more value.
    pub(crate) fn snapshot(&self) -> Vec<u8> {
        let mut body = vec![SNAPSHOT, 3, 0x17, 0x00];
        body.extend_from_slice(&self.kilometres.to_be_bytes()[1..]);
        body.extend_from_slice(&[0x17, 0x01]);
        body.extend_from_slice(&self.seconds.to_be_bytes());
        body.extend_from_slice(&[0x17, 0x02, 0, 0, 0, 0]);
        body
    }
}

/// Reads a fault number; a profile's rules promise three bytes.
fn number(bytes: &[u8]) -> Dtc {
    Dtc(bytes.try_into().unwrap_or_default())
}

impl Unit {
    /// Stores a fault with what the unit knows of the moment.
    pub(crate) fn store_fault(&mut self, now: Instant, dtc: Dtc, status: u8) {
        let (kilometres, seconds) = (self.kilometres(), self.system_time(now));
        self.faults.store(Entry { dtc, status, kilometres, seconds, extended: status });
    }

    /// Lets the monitors look: what is wrong is stored, what is right again is no longer present.
    pub(crate) fn check_faults(&mut self, now: Instant) {
        if !self.faults.recording || self.mode != Mode::Application {
            return;
        }
        let profile = &self.profile.faults;
        let uncoded = self.coding.state() != CodingState::Complete;
        let foreign = self.pairing.release() == Release::Denied;
        let monitors = [
            (Some(&profile.uncoded), uncoded),
            (profile.no_release.as_ref(), foreign),
            (profile.uncalibrated.as_ref(), !self.camera.is_calibrated(now)),
        ];
        let monitors = monitors.map(|(dtc, failing)| (dtc.map(|dtc| number(dtc)), failing));
        for (dtc, failing) in monitors {
            match dtc {
                Some(dtc) if failing => self.store_fault(now, dtc, FAILING),
                Some(dtc) => {
                    if let Some(index) = self.faults.find(dtc) {
                        self.faults.entries[index].status &= !PRESENT;
                    }
                }
                None => {}
            }
        }
    }

    /// `14` ClearDiagnosticInformation: all, a group, or one.
    pub(crate) fn clear_faults(&mut self, now: Instant, data: &Bytes) -> Result<Work, Nrc> {
        let dtc: [u8; 3] = data[1..].try_into().map_err(|_| Nrc::IncorrectLength)?;
        let dtc = Dtc(dtc);
        if dtc == Dtc::ALL {
            self.faults.entries.clear();
        } else if GROUPS.contains(&dtc) {
            self.faults.entries.retain(|entry| entry.dtc.0[0] & GROUP != dtc.0[0]);
        } else if self.knows_fault(dtc) {
            self.faults.entries.retain(|entry| entry.dtc != dtc);
        } else {
            return Err(Nrc::RequestOutOfRange);
        }
        self.record(now, LedgerKind::FaultsCleared);
        self.check_faults(now);
        Ok(Work::answer(&[0x54][..]))
    }

    /// `19` ReadDTCInformation.
    pub(crate) fn read_faults(&mut self, data: &Bytes) -> Result<Work, Nrc> {
        let sub = plain(data[1]);
        let mut answer = vec![0x59, sub];
        match sub {
            0x01 | 0x02 => self.by_status(sub, data[2], &mut answer),
            0x04 => {
                let entry = self.record_of(data)?;
                answer.extend_from_slice(&entry.dtc.0);
                answer.push(entry.status);
                answer.extend_from_slice(&entry.snapshot());
            }
            0x06 => {
                let entry = self.record_of(data)?;
                answer.extend_from_slice(&entry.dtc.0);
                answer.push(entry.status);
                answer.extend_from_slice(&[0x01, 0x00, 0x02, 0x01, 0x03, 0x03, entry.extended]);
            }
            _ => {
                answer.push(self.profile.faults.availability);
                for dtc in self.known_faults() {
                    let found = self.faults.find(dtc);
                    let status =
                        found.map_or(NOT_TESTED, |index| self.faults.entries[index].status);
                    answer.extend_from_slice(&dtc.0);
                    answer.push(status);
                }
            }
        }
        Ok(Work::answer(answer))
    }

    /// `22 2000`: the secondary memory; `22 20nn`: its entry nn.
    pub(crate) fn read_info(&self, number: u8) -> Option<Vec<u8>> {
        let Some(index) = usize::from(number).checked_sub(1) else {
            let list = self.faults.info.iter();
            return Some(
                list.flat_map(|entry| [&entry.dtc.0[..], &[entry.status]].concat()).collect(),
            );
        };
        let entry = self.faults.info.get(index)?;
        Some([&entry.dtc.0[..], &[entry.status], &entry.snapshot()].concat())
    }

    fn by_status(&self, sub: u8, mask: u8, answer: &mut Vec<u8>) {
        let mask = mask & self.profile.faults.availability;
        let matching = self.faults.entries.iter().filter(|entry| entry.status & mask != 0);
        answer.push(self.profile.faults.availability);
        if sub == 0x01 {
            let count = u16::try_from(matching.count()).unwrap_or(u16::MAX);
            answer.push(0x01);
            answer.extend_from_slice(&count.to_be_bytes());
            return;
        }
        for entry in matching {
            answer.extend_from_slice(&entry.dtc.0);
            answer.push(entry.status);
        }
    }

    /// Returns the stored fault a request for one record names.
    fn record_of(&self, data: &[u8]) -> Result<Entry, Nrc> {
        let dtc = Dtc([data[2], data[3], data[4]]);
        if !matches!(data[5], SNAPSHOT | ALL_RECORDS) {
            return Err(Nrc::RequestOutOfRange);
        }
        let index = self.faults.find(dtc).ok_or(Nrc::RequestOutOfRange)?;
        Ok(self.faults.entries[index])
    }

    fn knows_fault(&self, dtc: Dtc) -> bool {
        self.faults.find(dtc).is_some() || self.known_faults().any(|known| known == dtc)
    }

    fn known_faults(&self) -> impl Iterator<Item = Dtc> {
        let faults = &self.profile.faults;
        std::iter::once(&faults.uncoded)
            .chain(&faults.no_release)
            .chain(&faults.uncalibrated)
            .chain(&faults.known)
            .map(|dtc| number(dtc))
    }
}
