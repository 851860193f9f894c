//! SGBM identifiers: what a piece of hardware, software or coding calls itself.

use std::fmt;

/// One entry of an SVK: process class, identifier and version (`uds-and-bmw-ecus.md` §5).
///
/// Prints as `SWFL_0000E102_030_057_000`, the version in decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SgbmId {
    /// The process class, such as 08 for SWFL.
    pub class: u8,
    /// The identifier.
    pub id: u32,
    /// Main, sub and patch version.
    pub version: [u8; 3],
}

/// Process classes by number.
const CLASSES: [(u8, &str); 24] = [
    (0x01, "HWEL"),
    (0x02, "HWAP"),
    (0x03, "HWFR"),
    (0x04, "GWTB"),
    (0x05, "CAFD"),
    (0x06, "BTLD"),
    (0x07, "FLSL"),
    (0x08, "SWFL"),
    (0x09, "SWFF"),
    (0x0A, "SWPF"),
    (0x0B, "ONPS"),
    (0x0C, "IBAD"),
    (0x0D, "SWFK"),
    (0x0F, "FAFP"),
    (0x10, "FCFA"),
    (0x1A, "TLRT"),
    (0x1B, "TPRG"),
    (0x1C, "BLUP"),
    (0x1D, "FLUP"),
    (0xA0, "ENTD"),
    (0xA1, "NAVD"),
    (0xA2, "FCFN"),
    (0xC0, "SWUP"),
    (0xC1, "SWIP"),
];

impl SgbmId {
    /// Class of hardware applications, whose version is always FF FF FF.
    pub const HWAP: u8 = 0x02;
    /// Class of coding data.
    pub const CAFD: u8 = 0x05;
    /// Class of bootloaders.
    pub const BTLD: u8 = 0x06;
    /// Bytes of one entry.
    pub const LENGTH: usize = 8;

    /// Stands for coding data that is missing: `CAFD_FFFFFFFF_255_255_255`.
    pub const NO_CODING: Self = Self { class: Self::CAFD, id: u32::MAX, version: [0xFF; 3] };

    /// Returns the eight bytes of an SVK entry.
    pub fn to_bytes(self) -> [u8; Self::LENGTH] {
        let [a, b, c, d] = self.id.to_be_bytes();
        let [main, sub, patch] = self.version;
        [self.class, a, b, c, d, main, sub, patch]
    }

    /// Reads eight bytes of an SVK entry.
    pub fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        let [class, a, b, c, d, main, sub, patch] = bytes;
        Self { class, id: u32::from_be_bytes([a, b, c, d]), version: [main, sub, patch] }
    }

    /// Reads the printed form; the process class must be a known one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('_');
        let name = parts.next()?;
        let (class, _) = CLASSES.into_iter().find(|(_, known)| *known == name)?;
        let id = parts.next().filter(|id| id.len() == 8)?;
        let id = u32::from_str_radix(id, 16).ok()?;
        let mut version = [0; 3];
        for place in &mut version {
            *place = parts.next()?.parse().ok()?;
        }
        parts.next().is_none().then_some(Self { class, id, version })
    }
}

impl fmt::Display for SgbmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match CLASSES.into_iter().find(|(class, _)| *class == self.class) {
            Some((_, name)) => f.write_str(name)?,
            None => write!(f, "{:02X}", self.class)?,
        }
        let [main, sub, patch] = self.version;
        write!(f, "_{:08X}_{main:03}_{sub:03}_{patch:03}", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_as_tools_show_it() {
        let text = "SWFL_0000E102_030_057_000";
        let id = SgbmId::parse(text).expect("a valid identifier");
        assert_eq!(id.to_bytes(), [0x08, 0, 0, 0xE1, 0x02, 0x1E, 0x39, 0]);
        assert_eq!(id.to_string(), text);
        assert_eq!(SgbmId::from_bytes(id.to_bytes()), id);
        assert_eq!(SgbmId::NO_CODING.to_string(), "CAFD_FFFFFFFF_255_255_255");
    }

    #[test]
    fn refuses_what_tools_would_not_show() {
        for text in ["", "SWFL", "XXXX_0000E102_030_057_000", "SWFL_E102_030_057_000"] {
            assert_eq!(SgbmId::parse(text), None, "{text}");
        }
        assert_eq!(SgbmId::parse("SWFL_0000E102_300_057_000"), None);
    }
}
