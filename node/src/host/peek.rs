//! What a frame is for, before anybody parses it; a frame cut short is for nothing.

const ETHERNET: usize = 14;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// Offset of the flags in a TCP header, and of the flag that opens a connection in them.
const TCP_FLAGS: usize = 13;
const SYN: u8 = 0x02;

/// Returns whether a frame holds a UDP datagram over IPv4.
pub fn is_datagram(frame: &[u8]) -> bool {
    protocol(frame) == Some(UDP)
}

/// Returns whether a frame asks to open a TCP connection, or agrees to.
pub fn is_opening(frame: &[u8]) -> bool {
    let header = usize::from(frame.get(ETHERNET).copied().unwrap_or(0) & 0x0F) * 4;
    let flags = frame.get(ETHERNET + header + TCP_FLAGS).copied().unwrap_or(0);
    protocol(frame) == Some(TCP) && flags & SYN != 0
}

fn protocol(frame: &[u8]) -> Option<u8> {
    let is_ip = frame.get(12..14) == Some(&[0x08, 0x00]);
    frame.get(ETHERNET + 9).copied().filter(|_| is_ip)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn frame(protocol: u8, words: u8, flags: u8) -> Vec<u8> {
        let mut frame = vec![0; ETHERNET + usize::from(words) * 4 + 20];
        frame[12..14].copy_from_slice(&[0x08, 0x00]);
        frame[ETHERNET] = 0x40 | words;
        frame[ETHERNET + 9] = protocol;
        let at = ETHERNET + usize::from(words) * 4 + TCP_FLAGS;
        frame[at] = flags;
        frame
    }

    #[rstest]
    #[case::datagram(frame(UDP, 5, 0), true, false)]
    #[case::syn(frame(TCP, 5, SYN), false, true)]
    #[case::syn_behind_options(frame(TCP, 6, SYN | 0x10), false, true)]
    #[case::segment(frame(TCP, 5, 0x10), false, false)]
    #[case::datagram_like_a_syn(frame(UDP, 5, SYN), true, false)]
    #[case::cut_short(frame(TCP, 5, SYN)[..47].to_vec(), false, false)]
    #[case::empty(vec![], false, false)]
    fn tells(#[case] frame: Vec<u8>, #[case] datagram: bool, #[case] opening: bool) {
        assert_eq!((is_datagram(&frame), is_opening(&frame)), (datagram, opening));
    }

    #[test]
    fn what_is_not_ipv4_is_neither() {
        let mut frame = frame(TCP, 5, SYN);
        frame[12] = 0x86;
        assert!(!is_datagram(&frame) && !is_opening(&frame));
    }
}
