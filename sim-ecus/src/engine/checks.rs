//! The order of checks a request passes before its parameters are looked at
//! (`uds-and-bmw-ecus.md` §2.2).

use node::Instant;
use wire::uds::service as sid;
use wire::uds::{Nrc, SUPPRESS_POSITIVE_RESPONSE, Session};

use crate::unit::{Mode, Unit};

/// A set of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sessions(u8);

impl Sessions {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const DEFAULT: Self = Self(1);
    pub(crate) const PROGRAMMING: Self = Self(2);
    pub(crate) const EXTENDED: Self = Self(4);
    pub(crate) const CODING: Self = Self(8);
    /// Safety system, end of line, enabling codes, hard disk, remote update.
    pub(crate) const SPECIAL: Self = Self(16);
    pub(crate) const ALL: Self = Self(31);
    pub(crate) const NOT_DEFAULT: Self = Self(30);

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn contains(self, session: Session) -> bool {
        let bit = match session {
            Session::DEFAULT => Self::DEFAULT,
            Session::PROGRAMMING => Self::PROGRAMMING,
            Session::EXTENDED => Self::EXTENDED,
            Session::CODING => Self::CODING,
            Session(_) => Self::SPECIAL,
        };
        self.0 & bit.0 != 0
    }
}

/// The services of a control unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    SessionControl,
    Reset,
    ClearFaults,
    ReadFaults,
    ReadData,
    Security,
    Communication,
    DefineData,
    WriteData,
    Control,
    Routine,
    Download,
    Transfer,
    TransferExit,
    TesterPresent,
    FaultSetting,
    Events,
}

/// Where a service exists, and the least it needs.
struct Rule {
    service: Service,
    application: Sessions,
    bootloader: Sessions,
    /// Bytes, service identifier included.
    minimum: usize,
    subs: Subs,
}

/// The sub-functions of a service.
enum Subs {
    /// It has none, or checks them itself in another order (`31`).
    None,
    /// The diagnostic sessions of the unit.
    Sessions,
    /// These.
    Of(&'static [Sub]),
}

/// One sub-function.
struct Sub {
    number: u8,
    application: Sessions,
    bootloader: Sessions,
    /// Bytes of the whole request; zero when the service checks them itself.
    length: usize,
}

const fn sub(number: u8, length: usize) -> Sub {
    Sub { number, application: Sessions::ALL, bootloader: Sessions::ALL, length }
}

const fn sub_in(number: u8, application: Sessions, bootloader: Sessions) -> Sub {
    Sub { number, application, bootloader, length: 0 }
}

/// Bootloader sessions a tester enters on purpose.
const BOOT_ENTERED: Sessions = Sessions::PROGRAMMING.and(Sessions::EXTENDED);

const RESETS: &[Sub] = &[
    sub(0x01, 2),
    Sub { number: 0x02, application: Sessions::ALL, bootloader: Sessions::NONE, length: 2 },
    sub(0x03, 2),
    Sub { number: 0x04, application: Sessions::ALL, bootloader: Sessions::NONE, length: 2 },
];
const FAULT_READS: &[Sub] = &[sub(0x01, 3), sub(0x02, 3), sub(0x04, 6), sub(0x06, 6), sub(0x0A, 2)];
const LEVELS: &[Sub] = &[
    sub_in(0x01, Sessions::CODING, Sessions::NONE),
    sub_in(0x02, Sessions::CODING, Sessions::NONE),
    sub_in(0x11, Sessions::NONE, Sessions::PROGRAMMING),
    sub_in(0x12, Sessions::NONE, Sessions::PROGRAMMING),
];
const COMMUNICATIONS: &[Sub] = &[sub(0x00, 3), sub(0x01, 3), sub(0x02, 3), sub(0x03, 3)];
const DEFINITIONS: &[Sub] = &[sub(0x01, 0), sub(0x03, 0)];
const PRESENT: &[Sub] = &[sub(0x00, 2)];
const SETTINGS: &[Sub] = &[sub(0x01, 2), sub(0x02, 2)];
const EVENTS: &[Sub] = &[sub(0x00, 0), sub(0x04, 0), sub(0x05, 0), sub(0x40, 0), sub(0x45, 0)];

const fn rule(
    service: Service,
    application: Sessions,
    bootloader: Sessions,
    minimum: usize,
    subs: Subs,
) -> Option<Rule> {
    Some(Rule { service, application, bootloader, minimum, subs })
}

/// Returns where a service exists, `None` when it exists nowhere.
const fn rule_of(service: u8) -> Option<Rule> {
    use Sessions as S;
    match service {
        sid::TRANSFER_DATA => {
            rule(Service::Transfer, S::PROGRAMMING, S::PROGRAMMING, 3, Subs::None)
        }
        sid::DIAGNOSTIC_SESSION_CONTROL => {
            rule(Service::SessionControl, S::ALL, S::ALL, 2, Subs::Sessions)
        }
        sid::ECU_RESET => rule(Service::Reset, S::ALL, S::ALL, 2, Subs::Of(RESETS)),
        sid::CLEAR_DIAGNOSTIC_INFORMATION => {
            rule(Service::ClearFaults, S::ALL, S::NONE, 4, Subs::None)
        }
        sid::READ_DTC_INFORMATION => {
            rule(Service::ReadFaults, S::ALL, S::NONE, 2, Subs::Of(FAULT_READS))
        }
        sid::READ_DATA_BY_IDENTIFIER => rule(Service::ReadData, S::ALL, S::ALL, 3, Subs::None),
        sid::SECURITY_ACCESS => {
            rule(Service::Security, S::CODING, S::PROGRAMMING, 2, Subs::Of(LEVELS))
        }
        sid::COMMUNICATION_CONTROL => {
            rule(Service::Communication, S::NOT_DEFAULT, BOOT_ENTERED, 2, Subs::Of(COMMUNICATIONS))
        }
        sid::DYNAMICALLY_DEFINE_DATA_IDENTIFIER => {
            rule(Service::DefineData, S::ALL, S::NONE, 2, Subs::Of(DEFINITIONS))
        }
        sid::WRITE_DATA_BY_IDENTIFIER => {
            rule(Service::WriteData, S::NOT_DEFAULT, BOOT_ENTERED, 4, Subs::None)
        }
        sid::INPUT_OUTPUT_CONTROL_BY_IDENTIFIER => {
            rule(Service::Control, S::EXTENDED.and(S::SPECIAL), S::NONE, 4, Subs::None)
        }
        sid::ROUTINE_CONTROL => rule(Service::Routine, S::ALL, S::ALL, 4, Subs::None),
        sid::REQUEST_DOWNLOAD => {
            rule(Service::Download, S::PROGRAMMING, S::PROGRAMMING, 4, Subs::None)
        }
        sid::REQUEST_TRANSFER_EXIT => {
            rule(Service::TransferExit, S::PROGRAMMING, S::PROGRAMMING, 1, Subs::None)
        }
        sid::TESTER_PRESENT => rule(Service::TesterPresent, S::ALL, S::ALL, 2, Subs::Of(PRESENT)),
        sid::CONTROL_DTC_SETTING => {
            rule(Service::FaultSetting, S::NOT_DEFAULT, BOOT_ENTERED, 2, Subs::Of(SETTINGS))
        }
        sid::RESPONSE_ON_EVENT => rule(Service::Events, S::ALL, S::NONE, 2, Subs::Of(EVENTS)),
        _ => None,
    }
}

/// Takes a request through the checks every service has in common.
pub(crate) fn admit(unit: &Unit, now: Instant, data: &[u8]) -> Result<Service, Nrc> {
    let first = *data.first().ok_or(Nrc::IncorrectLength)?;
    if unit.profile.generic_reject.contains(&first) {
        return Err(Nrc::GeneralReject);
    }
    let rule = rule_of(first).ok_or(Nrc::ServiceNotSupported)?;
    let sessions = unit.offered(rule.application, rule.bootloader);
    if sessions == Sessions::NONE {
        return Err(Nrc::ServiceNotSupported);
    }
    if !sessions.contains(unit.session) {
        return Err(Nrc::ServiceNotSupportedInActiveSession);
    }
    if data.len() < rule.minimum {
        return Err(Nrc::IncorrectLength);
    }
    match rule.subs {
        Subs::None => {}
        Subs::Sessions => admit_session(unit, Session(plain(data[1])), data.len())?,
        Subs::Of(subs) => admit_sub(unit, now, &rule.service, subs, data)?,
    }
    Ok(rule.service)
}

/// Returns a sub-function without the bit that suppresses the positive answer.
pub(crate) const fn plain(sub: u8) -> u8 {
    sub & !SUPPRESS_POSITIVE_RESPONSE
}

fn admit_sub(
    unit: &Unit,
    now: Instant,
    service: &Service,
    subs: &[Sub],
    data: &[u8],
) -> Result<(), Nrc> {
    let number = plain(data[1]);
    let sub = subs.iter().find(|sub| sub.number == number);
    let sub = sub.ok_or(Nrc::SubFunctionNotSupported)?;
    let sessions = unit.offered(sub.application, sub.bootloader);
    if sessions == Sessions::NONE && *service != Service::Security {
        return Err(Nrc::SubFunctionNotSupported);
    }
    if !sessions.contains(unit.session) {
        return Err(Nrc::SubFunctionNotSupportedInActiveSession);
    }
    if *service == Service::Security {
        unit.lock.check_sequence(now, number)?;
    }
    if sub.length != 0 && data.len() != sub.length {
        return Err(Nrc::IncorrectLength);
    }
    Ok(())
}

/// Which sessions exist, and from where they are entered (§2.4).
fn admit_session(unit: &Unit, wanted: Session, length: usize) -> Result<(), Nrc> {
    let exists = match unit.mode {
        Mode::Application => {
            matches!(wanted, Session::DEFAULT | Session::PROGRAMMING)
                || unit.profile.sessions.contains(&wanted.0)
        }
        Mode::Bootloader => {
            matches!(wanted, Session::DEFAULT | Session::PROGRAMMING | Session::EXTENDED)
        }
    };
    if !exists {
        return Err(Nrc::SubFunctionNotSupported);
    }
    let programming_from_afar = unit.mode == Mode::Application
        && wanted == Session::PROGRAMMING
        && unit.session != Session::EXTENDED;
    if programming_from_afar {
        return Err(Nrc::SubFunctionNotSupportedInActiveSession);
    }
    if length != 2 {
        return Err(Nrc::IncorrectLength);
    }
    Ok(())
}
