//! Programming images: what a tester writes into a control unit.

use std::fmt;

use bytes::Bytes;
use twox_hash::{XxHash3_64, XxHash3_128};

use crate::profile::{EcuProfile, FlashBlock};
use crate::software::SgbmId;

/// Bytes at the end of a segment that hold the checksum of the rest.
pub const CHECKSUM_LENGTH: usize = 16;

/// A segment has at least its identifier, its checksum and eight bytes between.
const SMALLEST: u64 = 32;

/// A set of segments that belong together.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// What scenarios call it.
    pub name: String,
    /// The segments, by address.
    pub segments: Vec<Segment>,
}

/// One piece of software.
#[derive(Clone, PartialEq, Eq)]
pub struct Segment {
    /// Where it goes.
    pub address: u32,
    /// Its process class, such as 08 for SWFL.
    pub class: u8,
    /// Its identifier.
    pub id: u32,
    /// Its version.
    pub version: [u8; 3],
    /// Identifier and version (8 bytes), content, checksum of both (16 bytes).
    pub data: Bytes,
}

impl Image {
    /// Builds an image for a control unit.
    ///
    /// Its content depends on name, addresses and sizes alone. `size` is the sum of its segments
    /// in bytes, shared between them like the room they have; without it the whole room is filled.
    /// More than the room is cut to it, less than 32 bytes a segment is raised to that.
    pub fn for_profile(profile: &EcuProfile, name: &str, size: Option<u64>) -> Self {
        let room = profile.flash_capacity();
        let wanted = size.unwrap_or(room).min(room);
        let segments = profile.flash.blocks.iter().map(|block| {
            let share = u128::from(block.size) * u128::from(wanted) / u128::from(room);
            let share = u64::try_from(share).unwrap_or(u64::MAX).max(SMALLEST) as usize;
            Segment::for_block(block, name, share)
        });
        Self { name: name.to_owned(), segments: segments.collect() }
    }

    /// Builds a new bootloader for a control unit: writing it is the one flash that can kill.
    pub fn boot_update(profile: &EcuProfile, name: &str) -> Self {
        let boot = &profile.flash.boot;
        let segments = vec![Segment::for_block(boot, name, boot.size as usize)];
        Self { name: name.to_owned(), segments }
    }

    /// Returns the sum of its segments in bytes.
    pub fn size(&self) -> u64 {
        self.segments.iter().map(|segment| segment.data.len() as u64).sum()
    }
}

impl Segment {
    fn for_block(block: &FlashBlock, name: &str, size: usize) -> Self {
        let [sub, patch, ..] = XxHash3_64::oneshot(name.as_bytes()).to_be_bytes();
        let main = block.software.version[0].wrapping_add(1);
        let software = SgbmId { version: [main, sub % 100, patch % 100], ..block.software };
        let data = content(name, block.address, size, software);
        let SgbmId { class, id, version } = software;
        Self { address: block.address, class, id, version, data: Bytes::from(data) }
    }
}

/// Returns what a block holds when it leaves the factory; a pure function of the block.
pub(crate) fn factory_content(block: &FlashBlock) -> Vec<u8> {
    content("factory", block.address, block.size as usize, block.software)
}

fn content(name: &str, address: u32, size: usize, software: SgbmId) -> Vec<u8> {
    let purpose = format!("{name}/{address:08X}/{size}");
    let mut data = vec![0; size];
    let (body, checksum) = data.split_at_mut(size - CHECKSUM_LENGTH);
    let (identifier, content) = body.split_at_mut(SgbmId::LENGTH);
    identifier.copy_from_slice(&software.to_bytes());
    fill(content, XxHash3_64::oneshot(purpose.as_bytes()));
    checksum.copy_from_slice(&XxHash3_128::oneshot(body).to_be_bytes());
    data
}

/// Fills with bytes that do not compress (SplitMix64): an image is long, and nothing about it is
/// chance, so it draws from no stream.
fn fill(content: &mut [u8], seed: u64) {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word ^ (word >> 31)).to_le_bytes()
    };
    let (words, rest) = content.as_chunks_mut();
    words.fill_with(&mut next);
    rest.copy_from_slice(&next()[..rest.len()]);
}

/// Returns whether the last bytes of a piece of software are the checksum of the rest.
pub(crate) fn is_whole(data: &[u8]) -> bool {
    let Some((body, checksum)) = data.split_last_chunk::<CHECKSUM_LENGTH>() else {
        return false;
    };
    body.len() >= SgbmId::LENGTH && XxHash3_128::oneshot(body).to_be_bytes() == *checksum
}

/// Returns what a piece of software calls itself.
pub(crate) fn identifier(data: &[u8]) -> Option<SgbmId> {
    data.first_chunk().copied().map(SgbmId::from_bytes)
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image").field("name", &self.name).field("segments", &self.segments).finish()
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let software = SgbmId { class: self.class, id: self.id, version: self.version };
        write!(f, "{software} @{:08X}+{:X}", self.address, self.data.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egs() -> EcuProfile {
        EcuProfile::named("egs").expect("the profile ships")
    }

    #[test]
    fn an_image_without_a_size_fills_the_room() {
        let image = Image::for_profile(&egs(), "8hp", None);
        assert_eq!(image.size(), 2 << 20);
        assert_eq!(image.segments[0].address, 0x0008_0000);
        assert_eq!(image.segments[0].data.len(), 0x000C_0000);
        assert!(image.segments.iter().all(|segment| is_whole(&segment.data)));
    }

    #[test]
    fn a_size_is_shared_and_never_too_small() {
        let image = Image::for_profile(&egs(), "8hp", Some(20_000));
        assert!((19_990..=20_000).contains(&image.size()), "{}", image.size());
        let tiny = Image::for_profile(&egs(), "8hp", Some(0));
        assert!(tiny.segments.iter().all(|segment| segment.data.len() == 32));
        assert!(tiny.segments.iter().all(|segment| is_whole(&segment.data)));
    }

    #[test]
    fn content_depends_on_name_address_and_size_alone() {
        let one = Image::for_profile(&egs(), "a", Some(9_000));
        assert_eq!(one, Image::for_profile(&egs(), "a", Some(9_000)));
        assert_ne!(one.segments, Image::for_profile(&egs(), "b", Some(9_000)).segments);
        assert_ne!(one.segments[1].data[8..64], one.segments[2].data[8..64]);
    }

    #[test]
    fn the_content_is_pinned() {
        let data = &Image::for_profile(&egs(), "8hp", Some(9_000)).segments[0].data;
        assert_eq!(XxHash3_64::oneshot(data), 16_403_047_344_356_200_666);
    }

    #[test]
    fn one_flipped_bit_is_noticed() {
        let mut data = Image::for_profile(&egs(), "a", Some(9_000)).segments[0].data.to_vec();
        data[100] ^= 1;
        assert!(!is_whole(&data));
        assert!(!is_whole(&data[..10]));
    }
}
