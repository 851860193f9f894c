//! Frames as they would be on a wire, out of what the kernel hands over.
//!
//! A kernel leaves sums and the cutting of segments to the adapter, and puts segments that arrived
//! together into one. A packet socket sees frames without sum and frames longer than any wire's.

use std::ops::Range;

use bytes::Bytes;
use node::Frame;

const ETHERNET: usize = 14;
const TCP: u8 = 6;
const UDP: u8 = 17;
const FIN_AND_PSH: u8 = 0x09;
const CWR: u8 = 0x80;

/// A TCP segment or UDP datagram, unfragmented, in a frame.
struct Packet {
    is_ipv6: bool,
    protocol: u8,
    addresses: Range<usize>,
    /// Where its TCP or UDP header begins.
    transport: usize,
    end: usize,
}

impl Packet {
    fn find(frame: &[u8]) -> Option<Self> {
        let ip = frame.get(ETHERNET..)?;
        let (is_ipv6, protocol, addresses, header, length) = match frame[12..ETHERNET] {
            [0x08, 0x00] if ip.len() >= 20 && ip[0] >> 4 == 4 => {
                let fragment = u16::from_be_bytes([ip[6], ip[7]]) & 0x3FFF;
                if fragment != 0 {
                    return None;
                }
                let header = usize::from(ip[0] & 0x0F) * 4;
                (false, ip[9], 12..20, header, usize::from(u16::from_be_bytes([ip[2], ip[3]])))
            }
            [0x86, 0xDD] if ip.len() >= 40 => {
                (true, ip[6], 8..40, 40, 40 + usize::from(u16::from_be_bytes([ip[4], ip[5]])))
            }
            _ => return None,
        };
        let least = match protocol {
            TCP => 20,
            UDP => 8,
            _ => return None,
        };
        let (transport, end) = (ETHERNET + header, ETHERNET + length);
        let addresses = addresses.start + ETHERNET..addresses.end + ETHERNET;
        let is_whole = header >= 20 && transport + least <= end && end <= frame.len();
        is_whole.then_some(Self { is_ipv6, protocol, addresses, transport, end })
    }

    /// Where its sum is.
    fn sum(&self) -> Range<usize> {
        let at = self.transport + if self.protocol == TCP { 16 } else { 6 };
        at..at + 2
    }

    /// The sum over addresses, protocol and length, as an adapter is given it to start from.
    fn pseudo_sum(&self, frame: &[u8]) -> u16 {
        let length = (self.end - self.transport) as u32;
        let rest = [&length.to_be_bytes()[..], &[0, self.protocol]].concat();
        add(add(0, &frame[self.addresses.clone()]), &rest)
    }

    /// Where its TCP payload begins.
    fn payload(&self, frame: &[u8]) -> Option<usize> {
        let header = usize::from(frame[self.transport + 12] >> 4) * 4;
        let payload = self.transport + header;
        (header >= 20 && payload < self.end).then_some(payload)
    }

    fn write_sum(&self, frame: &mut [u8]) {
        let at = self.sum();
        frame[at.clone()].fill(0);
        let sum = !add(self.pseudo_sum(frame), &frame[self.transport..self.end]);
        // A UDP sum of zero would say that there is none.
        let sum = if sum == 0 && self.protocol == UDP { u16::MAX } else { sum };
        frame[at].copy_from_slice(&sum.to_be_bytes());
    }
}

/// Completes a sum that was left to an adapter; every other frame stays as it is.
pub fn complete(frame: &mut [u8]) {
    if let Some(packet) = Packet::find(frame)
        && frame[packet.sum()] == packet.pseudo_sum(frame).to_be_bytes()
    {
        packet.write_sum(frame);
    }
}

/// Cuts a TCP segment that was left whole, or put together, into frames with IP packets of at most
/// `mtu` bytes; `None` for what cannot be cut.
pub fn cut(frame: &[u8], mtu: usize) -> Option<Vec<Frame>> {
    let packet = Packet::find(frame).filter(|packet| packet.protocol == TCP)?;
    let payload = packet.payload(frame)?;
    let each = (mtu + ETHERNET).checked_sub(payload).filter(|each| *each > 0)?;
    let (header, data) = (&frame[..payload], &frame[payload..packet.end]);
    let last = data.len().div_ceil(each) - 1;
    let pieces = data.chunks(each).enumerate().map(|(nth, piece)| {
        let mut cut = [header, piece].concat();
        let flags = packet.transport + 13;
        if nth != last {
            cut[flags] &= !FIN_AND_PSH;
        }
        if nth != 0 {
            cut[flags] &= !CWR;
        }
        let sequence = packet.transport + 4..packet.transport + 8;
        let first = u32::from_be_bytes(cut[sequence.clone()].try_into().expect("four bytes"));
        let moved = first.wrapping_add((nth * each) as u32);
        cut[sequence].copy_from_slice(&moved.to_be_bytes());
        lengthen(&mut cut, &packet, nth as u16);
        let end = cut.len();
        Packet { addresses: packet.addresses.clone(), end, ..packet }.write_sum(&mut cut);
        Bytes::from(cut)
    });
    Some(pieces.collect())
}

/// Writes the length of the nth piece into its IP header, and what depends on it.
fn lengthen(cut: &mut [u8], packet: &Packet, nth: u16) {
    let length = cut.len() - ETHERNET;
    if packet.is_ipv6 {
        let length = (length - 40) as u16;
        cut[ETHERNET + 4..ETHERNET + 6].copy_from_slice(&length.to_be_bytes());
        return;
    }
    let header = &mut cut[ETHERNET..packet.transport];
    header[2..4].copy_from_slice(&(length as u16).to_be_bytes());
    let identification = u16::from_be_bytes([header[4], header[5]]).wrapping_add(nth);
    header[4..6].copy_from_slice(&identification.to_be_bytes());
    header[10..12].fill(0);
    let sum = !add(0, header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// Adds 16-bit words in ones' complement.
fn add(sum: u16, bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|word| u64::from(u16::from_be_bytes([word[0], word.get(1).copied().unwrap_or(0)])));
    let mut sum = u64::from(sum) + words.sum::<u64>();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// An IPv4 frame with a TCP segment, its sum as the kernel leaves it to an adapter.
    fn unfinished(payload: usize) -> Vec<u8> {
        let mut frame = vec![0; ETHERNET + 40];
        frame[12..14].copy_from_slice(&[8, 0]);
        frame[14] = 0x45;
        frame[16..18].copy_from_slice(&(40 + payload as u16).to_be_bytes());
        frame[23] = TCP;
        frame[26..34].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
        frame[38..42].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0xF0]);
        frame[46] = 0x50;
        frame[47] = 0x19;
        frame.extend((0..payload).map(|at| at as u8));
        let packet = Packet::find(&frame).unwrap();
        let sum = packet.pseudo_sum(&frame).to_be_bytes();
        frame[packet.sum()].copy_from_slice(&sum);
        frame
    }

    fn is_sound(frame: &[u8]) -> bool {
        let packet = Packet::find(frame).unwrap();
        add(packet.pseudo_sum(frame), &frame[packet.transport..packet.end]) == 0xFFFF
    }

    #[rstest]
    #[case(0)]
    #[case(1)]
    #[case(1460)]
    fn a_sum_left_to_the_adapter_is_completed(#[case] payload: usize) {
        let mut frame = unfinished(payload);
        assert!(!is_sound(&frame));
        complete(&mut frame);
        assert!(is_sound(&frame));
    }

    #[test]
    fn a_damaged_frame_stays_damaged() {
        let mut frame = unfinished(100);
        complete(&mut frame);
        frame[80] ^= 1;
        let damaged = frame.clone();
        complete(&mut frame);
        assert_eq!(frame, damaged);
        assert!(!is_sound(&frame));
    }

    #[test]
    fn a_long_segment_is_cut_into_sound_ones_that_carry_it_all() {
        let frame = unfinished(4000);
        let pieces = cut(&frame, 1500).unwrap();
        let lengths: Vec<usize> = pieces.iter().map(|piece| piece.len()).collect();
        assert_eq!(lengths, [1514, 1514, 54 + 1080]);
        assert!(pieces.iter().all(|piece| is_sound(piece) && add(0, &piece[14..34]) == 0xFFFF));
        let data: Vec<u8> = pieces.iter().flat_map(|piece| piece[54..].to_vec()).collect();
        assert_eq!(data, frame[54..]);
        assert_eq!(pieces[1][38..42], 1444u32.to_be_bytes());
        assert_eq!(pieces.iter().map(|piece| piece[47]).collect::<Vec<_>>(), [0x10, 0x10, 0x19]);
    }

    #[test]
    fn any_bytes_are_taken_without_harm() {
        for length in 0..80 {
            for filler in [0x00, 0x45, 0x60, 0xFF] {
                let mut frame = vec![filler; length];
                if length >= 14 {
                    frame[12..14].copy_from_slice(&[8, 0]);
                }
                complete(&mut frame);
                assert!(cut(&frame, 60).is_none_or(|pieces| !pieces.is_empty()));
            }
        }
    }
}
