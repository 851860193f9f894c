//! Reads a capture back.

use std::io::Read;

use bytes::Bytes;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::{Block, PcapNgReader};
use pcap_file::{DataLink, PcapError};
use record::Instant;
use thiserror::Error;

/// A whole capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    /// Names of the interfaces.
    pub interfaces: Vec<String>,
    /// The frames, in the order of the file.
    pub frames: Vec<CapturedFrame>,
}

/// One frame of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedFrame {
    /// Index of the interface it passed.
    pub interface: usize,
    /// When it passed.
    pub at: Instant,
    /// The frame.
    pub bytes: Bytes,
    /// What is said about it.
    pub comment: Option<String>,
}

/// Why a capture cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The source refuses, ends too early, or is no pcapng file.
    #[error("read the capture: {0}")]
    File(#[from] PcapError),
    /// The file is pcapng, but not one this crate wrote.
    #[error("read the capture: block {block}: {what}")]
    Foreign {
        /// Number of the block, the section header being 0.
        block: usize,
        /// What is not as this crate writes it.
        what: &'static str,
    },
}

impl Capture {
    /// Reads a capture that [`Writer`](crate::Writer) wrote; others are refused.
    pub fn read(source: impl Read) -> Result<Self, ReadError> {
        let mut blocks = PcapNgReader::new(source)?;
        let mut capture = Self::default();
        let mut number = 0;
        while let Some(block) = blocks.next_block() {
            number += 1;
            let added = match block? {
                Block::InterfaceDescription(block) => capture.add_interface(&block),
                Block::EnhancedPacket(block) => capture.add_frame(&block),
                Block::SectionHeader(_)
                | Block::Packet(_)
                | Block::SimplePacket(_)
                | Block::NameResolution(_)
                | Block::InterfaceStatistics(_)
                | Block::SystemdJournalExport(_)
                | Block::Unknown(_) => Err("this kind of block is never written here"),
            };
            added.map_err(|what| ReadError::Foreign { block: number, what })?;
        }
        Ok(capture)
    }

    /// Returns the frames that passed the interface of that name.
    pub fn frames_of(&self, name: &str) -> impl Iterator<Item = &CapturedFrame> {
        let interface = self.interfaces.iter().position(|interface| interface == name);
        self.frames.iter().filter(move |frame| Some(frame.interface) == interface)
    }

    fn add_interface(&mut self, block: &InterfaceDescriptionBlock) -> Result<(), &'static str> {
        let nanoseconds = InterfaceDescriptionOption::IfTsResol(9);
        if block.linktype != DataLink::ETHERNET || !block.options.contains(&nanoseconds) {
            return Err("the interface is not Ethernet in nanoseconds");
        }
        let name = block.options.iter().find_map(|option| match option {
            InterfaceDescriptionOption::IfName(name) => Some(name.to_string()),
            _ => None,
        });
        self.interfaces.push(name.ok_or("the interface has no name")?);
        Ok(())
    }

    fn add_frame(&mut self, block: &EnhancedPacketBlock) -> Result<(), &'static str> {
        let interface = block.interface_id as usize;
        if interface >= self.interfaces.len() {
            return Err("the frame's interface does not exist");
        }
        let comment = block.options.iter().find_map(|option| match option {
            EnhancedPacketOption::Comment(text) => Some(text.to_string()),
            _ => None,
        });
        self.frames.push(CapturedFrame {
            interface,
            at: Instant::ZERO + block.timestamp,
            bytes: Bytes::copy_from_slice(&block.data),
            comment,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::writer::Writer;

    #[test]
    fn reads_what_was_written() {
        assert_eq!(Capture::read(&written()[..]).unwrap(), expected());
    }

    #[test]
    fn finds_the_frames_of_one_interface() {
        let capture = expected();
        let lengths = |name| capture.frames_of(name).map(|frame| frame.bytes.len()).collect();
        let found: [Vec<_>; 3] = ["tester", "vehicle", "nobody"].map(lengths);
        assert_eq!(found, [vec![60, 1_514], vec![61], vec![]]);
    }

    #[test]
    fn a_comment_too_long_for_the_format_is_cut_off_at_a_character() {
        let mut writer = Writer::new(Vec::new(), "").unwrap();
        let interface = writer.interface("tester", "").unwrap();
        let comment = "€".repeat(70_000);
        writer.frame(interface, Instant::ZERO, &[0; 60], Some(&comment)).unwrap();
        let capture = Capture::read(&writer.finish().unwrap()[..]).unwrap();
        assert_eq!(capture.frames[0].comment, Some("€".repeat(1_365)));
    }

    #[rstest]
    #[case::nothing(&[])]
    #[case::text(b"not a capture, not even close to one")]
    #[case::classic_pcap(&[0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0])]
    fn what_is_no_capture_is_refused(#[case] bytes: &[u8]) {
        assert!(matches!(Capture::read(bytes), Err(ReadError::File(_))));
    }

    #[test]
    fn a_capture_cut_off_inside_a_block_is_refused() {
        let bytes = written();
        let error = Capture::read(&bytes[..bytes.len() - 1]).unwrap_err();
        assert!(matches!(error, ReadError::File(_)), "{error}");
    }

    proptest! {
        #[test]
        fn damaged_captures_never_panic(
            places in prop::collection::vec((0usize..2_000, any::<u8>()), 1..8), end in 0usize..2_000,
        ) {
            let mut bytes = written();
            for (place, value) in places {
                let place = place % bytes.len();
                bytes[place] = value;
            }
            bytes.truncate(bytes.len() - end.min(bytes.len()));
            let _ = Capture::read(&bytes[..]);
        }
    }

    fn expected() -> Capture {
        let frame = |interface, nanos, len, comment: Option<&str>| CapturedFrame {
            interface,
            at: Instant::from_nanos(nanos),
            bytes: Bytes::from(vec![0xA5; len]),
            comment: comment.map(str::to_owned),
        };
        Capture {
            interfaces: vec!["tester".into(), "vehicle".into()],
            frames: vec![
                frame(0, 0, 60, None),
                frame(1, 1, 61, Some("frame 12 lost (burst)")),
                frame(0, 36_000_000_000_001, 1_514, None),
            ],
        }
    }

    fn written() -> Vec<u8> {
        let expected = expected();
        let mut writer = Writer::new(Vec::new(), "8HP exchange, seed 7").unwrap();
        let ids: Vec<_> = expected
            .interfaces
            .iter()
            .map(|name| writer.interface(name, "a tap point").unwrap())
            .collect();
        for frame in &expected.frames {
            let comment = frame.comment.as_deref();
            writer.frame(ids[frame.interface], frame.at, &frame.bytes, comment).unwrap();
        }
        writer.finish().unwrap()
    }
}
