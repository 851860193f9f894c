//! Sessions, reset, communication and fault setting (`uds-and-bmw-ecus.md` §2.4, §2.7).

use std::time::Duration;

use bytes::Bytes;
use node::Instant;
use wire::uds::{Nrc, Session};

use crate::engine::checks::plain;
use crate::engine::{Deed, Pace, Work};
use crate::interface::ResetKind;
use crate::ledger::LedgerKind;
use crate::profile::JumpAnswer;
use crate::supply;
use crate::unit::{Mode, Unit};

/// Communication types `28` knows: normal messages, network management, both.
const COMMUNICATION_TYPES: std::ops::RangeInclusive<u8> = 0x01..=0x03;

impl Unit {
    /// `10` DiagnosticSessionControl.
    pub(crate) fn session_control(&mut self, data: &Bytes) -> Result<Work, Nrc> {
        let wanted = Session(plain(data[1]));
        match (self.mode, wanted) {
            (Mode::Application, Session::PROGRAMMING) => {
                supply::check_flash(self.millivolts).map_err(|_| Nrc::ConditionsNotCorrect)?;
                let jump = self.profile.timing.jump;
                let silence = self.chance.jump.between(jump.low, jump.high);
                Ok(match self.profile.timing.jump_answer {
                    JumpAnswer::ReplyFirst => Work::prompt(Deed::Jump(silence)),
                    JumpAnswer::PendingFirst => {
                        Work { pace: Pace::Deaf(silence), deed: Deed::Landed }
                    }
                })
            }
            (Mode::Bootloader, Session::DEFAULT) => {
                let answer = self.session_answer(Session::DEFAULT);
                Ok(Work::prompt(Deed::Restart { answer, kind: ResetKind::OutOfBootloader }))
            }
            (Mode::Application | Mode::Bootloader, session) => {
                let pace = if self.profile.timing.pending_sessions.contains(&session.0) {
                    Pace::Long(Duration::ZERO)
                } else {
                    Pace::Prompt
                };
                Ok(Work { pace, deed: Deed::EnterSession(session) })
            }
        }
    }

    /// Enters a session without a restart; security is locked again.
    pub(crate) fn enter_session(&mut self, now: Instant, session: Session) -> Bytes {
        self.abort_download(now);
        if session == Session::DEFAULT {
            self.leave_session(now);
        } else {
            self.lock.relock();
            self.record(now, LedgerKind::SessionStarted { session: session.0 });
        }
        self.session = session;
        self.entered = true;
        self.session_answer(session)
    }

    /// Gives back what belongs to a session: security, fault setting, communication, control.
    pub(crate) fn leave_session(&mut self, now: Instant) {
        self.lock.relock();
        self.controlled.clear();
        self.transmitting = true;
        self.routines.end_session();
        self.camera.end_session(now);
        self.faults.recording = true;
        self.check_faults(now);
    }

    /// Ends a session whose tester went silent; returns whether that takes a restart.
    pub(crate) fn lose_session(&mut self, now: Instant) -> bool {
        self.record(now, LedgerKind::SessionLost { session: self.session.0 });
        match self.mode {
            Mode::Bootloader => true,
            Mode::Application => {
                self.leave_session(now);
                self.session = Session::DEFAULT;
                false
            }
        }
    }

    /// Returns P2 of a session.
    pub(crate) fn p2(&self, session: Session) -> Duration {
        let timing = &self.profile.timing;
        if session == Session::DEFAULT { timing.p2_default } else { timing.p2 }
    }

    pub(crate) fn session_answer(&self, session: Session) -> Bytes {
        let timing = &self.profile.timing;
        let mut answer = vec![0x50, session.0];
        if !timing.untimed_sessions.contains(&session.0) {
            answer.extend_from_slice(&units(self.p2(session), 1));
            answer.extend_from_slice(&units(timing.p2_star, 10));
        }
        Bytes::from(answer)
    }

    /// `11` ECUReset: answered first.
    pub(crate) fn reset_request(&mut self, data: &Bytes) -> Result<Work, Nrc> {
        let sub = plain(data[1]);
        let kind = match sub {
            0x02 => ResetKind::KeyOffOn,
            0x03 => ResetKind::Soft,
            0x04 => ResetKind::PowerDown,
            _ => ResetKind::Hard,
        };
        let mut answer = vec![0x51, sub];
        if kind == ResetKind::PowerDown {
            let seconds = self.profile.timing.reset.as_secs();
            answer.push(u8::try_from(seconds).unwrap_or(u8::MAX - 1));
        }
        Ok(Work::prompt(Deed::Restart { answer: Bytes::from(answer), kind }))
    }

    /// `28` CommunicationControl.
    pub(crate) fn communication_control(&mut self, data: &Bytes) -> Result<Work, Nrc> {
        if !COMMUNICATION_TYPES.contains(&data[2]) {
            return Err(Nrc::RequestOutOfRange);
        }
        let sub = plain(data[1]);
        self.transmitting = matches!(sub, 0x00 | 0x02);
        Ok(Work::answer(vec![0x68, sub]))
    }

    /// `85` ControlDTCSetting.
    pub(crate) fn fault_setting(&mut self, now: Instant, data: &Bytes) -> Result<Work, Nrc> {
        let sub = plain(data[1]);
        self.faults.recording = sub == 0x01;
        self.check_faults(now);
        Ok(Work::answer(vec![0xC5, sub]))
    }

    /// `86` ResponseOnEvent: answered, and nothing is ever sent.
    pub(crate) fn response_on_event(&mut self, data: &Bytes) -> Result<Work, Nrc> {
        let window = data.get(2).copied().unwrap_or(0x02);
        Ok(Work::answer(vec![0xC6, plain(data[1]), 0x00, window]))
    }
}

/// Returns a time in two bytes, in units of so many milliseconds.
fn units(time: Duration, milliseconds: u128) -> [u8; 2] {
    u16::try_from(time.as_millis() / milliseconds).unwrap_or(u16::MAX).to_be_bytes()
}
