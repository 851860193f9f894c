//! One line about a frame, and the beginning of its bytes.

use std::fmt::Write;
use std::net::Ipv4Addr;

/// Says in one line what a frame is; any bytes will do.
pub fn describe(frame: &[u8]) -> String {
    let Some((header, rest)) = frame.split_at_checked(14) else {
        return format!("{} bytes, no Ethernet frame", frame.len());
    };
    let (to, from) = (mac(&header[..6]), mac(&header[6..12]));
    let kind = u16::from_be_bytes([header[12], header[13]]);
    let what = match (kind, rest.get(2..4)) {
        (0x8100, Some(inner)) => {
            let vlan = u16::from_be_bytes([rest[0], rest[1]]) & 0x0FFF;
            let inner = u16::from_be_bytes([inner[0], inner[1]]);
            format!("802.1Q VLAN {vlan}, {}", payload(inner, &rest[4..]))
        }
        (kind, _) => payload(kind, rest),
    };
    format!("{} bytes {from} > {to} {what}", frame.len())
}

/// Writes the beginning of a frame in hex.
pub fn hex(frame: &[u8]) -> String {
    let mut text = String::new();
    for byte in frame.iter().take(SHOWN) {
        write!(text, "{byte:02x}").expect("a string takes text");
    }
    if frame.len() > SHOWN {
        text.push('…');
    }
    text
}

fn payload(kind: u16, bytes: &[u8]) -> String {
    match kind {
        0x0806 => arp(bytes),
        0x0800 => ip(bytes),
        0x88B5 => match bytes.get(8..12) {
            Some(number) if bytes.starts_with(b"benchcar") => {
                let number = u32::from_be_bytes([number[0], number[1], number[2], number[3]]);
                format!("probe {number}")
            }
            Some(_) | None => "type 88b5".to_owned(),
        },
        kind => format!("type {kind:04x}"),
    }
}

fn arp(bytes: &[u8]) -> String {
    let Some(fields) = bytes.get(..28) else { return "ARP, cut off".to_owned() };
    let (sender, target) = (address(&fields[14..18]), address(&fields[24..28]));
    match u16::from_be_bytes([fields[6], fields[7]]) {
        1 if sender == target => format!("ARP announces {sender}"),
        1 => format!("ARP who has {target}? tell {sender}"),
        2 => format!("ARP {sender} is at {}", mac(&fields[8..14])),
        other => format!("ARP operation {other}"),
    }
}

fn ip(bytes: &[u8]) -> String {
    let Some(fields) = bytes.get(..20) else { return "IPv4, cut off".to_owned() };
    let (from, to) = (address(&fields[12..16]), address(&fields[16..20]));
    let length = usize::from(fields[0] & 0x0F) * 4;
    let Some(ports) = bytes.get(length..length + 4) else {
        return format!("IPv4 {from} > {to} protocol {}", fields[9]);
    };
    let source = u16::from_be_bytes([ports[0], ports[1]]);
    let target = u16::from_be_bytes([ports[2], ports[3]]);
    match fields[9] {
        17 => format!("UDP {from}:{source} > {to}:{target}"),
        6 => {
            let flags = bytes.get(length + 13).copied().unwrap_or(0);
            let named = [(2, "SYN"), (16, "ACK"), (4, "RST"), (1, "FIN")];
            let set = named.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name);
            let flags: Vec<&str> = set.collect();
            format!("TCP {from}:{source} > {to}:{target} {}", flags.join("+"))
        }
        other => format!("IPv4 {from} > {to} protocol {other}"),
    }
}

fn mac(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

fn address(bytes: &[u8]) -> Ipv4Addr {
    Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3])
}

/// How many bytes of a frame are shown.
const SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::frames;
    use super::super::machine::End;
    use super::*;

    const VEHICLE: Ipv4Addr = Ipv4Addr::new(169, 254, 77, 1);

    #[rstest]
    #[case::request(
        frames::arp(1, End::Technician, VEHICLE, frames::BROADCAST),
        "42 bytes 02:bc:0a:00:00:01 > ff:ff:ff:ff:ff:ff ARP who has 169.254.77.1? tell 169.254.201.1"
    )]
    #[case::datagram(
        frames::udp(End::Vehicle, ([1; 6], VEHICLE), (6811, 6811), 1, b"x"),
        "43 bytes 02:bc:0b:00:00:01 > 01:01:01:01:01:01 UDP 169.254.77.1:6811 > 169.254.77.1:6811"
    )]
    #[case::segment(
        frames::tcp(End::Vehicle, (6801, 50_000), 0x12, (1, 2), 1),
        "54 bytes 02:bc:0b:00:00:01 > 02:bc:0a:00:00:01 TCP 169.254.77.1:6801 > 169.254.201.1:50000 SYN+ACK"
    )]
    #[case::tag(
        frames::tagged(End::Vehicle, 9, 60),
        "64 bytes 02:bc:0b:00:00:01 > 02:bc:0a:00:00:01 802.1Q VLAN 73, probe 9"
    )]
    #[case::nothing(node::Frame::new(), "0 bytes, no Ethernet frame")]
    fn a_frame_is_told_in_one_line(#[case] frame: node::Frame, #[case] told: &str) {
        assert_eq!(describe(&frame), told);
    }

    #[test]
    fn cut_off_frames_are_told_too() {
        let whole = frames::tagged(End::Vehicle, 9, 60);
        let packet = frames::tcp(End::Vehicle, (6801, 50_000), 0x12, (1, 2), 1);
        let arp = frames::arp(1, End::Technician, VEHICLE, frames::BROADCAST);
        for frame in [whole, packet, arp] {
            for length in 0..frame.len() {
                assert!(!describe(&frame[..length]).is_empty());
            }
        }
    }
}
