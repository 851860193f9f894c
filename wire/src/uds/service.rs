//! Service identifiers of requests. A positive response adds `40`.

/// `10` DiagnosticSessionControl.
pub const DIAGNOSTIC_SESSION_CONTROL: u8 = 0x10;
/// `11` ECUReset.
pub const ECU_RESET: u8 = 0x11;
/// `14` ClearDiagnosticInformation.
pub const CLEAR_DIAGNOSTIC_INFORMATION: u8 = 0x14;
/// `19` ReadDTCInformation.
pub const READ_DTC_INFORMATION: u8 = 0x19;
/// `22` ReadDataByIdentifier.
pub const READ_DATA_BY_IDENTIFIER: u8 = 0x22;
/// `23` ReadMemoryByAddress.
pub const READ_MEMORY_BY_ADDRESS: u8 = 0x23;
/// `24` ReadScalingDataByIdentifier.
pub const READ_SCALING_DATA_BY_IDENTIFIER: u8 = 0x24;
/// `27` SecurityAccess.
pub const SECURITY_ACCESS: u8 = 0x27;
/// `28` CommunicationControl.
pub const COMMUNICATION_CONTROL: u8 = 0x28;
/// `29` Authentication.
pub const AUTHENTICATION: u8 = 0x29;
/// `2A` ReadDataByPeriodicIdentifier.
pub const READ_DATA_BY_PERIODIC_IDENTIFIER: u8 = 0x2A;
/// `2C` DynamicallyDefineDataIdentifier.
pub const DYNAMICALLY_DEFINE_DATA_IDENTIFIER: u8 = 0x2C;
/// `2E` WriteDataByIdentifier.
pub const WRITE_DATA_BY_IDENTIFIER: u8 = 0x2E;
/// `2F` InputOutputControlByIdentifier.
pub const INPUT_OUTPUT_CONTROL_BY_IDENTIFIER: u8 = 0x2F;
/// `31` RoutineControl.
pub const ROUTINE_CONTROL: u8 = 0x31;
/// `34` RequestDownload.
pub const REQUEST_DOWNLOAD: u8 = 0x34;
/// `35` RequestUpload.
pub const REQUEST_UPLOAD: u8 = 0x35;
/// `36` TransferData.
pub const TRANSFER_DATA: u8 = 0x36;
/// `37` RequestTransferExit.
pub const REQUEST_TRANSFER_EXIT: u8 = 0x37;
/// `38` RequestFileTransfer.
pub const REQUEST_FILE_TRANSFER: u8 = 0x38;
/// `3D` WriteMemoryByAddress.
pub const WRITE_MEMORY_BY_ADDRESS: u8 = 0x3D;
/// `3E` TesterPresent.
pub const TESTER_PRESENT: u8 = 0x3E;
/// `83` AccessTimingParameter.
pub const ACCESS_TIMING_PARAMETER: u8 = 0x83;
/// `84` SecuredDataTransmission.
pub const SECURED_DATA_TRANSMISSION: u8 = 0x84;
/// `85` ControlDTCSetting.
pub const CONTROL_DTC_SETTING: u8 = 0x85;
/// `86` ResponseOnEvent.
pub const RESPONSE_ON_EVENT: u8 = 0x86;
/// `87` LinkControl.
pub const LINK_CONTROL: u8 = 0x87;

/// Returns the standard's name of a service, by the identifier of its request.
pub const fn name(sid: u8) -> Option<&'static str> {
    Some(match sid {
        DIAGNOSTIC_SESSION_CONTROL => "DiagnosticSessionControl",
        ECU_RESET => "ECUReset",
        CLEAR_DIAGNOSTIC_INFORMATION => "ClearDiagnosticInformation",
        READ_DTC_INFORMATION => "ReadDTCInformation",
        READ_DATA_BY_IDENTIFIER => "ReadDataByIdentifier",
        READ_MEMORY_BY_ADDRESS => "ReadMemoryByAddress",
        READ_SCALING_DATA_BY_IDENTIFIER => "ReadScalingDataByIdentifier",
        SECURITY_ACCESS => "SecurityAccess",
        COMMUNICATION_CONTROL => "CommunicationControl",
        AUTHENTICATION => "Authentication",
        READ_DATA_BY_PERIODIC_IDENTIFIER => "ReadDataByPeriodicIdentifier",
        DYNAMICALLY_DEFINE_DATA_IDENTIFIER => "DynamicallyDefineDataIdentifier",
        WRITE_DATA_BY_IDENTIFIER => "WriteDataByIdentifier",
        INPUT_OUTPUT_CONTROL_BY_IDENTIFIER => "InputOutputControlByIdentifier",
        ROUTINE_CONTROL => "RoutineControl",
        REQUEST_DOWNLOAD => "RequestDownload",
        REQUEST_UPLOAD => "RequestUpload",
        TRANSFER_DATA => "TransferData",
        REQUEST_TRANSFER_EXIT => "RequestTransferExit",
        REQUEST_FILE_TRANSFER => "RequestFileTransfer",
        WRITE_MEMORY_BY_ADDRESS => "WriteMemoryByAddress",
        TESTER_PRESENT => "TesterPresent",
        ACCESS_TIMING_PARAMETER => "AccessTimingParameter",
        SECURED_DATA_TRANSMISSION => "SecuredDataTransmission",
        CONTROL_DTC_SETTING => "ControlDTCSetting",
        RESPONSE_ON_EVENT => "ResponseOnEvent",
        LINK_CONTROL => "LinkControl",
        _ => return None,
    })
}

/// Tells whether the second byte of a request is a sub-function, whose top bit asks for silence.
pub const fn has_sub_function(sid: u8) -> bool {
    matches!(
        sid,
        DIAGNOSTIC_SESSION_CONTROL
            | ECU_RESET
            | READ_DTC_INFORMATION
            | SECURITY_ACCESS
            | COMMUNICATION_CONTROL
            | AUTHENTICATION
            | DYNAMICALLY_DEFINE_DATA_IDENTIFIER
            | ROUTINE_CONTROL
            | TESTER_PRESENT
            | ACCESS_TIMING_PARAMETER
            | CONTROL_DTC_SETTING
            | RESPONSE_ON_EVENT
            | LINK_CONTROL
    )
}
