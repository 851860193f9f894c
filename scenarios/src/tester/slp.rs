//! The attribute request by which an ICOM is found, and its answer (`hsfz-and-doip.md` §5).

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The port of the service location protocol.
pub(super) const PORT: u16 = 427;

const VERSION: u8 = 2;
const ATTRIBUTE_REQUEST: u8 = 6;
const ATTRIBUTE_REPLY: u8 = 7;

/// Writes an attribute request; `xid` tells it from others.
pub(super) fn request(xid: u16) -> Bytes {
    let mut out = BytesMut::with_capacity(33);
    out.put_slice(&[VERSION, ATTRIBUTE_REQUEST, 0, 0, 33]);
    out.put_slice(&[0; 5]);
    out.put_u16(xid);
    put_text(&mut out, "en");
    put_text(&mut out, "");
    put_text(&mut out, "");
    put_text(&mut out, "default");
    put_text(&mut out, "");
    put_text(&mut out, "");
    out.freeze()
}

fn put_text(out: &mut BytesMut, text: &str) {
    out.put_u16(u16::try_from(text.len()).expect("the texts of a request are short"));
    out.put_slice(text.as_bytes());
}

/// What an interface tells about itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attributes(String);

impl Attributes {
    /// Reads an attribute reply; `None` when it is something else, or tells of an error.
    ///
    /// As EDIABAS-like clients do, refuses a reply without the trailing count of signatures.
    pub fn parse(mut datagram: &[u8]) -> Option<Self> {
        let is_reply = datagram.len() >= 14 && datagram[..2] == [VERSION, ATTRIBUTE_REPLY];
        if !is_reply {
            return None;
        }
        datagram.advance(12);
        let language = usize::from(datagram.get_u16());
        if datagram.len() < language + 4 {
            return None;
        }
        datagram.advance(language);
        let error = datagram.get_u16();
        let length = usize::from(datagram.get_u16());
        if error != 0 || datagram.len() <= length {
            return None;
        }
        std::str::from_utf8(&datagram[..length]).ok().map(|list| Self(list.to_owned()))
    }

    /// Returns the value of an attribute, `None` when it is missing or empty.
    pub fn value(&self, name: &str) -> Option<&str> {
        let entries = self.0.split('(').filter_map(|entry| entry.split_once(')'));
        let mut pairs = entries.filter_map(|(entry, _)| entry.split_once('='));
        pairs.find(|(key, value)| *key == name && !value.is_empty()).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn reply(error: u16, list: &str, end: &[u8]) -> Vec<u8> {
        let mut out = BytesMut::new();
        out.put_slice(&[2, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0xAB, 0xCD, 0, 2, b'e', b'n']);
        out.put_u16(error);
        put_text(&mut out, list);
        out.put_slice(end);
        out.to_vec()
    }

    #[test]
    fn the_request_has_the_bytes_that_were_seen() {
        let seen = "0206000021000000000000ABCD".len() / 2;
        assert_eq!(seen, 13);
        let hex: String = request(0xABCD).iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(
            hex,
            "0206000021000000 0000ABCD0002656E 0000 0000 000764656661756C74 0000 0000"
                .replace(' ', "")
        );
    }

    #[test]
    fn attributes_are_read_by_name() {
        let list = "(DevId=1),(DevType=ICOM),(VIN=),(IPAddress=192.168.1.7)";
        let attributes = Attributes::parse(&reply(0, list, &[0])).unwrap();
        assert_eq!(attributes.value("DevType"), Some("ICOM"));
        assert_eq!(attributes.value("IPAddress"), Some("192.168.1.7"));
        assert_eq!(attributes.value("VIN"), None);
    }

    #[rstest]
    #[case::error(reply(1, "(DevType=ICOM)", &[0]))]
    #[case::no_trailing_byte(reply(0, "(DevType=ICOM)", &[]))]
    #[case::cut(reply(0, "(DevType=ICOM)", &[])[..20].to_vec())]
    #[case::header_only(reply(0, "", &[])[..13].to_vec())]
    #[case::request(request(1).to_vec())]
    #[case::empty(Vec::new())]
    fn anything_else_is_refused(#[case] datagram: Vec<u8>) {
        assert_eq!(Attributes::parse(&datagram), None);
    }
}
