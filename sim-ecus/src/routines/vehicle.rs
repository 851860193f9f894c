//! Routines of the gateway and the body controller (§6.1, §9).

use std::time::Duration;

use node::Instant;
use wire::uds::Nrc;

use super::Routine;
use crate::interface::{EcuEvent, Slot};
use crate::ledger::LedgerKind;
use crate::pairing::NotAllowed;
use crate::unit::{NO_VIN, Unit};

/// How long the gateway collects the software of the vehicle.
const SVT_TIME: Duration = Duration::from_secs(20);
/// The list of installed control units.
const INSTALLED: u16 = 0x3F07;
/// A routine that is still at it, and one that is done.
const RUNNING: u8 = 0x01;
const DONE: u8 = 0x00;

impl Unit {
    /// 1011: the addresses of the installed control units.
    pub(super) fn configuration(&self) -> Result<Vec<u8>, Nrc> {
        let kept = self.written.get(&INSTALLED).or_else(|| self.profile.data.get(&INSTALLED));
        kept.cloned().ok_or(Nrc::ConditionsNotCorrect)
    }

    /// 1007: takes the VIN the vehicle was built with.
    pub(super) fn read_master_vin(&mut self) -> Vec<u8> {
        self.vin = self.profile.vin.as_bytes().try_into().unwrap_or(NO_VIN);
        vec![DONE]
    }

    pub(super) fn generate_svt(&mut self, now: Instant) -> Vec<u8> {
        self.routines.svt_until = Some(now + SVT_TIME);
        Vec::new()
    }

    pub(super) fn svt_progress(&self, now: Instant) -> Vec<u8> {
        let running = self.routines.svt_until.is_some_and(|until| now < until);
        vec![if running { RUNNING } else { DONE }]
    }

    /// 1044: asks for the Ethernet switch to be held in reset.
    pub(super) fn hold_switch(&mut self, now: Instant, option: &[u8]) -> Vec<u8> {
        let hold = Duration::from_secs(u64::from(option[1]));
        self.routines.switch_until = Some(now + hold);
        self.tell(EcuEvent::SwitchHold { port: option[0], hold });
        Vec::new()
    }

    /// Remaining hold time in whole seconds, rounded up.
    pub(super) fn switch_remaining(&self, now: Instant) -> Vec<u8> {
        let until = self.routines.switch_until.unwrap_or(now);
        let seconds = (until - now).as_millis().div_ceil(1_000);
        vec![u8::try_from(seconds).unwrap_or(u8::MAX)]
    }

    /// 4000: central fault memory; the result repeats what was asked.
    pub(super) fn central_faults(&mut self, what: u8) -> Result<Vec<u8>, Nrc> {
        let entries =
            if self.routines.central_cleared { 0 } else { self.profile.faults.info.len() };
        let count = u8::try_from(entries).unwrap_or(u8::MAX);
        let state = match what {
            0x00 | 0x01 => {
                self.routines.central_locked = what == 0x00;
                return Ok(vec![what]);
            }
            0x02 => vec![u8::from(self.routines.central_locked)],
            0x03 | 0xF1 | 0xF2 => vec![count],
            0x04 if self.routines.central_cleared => Vec::new(),
            0x04 => self.profile.faults.info.iter().flat_map(|fault| fault.dtc.clone()).collect(),
            0x05 => {
                self.routines.central_cleared = true;
                return Ok(vec![what]);
            }
            0xF3 => vec![0x01],
            _ => return Err(Nrc::RequestOutOfRange),
        };
        Ok([vec![what], state].concat())
    }

    /// 7E10, 7E11: aligns engine or transmission control.
    pub(super) fn align(&mut self, now: Instant, routine: Routine) -> Result<Vec<u8>, Nrc> {
        let slot = if routine == Routine::AlignDme { Slot::Dme } else { Slot::Egs };
        self.pairing.align(slot).map_err(refused)?;
        self.record(now, LedgerKind::Paired { slot });
        Ok(vec![DONE])
    }

    /// 7E12: learns a key.
    pub(super) fn learn_key(&mut self, now: Instant) -> Result<Vec<u8>, Nrc> {
        self.pairing.begin_learning(now).map_err(refused)?;
        Ok(vec![RUNNING])
    }

    pub(super) fn learning_result(&mut self, now: Instant) -> Vec<u8> {
        vec![self.pairing.learning_result(now).unwrap_or(DONE)]
    }

    /// 7E13: locks what is set.
    pub(super) fn lock_slots(&mut self, now: Instant) -> Vec<u8> {
        self.pairing.lock(now);
        vec![DONE]
    }

    /// 7E14: returns to delivery state.
    pub(super) fn return_to_delivery(&mut self, now: Instant) -> Result<Vec<u8>, Nrc> {
        self.pairing.begin_return(now).map_err(refused)?;
        Ok(vec![0])
    }

    pub(super) fn return_progress(&self, now: Instant) -> Vec<u8> {
        vec![self.pairing.return_progress(now).unwrap_or(100)]
    }
}

fn refused(NotAllowed: NotAllowed) -> Nrc {
    Nrc::ConditionsNotCorrect
}
