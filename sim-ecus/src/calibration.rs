//! The camera's calibration: by target, by driving (`uds-and-bmw-ecus.md` §10, W3).

use std::time::Duration;

use node::Instant;

use crate::interface::Condition;

/// What the simulated drive covers, in metres per second.
const SPEED: u64 = 14;
/// Ends of the stages of a dynamic calibration, in metres driven: self-test, coarse short,
/// coarse long, fine (§10: 0.5 km coarse, 4 km fine).
const STAGES: [(u64, u8); 4] = [(100, 0x01), (300, 0x02), (500, 0x03), (4_500, 0x04)];

/// Result codes of the target calibration.
pub(crate) mod result {
    pub(crate) const NOT_STARTED: u8 = 0x00;
    pub(crate) const RUNNING: u8 = 0x01;
    pub(crate) const SUCCESS: u8 = 0x02;
    pub(crate) const VIN_INVALID: u8 = 0x05;
}

/// What a calibration by driving is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drive {
    Parked,
    Since(Instant),
}

/// What a calibration by target is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    NotStarted,
    Until(Instant),
    Ended(u8),
}

/// How a camera is calibrated; it survives restarts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Camera {
    calibrated: bool,
    drive: Drive,
    target: Target,
}

impl Camera {
    pub(crate) fn new(condition: Condition) -> Self {
        let calibrated = match condition {
            Condition::Factory | Condition::HalfFlashed => true,
            Condition::Virgin | Condition::Uncoded | Condition::Used => false,
        };
        Self { calibrated, drive: Drive::Parked, target: Target::NotStarted }
    }

    /// Begins a calibration by target.
    pub(crate) fn begin_target(&mut self, now: Instant, takes: Duration, vin_fits: bool) {
        self.target =
            if vin_fits { Target::Until(now + takes) } else { Target::Ended(result::VIN_INVALID) };
    }

    /// Breaks a calibration by target off.
    pub(crate) fn stop_target(&mut self, now: Instant) {
        self.target = match self.target {
            Target::Until(end) if now < end => Target::NotStarted,
            Target::Until(_) => Target::Ended(result::SUCCESS),
            Target::NotStarted | Target::Ended(_) => self.target,
        };
    }

    /// Begins a calibration by driving.
    pub(crate) fn begin_drive(&mut self, now: Instant) {
        self.calibrated = false;
        self.target = Target::NotStarted;
        self.drive = Drive::Since(now);
    }

    /// Ends what does not outlive a session.
    pub(crate) fn end_session(&mut self, now: Instant) {
        self.stop_target(now);
    }

    /// Returns the result code of the calibration by target.
    pub(crate) fn target_result(&self, now: Instant) -> u8 {
        match self.target {
            Target::NotStarted => result::NOT_STARTED,
            Target::Until(end) if now < end => result::RUNNING,
            Target::Until(_) => result::SUCCESS,
            Target::Ended(code) => code,
        }
    }

    pub(crate) fn is_calibrated(&self, now: Instant) -> bool {
        let driven = matches!(self.drive, Drive::Since(_)) && self.metres(now) >= STAGES[3].0;
        self.calibrated || driven || self.target_result(now) == result::SUCCESS
    }

    /// Returns the state of a mono camera: 00 not calibrated, 01 calibrated by its own motion,
    /// 02 by the lane.
    pub(crate) fn mono_state(&self, now: Instant) -> u8 {
        u8::from(self.is_calibrated(now))
    }

    /// Returns the state of a stereo camera: 00 invalid, 01 self-test … 04 fine.
    pub(crate) fn stereo_state(&self, now: Instant) -> u8 {
        if self.is_calibrated(now) {
            return 0x04;
        }
        match self.drive {
            Drive::Parked => 0x00,
            Drive::Since(_) => {
                let metres = self.metres(now);
                STAGES.iter().find(|(end, _)| metres < *end).map_or(0x04, |(_, state)| *state)
            }
        }
    }

    /// Returns metres driven since the calibration by driving began.
    pub(crate) fn metres(&self, now: Instant) -> u64 {
        match self.drive {
            Drive::Parked => 0,
            Drive::Since(start) => {
                let driven = (now - start).as_millis() * u128::from(SPEED) / 1_000;
                u64::try_from(driven).unwrap_or(u64::MAX)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn a_target_calibration_succeeds_when_its_time_is_over() {
        let mut camera = Camera::new(Condition::Virgin);
        camera.begin_target(Instant::ZERO, Duration::from_secs(30), true);
        assert_eq!(camera.target_result(Instant::from_secs(29)), result::RUNNING);
        assert!(!camera.is_calibrated(Instant::from_secs(29)));
        assert_eq!(camera.target_result(Instant::from_secs(30)), result::SUCCESS);
        camera.end_session(Instant::from_secs(31));
        assert!(camera.is_calibrated(Instant::from_secs(31)));
    }

    #[test]
    fn a_target_calibration_ends_with_its_session() {
        let mut camera = Camera::new(Condition::Virgin);
        camera.begin_target(Instant::ZERO, Duration::from_secs(30), true);
        camera.end_session(Instant::from_secs(6));
        assert_eq!(camera.target_result(Instant::from_secs(60)), result::NOT_STARTED);
    }

    #[test]
    fn a_camera_of_another_car_is_refused() {
        let mut camera = Camera::new(Condition::Used);
        camera.begin_target(Instant::ZERO, Duration::from_secs(30), false);
        assert_eq!(camera.target_result(Instant::from_secs(60)), result::VIN_INVALID);
        assert!(!camera.is_calibrated(Instant::from_secs(60)));
    }

    #[rstest]
    #[case::self_test(5, 0x01, false)]
    #[case::coarse_short(10, 0x02, false)]
    #[case::coarse_long(30, 0x03, false)]
    #[case::fine(60, 0x04, false)]
    #[case::done(322, 0x04, true)]
    fn driving_goes_through_the_stages(#[case] secs: u64, #[case] state: u8, #[case] done: bool) {
        let mut camera = Camera::new(Condition::Factory);
        camera.begin_drive(Instant::ZERO);
        let now = Instant::from_secs(secs);
        assert_eq!((camera.stereo_state(now), camera.is_calibrated(now)), (state, done));
    }
}
