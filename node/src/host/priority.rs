//! Priority tags (IEEE 802.1Q, VLAN number 0): every station takes such a frame as one without.

use crate::Frame;

/// Bytes of both hardware addresses, which a tag follows.
const ADDRESSES: usize = 12;
const TAG: usize = 4;
const TPID: [u8; 2] = [0x81, 0x00];

/// Takes off a tag that gives a priority and no VLAN; one with a VLAN's number stays.
pub fn untagged(frame: Frame) -> Frame {
    let is_priority = frame
        .get(ADDRESSES..ADDRESSES + TAG)
        .is_some_and(|tag| tag[..2] == TPID && u16::from_be_bytes([tag[2], tag[3]]) & 0x0FFF == 0);
    if !is_priority {
        return frame;
    }
    [&frame[..ADDRESSES], &frame[ADDRESSES + TAG..]].concat().into()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::priority_5([0x81, 0, 0xA0, 0], true)]
    #[case::priority_0([0x81, 0, 0, 0], true)]
    #[case::vlan_73([0x81, 0, 0xA0, 73], false)]
    #[case::ipv4([0x08, 0, 0x45, 0], false)]
    fn only_a_priority_is_taken_off(#[case] tag: [u8; 4], #[case] is_taken: bool) {
        let frame: Frame = [&[2; 12][..], &tag, &[0x08, 0, 0x45]].concat().into();
        let plain = [&[2; 12][..], &[0x08, 0, 0x45]].concat();
        let expected = if is_taken { Frame::from(plain) } else { frame.clone() };
        assert_eq!(untagged(frame), expected);
    }

    #[test]
    fn what_is_cut_short_is_left_as_it_is() {
        let frame: Frame = [&[2; 12][..], &[0x81, 0, 0]].concat().into();
        assert_eq!(untagged(frame.clone()), frame);
    }
}
