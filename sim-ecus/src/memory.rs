//! Flash memory: areas that are erased as one, and the bytes written into them.

use crate::image::{self, Image};
use crate::interface::Condition;
use crate::profile::{EcuProfile, FlashBlock};
use crate::software::SgbmId;

/// Position of the bootloader among the areas.
pub(crate) const BOOT: usize = 0;

/// Downloads one area holds between two erases.
const EXTENTS_MAX: usize = 256;

/// Result codes of checkProgrammingDependencies (`uds-and-bmw-ecus.md` §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dependencies {
    /// Everything is verified and belongs here.
    Correct,
    /// Something was not verified.
    Incorrect,
    /// Something is meant for other hardware.
    WrongHardware,
    /// Something is erased, or was never written.
    NotProgrammed,
}

impl Dependencies {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Correct => 0x00,
            Self::Incorrect => 0x01,
            Self::WrongHardware => 0x02,
            Self::NotProgrammed => 0x04,
        }
    }
}

/// Why a download cannot begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenError {
    /// The range is not inside one area.
    OutOfRange,
    /// Something is written there already, or too many pieces are.
    NotErased,
}

/// The flash memory of one control unit.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    /// The bootloader, then the pieces of software by address.
    areas: Vec<Area>,
}

#[derive(Clone, Debug)]
struct Area {
    block: FlashBlock,
    content: Content,
}

/// What an area holds. Factory content is computed when it is read, never stored.
#[derive(Clone, Debug)]
enum Content {
    /// Erased bytes that were never anything else.
    Blank,
    Factory,
    /// An erase began and did not end.
    Damaged,
    Erased,
    Written(Vec<Extent>),
}

/// Bytes one download wrote.
#[derive(Clone, Debug)]
struct Extent {
    address: u32,
    size: u32,
    data: Vec<u8>,
    verified: bool,
}

impl Extent {
    fn end(&self) -> u64 {
        u64::from(self.address) + u64::from(self.size)
    }
}

impl Memory {
    pub(crate) fn new(profile: &EcuProfile, condition: Condition) -> Self {
        let software = match condition {
            Condition::Virgin => Content::Blank,
            Condition::Factory | Condition::Uncoded | Condition::HalfFlashed | Condition::Used => {
                Content::Factory
            }
        };
        let boot = Area { block: profile.flash.boot, content: Content::Factory };
        let blocks = profile.flash.blocks.iter();
        let blocks = blocks.map(|block| Area { block: *block, content: software.clone() });
        let mut areas: Vec<_> = std::iter::once(boot).chain(blocks).collect();
        if condition == Condition::HalfFlashed {
            let last = areas.len() - 1;
            areas[last].content = Content::Damaged;
        }
        Self { areas }
    }

    /// Returns the area an address lies in.
    pub(crate) fn area_at(&self, address: u32) -> Option<usize> {
        self.areas.iter().position(|area| area.block.contains(address))
    }

    /// Returns the area a range lies in as a whole, `None` also for an empty one.
    pub(crate) fn area_around(&self, address: u32, size: u32) -> Option<usize> {
        let index = self.area_at(address)?;
        let block = self.block(index);
        let end = |address: u32, size: u32| u64::from(address) + u64::from(size);
        (size > 0 && end(address, size) <= end(block.address, block.size)).then_some(index)
    }

    pub(crate) fn block(&self, area: usize) -> FlashBlock {
        self.areas[area].block
    }

    /// Begins an erase: from now on until its end the area holds nothing of use.
    pub(crate) fn begin_erase(&mut self, area: usize) {
        self.areas[area].content = Content::Damaged;
    }

    pub(crate) fn finish_erase(&mut self, area: usize) {
        self.areas[area].content = Content::Erased;
    }

    /// Makes room for a download.
    pub(crate) fn open(&mut self, address: u32, size: u32) -> Result<usize, OpenError> {
        let index = self.area_around(address, size).ok_or(OpenError::OutOfRange)?;
        let extent = Extent { address, size, data: Vec::new(), verified: false };
        match &mut self.areas[index].content {
            Content::Factory | Content::Damaged => return Err(OpenError::NotErased),
            content @ (Content::Blank | Content::Erased) => {
                *content = Content::Written(vec![extent]);
            }
            Content::Written(extents) => {
                let start = u64::from(address);
                let overlaps =
                    |other: &Extent| start < other.end() && u64::from(other.address) < extent.end();
                if extents.len() >= EXTENTS_MAX || extents.iter().any(overlaps) {
                    return Err(OpenError::NotErased);
                }
                extents.push(extent);
            }
        }
        Ok(index)
    }

    /// Writes bytes behind those the newest download of an area has written.
    pub(crate) fn append(&mut self, area: usize, bytes: &[u8]) {
        if let Some(extent) = self.newest(area) {
            if extent.data.capacity() == 0 {
                extent.data.reserve_exact(extent.size as usize);
            }
            extent.data.extend_from_slice(bytes);
        }
    }

    /// Flips one bit of what was written last.
    pub(crate) fn damage(&mut self, area: usize) {
        if let Some(byte) = self.newest(area).and_then(|extent| extent.data.last_mut()) {
            *byte ^= 0x01;
        }
    }

    fn newest(&mut self, area: usize) -> Option<&mut Extent> {
        match &mut self.areas[area].content {
            Content::Written(extents) => extents.last_mut(),
            Content::Blank | Content::Factory | Content::Damaged | Content::Erased => None,
        }
    }

    /// Compares what a download wrote with its checksum; `blind` calls anything good.
    pub(crate) fn verify(&mut self, address: u32, blind: bool) -> bool {
        let Some(index) = self.area_at(address) else {
            return false;
        };
        match &mut self.areas[index].content {
            Content::Factory => true,
            Content::Blank | Content::Damaged | Content::Erased => false,
            Content::Written(extents) => {
                let Some(extent) = extents.iter_mut().find(|extent| extent.address == address)
                else {
                    return false;
                };
                extent.verified = blind || image::is_whole(&extent.data);
                extent.verified
            }
        }
    }

    /// Returns whether the bootloader survives a restart.
    pub(crate) fn is_boot_whole(&self) -> bool {
        self.areas[BOOT].is_whole()
    }

    pub(crate) fn dependencies(&self) -> Dependencies {
        let verdicts = self.areas.iter().map(Area::dependencies);
        verdicts
            .into_iter()
            .find(|verdict| *verdict != Dependencies::Correct)
            .unwrap_or(Dependencies::Correct)
    }

    /// Returns what the software of an area calls itself, `None` where there is none.
    pub(crate) fn software(&self, area: usize) -> Option<SgbmId> {
        let area = &self.areas[area];
        match &area.content {
            Content::Factory => Some(area.block.software),
            Content::Blank | Content::Damaged | Content::Erased => None,
            Content::Written(extents) => {
                extents.first().and_then(|extent| image::identifier(&extent.data))
            }
        }
    }

    /// Returns the areas, the bootloader first.
    pub(crate) fn areas(&self) -> std::ops::Range<usize> {
        0..self.areas.len()
    }

    /// Returns whether something accepted as verified is not what it should be: broken in itself,
    /// or other than what was sent for its address.
    pub(crate) fn is_corrupt(&self, sent: Option<&Image>) -> bool {
        self.areas.iter().any(|area| match &area.content {
            Content::Blank | Content::Factory | Content::Damaged | Content::Erased => false,
            Content::Written(extents) => extents.iter().any(|extent| extent.is_corrupt(sent)),
        })
    }

    /// Returns whether any area holds what a download wrote.
    pub(crate) fn is_written(&self) -> bool {
        self.areas.iter().any(|area| matches!(area.content, Content::Written(_)))
    }

    /// Reads bytes; where nothing is written they are FF.
    pub(crate) fn read(&self, address: u32, length: usize) -> Vec<u8> {
        let mut bytes = vec![0xFF; length];
        for area in &self.areas {
            match &area.content {
                Content::Blank | Content::Damaged | Content::Erased => {}
                Content::Factory => {
                    if overlap(address, length, area.block.address, area.block.size as usize) {
                        let content = image::factory_content(&area.block);
                        copy(&mut bytes, address, area.block.address, &content);
                    }
                }
                Content::Written(extents) => {
                    for extent in extents {
                        copy(&mut bytes, address, extent.address, &extent.data);
                    }
                }
            }
        }
        bytes
    }
}

impl Area {
    fn is_whole(&self) -> bool {
        self.dependencies() == Dependencies::Correct
    }

    fn dependencies(&self) -> Dependencies {
        match &self.content {
            Content::Factory => Dependencies::Correct,
            Content::Blank | Content::Damaged | Content::Erased => Dependencies::NotProgrammed,
            Content::Written(extents) if extents.iter().any(|extent| !extent.verified) => {
                Dependencies::Incorrect
            }
            Content::Written(extents) => {
                let found = extents.first().and_then(|extent| image::identifier(&extent.data));
                let wanted = self.block.software;
                if found.is_some_and(|found| (found.class, found.id) == (wanted.class, wanted.id)) {
                    Dependencies::Correct
                } else {
                    Dependencies::WrongHardware
                }
            }
        }
    }
}

impl Extent {
    fn is_corrupt(&self, sent: Option<&Image>) -> bool {
        let segments = sent.map_or(&[][..], |image| &image.segments);
        let other = segments
            .iter()
            .any(|segment| segment.address == self.address && segment.data[..] != self.data[..]);
        self.verified && (other || !image::is_whole(&self.data))
    }
}

fn overlap(a: u32, a_length: usize, b: u32, b_length: usize) -> bool {
    let (a, b) = (u64::from(a), u64::from(b));
    a < b + b_length as u64 && b < a + a_length as u64
}

/// Copies what lies at `from` into `bytes`, which begin at `address`.
fn copy(bytes: &mut [u8], address: u32, from: u32, data: &[u8]) {
    if !overlap(address, bytes.len(), from, data.len()) {
        return;
    }
    let skip = address.saturating_sub(from) as usize;
    let start = from.saturating_sub(address) as usize;
    let count = (data.len() - skip).min(bytes.len() - start);
    bytes[start..start + count].copy_from_slice(&data[skip..skip + count]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn memory(condition: Condition) -> (EcuProfile, Memory) {
        let profile = EcuProfile::named("egs").expect("the profile ships");
        let memory = Memory::new(&profile, condition);
        (profile, memory)
    }

    fn write(memory: &mut Memory, address: u32, data: &[u8]) -> usize {
        let area = memory.open(address, data.len() as u32).expect("there is room");
        memory.append(area, data);
        area
    }

    #[test]
    fn factory_content_verifies_and_reads_back() {
        let (profile, mut memory) = memory(Condition::Factory);
        let block = profile.flash.blocks[1];
        assert!(memory.verify(block.address, false));
        let content = memory.read(block.address, 64);
        assert_eq!(content[..8], block.software.to_bytes());
        assert_eq!(memory.dependencies(), Dependencies::Correct);
    }

    #[test]
    fn nothing_is_written_over_what_was_not_erased() {
        let (profile, mut memory) = memory(Condition::Factory);
        let block = profile.flash.blocks[0];
        assert_eq!(memory.open(block.address, 64), Err(OpenError::NotErased));
        memory.begin_erase(1);
        assert_eq!(memory.open(block.address, 64), Err(OpenError::NotErased));
        memory.finish_erase(1);
        assert_eq!(memory.open(block.address, 64), Ok(1));
        assert_eq!(memory.open(block.address + 63, 64), Err(OpenError::NotErased));
        assert_eq!(memory.open(block.address + 64, 64), Ok(1));
    }

    #[rstest]
    #[case::empty(0x0008_0000, 0)]
    #[case::outside(0x0007_0000, 16)]
    #[case::over_the_end(0x0008_0000, 0x000C_0001)]
    #[case::around_the_world(0xFFFF_FFFF, u32::MAX)]
    fn downloads_stay_inside_one_area(#[case] address: u32, #[case] size: u32) {
        let (_, mut memory) = memory(Condition::Virgin);
        assert_eq!(memory.open(address, size), Err(OpenError::OutOfRange));
    }

    #[test]
    fn an_area_takes_so_many_downloads_and_no_more() {
        let (profile, mut memory) = memory(Condition::Virgin);
        let address = profile.flash.blocks[0].address;
        for index in 0..EXTENTS_MAX as u32 {
            assert_eq!(memory.open(address + index, 1), Ok(1));
        }
        let beyond = address + EXTENTS_MAX as u32;
        assert_eq!(memory.open(beyond, 1), Err(OpenError::NotErased));
    }

    #[test]
    fn software_for_another_unit_is_wrong_hardware() {
        let (profile, mut memory) = memory(Condition::Virgin);
        let other = EcuProfile::named("dme").expect("the profile ships");
        let image = Image::for_profile(&other, "x", Some(300));
        let address = profile.flash.blocks[0].address;
        write(&mut memory, address, &image.segments[0].data);
        assert!(memory.verify(address, false));
        assert_eq!(memory.dependencies(), Dependencies::WrongHardware);
    }

    #[test]
    fn a_blank_unit_needs_every_piece_verified() {
        let (profile, mut memory) = memory(Condition::Virgin);
        let image = Image::for_profile(&profile, "x", Some(300));
        for segment in &image.segments {
            assert_eq!(memory.dependencies(), Dependencies::NotProgrammed);
            write(&mut memory, segment.address, &segment.data);
            assert_eq!(memory.dependencies(), Dependencies::Incorrect);
            assert!(memory.verify(segment.address, false));
        }
        assert_eq!(memory.dependencies(), Dependencies::Correct);
        memory.begin_erase(2);
        memory.finish_erase(2);
        assert_eq!(memory.dependencies(), Dependencies::NotProgrammed);
    }

    #[test]
    fn a_damaged_byte_fails_the_check_unless_the_check_is_blind() {
        let (profile, mut memory) = memory(Condition::Virgin);
        let image = Image::for_profile(&profile, "x", Some(300));
        let first = &image.segments[0];
        let area = write(&mut memory, first.address, &first.data);
        memory.damage(area);
        assert!(!memory.verify(first.address, false));
        assert!(!memory.is_corrupt(Some(&image)));
        assert!(memory.verify(first.address, true));
        assert!(memory.is_corrupt(Some(&image)));
        assert!(memory.is_corrupt(None));
    }

    #[test]
    fn reading_across_areas_and_gaps_fills_with_ff() {
        let (profile, mut memory) = memory(Condition::Virgin);
        let address = profile.flash.blocks[0].address;
        write(&mut memory, address + 4, &[1, 2, 3]);
        assert_eq!(memory.read(address, 9), [0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 0xFF, 0xFF]);
        assert_eq!(memory.read(address + 5, 2), [2, 3]);
        assert_eq!(memory.read(u32::MAX, 2), [0xFF, 0xFF]);
    }
}
