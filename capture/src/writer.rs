//! Writes a capture.

use std::borrow::Cow;
use std::io::Write;

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness, PcapError};
use record::Instant;
use thiserror::Error;

/// Writes a capture; the same calls give the same bytes on every machine.
///
/// The sink should be buffered; [`Writer::finish`] flushes it.
pub struct Writer<W: Write> {
    blocks: PcapNgWriter<W>,
    interfaces: u32,
}

/// Names an interface of one capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InterfaceId(u32);

/// Why a capture cannot be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The sink takes no more; the library's own words are those for a failed read.
    #[error("write the capture: {0}")]
    Sink(#[source] std::io::Error),
    /// A block cannot be made.
    #[error("write the capture: {0}")]
    Block(#[source] PcapError),
}

impl From<PcapError> for WriteError {
    fn from(error: PcapError) -> Self {
        match error {
            PcapError::IoError(error) => Self::Sink(error),
            error => Self::Block(error),
        }
    }
}

impl<W: Write> Writer<W> {
    /// Starts a capture; the comment says which run it is of.
    pub fn new(sink: W, comment: &str) -> Result<Self, WriteError> {
        let section = SectionHeaderBlock {
            endianness: Endianness::Little,
            options: vec![
                SectionHeaderOption::Comment(Cow::Owned(fitting(comment).to_owned())),
                SectionHeaderOption::UserApplication(Cow::Borrowed("benchcar")),
            ],
            ..SectionHeaderBlock::default()
        };
        let blocks = PcapNgWriter::with_section_header(sink, section)?;
        Ok(Self { blocks, interfaces: 0 })
    }

    /// Adds a tap point, such as `vehicle`; the description says where it is.
    pub fn interface(&mut self, name: &str, description: &str) -> Result<InterfaceId, WriteError> {
        let options = vec![
            InterfaceDescriptionOption::IfName(Cow::Borrowed(fitting(name))),
            InterfaceDescriptionOption::IfDescription(Cow::Borrowed(fitting(description))),
            InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
        ];
        let block = InterfaceDescriptionBlock { linktype: DataLink::ETHERNET, snaplen: 0, options };
        self.blocks.write_pcapng_block(block)?;
        let id = InterfaceId(self.interfaces);
        self.interfaces += 1;
        Ok(id)
    }

    /// Adds an Ethernet frame that passed the tap point at `at`.
    pub fn frame(
        &mut self,
        interface: InterfaceId,
        at: Instant,
        bytes: &[u8],
        comment: Option<&str>,
    ) -> Result<(), WriteError> {
        let comment = comment.map(|text| EnhancedPacketOption::Comment(fitting(text).into()));
        let block = EnhancedPacketBlock {
            interface_id: interface.0,
            timestamp: at - Instant::ZERO,
            original_len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            data: Cow::Borrowed(bytes),
            options: comment.into_iter().collect(),
        };
        self.blocks.write_pcapng_block(block)?;
        Ok(())
    }

    /// Flushes the sink and returns it.
    pub fn finish(self) -> Result<W, WriteError> {
        let mut sink = self.blocks.into_inner();
        sink.flush().map_err(WriteError::Sink)?;
        Ok(sink)
    }
}

/// Cuts a text off where an option could not hold it.
fn fitting(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_MAX)]
}

/// Resolution of time stamps, as a negative power of ten.
const NANOSECONDS: u8 = 9;

/// Bytes of text in one option; the format's own limit is 65 535.
const TEXT_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// A disk without room.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_named() {
        let error = Writer::new(Full, "a run").err().expect("nothing can be written");
        assert_eq!(error.to_string(), "write the capture: no storage space");
    }
}
