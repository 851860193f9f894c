//! The pieces that words are made of.

use std::fmt::{Display, Formatter, Result};

use crate::Hex;
use crate::uds::{Did, Dtc, Nrc, RoutineId, SUPPRESS_POSITIVE_RESPONSE, Session, service};

/// How many bytes of data are shown.
const HEAD: usize = 12;
/// How many faults of a list are shown.
const SHOWN: usize = 5;

/// The name of a service, or its number.
pub(super) struct Service(pub u8);

impl Display for Service {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match service::name(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "service {:02X}", self.0),
        }
    }
}

/// `, 4 bytes: 02 40 00 08`; nothing for no data; the head of long data.
pub(super) struct Data<'a>(pub &'a [u8]);

impl Display for Data<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let head = &self.0[..self.0.len().min(HEAD)];
        match self.0.len() {
            0 => Ok(()),
            1 => write!(f, ", 1 byte: {}", Hex(head)),
            length if length <= HEAD => write!(f, ", {length} bytes: {}", Hex(head)),
            length => write!(f, ", {length} bytes: {} …", Hex(head)),
        }
    }
}

/// `, 2999 bytes`; nothing for no data.
pub(super) struct Length(pub usize);

impl Display for Length {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.0 {
            0 => Ok(()),
            1 => f.write_str(", 1 byte"),
            length => write!(f, ", {length} bytes"),
        }
    }
}

/// `F190 (VIN)`.
pub(super) struct Identifier(pub Did);

impl Display for Identifier {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        with_name(f, &self.0, self.0.name())
    }
}

/// `FF00 (eraseMemory)`.
pub(super) struct Routine(pub RoutineId);

impl Display for Routine {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        with_name(f, &self.0, self.0.name())
    }
}

/// `02 (programming)`.
pub(super) struct InSession(pub Session);

impl Display for InSession {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        with_name(f, &self.0, self.0.name())
    }
}

/// `of all faults`, `of fault 480A1B`.
pub(super) struct Fault(pub Dtc);

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.0 {
            Dtc::ALL => f.write_str("of all faults"),
            one => write!(f, "of fault {one}"),
        }
    }
}

/// `2 faults: 480A1B (2F), 480A1C (68)`: codes with their status bytes, the first few.
pub(super) struct Records<'a>(pub &'a [[u8; 4]]);

impl Display for Records<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.0.len() {
            0 => return f.write_str("no faults"),
            1 => f.write_str("1 fault")?,
            count => write!(f, "{count} faults")?,
        }
        let mut before = ": ";
        for [a, b, c, status] in self.0.iter().take(SHOWN) {
            write!(f, "{before}{} ({status:02X})", Dtc([*a, *b, *c]))?;
            before = ", ";
        }
        f.write_str(if self.0.len() > SHOWN { " …" } else { "" })
    }
}

/// `requestOutOfRange (31)`; the number alone where there is no name.
pub(super) struct Refusal(pub Nrc);

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.0.name() {
            Some(name) => write!(f, "{name} ({:02X})", self.0.number()),
            None => write!(f, "{:02X}", self.0.number()),
        }
    }
}

/// A sub-function: its name, or its number where it has none.
pub(super) struct SubFunction {
    number: u8,
    name: Option<&'static str>,
}

impl SubFunction {
    /// Takes the name for the byte without its suppress bit.
    pub(super) fn new(byte: u8, name: impl Fn(u8) -> Option<&'static str>) -> Self {
        let number = byte & !SUPPRESS_POSITIVE_RESPONSE;
        Self { number, name: name(number) }
    }
}

impl Display for SubFunction {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.name {
            Some(name) => f.write_str(name),
            None => write!(f, "{:02X}", self.number),
        }
    }
}

/// `, silent` when the sub-function asks for no positive response.
pub(super) struct Silent(pub u8);

impl Display for Silent {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.0 & SUPPRESS_POSITIVE_RESPONSE {
            0 => Ok(()),
            _ => f.write_str(", silent"),
        }
    }
}

fn with_name(f: &mut Formatter<'_>, number: &dyn Display, name: Option<&str>) -> Result {
    match name {
        Some(name) => write!(f, "{number} ({name})"),
        None => write!(f, "{number}"),
    }
}

/// Returns the name of a kind of reset.
pub(super) fn reset(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0x01 => "hard",
        0x02 => "key off-on",
        0x03 => "soft",
        0x04 => "rapid power shutdown",
        _ => return None,
    })
}

/// Returns the name of a report about faults.
pub(super) fn report(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0x01 => "number by status",
        0x02 => "list by status",
        0x03 => "snapshot list",
        0x04 => "snapshot",
        0x06 => "extended data",
        0x09 => "severity",
        0x0A => "supported",
        _ => return None,
    })
}

/// Returns the name of an authentication task.
pub(super) fn authentication(task: u8) -> Option<&'static str> {
    Some(match task {
        0x00 => "end",
        0x01 => "verify certificate, one way",
        0x02 => "verify certificate, both ways",
        0x03 => "proof of ownership",
        0x04 => "transmit certificate",
        0x08 => "configuration",
        _ => return None,
    })
}

/// Returns the name of what is done to normal communication.
pub(super) fn communication(control: u8) -> Option<&'static str> {
    Some(match control {
        0x00 => "receive on, transmit on",
        0x01 => "receive on, transmit off",
        0x02 => "receive off, transmit on",
        0x03 => "receive off, transmit off",
        _ => return None,
    })
}

/// Returns the name of what is done to a dynamic identifier.
pub(super) fn definition(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0x01 => "by identifier",
        0x02 => "by memory address",
        0x03 => "clear",
        _ => return None,
    })
}

/// Returns the name of what is done to a routine.
pub(super) fn routine(control: u8) -> Option<&'static str> {
    Some(match control {
        0x01 => "start",
        0x02 => "stop",
        0x03 => "results of",
        _ => return None,
    })
}

/// Returns the name of what is done to an input or output.
pub(super) fn adjustment(control: u8) -> Option<&'static str> {
    Some(match control {
        0x00 => "return",
        0x01 => "default",
        0x02 => "freeze",
        0x03 => "adjust",
        _ => return None,
    })
}

/// Returns the name of what is done to fault recording.
pub(super) fn setting(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0x01 => "on",
        0x02 => "off",
        _ => return None,
    })
}
