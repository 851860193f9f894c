//! Service functions of engine control and camera (§10).

use std::time::Duration;

use node::Instant;
use wire::uds::Nrc;

use crate::calibration::result;
use crate::unit::Unit;

/// How long a calibration by target takes.
const CALIBRATION: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(120));
/// How long the particle filter burns.
const REGENERATION: (Duration, Duration) = (Duration::from_secs(900), Duration::from_secs(2_400));
/// The selection of F030 that registers a battery.
const BATTERY: [u8; 3] = [0x00, 0x10, 0x00];
/// Entries of the list of enabling codes: application, index, three state bytes.
const ENABLING_CODES: [[u8; 7]; 2] =
    [[0x00, 0x9C, 0x00, 0x01, 0x02, 0x00, 0x00], [0x00, 0xDE, 0x00, 0x01, 0x02, 0x00, 0x00]];
/// What is answered where there is no such code.
const NOT_PRESENT: u8 = 0xF6;

impl Unit {
    /// F001: calibrates by a target, in the vehicle the camera belongs to.
    pub(super) fn start_calibration(&mut self, now: Instant) -> Vec<u8> {
        let takes = self.chance.routine.between(CALIBRATION.0, CALIBRATION.1);
        let vin_fits = self.vin == *self.profile.vin.as_bytes();
        self.camera.begin_target(now, takes, vin_fits);
        Vec::new()
    }

    /// Result code, brightness, contrast, markers.
    pub(super) fn calibration_result(&mut self, now: Instant) -> Vec<u8> {
        let code = self.camera.target_result(now);
        let found = if code == result::SUCCESS || code == result::RUNNING { 4 } else { 0 };
        if code == result::SUCCESS {
            self.check_faults(now);
        }
        vec![code, 0x80, 0x64, found]
    }

    /// 0F1F: 04 lists enabling codes, 0B reads one, 0C checks one.
    pub(super) fn enabling_codes(&self, option: &[u8]) -> Result<Vec<u8>, Nrc> {
        match option {
            [0x04] => {
                let count = ENABLING_CODES.len() as u8;
                Ok([&[0x04, 0x00, 0x00, 0x00, count], ENABLING_CODES.as_flattened()].concat())
            }
            [what @ (0x0B | 0x0C), wanted @ ..] if wanted.len() == 4 => {
                let found = ENABLING_CODES.iter().find(|code| code[..4] == *wanted);
                Ok(found.map_or(vec![*what, NOT_PRESENT], |code| [&[*what], &code[..]].concat()))
            }
            [0x0B | 0x0C, ..] => Err(Nrc::IncorrectLength),
            [..] => Err(Nrc::RequestOutOfRange),
        }
    }

    /// F030: resets adaptations, or registers a battery.
    pub(super) fn reset_adaptations(&mut self, option: &[u8]) -> Vec<u8> {
        if option == BATTERY {
            self.registrations = self.registrations.saturating_add(1);
        } else {
            self.learned_forgotten = true;
        }
        vec![0x00]
    }

    /// 7E20: burns the particle filter free.
    pub(super) fn start_regeneration(&mut self, now: Instant) -> Vec<u8> {
        let takes = self.chance.routine.between(REGENERATION.0, REGENERATION.1);
        self.routines.regeneration = Some((now, takes));
        vec![0x01]
    }

    /// 00 not running, 01 running, 02 done; then progress in percent.
    pub(super) fn regeneration_result(&self, now: Instant) -> Vec<u8> {
        let Some((start, takes)) = self.routines.regeneration else {
            return vec![0x00, 0];
        };
        let percent = (now - start).as_millis() * 100 / takes.as_millis().max(1);
        let percent = u8::try_from(percent).unwrap_or(100).min(100);
        vec![if percent < 100 { 0x01 } else { 0x02 }, percent]
    }
}
