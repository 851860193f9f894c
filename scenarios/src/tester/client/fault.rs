//! Why a request has no answer.

use wire::doip::{ActivationCode, HeaderNack, NackCode};
use wire::hsfz::ErrorCode;

/// Why a request has no answer. Reads after "failed: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// Nobody told an address.
    #[error("no vehicle answered the search")]
    NotFound,
    /// There is no connection, and one attempt did not bring one.
    #[error("no connection to the gateway ({0}; IFH-0003)")]
    NoConnection(Setback),
    /// The connection broke and the request could not be sent a second time.
    #[error("the connection broke ({0}; IFH-0003)")]
    Broken(Setback),
    /// The gateway did not acknowledge the request, neither the first nor the second time.
    #[error("the gateway did not acknowledge the request twice (IFH-0003)")]
    NoAcknowledge,
    /// Nor did it, but it sent an error word instead.
    #[error("the gateway refused the request: {} ({:04X})", .0.name(), .0.control())]
    Word(ErrorCode),
    /// The gateway refused the request over DoIP.
    #[error("the gateway refused the request: {0} (8003, code {number:02X})", number = .0.number())]
    Nack(NackCode),
    /// The gateway refused the header over DoIP.
    #[error("the gateway refused the message: {0} (0000, code {number:02X})", number = .0.number())]
    Header(HeaderNack),
    /// The control unit did not answer.
    #[error("no answer (IFH-0009)")]
    NoAnswer,
    /// The connection broke; the car was found again since, but the request has no answer.
    #[error("the connection broke and is back")]
    Interrupted,
}

/// Why there is no connection. Reads in brackets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Setback {
    /// The peer closed.
    #[error("closed by the peer")]
    Finished,
    /// The tester closed.
    #[error("closed by the tester")]
    Closed,
    /// The peer reset.
    #[error("reset by the peer")]
    Reset,
    /// The peer did not answer.
    #[error("timed out")]
    TimedOut,
    /// The tester has no address.
    #[error("the tester has no address")]
    NoAddress,
    /// The tester sent faster than the network took.
    #[error("the send queue overran")]
    Overrun,
    /// The link to the car went and came back.
    #[error("the link was lost")]
    LinkLost,
    /// The tester's address changed.
    #[error("the tester's address changed")]
    AddressChanged,
    /// The gateway did not acknowledge a request.
    #[error("no acknowledge")]
    NoAcknowledge,
    /// No vehicle announcement came before the connect.
    #[error("no vehicle announcement")]
    NoAnnouncement,
    /// Routing activation was not answered.
    #[error("no routing activation response")]
    NoActivation,
    /// Routing activation was refused.
    #[error("routing activation refused: {0} (code {number:02X})", number = .0.number())]
    Activation(ActivationCode),
    /// The gateway refused a request, and the tester closed.
    #[error("closed after a refusal")]
    Refused,
}

impl Fault {
    /// Returns whether looking for the car again may help.
    pub fn is_connection(&self) -> bool {
        match self {
            Self::NotFound | Self::NoConnection(_) | Self::Broken(_) | Self::NoAcknowledge => true,
            Self::Word(_)
            | Self::Nack(_)
            | Self::Header(_)
            | Self::NoAnswer
            | Self::Interrupted => false,
        }
    }
}

impl From<node::CloseReason> for Setback {
    fn from(reason: node::CloseReason) -> Self {
        match reason {
            node::CloseReason::Finished => Self::Finished,
            node::CloseReason::Reset => Self::Reset,
            node::CloseReason::TimedOut => Self::TimedOut,
            node::CloseReason::AddressLost => Self::NoAddress,
            node::CloseReason::Overrun => Self::Overrun,
        }
    }
}
