//! The inside of a control unit: what its services work on, and what a restart leaves of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use node::{Instant, Seed, Stream};
use wire::uds::Session;

use crate::calibration::Camera;
use crate::coding::CodingStore;
use crate::dynamic::Definitions;
use crate::engine::checks::Sessions;
use crate::faults::FaultMemory;
use crate::flash::Download;
use crate::interface::{Condition, EcuEvent, EcuFault, ResetKind};
use crate::ledger::{Ledger, LedgerEntry, LedgerKind};
use crate::memory::Memory;
use crate::pairing::Pairing;
use crate::profile::EcuProfile;
use crate::routines::Routines;
use crate::security::Lock;
use crate::supply;

/// A VIN that was never written.
pub(crate) const NO_VIN: [u8; 17] = [0xFF; 17];
/// The VIN of the vehicle a used part comes from.
pub(crate) const OTHER_VIN: [u8; 17] = *b"WBASMTEST00000002";

/// Events kept for a driver that does not ask for them; beyond it the oldest goes.
const EVENTS_MAX: usize = 1 << 16;

/// Blocks one kind of fault waits for.
const SABOTAGE_MAX: usize = 1 << 10;

/// Which program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Application,
    Bootloader,
}

/// Whether the software may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Software {
    Valid,
    /// Something is missing, or was not checked.
    Unchecked,
    /// Something is meant for other hardware.
    WrongHardware,
}

impl Software {
    /// Returns progDepChecked, the second byte of an SVK (`uds-and-bmw-ecus.md` §5).
    pub(crate) const fn prog_dep_checked(self) -> u8 {
        match self {
            Self::Valid => 0x01,
            Self::Unchecked => 0x02,
            Self::WrongHardware => 0x03,
        }
    }
}

/// Faults that wait for their moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sabotage {
    pub write_error: BTreeSet<u32>,
    pub wrong_counter: BTreeSet<u32>,
    pub damage: BTreeSet<u32>,
    pub blind_verify: bool,
    /// Whether a memory check was blind.
    pub was_blind: bool,
    /// Wrong versions are reported from the next restart on.
    pub wrong_versions_next: bool,
    pub wrong_versions: bool,
    pub endless_sessions: bool,
}

impl Sabotage {
    /// Returns what still waits for its moment.
    pub(crate) fn armed(&self) -> Vec<EcuFault> {
        let write_errors = self.write_error.iter().map(|index| EcuFault::WriteErrorAtBlock(*index));
        let counters = self.wrong_counter.iter().map(|index| EcuFault::WrongCounterAtBlock(*index));
        let damages = self.damage.iter().map(|index| EcuFault::DamageBlock(*index));
        let blind = (self.blind_verify && !self.was_blind).then_some(EcuFault::BlindVerify);
        let versions = self.wrong_versions_next.then_some(EcuFault::WrongVersions);
        write_errors.chain(counters).chain(damages).chain(blind).chain(versions).collect()
    }
}

/// One stream per purpose.
#[derive(Clone, Debug)]
pub(crate) struct Chance {
    pub latency: Stream,
    pub block: Stream,
    pub jump: Stream,
    pub seed: Stream,
    pub routine: Stream,
}

impl Chance {
    fn new(seed: Seed) -> Self {
        Self {
            latency: seed.stream("latency"),
            block: seed.stream("block"),
            jump: seed.stream("jump"),
            seed: seed.stream("seed"),
            routine: seed.stream("routine"),
        }
    }
}

/// Everything a control unit is, except how requests reach it.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub profile: EcuProfile,

    // what survives a restart
    pub memory: Memory,
    pub software: Software,
    /// Whether flash memory was changed since the last check of the dependencies.
    pub dirty: bool,
    pub programmings: u32,
    pub fingerprint: Vec<u8>,
    pub vin: [u8; 17],
    pub coding: CodingStore,
    pub faults: FaultMemory,
    /// Data identifiers that were written, over those of the profile.
    pub written: BTreeMap<u16, Vec<u8>>,
    pub learned_forgotten: bool,
    pub energy_mode: u8,
    pub pairing: Pairing,
    pub camera: Camera,
    pub registrations: u16,
    pub dead: bool,

    // what does not
    pub mode: Mode,
    pub session: Session,
    /// Whether a tester asked for the session; the bootloader of a blank unit is in one unasked.
    pub entered: bool,
    pub lock: Lock,
    pub download: Download,
    pub routines: Routines,
    pub definitions: Definitions,
    pub controlled: BTreeSet<u16>,
    pub extended_mode: u8,
    pub transmitting: bool,

    pub millivolts: u32,
    pub sabotage: Sabotage,
    /// Whether a tester could reach it at all.
    pub reachable: bool,
    pub chance: Chance,
    pub ledger: Ledger,
    pub events: VecDeque<EcuEvent>,
}

impl Unit {
    pub(crate) fn new(profile: &EcuProfile, condition: Condition, seed: Seed) -> Self {
        let own: [u8; 17] = profile.vin.as_bytes().try_into().unwrap_or(NO_VIN);
        let (vin, software) = match condition {
            Condition::Factory => (own, Software::Valid),
            Condition::Virgin => (NO_VIN, Software::Unchecked),
            Condition::Uncoded => (NO_VIN, Software::Valid),
            Condition::HalfFlashed => (own, Software::Unchecked),
            Condition::Used => (OTHER_VIN, Software::Valid),
        };
        let seed = seed.child("ecu").child(&profile.name);
        let mut unit = Self {
            profile: profile.clone(),
            memory: Memory::new(profile, condition),
            software,
            dirty: software != Software::Valid,
            programmings: u32::from(condition != Condition::Virgin),
            fingerprint: profile.fingerprint.clone(),
            vin,
            coding: CodingStore::new(profile, condition),
            faults: FaultMemory::new(profile, condition),
            written: BTreeMap::new(),
            learned_forgotten: matches!(condition, Condition::Virgin | Condition::Uncoded),
            energy_mode: 0,
            pairing: Pairing::new(condition, seed),
            camera: Camera::new(condition),
            registrations: 1,
            dead: false,
            mode: Mode::Application,
            session: Session::DEFAULT,
            entered: false,
            lock: Lock::default(),
            download: Download::Idle,
            routines: Routines::default(),
            definitions: Definitions::default(),
            controlled: BTreeSet::new(),
            extended_mode: 0,
            transmitting: true,
            millivolts: supply::NOMINAL,
            sabotage: Sabotage::default(),
            reachable: true,
            chance: Chance::new(seed),
            ledger: Ledger::default(),
            events: VecDeque::new(),
        };
        unit.start(Instant::ZERO, None);
        unit
    }

    /// Tells others something.
    pub(crate) fn tell(&mut self, event: EcuEvent) {
        if self.events.len() >= EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// Writes something into the ledger.
    pub(crate) fn record(&mut self, at: Instant, kind: LedgerKind) {
        let entry = LedgerEntry { at, kind };
        self.ledger.push(entry);
        self.tell(EcuEvent::Ledger(entry));
    }

    /// Returns in which sessions something is offered by the program that runs.
    pub(crate) fn offered(&self, application: Sessions, bootloader: Sessions) -> Sessions {
        match self.mode {
            Mode::Application => application,
            Mode::Bootloader => bootloader,
        }
    }

    /// Returns whether the session ends when no tester speaks for S3.
    pub(crate) fn has_session_timeout(&self) -> bool {
        let in_session = match self.mode {
            Mode::Application => self.session != Session::DEFAULT,
            Mode::Bootloader => self.entered || self.lock.is_unlocked(),
        };
        in_session && self.reachable && !self.sabotage.endless_sessions
    }

    /// Takes a fault that waits inside for its moment.
    pub(crate) fn take_fault(&mut self, now: Instant, fault: &EcuFault) {
        let sabotage = &mut self.sabotage;
        match fault {
            EcuFault::WriteErrorAtBlock(index) => note(&mut sabotage.write_error, *index),
            EcuFault::WrongCounterAtBlock(index) => note(&mut sabotage.wrong_counter, *index),
            EcuFault::DamageBlock(index) => note(&mut sabotage.damage, *index),
            EcuFault::BlindVerify => sabotage.blind_verify = true,
            EcuFault::WrongVersions => sabotage.wrong_versions_next = true,
            EcuFault::Dtc { dtc, status } => self.store_fault(now, *dtc, *status),
            EcuFault::Silent(_)
            | EcuFault::Delay(_)
            | EcuFault::Refuse { .. }
            | EcuFault::PowerCycle
            | EcuFault::SilentAfterReset(_)
            | EcuFault::SessionTimeout(_)
            | EcuFault::Kill => {}
        }
    }

    /// Returns whether a download is open.
    pub(crate) fn is_receiving(&self) -> bool {
        self.download != Download::Idle
    }

    /// Loses what a restart loses. What was under way in flash memory stays half done.
    pub(crate) fn stop(&mut self, now: Instant, kind: ResetKind) {
        self.abort_download(now);
        self.record(now, LedgerKind::Reset { reset: kind });
        self.lock.power_up(now, &self.profile.security);
        self.leave_session(now);
        self.definitions = Definitions::default();
        self.routines.restart();
        self.pairing.restart(now);
        self.extended_mode = 0;
        if !self.memory.is_boot_whole() {
            self.record(now, LedgerKind::BootBlockBroken);
            self.die();
        }
    }

    /// Breaks for good.
    pub(crate) fn die(&mut self) {
        self.dead = true;
        self.tell(EcuEvent::Died);
    }

    /// Begins anew; `kind` says what the restart was for.
    pub(crate) fn start(&mut self, now: Instant, kind: Option<ResetKind>) {
        let jumped = kind == Some(ResetKind::IntoBootloader);
        self.sabotage.wrong_versions |= std::mem::take(&mut self.sabotage.wrong_versions_next);
        self.entered = jumped;
        if jumped || self.software != Software::Valid {
            self.mode = Mode::Bootloader;
            self.session = Session::PROGRAMMING;
        } else {
            self.mode = Mode::Application;
            self.session = Session::DEFAULT;
            self.check_faults(now);
        }
        if jumped {
            let session = self.session.0;
            self.record(now, LedgerKind::SessionStarted { session });
        }
    }
}

/// Remembers a block a fault waits for; a fault that waits for too many forgets the first.
fn note(blocks: &mut BTreeSet<u32>, index: u32) {
    if blocks.len() >= SABOTAGE_MAX {
        blocks.pop_first();
    }
    blocks.insert(index);
}
