//! VLAN tags of a packet socket: the kernel takes a frame's tag off and tells it beside the frame.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc;
use nix::sys::socket::sockopt::SetBool;
use nix::sys::socket::{ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt};
use node::{Duration, Frame};

use super::arrival;

/// Bytes of both hardware addresses, which a tag follows.
const ADDRESSES: usize = 12;

/// Length of what the kernel tells beside a frame, and where the tag is in it.
const TOLD: usize = 20;
const TAG: usize = 16;

/// Asks the kernel to tell.
#[derive(Clone, Copy)]
struct AuxiliaryData;

nix::setsockopt_impl!(AuxiliaryData, libc::SOL_PACKET, libc::PACKET_AUXDATA, bool, SetBool);

/// A tag as it was on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag([u8; 4]);

/// Room for two messages of the kernel: their headers, which want to be aligned, and what they say.
#[repr(align(8))]
struct Beside([u8; 128]);

/// What a packet socket received.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    /// Bytes of the frame, without its tag.
    pub length: usize,
    /// The tag, if it had one.
    pub tag: Option<Tag>,
    /// Whether this machine sent it; a packet socket shows that as well.
    pub is_own: bool,
    /// How long ago it arrived; zero unless the kernel was asked to tell.
    pub waited: Duration,
}

impl Tag {
    /// Bytes of a tag.
    pub const LENGTH: usize = 4;

    /// Returns a frame with its tag where it was.
    pub fn put_back(self, frame: &[u8]) -> Frame {
        let (addresses, rest) = frame.split_at(ADDRESSES.min(frame.len()));
        [addresses, &self.0, rest].concat().into()
    }

    /// Reads it from what the kernel tells beside a frame: state, lengths, places, tag, kind of tag.
    fn told(data: &[u8]) -> Option<Self> {
        let told = data.first_chunk::<TOLD>()?;
        let state = u32::from_ne_bytes([told[0], told[1], told[2], told[3]]);
        let number = |at: usize| u16::from_ne_bytes([told[at], told[at + 1]]);
        if state & libc::TP_STATUS_VLAN_VALID == 0 {
            return None;
        }
        let kind = match state & libc::TP_STATUS_VLAN_TPID_VALID {
            0 => libc::ETH_P_8021Q as u16,
            _ => number(TAG + 2),
        };
        let [kind, tag] = [kind, number(TAG)].map(u16::to_be_bytes);
        Some(Self([kind[0], kind[1], tag[0], tag[1]]))
    }
}

/// Has the kernel tell of tags.
pub fn ask(socket: &impl std::os::fd::AsFd) -> io::Result<()> {
    Ok(setsockopt(socket, AuxiliaryData, &true)?)
}

/// Receives a frame of a packet socket.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Arrived> {
    let mut beside = Beside([0; 128]);
    let mut into = [IoSliceMut::new(buffer)];
    let message =
        recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut into, Some(&mut beside.0), MsgFlags::empty())?;
    let is_own = message.address.is_some_and(|from| from.pkttype() == libc::PACKET_OUTGOING);
    let (mut tag, mut waited) = (None, Duration::ZERO);
    for told in message.cmsgs().into_iter().flatten() {
        match told {
            ControlMessageOwned::Unknown(told) => tag = tag.or(Tag::told(&told.data_bytes)),
            ControlMessageOwned::ScmTimestampns(stamp) => waited = arrival::ago(stamp),
            _ => {}
        }
    }
    Ok(Arrived { length: message.bytes, tag, is_own, waited })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn told(state: u32, tag: u16, kind: u16) -> Vec<u8> {
        let mut told = vec![0; TOLD];
        told[..4].copy_from_slice(&state.to_ne_bytes());
        told[16..18].copy_from_slice(&tag.to_ne_bytes());
        told[18..].copy_from_slice(&kind.to_ne_bytes());
        told
    }

    #[rstest]
    #[case::none(told(1, 0, 0), None)]
    #[case::priority_5_number_73(told(0x51, 0xA049, 0x8100), Some([0x81, 0, 0xA0, 0x49]))]
    #[case::of_a_provider(told(0x51, 7, 0x88A8), Some([0x88, 0xA8, 0, 7]))]
    #[case::of_an_old_kernel(told(0x11, 7, 0), Some([0x81, 0, 0, 7]))]
    #[case::cut_short(told(0x51, 7, 0x8100)[..19].to_vec(), None)]
    fn a_tag_is_read(#[case] told: Vec<u8>, #[case] tag: Option<[u8; 4]>) {
        assert_eq!(Tag::told(&told), tag.map(Tag));
    }

    #[test]
    fn a_tag_goes_between_addresses_and_type() {
        let frame: Vec<u8> = (0..60).collect();
        let tagged = Tag([0x81, 0, 0, 7]).put_back(&frame);
        assert_eq!(tagged[..], [&frame[..12], &[0x81, 0, 0, 7], &frame[12..]].concat());
        assert_eq!(Tag([0x81, 0, 0, 7]).put_back(&[1]).len(), 5);
    }
}
