//! Routines: which exist where, and what they do (`uds-and-bmw-ecus.md` §6, §9, §10).
//!
//! | file | holds |
//! |---|---|
//! | `rules` | where each routine exists, and what it wants |
//! | `vehicle` | routines of the gateway and the body controller |
//! | `service` | service functions of engine and camera |

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use node::Instant;
use wire::uds::Nrc;

use crate::engine::checks::{Sessions, plain};
use crate::engine::{Deed, Pace, Work};
use crate::interface::EcuEvent;
use crate::supply;
use crate::unit::Unit;

mod rules;
mod service;
mod vehicle;

use rules::{Routine, Rule};

/// Start, stop and results of `31`.
pub(crate) const START: u8 = 0x01;
pub(crate) const STOP: u8 = 0x02;
pub(crate) const RESULTS: u8 = 0x03;

/// How long the coding checksum takes.
const CHECKSUM_TIME: Duration = Duration::from_millis(200);
/// Energy modes: normal, production, transport, flash.
const ENERGY_MODES: std::ops::RangeInclusive<u8> = 0x00..=0x03;

/// What routines left behind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routines {
    /// Results of the last start, by identifier.
    results: BTreeMap<u16, Vec<u8>>,
    /// Until when the Ethernet switch is held.
    switch_until: Option<Instant>,
    /// Until when the list of software is collected.
    svt_until: Option<Instant>,
    /// When the particle filter began to burn, and for how long it does.
    regeneration: Option<(Instant, Duration)>,
    /// Whether the central fault memory is locked.
    central_locked: bool,
    central_cleared: bool,
}

impl Routines {
    /// Loses what a restart loses; what the central fault memory was told stays.
    pub(crate) fn restart(&mut self) {
        let Self { central_locked, central_cleared, .. } = *self;
        *self = Self { central_locked, central_cleared, ..Self::default() };
    }

    /// Ends what does not outlive a session.
    pub(crate) fn end_session(&mut self) {
        self.regeneration = None;
        self.svt_until = None;
    }
}

impl Unit {
    /// `31` RoutineControl, in its own order of checks (§2.2).
    pub(crate) fn routine_control(&mut self, now: Instant, data: &Bytes) -> Result<Work, Nrc> {
        let id = u16::from_be_bytes([data[2], data[3]]);
        let rule =
            rules::find(id).filter(|rule| rule.common || self.profile.routines.contains(&id));
        let rule = rule.ok_or(Nrc::RequestOutOfRange)?;
        let sessions = self.offered(rule.application, rule.bootloader);
        if sessions == Sessions::NONE || !sessions.contains(self.session) {
            return Err(Nrc::RequestOutOfRange);
        }
        if let Some(level) = rule.level {
            self.lock.require(level)?;
        }
        let sub = plain(data[1]);
        if !rule.allows(sub) {
            return Err(Nrc::SubFunctionNotSupported);
        }
        let option = &data[4..];
        if !rule.length(sub).contains(&option.len()) {
            return Err(Nrc::IncorrectLength);
        }
        match sub {
            START => self.start_routine(now, rule, option),
            STOP => self.stop_routine(now, rule),
            _ => self.routine_results(now, rule),
        }
    }

    fn start_routine(&mut self, now: Instant, rule: &Rule, option: &[u8]) -> Result<Work, Nrc> {
        let result = match rule.routine {
            Routine::CheckMemory => return self.check_memory(option),
            Routine::EraseMemory => return self.erase(now, option),
            Routine::Dependencies => return self.check_dependencies(),
            Routine::CodingChecksum => {
                let result = self.coding_checksum();
                let answer = self.routine_result(rule.id, &[result]);
                self.check_faults(now);
                return Ok(Work { pace: Pace::Busy(CHECKSUM_TIME), deed: Deed::Answer(answer) });
            }
            Routine::Preconditions => supply::unmet_conditions(self.millivolts),
            Routine::ClearInfo => {
                self.faults.info.clear();
                Vec::new()
            }
            Routine::EnergyMode => self.set_energy_mode(option[0])?,
            Routine::ExtendedMode => self.set_extended_mode(option[0])?,
            Routine::Configuration => self.configuration()?,
            Routine::Terminal => Vec::new(),
            Routine::ReadMasterVin => self.read_master_vin(),
            Routine::GenerateSvt => self.generate_svt(now),
            Routine::SwitchHold => self.hold_switch(now, option),
            Routine::CentralFaults => self.central_faults(option[0])?,
            Routine::Routing | Routine::KeepAwake => vec![option[0]],
            Routine::AlignDme | Routine::AlignEgs => self.align(now, rule.routine)?,
            Routine::LearnKey => self.learn_key(now)?,
            Routine::Lock => self.lock_slots(now),
            Routine::DeliveryState => self.return_to_delivery(now)?,
            Routine::TargetCalibration => self.start_calibration(now),
            Routine::EnablingCodes => self.enabling_codes(option)?,
            Routine::Adaptations => self.reset_adaptations(option),
            Routine::Regeneration => self.start_regeneration(now),
        };
        Ok(Work::answer(self.routine_result(rule.id, &result)))
    }

    fn stop_routine(&mut self, now: Instant, rule: &Rule) -> Result<Work, Nrc> {
        if !self.routines.results.contains_key(&rule.id) {
            return Err(Nrc::RequestSequenceError);
        }
        if rule.routine == Routine::TargetCalibration {
            self.camera.stop_target(now);
        }
        if rule.routine == Routine::Regeneration {
            self.routines.regeneration = None;
        }
        Ok(Work::answer(control_answer(STOP, rule.id, &[])))
    }

    /// `31 03`: an error when the routine was never started.
    fn routine_results(&mut self, now: Instant, rule: &Rule) -> Result<Work, Nrc> {
        let stored = self.routines.results.get(&rule.id).ok_or(Nrc::RequestSequenceError)?;
        let result = match rule.routine {
            Routine::GenerateSvt => self.svt_progress(now),
            Routine::SwitchHold => self.switch_remaining(now),
            Routine::LearnKey => self.learning_result(now),
            Routine::DeliveryState => self.return_progress(now),
            Routine::TargetCalibration => self.calibration_result(now),
            Routine::Regeneration => self.regeneration_result(now),
            Routine::CheckMemory
            | Routine::EraseMemory
            | Routine::Dependencies
            | Routine::CodingChecksum
            | Routine::Preconditions
            | Routine::ClearInfo
            | Routine::EnergyMode
            | Routine::ExtendedMode
            | Routine::Configuration
            | Routine::Terminal
            | Routine::ReadMasterVin
            | Routine::CentralFaults
            | Routine::Routing
            | Routine::KeepAwake
            | Routine::AlignDme
            | Routine::AlignEgs
            | Routine::Lock
            | Routine::EnablingCodes
            | Routine::Adaptations => stored.clone(),
        };
        Ok(Work::answer(control_answer(RESULTS, rule.id, &result)))
    }

    /// Keeps the result of a start for `31 03`, and returns its answer.
    pub(crate) fn routine_result(&mut self, id: u16, result: &[u8]) -> Bytes {
        self.routines.results.insert(id, result.to_vec());
        Bytes::from(control_answer(START, id, result))
    }

    fn set_energy_mode(&mut self, mode: u8) -> Result<Vec<u8>, Nrc> {
        if !ENERGY_MODES.contains(&mode) {
            return Err(Nrc::RequestOutOfRange);
        }
        if self.energy_mode != mode {
            self.energy_mode = mode;
            self.tell(EcuEvent::EnergyMode(mode));
        }
        Ok(Vec::new())
    }

    /// Routine 1003: only where the energy mode is not the normal one.
    fn set_extended_mode(&mut self, mode: u8) -> Result<Vec<u8>, Nrc> {
        if self.energy_mode == 0 {
            return Err(Nrc::ConditionsNotCorrect);
        }
        self.extended_mode = mode;
        Ok(Vec::new())
    }
}

fn control_answer(sub: u8, id: u16, result: &[u8]) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    let mut answer = vec![0x71, sub, high, low];
    answer.extend_from_slice(result);
    answer
}
