//! Why a step failed.

use wire::uds::Nrc;

use crate::Step;
use crate::tester::Fault;

/// Why a step failed. Reads after "the step failed: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StepError {
    /// The car was not found.
    #[error("{0}")]
    Search(Fault),
    /// A request has no answer.
    #[error("{ecu}: {request}: {fault}")]
    Fault {
        /// Who was asked.
        ecu: String,
        /// What, in words.
        request: String,
        /// Why there is no answer.
        fault: Fault,
    },
    /// A control unit said no.
    #[error("{ecu} refused {request}: {nrc} ({number:02X})", number = nrc.number())]
    Refused {
        /// Who was asked.
        ecu: String,
        /// What, in words.
        request: String,
        /// Why not.
        nrc: Nrc,
    },
    /// An answer is not what it should be.
    #[error("{ecu} answered {request} with {answer}")]
    Unexpected {
        /// Who was asked.
        ecu: String,
        /// What, in words.
        request: String,
        /// What came, in hex.
        answer: String,
    },
    /// An answer is not what the scenario expects.
    #[error("{ecu} answered {request} with {answer}, expected {expected}")]
    Unmet {
        /// Who was asked.
        ecu: String,
        /// What, in words.
        request: String,
        /// What came.
        answer: String,
        /// What was to come.
        expected: String,
    },
    /// The scenario names a control unit the tester does not know.
    #[error("the tester has no data for a control unit `{0}`")]
    UnknownEcu(String),
    /// The scenario names an image the tester does not have.
    #[error("the tester has no image `{image}` for {ecu}")]
    UnknownImage {
        /// For which control unit.
        ecu: String,
        /// Its name.
        image: String,
    },
    /// Nobody answered a functional request.
    #[error("no control unit answered")]
    Nobody,
    /// The supply is too low to begin.
    #[error("the supply is at {}, below {}: nothing was erased", volts(*is), volts(*minimum))]
    Supply {
        /// Measured, in millivolts.
        is: u32,
        /// Needed, in millivolts.
        minimum: u32,
    },
    /// The manufacturer's service gave no plan.
    #[error("the backend gave no plan: nothing was changed")]
    NoPlan,
    /// The manufacturer's service gave no key.
    #[error("the backend gave no key for the seed")]
    NoKey,
    /// Programming preconditions are not met.
    #[error("{ecu} does not allow programming: {codes}")]
    Precondition {
        /// Who.
        ecu: String,
        /// Which, in words.
        codes: String,
    },
    /// A routine of the flash run said that something is wrong.
    #[error("{ecu}: {routine}: {result}")]
    Routine {
        /// Who.
        ecu: String,
        /// What was to be done, such as `checkMemory of SWFL 0000E102`.
        routine: String,
        /// What the routine said, in words.
        result: String,
    },
    /// What runs after the reset is not what was planned.
    #[error("{ecu} does not run what was planned: {why}")]
    Plan {
        /// Who.
        ecu: String,
        /// The difference.
        why: String,
    },
    /// A step inside a repetition failed.
    #[error("round {round}, {step}: {why}")]
    InRound {
        /// Counted from 1.
        round: u32,
        /// Which step.
        step: String,
        /// Why.
        why: Box<StepError>,
    },
}

impl StepError {
    /// Says in which round of a repetition it happened.
    pub fn in_round(self, round: u32, step: &Step) -> Self {
        Self::InRound { round, step: step.to_string(), why: Box::new(self) }
    }

    /// Returns the fault, when a request has no answer.
    pub fn fault(&self) -> Option<&Fault> {
        if let Self::Fault { fault, .. } | Self::Search(fault) = self { Some(fault) } else { None }
    }

    /// Returns the negative response code, if the control unit gave one.
    pub fn nrc(&self) -> Option<Nrc> {
        if let Self::Refused { nrc, .. } = self { Some(*nrc) } else { None }
    }

    /// Returns whether the same question may be answered a little later.
    pub fn may_pass(&self) -> bool {
        let fault = matches!(
            self.fault(),
            Some(Fault::NoAnswer | Fault::Interrupted | Fault::Word(_) | Fault::Nack(_))
        );
        let nrc = matches!(self.nrc(), Some(Nrc::BusyRepeatRequest | Nrc::NoResponseFromSubnet));
        fault || nrc
    }

    /// Returns whether the car can still be talked to.
    pub fn leaves_connection(&self) -> bool {
        !self.fault().is_some_and(Fault::is_connection)
    }
}

/// Prints a voltage, such as `12.40 V`.
pub(super) fn volts(millivolts: u32) -> String {
    format!("{}.{:02} V", millivolts / 1_000, millivolts % 1_000 / 10)
}
