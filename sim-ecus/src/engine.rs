//! The UDS engine: what a request comes to, and when.
//!
//! | file | holds |
//! |---|---|
//! | `checks` | the order of checks, up to the parameters of a service |
//! | `desk` | one request at a time: queue, response pending, suppressed answers |

use std::time::Duration;

use bytes::Bytes;
use node::Instant;
use wire::uds::{Nrc, Session};

use crate::interface::{Request, ResetKind};
use crate::unit::Unit;

pub(crate) mod checks;
pub(crate) mod desk;

use checks::Service;

/// What an accepted request comes to.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub pace: Pace,
    pub deed: Deed,
}

/// How long work takes, and how the waiting tester is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// No longer than any answer.
    Prompt,
    /// This much longer; `78` when 0.8 × P2 is over.
    Busy(Duration),
    /// This much longer; `78` at once.
    Long(Duration),
    /// Exactly this long: writing a block.
    Exactly(Duration),
    /// Exactly this long, `78` at once, and nothing is heard meanwhile: a jump.
    Deaf(Duration),
}

/// What is done when the time is over, just before the answer leaves.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// Nothing more: the answer is ready.
    Answer(Bytes),
    /// Enters a session of the running software.
    EnterSession(Session),
    /// Enters the bootloader: answer first, then restart.
    Jump(Duration),
    /// Enters the bootloader: the restart is already over.
    Landed,
    /// Answers, then restarts.
    Restart { answer: Bytes, kind: ResetKind },
    /// Refuses, then restarts: there is too little voltage to write with (`uds-and-bmw-ecus.md`
    /// §11.1).
    GiveUp(Nrc),
    /// Writes one block; holds the whole request.
    Block(Bytes),
    /// Ends the erase of a block of flash memory.
    Erase(usize),
    /// Compares memory with its checksum.
    CheckMemory(u32),
    /// Compares versions, and sets the marker of valid software.
    Dependencies,
}

/// What follows an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The next request.
    Next,
    /// A restart, and this long a silence.
    Restart(ResetKind, Duration),
}

impl Work {
    pub(crate) fn answer(data: impl Into<Bytes>) -> Self {
        Self { pace: Pace::Prompt, deed: Deed::Answer(data.into()) }
    }

    pub(crate) fn prompt(deed: Deed) -> Self {
        Self { pace: Pace::Prompt, deed }
    }
}

impl Unit {
    /// Checks a request and begins what it asks for.
    pub(crate) fn accept(&mut self, now: Instant, request: &Request) -> Result<Work, Nrc> {
        let data = &request.data;
        match checks::admit(self, now, data)? {
            Service::SessionControl => self.session_control(data),
            Service::Reset => self.reset_request(data),
            Service::ClearFaults => self.clear_faults(now, data),
            Service::ReadFaults => self.read_faults(data),
            Service::ReadData => self.read_data(now, data),
            Service::Security => self.security_access(now, data),
            Service::Communication => self.communication_control(data),
            Service::DefineData => self.define_data(data),
            Service::WriteData => self.write_data(now, data),
            Service::Control => self.input_output_control(data),
            Service::Routine => self.routine_control(now, data),
            Service::Download => self.request_download(now, data),
            Service::Transfer => self.transfer_data(now, data),
            Service::TransferExit => self.transfer_exit(now, data),
            Service::TesterPresent => Ok(Work::answer(&[0x7E, 0x00][..])),
            Service::FaultSetting => self.fault_setting(now, data),
            Service::Events => self.response_on_event(data),
        }
    }

    /// Ends what a request began.
    pub(crate) fn finish(&mut self, now: Instant, deed: Deed) -> (Result<Bytes, Nrc>, Then) {
        let answer = match deed {
            Deed::Answer(answer) => Ok(answer),
            Deed::EnterSession(session) => Ok(self.enter_session(now, session)),
            Deed::Jump(silence) => {
                let answer = Ok(self.session_answer(Session::PROGRAMMING));
                return (answer, Then::Restart(ResetKind::IntoBootloader, silence));
            }
            Deed::Landed => {
                self.start(now, Some(ResetKind::IntoBootloader));
                Ok(self.session_answer(Session::PROGRAMMING))
            }
            Deed::Restart { answer, kind } => {
                return (Ok(answer), Then::Restart(kind, self.profile.timing.reset));
            }
            Deed::GiveUp(nrc) => {
                return (Err(nrc), Then::Restart(ResetKind::LowVoltage, self.profile.timing.reset));
            }
            Deed::Block(request) => self.write_block(now, &request),
            Deed::Erase(area) => self.finish_erase(now, area),
            Deed::CheckMemory(address) => Ok(self.finish_check(now, address)),
            Deed::Dependencies => Ok(self.finish_dependencies(now)),
        };
        (answer, Then::Next)
    }
}
