//! Negative response codes.

use bytes::Bytes;

use super::NEGATIVE_RESPONSE;
use crate::codes::codes;

codes! {
    /// Negative response codes, as the BMW tool chain decodes them (§2.8).
    pub enum Nrc: u8 {
        GeneralReject = 0x10 "generalReject",
        ServiceNotSupported = 0x11 "serviceNotSupported",
        SubFunctionNotSupported = 0x12 "subFunctionNotSupported",
        IncorrectLength = 0x13 "incorrectMessageLengthOrInvalidFormat",
        ResponseTooLong = 0x14 "responseTooLong",
        BusyRepeatRequest = 0x21 "busyRepeatRequest",
        ConditionsNotCorrect = 0x22 "conditionsNotCorrect",
        RoutineNotComplete = 0x23 "routineNotComplete",
        RequestSequenceError = 0x24 "requestSequenceError",
        NoResponseFromSubnet = 0x25 "noResponseFromSubnetComponent",
        FailurePreventsExecution = 0x26 "failurePreventsExecutionOfRequestedAction",
        RequestOutOfRange = 0x31 "requestOutOfRange",
        SecurityAccessDenied = 0x33 "securityAccessDenied",
        AuthenticationRequired = 0x34 "authenticationRequired",
        InvalidKey = 0x35 "invalidKey",
        ExceededNumberOfAttempts = 0x36 "exceedNumberOfAttempts",
        RequiredTimeDelayNotExpired = 0x37 "requiredTimeDelayNotExpired",
        UploadDownloadNotAccepted = 0x70 "uploadDownloadNotAccepted",
        TransferDataSuspended = 0x71 "transferDataSuspended",
        GeneralProgrammingFailure = 0x72 "generalProgrammingFailure",
        WrongBlockSequenceCounter = 0x73 "wrongBlockSequenceCounter",
        ResponsePending = 0x78 "requestCorrectlyReceived-ResponsePending",
        SubFunctionNotSupportedInActiveSession = 0x7E "subFunctionNotSupportedInActiveSession",
        ServiceNotSupportedInActiveSession = 0x7F "serviceNotSupportedInActiveSession",
        RpmTooHigh = 0x81 "rpmTooHigh",
        RpmTooLow = 0x82 "rpmTooLow",
        EngineIsRunning = 0x83 "engineIsRunning",
        EngineIsNotRunning = 0x84 "engineIsNotRunning",
        EngineRunTimeTooLow = 0x85 "engineRunTimeTooLow",
        TemperatureTooHigh = 0x86 "temperatureTooHigh",
        TemperatureTooLow = 0x87 "temperatureTooLow",
        VehicleSpeedTooHigh = 0x88 "vehicleSpeedTooHigh",
        VehicleSpeedTooLow = 0x89 "vehicleSpeedTooLow",
        PedalTooHigh = 0x8A "throttle/pedalTooHigh",
        PedalTooLow = 0x8B "throttle/pedalTooLow",
        TransmissionNotInNeutral = 0x8C "transmissionRangeNotInNeutral",
        TransmissionNotInGear = 0x8D "transmissionRangeNotInGear",
        BrakeNotClosed = 0x8F "brakeSwitchNotClosed",
        ShifterNotInPark = 0x90 "shifterLeverNotInPark",
        TorqueConverterLocked = 0x91 "torqueConverterClutchLocked",
        VoltageTooHigh = 0x92 "voltageTooHigh",
        VoltageTooLow = 0x93 "voltageTooLow",
    }
}

/// Builds the negative response to a request for service `sid`.
pub fn negative(sid: u8, nrc: Nrc) -> Bytes {
    Bytes::copy_from_slice(&[NEGATIVE_RESPONSE, sid, nrc.number()])
}
