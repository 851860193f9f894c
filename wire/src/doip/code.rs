//! The numbers of ISO 13400-2 that have names.

use crate::codes::codes;

codes! {
    /// Payload types (§16).
    pub enum PayloadType: u16 {
        HeaderNack = 0x0000 "generic header negative acknowledge",
        IdentificationRequest = 0x0001 "vehicle identification request",
        IdentificationRequestEid = 0x0002 "vehicle identification request by EID",
        IdentificationRequestVin = 0x0003 "vehicle identification request by VIN",
        Announcement = 0x0004 "vehicle announcement",
        RoutingActivationRequest = 0x0005 "routing activation request",
        RoutingActivationResponse = 0x0006 "routing activation response",
        AliveCheckRequest = 0x0007 "alive check request",
        AliveCheckResponse = 0x0008 "alive check response",
        EntityStatusRequest = 0x4001 "entity status request",
        EntityStatus = 0x4002 "entity status response",
        PowerModeRequest = 0x4003 "diagnostic power mode request",
        PowerMode = 0x4004 "diagnostic power mode response",
        Diagnostic = 0x8001 "diagnostic message",
        DiagnosticAck = 0x8002 "diagnostic message positive acknowledge",
        DiagnosticNack = 0x8003 "diagnostic message negative acknowledge",
        PeriodicDiagnostic = 0x8004 "periodic diagnostic message",
    }
}

codes! {
    /// Codes of a header NACK (§16).
    pub enum HeaderNack: u8 {
        IncorrectPattern = 0x00 "incorrect pattern format",
        UnknownType = 0x01 "unknown payload type",
        TooLarge = 0x02 "message too large",
        OutOfMemory = 0x03 "out of memory",
        InvalidLength = 0x04 "invalid payload length",
    }
}

impl HeaderNack {
    /// Tells whether the entity closes the socket after sending this code.
    pub const fn closes_socket(self) -> bool {
        match self {
            Self::IncorrectPattern | Self::InvalidLength => true,
            Self::UnknownType | Self::TooLarge | Self::OutOfMemory | Self::Other(_) => false,
        }
    }
}

codes! {
    /// Response codes of routing activation (§18).
    pub enum ActivationCode: u8 {
        UnknownSource = 0x00 "source address unknown",
        NoSocketFree = 0x01 "all sockets in use and alive",
        SourceDiffers = 0x02 "socket was activated with another source address",
        SourceActiveElsewhere = 0x03 "source address active on another socket",
        AuthenticationMissing = 0x04 "authentication missing",
        ConfirmationRejected = 0x05 "confirmation rejected",
        UnsupportedType = 0x06 "activation type not supported",
        TlsRequired = 0x07 "activation type needs TLS",
        NotReady = 0x08 "vehicle not ready",
        Activated = 0x10 "routing activated",
        ConfirmationRequired = 0x11 "routing activated after confirmation",
    }
}

impl ActivationCode {
    /// Tells whether the entity closes the socket after answering with this code; `None` where
    /// editions of the standard differ, and for codes without a name.
    pub const fn closes_socket(self) -> Option<bool> {
        match self {
            Self::UnknownSource
            | Self::NoSocketFree
            | Self::SourceActiveElsewhere
            | Self::ConfirmationRejected
            | Self::UnsupportedType
            | Self::TlsRequired => Some(true),
            Self::NotReady | Self::Activated | Self::ConfirmationRequired => Some(false),
            Self::SourceDiffers | Self::AuthenticationMissing | Self::Other(_) => None,
        }
    }
}

codes! {
    /// Codes of a diagnostic message negative acknowledge (§19).
    pub enum NackCode: u8 {
        InvalidSource = 0x02 "invalid source address",
        UnknownTarget = 0x03 "unknown target address",
        TooLarge = 0x04 "diagnostic message too large",
        OutOfMemory = 0x05 "out of memory",
        TargetUnreachable = 0x06 "target unreachable",
        UnknownNetwork = 0x07 "unknown network",
        TransportError = 0x08 "transport protocol error",
        TargetBusy = 0x09 "target busy",
    }
}

codes! {
    /// Diagnostic power mode (§16).
    pub enum PowerMode: u8 {
        NotReady = 0x00 "not ready",
        Ready = 0x01 "ready",
        NotSupported = 0x02 "not supported",
    }
}

codes! {
    /// Kind of a DoIP entity (§16).
    pub enum NodeType: u8 {
        Gateway = 0x00 "gateway",
        Node = 0x01 "node",
    }
}
