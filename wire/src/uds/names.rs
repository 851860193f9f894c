//! What BMW calls identifiers and routines (`uds-and-bmw-ecus.md` §4, §6.1).

/// Returns what a data identifier holds.
pub(super) fn did(number: u16) -> Option<&'static str> {
    Some(match number {
        0xF190 => "VIN",
        _ => return None,
    })
}

/// Returns what a routine does.
pub(super) fn routine(number: u16) -> Option<&'static str> {
    Some(match number {
        0xFF00 => "eraseMemory",
        _ => return None,
    })
}
