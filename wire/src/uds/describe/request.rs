//! Words for requests.

use super::words::{
    Data, Fault, Identifier, InSession, Length, Routine, Service, Silent, SubFunction, adjustment,
    authentication, communication, definition, report, reset, routine, setting,
};
use crate::uds::{BlockCounter, Did, Dtc, RoutineId, SUPPRESS_POSITIVE_RESPONSE, Session, service};

/// How many identifiers of one request are named.
const NAMED: usize = 3;

/// Returns the words for a request that has the form of its service, else `None`.
pub(super) fn describe(sid: u8, rest: &[u8]) -> Option<String> {
    let service = Service(sid);
    Some(match (sid, rest) {
        (service::DIAGNOSTIC_SESSION_CONTROL, [byte]) => {
            let session = Session(byte & !SUPPRESS_POSITIVE_RESPONSE);
            format!("{service} {}{}", InSession(session), Silent(*byte))
        }
        (service::ECU_RESET, [byte]) => {
            format!("{service} {}{}", SubFunction::new(*byte, reset), Silent(*byte))
        }
        (service::CLEAR_DIAGNOSTIC_INFORMATION, [a, b, c]) => {
            format!("{service} {}", Fault(Dtc([*a, *b, *c])))
        }
        (service::READ_DTC_INFORMATION, [byte, rest @ ..]) => faults(*byte, rest),
        (service::READ_DATA_BY_IDENTIFIER, rest) => return identifiers(rest),
        (service::SECURITY_ACCESS, [byte, rest @ ..]) => security(*byte, rest),
        (service::COMMUNICATION_CONTROL, [byte, messages, rest @ ..]) => {
            let control = SubFunction::new(*byte, communication);
            let silent = Silent(*byte);
            format!("{service} {control}, messages {messages:02X}{}{silent}", Data(rest))
        }
        (service::AUTHENTICATION, [byte, rest @ ..]) => {
            format!("{service} {}{}", SubFunction::new(*byte, authentication), Data(rest))
        }
        (service::DYNAMICALLY_DEFINE_DATA_IDENTIFIER, [byte, high, low, rest @ ..]) => {
            let did = Did::from_bytes([*high, *low]);
            format!("{service} {did} {}{}", SubFunction::new(*byte, definition), Data(rest))
        }
        (service::WRITE_DATA_BY_IDENTIFIER, [high, low, rest @ ..]) => {
            format!("{service} {}{}", Identifier(Did::from_bytes([*high, *low])), Data(rest))
        }
        (service::INPUT_OUTPUT_CONTROL_BY_IDENTIFIER, [high, low, control, rest @ ..]) => {
            let did = Identifier(Did::from_bytes([*high, *low]));
            match adjustment(*control) {
                Some(control) => format!("{service} {did} {control}{}", Data(rest)),
                None => format!("{service} {did} {control:02X}{}", Data(rest)),
            }
        }
        (service::ROUTINE_CONTROL, [byte, high, low, rest @ ..]) => {
            let name = Routine(RoutineId::from_bytes([*high, *low]));
            let control = SubFunction::new(*byte, routine);
            format!("{service} {control} {name}{}{}", Data(rest), Silent(*byte))
        }
        (service::REQUEST_DOWNLOAD | service::REQUEST_UPLOAD, [format, lengths, rest @ ..]) => {
            return transfer(sid, *format, *lengths, rest);
        }
        (service::READ_MEMORY_BY_ADDRESS, [lengths, rest @ ..]) => {
            let (address, size) = memory(*lengths, rest)?;
            format!("{service} {size} bytes at {address}")
        }
        (service::TRANSFER_DATA, [counter, data @ ..]) => {
            format!("{service} block 0x{}{}", BlockCounter(*counter), Length(data.len()))
        }
        (service::TESTER_PRESENT, [byte @ (0x00 | 0x80)]) => format!("{service}{}", Silent(*byte)),
        (service::CONTROL_DTC_SETTING, [byte, rest @ ..]) => {
            let setting = SubFunction::new(*byte, setting);
            format!("{service} {setting}{}{}", Data(rest), Silent(*byte))
        }
        _ => return None,
    })
}

fn faults(byte: u8, rest: &[u8]) -> String {
    let (service, silent) = (Service(service::READ_DTC_INFORMATION), Silent(byte));
    let what = SubFunction::new(byte, report);
    match (byte & !SUPPRESS_POSITIVE_RESPONSE, rest) {
        (0x01 | 0x02, [mask]) => format!("{service} {what} {mask:02X}{silent}"),
        (0x04 | 0x06, [a, b, c, record]) => {
            format!("{service} {what} {}, record {record:02X}{silent}", Fault(Dtc([*a, *b, *c])))
        }
        (_, rest) => format!("{service} {what}{}{silent}", Data(rest)),
    }
}

fn identifiers(rest: &[u8]) -> Option<String> {
    let (pairs, []) = rest.as_chunks::<2>() else { return None };
    let (first, others) = pairs.split_first()?;
    let service = Service(service::READ_DATA_BY_IDENTIFIER);
    let mut words = format!("{service} {}", Identifier(Did::from_bytes(*first)));
    for did in others.iter().take(NAMED - 1) {
        words += &format!(", {}", Identifier(Did::from_bytes(*did)));
    }
    if pairs.len() > NAMED {
        words += &format!(" and {} more", pairs.len() - NAMED);
    }
    Some(words)
}

fn security(byte: u8, rest: &[u8]) -> String {
    let (service, silent) = (Service(service::SECURITY_ACCESS), Silent(byte));
    let number = byte & !SUPPRESS_POSITIVE_RESPONSE;
    if number % 2 == 1 {
        format!("{service} request seed, level {number:02X}{}{silent}", Data(rest))
    } else {
        let level = number.wrapping_sub(1);
        format!("{service} send key, level {level:02X}{}{silent}", Length(rest.len()))
    }
}

fn transfer(sid: u8, format: u8, lengths: u8, rest: &[u8]) -> Option<String> {
    let (address, size) = memory(lengths, rest)?;
    let way = if sid == service::REQUEST_UPLOAD { "from" } else { "to" };
    let form = if format == 0 { String::new() } else { format!(", data format {format:02X}") };
    Some(format!("{} {size} bytes {way} {address}{form}", Service(sid)))
}

/// Reads address and size by their format byte: length of the size above, of the address below.
fn memory(lengths: u8, rest: &[u8]) -> Option<(String, u64)> {
    let (size_length, address_length) = (usize::from(lengths >> 4), usize::from(lengths & 0x0F));
    if address_length > 8 || size_length > 8 || rest.len() != address_length + size_length {
        return None;
    }
    let number = |bytes: &[u8]| bytes.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    let (address, size) = rest.split_at(address_length);
    let width = 2 * address_length;
    Some((format!("{:0width$X}", number(address)), number(size)))
}
