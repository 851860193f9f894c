//! The SLP answer by which workshop software finds an ICOM (`hsfz-and-doip.md` §5).

use std::net::Ipv4Addr;

use bytes::{BufMut, Bytes, BytesMut};

/// UDP port of SLP.
pub const PORT: u16 = 427;

const VERSION: u8 = 2;
const ATTRIBUTE_REQUEST: u8 = 6;
const ATTRIBUTE_REPLY: u8 = 7;
/// Version, function, length, flags, extension, transaction, length of the language tag.
const HEADER: usize = 14;
const LANGUAGE: &[u8] = b"en";

/// What an ICOM says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    /// Invented serial number.
    pub serial: &'a str,
    /// Hardware address of the workshop side.
    pub mac: [u8; 6],
    /// Address of the workshop side.
    pub address: Ipv4Addr,
    /// The vehicle's identification number, when it is known.
    pub vin: Option<&'a str>,
    /// Millivolts at terminal 15.
    pub terminal_15: u32,
    /// Millivolts at terminal 30.
    pub terminal_30: u32,
    /// Port for diagnosis.
    pub port: u16,
    /// Port for terminal 15.
    pub control_port: u16,
    /// Port for DoIP.
    pub doip_port: u16,
}

/// Returns the transaction number of an attribute request; `None` when it is something else.
pub fn parse_request(datagram: &[u8]) -> Option<u16> {
    let (header, _) = datagram.split_first_chunk::<HEADER>()?;
    let &[version, function, a, b, c, _, _, _, _, _, high, low, ..] = header;
    let length = u32::from_be_bytes([0, a, b, c]) as usize;
    let is_request = (version, function) == (VERSION, ATTRIBUTE_REQUEST);
    (is_request && length == datagram.len()).then(|| u16::from_be_bytes([high, low]))
}

/// Returns the answer to an attribute request.
pub fn reply(transaction: u16, attributes: &Attributes<'_>) -> Bytes {
    let list = attributes.list();
    let length = HEADER + LANGUAGE.len() + 2 + 2 + list.len() + 1;
    let mut out = BytesMut::with_capacity(length);
    out.put_u8(VERSION);
    out.put_u8(ATTRIBUTE_REPLY);
    out.put_uint(length as u64, 3);
    out.put_u16(0);
    out.put_uint(0, 3);
    out.put_u16(transaction);
    out.put_u16(LANGUAGE.len() as u16);
    out.put_slice(LANGUAGE);
    out.put_u16(0);
    out.put_u16(list.len() as u16);
    out.put_slice(list.as_bytes());
    out.put_u8(0);
    out.freeze()
}

impl Attributes<'_> {
    fn list(&self) -> String {
        let Self { serial, address, terminal_15, terminal_30, .. } = self;
        let mac: String = self.mac.iter().map(|byte| format!("{byte:02X}")).collect();
        let vin = self.vin.unwrap_or("");
        let (port, control, doip) = (self.port, self.control_port, self.doip_port);
        format!(
            "(DevId={serial}),(Serial={serial}),(MacAddress={mac}),(DevType=ICOM),\
             (Color=#00ff00),(State=4),(Kl15Voltage={terminal_15}),(Kl30Voltage={terminal_30}),\
             (VIN={vin}),(PowerSupply={terminal_30}),(VciChannels=[0?;1?;2?;3+]),\
             (IPAddress={address}),(Gateway=0.0.0.0),(Owner=),(Port={port}),\
             (ControlPort={control}),(DoIP={doip})"
        )
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const REQUEST: &[u8; 33] = b"\x02\x06\x00\x00\x21\x00\x00\x00\x00\x00\xAB\xCD\x00\x02en\
        \x00\x00\x00\x00\x00\x07default\x00\x00\x00\x00";

    #[test]
    fn reads_the_request_of_the_facts() {
        assert_eq!(parse_request(REQUEST), Some(0xABCD));
    }

    #[rstest]
    #[case::empty(&[])]
    #[case::cut(&REQUEST[..32])]
    #[case::reply(b"\x02\x07\x00\x00\x0E\0\0\0\0\0\0\0\0\0")]
    #[case::version_one(b"\x01\x06\x00\x00\x0E\0\0\0\0\0\0\0\0\0")]
    fn anything_else_is_no_request(#[case] datagram: &[u8]) {
        assert_eq!(parse_request(datagram), None);
    }

    #[test]
    fn the_answer_says_what_it_is_and_where() {
        let attributes = Attributes {
            serial: "SIM0000001",
            mac: [2, 0, 0, 0x1C, 0, 1],
            address: Ipv4Addr::new(169, 254, 7, 7),
            vin: Some("WBASMTEST00000001"),
            terminal_15: 11_900,
            terminal_30: 12_400,
            port: 50160,
            control_port: 50161,
            doip_port: 50162,
        };
        let reply = reply(0xABCD, &attributes);
        let length = reply.len();
        assert_eq!(reply[..10], [2, 7, 0, 1, (length - 256) as u8, 0, 0, 0, 0, 0]);
        assert_eq!(reply[10..18], *b"\xAB\xCD\x00\x02en\x00\x00");
        assert_eq!(usize::from(u16::from_be_bytes([reply[18], reply[19]])), length - 21);
        assert_eq!(reply[length - 1], 0);
        insta::assert_snapshot!(String::from_utf8_lossy(&reply[20..length - 1]));
    }
}
