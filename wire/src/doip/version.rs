//! Editions of the standard.

use std::fmt;

/// The version byte of a header (§16). Prints as two hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u8);

impl Version {
    /// The draft of 2010.
    pub const V2010: Self = Self(0x01);
    /// ISO 13400-2:2012.
    pub const V2012: Self = Self(0x02);
    /// ISO 13400-2:2019. BMW's clients expect this one (§21).
    pub const V2019: Self = Self(0x03);
    /// ISO 13400-2:2019 Amd 1 and 2025.
    pub const V2025: Self = Self(0x04);
    /// Any version: for vehicle identification requests only.
    pub const ANY: Self = Self(0xFF);

    /// Returns the second byte of the header.
    pub const fn inverse(self) -> u8 {
        !self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}

/// A set of editions. [`Version::ANY`] is not an edition and never in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions(u8);

impl Versions {
    /// Every edition there is.
    pub const ALL: Self =
        Self::of(&[Version::V2010, Version::V2012, Version::V2019, Version::V2025]);

    /// Creates a set; numbers that name no edition are left out.
    pub const fn of(versions: &[Version]) -> Self {
        let mut bits = 0;
        let mut rest = versions;
        while let [version, tail @ ..] = rest {
            bits |= Self::bit(*version);
            rest = tail;
        }
        Self(bits)
    }

    /// Tells whether the set holds `version`.
    pub const fn contains(self, version: Version) -> bool {
        self.0 & Self::bit(version) != 0
    }

    const fn bit(version: Version) -> u8 {
        match version {
            Version::V2010 => 1,
            Version::V2012 => 2,
            Version::V2019 => 4,
            Version::V2025 => 8,
            Version(_) => 0,
        }
    }
}
