//! HSFZ messages and how they are written.

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{DecodeError, ErrorCode, HEADER_LENGTH};

/// Control words (§4).
pub mod control {
    /// Diagnostic request or response.
    pub const DIAGNOSTIC: u16 = 0x0001;
    /// Acknowledge of a diagnostic request.
    pub const ACKNOWLEDGE: u16 = 0x0002;
    /// Terminal 15, request or status.
    pub const TERMINAL_15: u16 = 0x0010;
    /// Vehicle identification, request or text.
    pub const IDENTIFICATION: u16 = 0x0011;
    /// Alive check.
    pub const ALIVE_CHECK: u16 = 0x0012;
    /// Status data inquiry.
    pub const STATUS_INQUIRY: u16 = 0x0013;
}

/// Eight-bit address of a tester, gateway or ECU. Prints as two hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub u8);

impl Address {
    /// The central gateway.
    pub const GATEWAY: Self = Self(0x10);
    /// Reaches every ECU (§7).
    pub const FUNCTIONAL: Self = Self(0xDF);
    /// The tester most clients use (§15).
    pub const TESTER: Self = Self(0xF4);
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}

/// One HSFZ frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// `0001`: a UDS request or response.
    Diagnostic {
        /// Who sends.
        source: Address,
        /// To whom.
        target: Address,
        /// The UDS bytes; at least one, or the receiver refuses the frame.
        data: Bytes,
    },
    /// `0002`: a request was taken. The addresses are those of the request, not swapped (§6).
    Acknowledge {
        /// Who sent the request.
        source: Address,
        /// To whom the request went.
        target: Address,
        /// The first bytes of the request.
        data: Bytes,
    },
    /// `0010`: terminal 15; without a status it is the request (§10).
    Terminal15 {
        /// The status byte, see [`is_ignition_on`](super::is_ignition_on).
        status: Option<u8>,
    },
    /// `0011`: vehicle identification; empty it is the request (§5).
    Identification {
        /// The text, see [`Identification`](super::Identification).
        text: Bytes,
    },
    /// `0012`: alive check or its reply (§9).
    Alive {
        /// See [`AliveBody`](super::AliveBody).
        body: Bytes,
    },
    /// `0013`: status data inquiry; some testers answer an alive check with it (§9).
    StatusInquiry {
        /// Not interpreted.
        body: Bytes,
    },
    /// `0040`–`0045`, `00FF`: the gateway refuses something (§4, §8).
    Error {
        /// What is wrong.
        code: ErrorCode,
        /// Empty, or two addresses.
        body: Bytes,
    },
    /// A control word not known here.
    Unknown {
        /// The control word; none of those above.
        control: u16,
        /// Everything after it.
        body: Bytes,
    },
}

impl Message {
    /// Builds a frame that refuses something and names two addresses.
    pub fn error(code: ErrorCode, first: Address, second: Address) -> Self {
        Self::Error { code, body: Bytes::copy_from_slice(&[first.0, second.0]) }
    }

    /// Appends the frame to `out`.
    ///
    /// # Panics
    ///
    /// If the body has 4 GiB or more.
    pub fn encode(&self, out: &mut BytesMut) {
        let length = self.body_length();
        out.reserve(HEADER_LENGTH + length);
        out.put_u32(u32::try_from(length).expect("a body is shorter than 4 GiB"));
        out.put_u16(self.control());
        match self {
            Self::Diagnostic { source, target, data }
            | Self::Acknowledge { source, target, data } => {
                out.put_u8(source.0);
                out.put_u8(target.0);
                out.put_slice(data);
            }
            Self::Terminal15 { status } => out.extend(status),
            Self::Identification { text: body }
            | Self::Alive { body }
            | Self::StatusInquiry { body }
            | Self::Error { code: _, body }
            | Self::Unknown { control: _, body } => out.put_slice(body),
        }
    }

    /// Returns the frame as bytes.
    ///
    /// # Panics
    ///
    /// If the body has 4 GiB or more.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = BytesMut::new();
        self.encode(&mut out);
        out.freeze()
    }

    /// Returns the control word.
    pub fn control(&self) -> u16 {
        match self {
            Self::Diagnostic { .. } => control::DIAGNOSTIC,
            Self::Acknowledge { .. } => control::ACKNOWLEDGE,
            Self::Terminal15 { .. } => control::TERMINAL_15,
            Self::Identification { .. } => control::IDENTIFICATION,
            Self::Alive { .. } => control::ALIVE_CHECK,
            Self::StatusInquiry { .. } => control::STATUS_INQUIRY,
            Self::Error { code, .. } => code.control(),
            Self::Unknown { control, .. } => *control,
        }
    }

    /// Returns the name of the control word, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Diagnostic { .. } => "diagnostic",
            Self::Acknowledge { .. } => "acknowledge",
            Self::Terminal15 { .. } => "terminal-15",
            Self::Identification { .. } => "vehicle-ident",
            Self::Alive { .. } => "alive-check",
            Self::StatusInquiry { .. } => "status-data-inquiry",
            Self::Error { code, .. } => code.name(),
            Self::Unknown { .. } => "unknown",
        }
    }

    /// Returns how many bytes follow the header: the length field.
    pub fn body_length(&self) -> usize {
        match self {
            Self::Diagnostic { data, .. } | Self::Acknowledge { data, .. } => 2 + data.len(),
            Self::Terminal15 { status } => usize::from(status.is_some()),
            Self::Identification { text: body }
            | Self::Alive { body }
            | Self::StatusInquiry { body }
            | Self::Error { body, .. }
            | Self::Unknown { body, .. } => body.len(),
        }
    }

    /// Returns the two addresses of a frame that has them: diagnostic frames always, alive checks,
    /// status inquiries and errors when their body has two bytes.
    pub fn addresses(&self) -> Option<(Address, Address)> {
        match self {
            Self::Diagnostic { source, target, .. } | Self::Acknowledge { source, target, .. } => {
                Some((*source, *target))
            }
            Self::Alive { body } | Self::StatusInquiry { body } | Self::Error { body, .. } => {
                let [first, second] = body[..] else { return None };
                Some((Address(first), Address(second)))
            }
            Self::Terminal15 { .. } | Self::Identification { .. } | Self::Unknown { .. } => None,
        }
    }

    /// Returns what a gateway answers to a frame it can read but does not know (§4).
    pub fn owed_error(&self) -> Option<ErrorCode> {
        match self {
            Self::Unknown { .. } => Some(ErrorCode::IncorrectControlWord),
            Self::Diagnostic { .. }
            | Self::Acknowledge { .. }
            | Self::Terminal15 { .. }
            | Self::Identification { .. }
            | Self::Alive { .. }
            | Self::StatusInquiry { .. }
            | Self::Error { .. } => None,
        }
    }

    /// Reads the body of a complete frame. Shares `body`, copies nothing.
    pub(super) fn from_body(control: u16, mut body: Bytes) -> Result<Self, DecodeError> {
        let format = DecodeError::Format { control, length: body.len() };
        match control {
            control::DIAGNOSTIC if body.len() < 3 => Err(format),
            control::ACKNOWLEDGE if body.len() < 2 => Err(format),
            control::TERMINAL_15 if body.len() > 1 => Err(format),
            control::DIAGNOSTIC => {
                let (source, target) = (Address(body.get_u8()), Address(body.get_u8()));
                Ok(Self::Diagnostic { source, target, data: body })
            }
            control::ACKNOWLEDGE => {
                let (source, target) = (Address(body.get_u8()), Address(body.get_u8()));
                Ok(Self::Acknowledge { source, target, data: body })
            }
            control::TERMINAL_15 => Ok(Self::Terminal15 { status: body.first().copied() }),
            control::IDENTIFICATION => Ok(Self::Identification { text: body }),
            control::ALIVE_CHECK => Ok(Self::Alive { body }),
            control::STATUS_INQUIRY => Ok(Self::StatusInquiry { body }),
            other => Ok(match ErrorCode::from_control(other) {
                Some(code) => Self::Error { code, body },
                None => Self::Unknown { control: other, body },
            }),
        }
    }
}
