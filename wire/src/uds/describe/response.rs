//! Words for positive responses.

use super::words::{
    Data, Identifier, InSession, Length, Records, Routine, Service, SubFunction, report, reset,
    routine, setting,
};
use crate::uds::{BlockCounter, Did, RoutineId, Session, service};

/// Returns the words for a response that has the form of its service, else `None`.
pub(super) fn describe(sid: u8, rest: &[u8]) -> Option<String> {
    let service = Service(sid);
    Some(match (sid, rest) {
        (service::DIAGNOSTIC_SESSION_CONTROL, [session, rest @ ..]) => {
            format!("{service} {} active{}", InSession(Session(*session)), timing(rest))
        }
        (service::ECU_RESET, [kind, rest @ ..]) => {
            format!("{service} {} accepted{}", SubFunction::new(*kind, reset), Data(rest))
        }
        (service::READ_DTC_INFORMATION, [kind, rest @ ..]) => faults(*kind, rest),
        (service::READ_DATA_BY_IDENTIFIER, [high, low, rest @ ..]) => {
            let did = Did::from_bytes([*high, *low]);
            match (did, std::str::from_utf8(rest)) {
                (Did::VIN, Ok(vin)) if is_vin(vin) => {
                    format!("{service} {} answered: {vin}", Identifier(did))
                }
                _ => format!("{service} {} answered{}", Identifier(did), Data(rest)),
            }
        }
        (service::SECURITY_ACCESS, [byte, rest @ ..]) if byte % 2 == 1 => {
            format!("{service} seed, level {byte:02X}{}", Data(rest))
        }
        (service::SECURITY_ACCESS, [byte, rest @ ..]) => {
            format!("{service} key accepted, level {:02X}{}", byte.wrapping_sub(1), Data(rest))
        }
        (service::WRITE_DATA_BY_IDENTIFIER, [high, low, rest @ ..]) => {
            let did = Identifier(Did::from_bytes([*high, *low]));
            format!("{service} {did} written{}", Data(rest))
        }
        (service::ROUTINE_CONTROL, [control, high, low, rest @ ..]) => {
            let name = Routine(RoutineId::from_bytes([*high, *low]));
            let control = SubFunction::new(*control, routine);
            format!("{service} {control} {name} answered{}", Data(rest))
        }
        (service::REQUEST_DOWNLOAD | service::REQUEST_UPLOAD, [0x20, high, low]) => {
            let longest = u16::from_be_bytes([*high, *low]);
            format!("{service} accepted, messages of at most {longest} bytes")
        }
        (service::TRANSFER_DATA, [counter, data @ ..]) => {
            let counter = BlockCounter(*counter);
            format!("{service} block 0x{counter} accepted{}", Length(data.len()))
        }
        (service::TESTER_PRESENT, [0x00]) => format!("{service} answered"),
        (service::CONTROL_DTC_SETTING, [kind, rest @ ..]) => {
            format!("{service} {} accepted{}", SubFunction::new(*kind, setting), Data(rest))
        }
        _ => return None,
    })
}

/// P2 in milliseconds, P2* in tens of them.
fn timing(rest: &[u8]) -> String {
    let [a, b, c, d] = *rest else { return Data(rest).to_string() };
    let (p2, p2_star) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    format!(", P2 {p2} ms, P2* {} ms", u32::from(p2_star) * 10)
}

fn faults(kind: u8, rest: &[u8]) -> String {
    let service = Service(service::READ_DTC_INFORMATION);
    let what = SubFunction::new(kind, report);
    if let (0x02, [_mask, records @ ..]) = (kind, rest)
        && let (records, []) = records.as_chunks::<4>()
    {
        return format!("{service} {what} answered: {}", Records(records));
    }
    format!("{service} {what} answered{}", Data(rest))
}

fn is_vin(text: &str) -> bool {
    text.len() == 17 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
