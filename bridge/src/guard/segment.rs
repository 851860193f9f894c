//! A TCP segment inside an Ethernet frame, and bytes of it that are replaced.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::Range;

/// What of a segment matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Who sent it.
    pub source: SocketAddrV4,
    /// Whom it is for.
    pub destination: SocketAddrV4,
    /// Sequence number of the first byte of data.
    pub sequence: u32,
    /// Whether it opens a connection in this direction.
    pub is_first: bool,
    /// Where its data is in the frame.
    pub data: Range<usize>,
    tcp: usize,
}

impl Segment {
    /// Reads a frame; `None` when it holds no whole TCP segment over IPv4.
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let ip = match frame.get(12..14)? {
            [0x08, 0x00] => 14,
            [0x81, 0x00] if frame.get(16..18)? == [0x08, 0x00] => 18,
            _ => return None,
        };
        let header = frame.get(ip..ip + 20)?;
        let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3FFF;
        if header[0] >> 4 != 4 || header[9] != 6 || fragment != 0 {
            return None;
        }
        let tcp = ip + usize::from(header[0] & 0x0F) * 4;
        let end = ip + usize::from(u16::from_be_bytes([header[2], header[3]]));
        let head = frame.get(tcp..tcp + 20)?;
        let start = tcp + usize::from(head[12] >> 4) * 4;
        if start > end || end > frame.len() {
            return None;
        }
        let is_first = head[13] & 0x02 != 0;
        let sequence = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let address =
            |at: usize| Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]);
        let port = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        Some(Self {
            source: SocketAddrV4::new(address(12), port(0)),
            destination: SocketAddrV4::new(address(16), port(2)),
            sequence: sequence.wrapping_add(u32::from(is_first)),
            is_first,
            data: start..end,
            tcp,
        })
    }

    /// Replaces one byte of the frame's data and keeps the checksum as right as it was (RFC 1624).
    pub fn replace(&self, frame: &mut [u8], at: usize, byte: u8) {
        let shift = if (at - self.tcp).is_multiple_of(2) { 8 } else { 0 };
        let (old, new) = (u32::from(frame[at]) << shift, u32::from(byte) << shift);
        frame[at] = byte;
        let sum = self.tcp + 16;
        let before = u32::from(u16::from_be_bytes([frame[sum], frame[sum + 1]]));
        let mut after = (!before & 0xFFFF) + (!old & 0xFFFF) + new;
        after = (after & 0xFFFF) + (after >> 16);
        after = (after & 0xFFFF) + (after >> 16);
        frame[sum..sum + 2].copy_from_slice(&(!after as u16).to_be_bytes());
    }
}
