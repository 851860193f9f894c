//! What is wrong with a frame, and what a gateway says about it.

/// Error control words a gateway sends (§4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorCode {
    /// `0040`: the source address is not a permitted tester; body `expected received`.
    IncorrectTesterAddress,
    /// `0041`: the control word is not known.
    IncorrectControlWord,
    /// `0042`: the body does not fit the control word.
    IncorrectFormat,
    /// `0043`: no route to the target; body source and target of the request.
    IncorrectDestinationAddress,
    /// `0044`: the frame is longer than the gateway takes.
    MessageTooLarge,
    /// `0045`: the gateway is booting or diagnosis is blocked.
    NotReady,
    /// `00FF`: the gateway has no room for the request; the client resends once.
    OutOfMemory,
}

impl ErrorCode {
    /// Every code, in the order of their control words.
    pub const ALL: [Self; 7] = [
        Self::IncorrectTesterAddress,
        Self::IncorrectControlWord,
        Self::IncorrectFormat,
        Self::IncorrectDestinationAddress,
        Self::MessageTooLarge,
        Self::NotReady,
        Self::OutOfMemory,
    ];

    /// Returns the code of a control word, `None` if it is no error.
    pub fn from_control(control: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.control() == control)
    }

    /// Returns the control word.
    pub const fn control(self) -> u16 {
        match self {
            Self::IncorrectTesterAddress => 0x0040,
            Self::IncorrectControlWord => 0x0041,
            Self::IncorrectFormat => 0x0042,
            Self::IncorrectDestinationAddress => 0x0043,
            Self::MessageTooLarge => 0x0044,
            Self::NotReady => 0x0045,
            Self::OutOfMemory => 0x00FF,
        }
    }

    /// Returns the name of the control word, for logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IncorrectTesterAddress => "incorrect-tester-address",
            Self::IncorrectControlWord => "incorrect-control-word",
            Self::IncorrectFormat => "incorrect-format",
            Self::IncorrectDestinationAddress => "incorrect-destination-address",
            Self::MessageTooLarge => "message-too-large",
            Self::NotReady => "diagnostic-application-not-ready",
            Self::OutOfMemory => "out-of-memory",
        }
    }
}

/// Why bytes are not an HSFZ message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The frame is longer than the decoder's limit. The stream cannot be trusted again (§3).
    #[error("control word {control:04X} announces {length} bytes, the limit is {limit}")]
    TooLarge {
        /// The control word.
        control: u16,
        /// What the length field says, in bytes.
        length: u32,
        /// What the decoder takes, in bytes.
        limit: u32,
    },
    /// The body does not fit the control word; the frame was skipped (§4, `0042`).
    #[error("control word {control:04X} with a body of {length} bytes")]
    Format {
        /// The control word.
        control: u16,
        /// Length of the body in bytes.
        length: usize,
    },
    /// A datagram ends before its frame does.
    #[error("datagram of {length} bytes, its frame needs {needed}")]
    Truncated {
        /// Length of the datagram in bytes.
        length: usize,
        /// Length of header and body in bytes.
        needed: usize,
    },
    /// A datagram goes on after its frame.
    #[error("datagram has {extra} bytes after its frame")]
    Trailing {
        /// How many bytes too many.
        extra: usize,
    },
}

impl DecodeError {
    /// Tells whether the stream is still in step: the next frame can be read.
    pub const fn is_recoverable(&self) -> bool {
        match self {
            Self::Format { .. } => true,
            Self::TooLarge { .. } | Self::Truncated { .. } | Self::Trailing { .. } => false,
        }
    }

    /// Returns the error frame a gateway owes the sender on a stream; datagrams are owed none.
    pub const fn owed_error(&self) -> Option<ErrorCode> {
        match self {
            Self::TooLarge { .. } => Some(ErrorCode::MessageTooLarge),
            Self::Format { .. } => Some(ErrorCode::IncorrectFormat),
            Self::Truncated { .. } | Self::Trailing { .. } => None,
        }
    }
}
