//! What exists: the vehicles a scenario may name, and what is in them.

use std::collections::BTreeMap;

use crate::link::Protocol;

/// Everything a scenario may name; given by whoever knows the vehicles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Vehicles by name.
    pub vehicles: BTreeMap<String, VehicleFacts>,
}

/// What a scenario has to know of a vehicle before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VehicleFacts {
    /// What it can speak; the first is what it speaks where a scenario says nothing.
    pub protocols: Vec<Protocol>,
    /// Its control units by name.
    pub ecus: BTreeMap<String, EcuFacts>,
}

/// What a scenario has to know of a control unit before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcuFacts {
    /// Its diagnostic address.
    pub address: u8,
    /// Bytes of each of its flash areas that a programming writes, in order; each is erased once.
    /// Empty when it cannot be programmed.
    pub areas: Vec<u64>,
    /// Bytes of data in one block of a download.
    pub block_bytes: u32,
    /// Whether it holds coding.
    pub has_coding: bool,
    /// Whether it has learned values that can be reset.
    pub has_adaptations: bool,
}

impl EcuFacts {
    /// Returns how many bytes a programming writes at most.
    pub fn flash_bytes(&self) -> u64 {
        self.areas.iter().sum()
    }

    /// Returns the number of the last block of the longest download, when `size` bytes are
    /// written in all; everything it holds where `size` is none.
    ///
    /// A size is shared between the areas like the room they have.
    pub fn last_block(&self, size: Option<u64>) -> u64 {
        let (longest, all) = (self.areas.iter().copied().max().unwrap_or(0), self.flash_bytes());
        let written = u128::from(size.unwrap_or(all).min(all));
        let share = u128::from(longest) * written / u128::from(all.max(1));
        u64::try_from(share).unwrap_or(longest).div_ceil(u64::from(self.block_bytes.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_block_is_that_of_the_longest_download() {
        let ecu = EcuFacts {
            address: 0x18,
            areas: vec![0xC_0000, 0xA_0000, 0xA_0000],
            block_bytes: 2_999,
            has_coding: true,
            has_adaptations: true,
        };
        assert_eq!(ecu.last_block(None), 263);
        assert_eq!(ecu.last_block(Some(256 << 10)), 33);
        assert_eq!(ecu.last_block(Some(u64::MAX)), 263);
        assert_eq!(ecu.flash_bytes(), 2 << 20);
    }
}
