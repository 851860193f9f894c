//! ARP frames as a host reads and makes them beside smoltcp.

use std::net::Ipv4Addr;

use bytes::BytesMut;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
};

use crate::Frame;

const HEADER: usize = 14;
const LENGTH: usize = 42;
const OPERATION: std::ops::Range<usize> = 20..22;
const REQUEST: [u8; 2] = [0, 1];

/// Returns whether a frame's EtherType is ARP.
pub fn is_arp(frame: &[u8]) -> bool {
    frame.get(12..14) == Some(&[0x08, 0x06])
}

/// Returns the address a request made by this end asks for.
pub fn asked(frame: &[u8]) -> Option<Ipv4Addr> {
    if !is_arp(frame) || frame.get(OPERATION) != Some(&REQUEST) {
        return None;
    }
    parse(frame).map(|claim| claim.target)
}

/// Who speaks in an ARP frame, and about which address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The sender's hardware address.
    pub mac: [u8; 6],
    /// The sender's address; unspecified in a probe.
    pub sender: Ipv4Addr,
    /// The address asked for.
    pub target: Ipv4Addr,
}

/// Reads the claim in an ARP frame.
pub fn parse(frame: &[u8]) -> Option<Claim> {
    let packet = ArpPacket::new_checked(frame.get(HEADER..)?).ok()?;
    let ArpRepr::EthernetIpv4 {
        source_hardware_addr,
        source_protocol_addr,
        target_protocol_addr,
        ..
    } = ArpRepr::parse(&packet).ok()?
    else {
        return None;
    };
    Some(Claim {
        mac: source_hardware_addr.0,
        sender: source_protocol_addr,
        target: target_protocol_addr,
    })
}

/// Makes a broadcast ARP request: a probe (`sender` unspecified) or an announcement (both alike).
pub fn request(mac: [u8; 6], sender: Ipv4Addr, target: Ipv4Addr) -> Frame {
    let repr = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: EthernetAddress(mac),
        source_protocol_addr: sender,
        target_hardware_addr: EthernetAddress([0; 6]),
        target_protocol_addr: target,
    };
    let mut bytes = BytesMut::zeroed(LENGTH);
    let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
    frame.set_src_addr(EthernetAddress(mac));
    frame.set_dst_addr(EthernetAddress::BROADCAST);
    frame.set_ethertype(EthernetProtocol::Arp);
    repr.emit(&mut ArpPacket::new_unchecked(frame.payload_mut()));
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_reads_back_with_an_unspecified_sender() {
        let target = Ipv4Addr::new(169, 254, 7, 7);
        let frame = request([2, 0, 0, 0, 0, 1], Ipv4Addr::UNSPECIFIED, target);
        assert!(is_arp(&frame));
        let claim = parse(&frame).expect("our own frame");
        assert_eq!((claim.sender, claim.target), (Ipv4Addr::UNSPECIFIED, target));
    }

    #[test]
    fn a_cut_frame_is_no_claim() {
        let frame = request([2; 6], Ipv4Addr::UNSPECIFIED, Ipv4Addr::LOCALHOST);
        assert_eq!(parse(&frame[..30]), None);
    }
}
