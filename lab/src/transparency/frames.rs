//! The frames that are sent: no two alike, so that each can be told when it comes out.

use std::net::Ipv4Addr;

use node::Frame;

use super::machine::End;

/// Smallest frame on a wire, without its check sequence.
pub const SHORTEST: usize = 60;
/// Largest frame without a tag.
pub const LONGEST: usize = 1514;
/// The port of discovery, source and destination alike.
pub const DISCOVERY: u16 = 6811;
/// The addresses the car takes when it changes its address.
pub const MOVED: [Ipv4Addr; 2] = [Ipv4Addr::new(169, 254, 99, 2), Ipv4Addr::new(169, 254, 99, 3)];
/// What every probe's own part begins with.
const NAME: &[u8] = b"benchcar";
/// Everybody.
pub const BROADCAST: [u8; 6] = [0xFF; 6];

/// The hardware address of a port: locally administered, nobody's.
pub fn mac(end: End) -> [u8; 6] {
    match end {
        End::Technician => [0x02, 0xBC, 0x0A, 0, 0, 1],
        End::Vehicle => [0x02, 0xBC, 0x0B, 0, 0, 1],
    }
}

/// The address of a port, link-local.
pub fn address(end: End) -> Ipv4Addr {
    match end {
        End::Technician => Ipv4Addr::new(169, 254, 201, 1),
        End::Vehicle => Ipv4Addr::new(169, 254, 77, 1),
    }
}

/// A frame from one port to the other, `length` bytes long, with a number of its own.
///
/// Its type is the one for experiments (IEEE 802, 88B5), so that no stack on the way answers.
pub fn probe(from: End, number: u32, length: usize) -> Frame {
    probe_between(mac(from), mac(from.other()), number, length)
}

/// A probe between any two hardware addresses.
pub fn probe_between(from: [u8; 6], to: [u8; 6], number: u32, length: usize) -> Frame {
    let mut bytes = header(to, from, 0x88B5);
    bytes.extend(NAME);
    bytes.extend(number.to_be_bytes());
    fill(&mut bytes, number, length);
    bytes.into()
}

/// The same with an 802.1Q tag: four bytes longer than `length`.
pub fn tagged(from: End, number: u32, length: usize) -> Frame {
    let plain = probe(from, number, length);
    let mut bytes = plain[..12].to_vec();
    // Priority 5, VLAN 73.
    bytes.extend([0x81, 0x00, 0xA0, 73]);
    bytes.extend(&plain[12..]);
    bytes.into()
}

/// Takes the 802.1Q tag off a frame that has one.
pub fn untagged(frame: &[u8]) -> Option<Vec<u8>> {
    let rest = frame.get(16..).filter(|_| frame[12..14] == [0x81, 0x00])?;
    Some([&frame[..12], rest].concat())
}

/// Finds bytes of a probe as they are, anywhere in what is carried between the sites: where its own
/// part begins.
pub fn readable(carried: &[u8]) -> Option<usize> {
    let places = carried.windows(NAME.len()).enumerate();
    places.filter(|(_, window)| *window == NAME).map(|(place, _)| place).find(|place| {
        let Some(number) = carried.get(place + NAME.len()..).and_then(<[u8]>::first_chunk) else {
            return false;
        };
        let number = u32::from_be_bytes(*number);
        let mut own = [NAME, &number.to_be_bytes()].concat();
        fill(&mut own, number, NAME.len() + 4 + 16);
        carried[*place..].starts_with(&own)
    })
}

/// Returns whether a frame speaks for or to a port of ours: by its hardware addresses, or by the
/// addresses in an ARP packet or the sender of an IPv4 packet, whoever says so.
pub fn speaks_of_ours(frame: &[u8]) -> bool {
    let plain = untagged(frame);
    let frame = plain.as_deref().unwrap_or(frame);
    let at = |place: usize| frame.get(place..place + 4).is_some_and(is_address);
    let hardware = |place: usize| frame.get(place..place + 6).is_some_and(is_mac);
    hardware(0)
        || hardware(6)
        || match frame.get(12..14) {
            // Sender and target, hardware address before protocol address.
            Some([0x08, 0x06]) => hardware(22) || at(28) || hardware(32) || at(38),
            Some([0x08, 0x00]) => at(26),
            Some(_) | None => false,
        }
}

fn is_mac(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x02, 0xBC]) && matches!(bytes[2], 0x0A | 0x0B)
}

fn is_address(bytes: &[u8]) -> bool {
    let fixed = [End::Technician, End::Vehicle].map(address);
    fixed.iter().chain(&MOVED).any(|address| address.octets() == bytes)
}

/// An ARP packet of 42 bytes, as stacks hand it to a port: shorter than a wire allows.
pub fn arp(operation: u16, from: End, asked: Ipv4Addr, to: [u8; 6]) -> Frame {
    arp_for(operation, mac(from), address(from), asked, to)
}

/// An ARP packet that speaks for any address.
pub fn arp_for(
    operation: u16,
    sender: [u8; 6],
    claims: Ipv4Addr,
    asked: Ipv4Addr,
    to: [u8; 6],
) -> Frame {
    let mut bytes = header(to, sender, 0x0806);
    bytes.extend([0, 1, 8, 0, 6, 4]);
    bytes.extend(operation.to_be_bytes());
    bytes.extend(sender);
    bytes.extend(claims.octets());
    bytes.extend(if to == BROADCAST { [0; 6] } else { to });
    bytes.extend(asked.octets());
    bytes.into()
}

/// A UDP datagram in an IPv4 packet in a frame.
pub fn udp(
    from: End,
    to: ([u8; 6], Ipv4Addr),
    ports: (u16, u16),
    number: u16,
    data: &[u8],
) -> Frame {
    let mut segment = Vec::new();
    segment.extend(ports.0.to_be_bytes());
    segment.extend(ports.1.to_be_bytes());
    segment.extend((8 + data.len() as u16).to_be_bytes());
    segment.extend([0, 0]);
    segment.extend(data);
    ip(from, to, 17, number, &segment)
}

/// A TCP segment without data in an IPv4 packet in a frame.
pub fn tcp(from: End, ports: (u16, u16), flags: u8, numbers: (u32, u32), number: u16) -> Frame {
    let other = from.other();
    let mut segment = Vec::new();
    segment.extend(ports.0.to_be_bytes());
    segment.extend(ports.1.to_be_bytes());
    segment.extend(numbers.0.to_be_bytes());
    segment.extend(numbers.1.to_be_bytes());
    segment.extend([0x50, flags]);
    segment.extend([0x20, 0, 0, 0, 0, 0]);
    let (source, target) = (address(from).octets(), address(other).octets());
    let pseudo = [&source[..], &target[..], &[0, 6, 0, 20], &segment[..]].concat();
    let sum = checksum(&pseudo).to_be_bytes();
    segment[16..18].copy_from_slice(&sum);
    ip(from, (mac(other), address(other)), 6, number, &segment)
}

fn ip(from: End, to: ([u8; 6], Ipv4Addr), protocol: u8, number: u16, segment: &[u8]) -> Frame {
    let mut packet = vec![0x45, 0];
    packet.extend((20 + segment.len() as u16).to_be_bytes());
    packet.extend(number.to_be_bytes());
    packet.extend([0x40, 0, 64, protocol, 0, 0]);
    packet.extend(address(from).octets());
    packet.extend(to.1.octets());
    let sum = checksum(&packet).to_be_bytes();
    packet[10..12].copy_from_slice(&sum);
    let mut bytes = header(to.0, mac(from), 0x0800);
    bytes.extend(packet);
    bytes.extend(segment);
    bytes.into()
}

/// The hardware address a multicast group is sent to.
pub fn group_mac(group: Ipv4Addr) -> [u8; 6] {
    let [_, b, c, d] = group.octets();
    [0x01, 0x00, 0x5E, b & 0x7F, c, d]
}

fn header(to: [u8; 6], from: [u8; 6], kind: u16) -> Vec<u8> {
    [&to[..], &from[..], &kind.to_be_bytes()[..]].concat()
}

/// Fills a frame up with bytes that differ from place to place and from frame to frame.
fn fill(bytes: &mut Vec<u8>, number: u32, length: usize) {
    let mut state = number.wrapping_mul(0x9E37_79B9) | 1;
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        bytes.push((state >> 8) as u8);
    }
}

fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from));
    let mut sum: u32 = words.sum();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_tag_can_be_taken_off_again() {
        let plain = probe(End::Vehicle, 7, 100);
        let with = tagged(End::Vehicle, 7, 100);
        assert_eq!((plain.len(), with.len()), (100, 104));
        assert_eq!(untagged(&with).as_deref(), Some(&plain[..]));
        assert_eq!(untagged(&plain), None);
    }

    #[rstest]
    #[case::as_it_is(0, Some(54))]
    #[case::another_number(11, None)]
    #[case::another_byte(12, None)]
    fn a_probe_is_found_in_what_carries_it(#[case] changed: usize, #[case] found: Option<usize>) {
        let mut carried = [&[0x45; 40][..], &probe(End::Vehicle, 7, 200)].concat();
        if changed > 0 {
            carried[54 + changed] ^= 1;
        }
        assert_eq!(readable(&carried), found);
        for length in 0..carried.len() {
            assert!(readable(&carried[..length]).is_none_or(|place| place == 54 && length >= 82));
        }
    }

    #[rstest]
    #[case::arp_sender(arp_for(2, OTHER, CAR, Ipv4Addr::BROADCAST, BROADCAST), true)]
    #[case::arp_target(arp_for(1, OTHER, Ipv4Addr::BROADCAST, CAR, BROADCAST), true)]
    #[case::arp_of_others(
        arp_for(1, OTHER, Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST, BROADCAST),
        false
    )]
    #[case::ip_sender(ip_from(CAR), true)]
    #[case::ip_sender_that_moved(ip_from(MOVED[1]), true)]
    #[case::ip_of_others(ip_from(Ipv4Addr::LOCALHOST), false)]
    #[case::hardware_address(probe_between(OTHER, mac(End::Vehicle), 1, 60), true)]
    #[case::hardware_addresses_of_others(probe_between(OTHER, BROADCAST, 1, 60), false)]
    fn who_speaks_of_ours_is_told(#[case] frame: Frame, #[case] told: bool) {
        assert_eq!(speaks_of_ours(&frame), told);
        for length in 0..frame.len() {
            assert!(!speaks_of_ours(&frame[..length]) || told);
        }
    }

    const OTHER: [u8; 6] = [0x0A, 0x66, 0, 0, 0, 1];
    const CAR: Ipv4Addr = Ipv4Addr::new(169, 254, 77, 1);

    /// An IPv4 packet of anybody's hardware address.
    fn ip_from(sender: Ipv4Addr) -> Frame {
        let to = (BROADCAST, Ipv4Addr::BROADCAST);
        let mut bytes = udp(End::Vehicle, to, (1, 2), 3, b"x").to_vec();
        bytes[6..12].copy_from_slice(&OTHER);
        bytes[26..30].copy_from_slice(&sender.octets());
        bytes.into()
    }

    #[test]
    fn checksums_are_those_of_the_internet() {
        let frame = tcp(End::Technician, (50_000, 6801), 2, (1, 0), 9);
        let packet = &frame[14..34];
        assert_eq!(checksum(packet), 0);
        let pseudo = [&packet[12..20], &[0, 6, 0, 20], &frame[34..]].concat();
        assert_eq!(checksum(&pseudo), 0);
    }

    #[test]
    fn frames_of_two_numbers_differ_in_more_than_their_numbers() {
        let (one, other) = (probe(End::Vehicle, 1, 200), probe(End::Vehicle, 2, 200));
        let differing = one.iter().zip(&other[..]).filter(|(a, b)| a != b).count();
        assert!(differing > 100, "{differing}");
    }
}
