//! Numbers with a meaning: identifiers, routines, faults, block counters, sessions.

use std::fmt;

use super::names;

/// Data identifier. Prints as four hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Did(pub u16);

impl Did {
    /// The fingerprint of whoever programs; write only.
    pub const FINGERPRINT: Self = Self(0xF15A);
    /// The active session.
    pub const ACTIVE_SESSION: Self = Self(0xF186);
    /// The vehicle identification number.
    pub const VIN: Self = Self(0xF190);

    /// Reads the two bytes of an identifier.
    pub const fn from_bytes(bytes: [u8; 2]) -> Self {
        Self(u16::from_be_bytes(bytes))
    }

    /// Returns the two bytes of the identifier.
    pub const fn to_bytes(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }

    /// Returns what the identifier holds, in words (§4).
    pub fn name(self) -> Option<&'static str> {
        names::did(self.0)
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

/// Routine identifier. Prints as four hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoutineId(pub u16);

impl RoutineId {
    /// Compares flash content with its signature.
    pub const CHECK_MEMORY: Self = Self(0x0202);
    /// Asks whether programming may begin.
    pub const CHECK_PROGRAMMING_PRECONDITION: Self = Self(0x0203);
    /// Erases flash memory.
    pub const ERASE_MEMORY: Self = Self(0xFF00);
    /// Compares the versions of what is flashed.
    pub const CHECK_PROGRAMMING_DEPENDENCIES: Self = Self(0xFF01);

    /// Reads the two bytes of an identifier.
    pub const fn from_bytes(bytes: [u8; 2]) -> Self {
        Self(u16::from_be_bytes(bytes))
    }

    /// Returns the two bytes of the identifier.
    pub const fn to_bytes(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }

    /// Returns what the routine does, in words (§6.1).
    pub fn name(self) -> Option<&'static str> {
        names::routine(self.0)
    }
}

impl fmt::Display for RoutineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)
    }
}

/// Diagnostic trouble code, three bytes. Prints as six hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dtc(pub [u8; 3]);

impl Dtc {
    /// The group of all codes.
    pub const ALL: Self = Self([0xFF; 3]);

    /// Creates a code from a number, `None` above `FFFFFF`.
    pub const fn new(number: u32) -> Option<Self> {
        match number.to_be_bytes() {
            [0, high, middle, low] => Some(Self([high, middle, low])),
            [..] => None,
        }
    }

    /// Returns the code as a number.
    pub const fn number(self) -> u32 {
        let [high, middle, low] = self.0;
        u32::from_be_bytes([0, high, middle, low])
    }
}

impl fmt::Display for Dtc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06X}", self.number())
    }
}

/// Counter of the blocks of a download: starts at `01`, follows `FF` with `00` (§2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockCounter(pub u8);

impl BlockCounter {
    /// The counter of a download's first block.
    pub const FIRST: Self = Self(0x01);

    /// Returns the counter of the block after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

impl fmt::Display for BlockCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}

/// Diagnostic session, by number (§2.4). Prints as two hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session(pub u8);

impl Session {
    /// Default.
    pub const DEFAULT: Self = Self(0x01);
    /// Programming: the bootloader (ECUPM).
    pub const PROGRAMMING: Self = Self(0x02);
    /// Extended diagnosis (ECUEXTDIAG).
    pub const EXTENDED: Self = Self(0x03);
    /// Safety system (ECUSSDS).
    pub const SAFETY_SYSTEM: Self = Self(0x04);
    /// End of line (ECUEOL).
    pub const END_OF_LINE: Self = Self(0x40);
    /// Coding (ECUCODE).
    pub const CODING: Self = Self(0x41);
    /// Enabling codes (ECUSWT).
    pub const ENABLING_CODES: Self = Self(0x42);
    /// Hard disk download (ECUHDD).
    pub const HARD_DISK: Self = Self(0x43);
    /// Remote software update (ECURSU).
    pub const REMOTE_UPDATE: Self = Self(0x44);
    /// Development.
    pub const DEVELOPMENT: Self = Self(0x4F);
    /// Garage diagnosis.
    pub const GARAGE: Self = Self(0x5F);
    /// Supplier.
    pub const SUPPLIER: Self = Self(0x61);

    /// Returns the session's name in words.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::DEFAULT => "default",
            Self::PROGRAMMING => "programming",
            Self::EXTENDED => "extended",
            Self::SAFETY_SYSTEM => "safety system",
            Self::END_OF_LINE => "end of line",
            Self::CODING => "coding",
            Self::ENABLING_CODES => "enabling codes",
            Self::HARD_DISK => "hard disk",
            Self::REMOTE_UPDATE => "remote update",
            Self::DEVELOPMENT => "development",
            Self::GARAGE => "garage diagnosis",
            Self::SUPPLIER => "supplier",
            Self(_) => return None,
        })
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_counter_follows_ff_with_00_with_01() {
        assert_eq!(BlockCounter::FIRST, BlockCounter(0x01));
        assert_eq!(BlockCounter(0xFF).next(), BlockCounter(0x00));
        assert_eq!(BlockCounter(0x00).next(), BlockCounter(0x01));
    }

    #[test]
    fn dtc_is_three_bytes() {
        assert_eq!(Dtc::new(0x48_0A_1B), Some(Dtc([0x48, 0x0A, 0x1B])));
        assert_eq!(Dtc::new(0x0100_0000), None);
        assert_eq!(Dtc([0x48, 0x0A, 0x1B]).number(), 0x48_0A_1B);
        assert_eq!(Dtc([0x00, 0x0A, 0x1B]).to_string(), "000A1B");
    }
}
