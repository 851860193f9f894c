//! Keeps messages whole, so that a way to the car that breaks never leaves half of one behind.

use bytes::{Bytes, BytesMut};
use wire::{doip, hsfz};

use crate::icom::config::Framing;

/// Turns a stream into pieces that begin and end with a message.
///
/// Looks at nothing but lengths: what the messages say is between tester and car.
#[derive(Clone, Debug)]
pub struct Framer {
    framing: Framing,
    limit: u32,
    rest: BytesMut,
}

/// A message is longer than may be relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("message of {length} bytes is longer than {limit}")]
pub struct TooLong {
    /// What its header says.
    pub length: u32,
    /// What may be relayed.
    pub limit: u32,
}

impl Framer {
    /// Makes a framer for messages of at most `limit` bytes behind their header.
    pub fn new(framing: Framing, limit: u32) -> Self {
        Self { framing, limit, rest: BytesMut::new() }
    }

    /// Takes bytes as they came and returns whole messages, none or more in one piece.
    pub fn feed(&mut self, chunk: Bytes) -> Result<Bytes, TooLong> {
        if self.rest.is_empty() {
            let whole = self.whole(&chunk)?;
            self.rest.extend_from_slice(&chunk[whole..]);
            return Ok(chunk.slice(..whole));
        }
        self.rest.extend_from_slice(&chunk);
        let whole = self.whole(&self.rest)?;
        Ok(self.rest.split_to(whole).freeze())
    }

    /// Forgets an incomplete message.
    pub fn clear(&mut self) {
        self.rest.clear();
    }

    /// Returns the length of all complete messages at the beginning.
    fn whole(&self, bytes: &[u8]) -> Result<usize, TooLong> {
        let mut end = 0;
        while let Some(length) = self.message_length(&bytes[end..])? {
            if bytes.len() - end < length {
                break;
            }
            end += length;
        }
        Ok(end)
    }

    fn message_length(&self, bytes: &[u8]) -> Result<Option<usize>, TooLong> {
        let (header, at) = match self.framing {
            Framing::Hsfz => (hsfz::HEADER_LENGTH, 0),
            Framing::Doip => (doip::HEADER_LENGTH, 4),
        };
        let Some(&[a, b, c, d]) = bytes.get(at..at + 4) else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([a, b, c, d]);
        if length > self.limit {
            return Err(TooLong { length, limit: self.limit });
        }
        Ok(Some(header + length as usize))
    }
}

/// Splits whole DoIP messages.
pub fn doip_messages(mut whole: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let &[_, _, _, _, a, b, c, d] = whole.first_chunk::<{ doip::HEADER_LENGTH }>()?;
        let length = doip::HEADER_LENGTH + u32::from_be_bytes([a, b, c, d]) as usize;
        (length <= whole.len()).then(|| whole.split_to(length))
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const HSFZ: &[u8] =
        b"\0\0\0\x05\0\x01\xF4\x10\x22\xF1\x50\0\0\0\0\0\x10\0\0\0\x02\0\x43\xF4\x70";
    const DOIP: &[u8] = b"\x03\xFC\0\x07\0\0\0\0\x03\xFC\0\x08\0\0\0\x02\x0E\xF3";

    #[rstest]
    #[case::hsfz(Framing::Hsfz, HSFZ, &[11, 17, 25])]
    #[case::doip(Framing::Doip, DOIP, &[8, 18])]
    fn any_chunking_ends_pieces_between_messages(
        #[case] framing: Framing,
        #[case] stream: &'static [u8],
        #[case] ends: &[usize],
        #[values(1, 2, 3, 5, 7, 11, 100)] chunk: usize,
    ) {
        let mut framer = Framer::new(framing, 100);
        let mut passed = Vec::new();
        for chunk in stream.chunks(chunk) {
            let piece = framer.feed(Bytes::from_static(chunk)).expect("no message is too long");
            passed.extend_from_slice(&piece);
            assert!(passed.is_empty() || ends.contains(&passed.len()), "{}", passed.len());
        }
        assert_eq!(passed, stream);
    }

    #[rstest]
    #[case::hsfz(Framing::Hsfz, b"\0\0\0\x65")]
    #[case::doip(Framing::Doip, b"\x03\xFC\x80\x01\0\0\0\x65")]
    fn a_message_beyond_the_limit_is_refused_at_its_length(
        #[case] framing: Framing,
        #[case] bytes: &'static [u8],
    ) {
        let refused = Framer::new(framing, 100).feed(Bytes::from_static(bytes));
        assert_eq!(refused, Err(TooLong { length: 101, limit: 100 }));
    }

    #[test]
    fn an_incomplete_message_can_be_forgotten() {
        let mut framer = Framer::new(Framing::Hsfz, 100);
        assert_eq!(framer.feed(Bytes::from_static(&HSFZ[..9])), Ok(Bytes::new()));
        framer.clear();
        assert_eq!(framer.feed(Bytes::from_static(&HSFZ[11..17])).as_deref(), Ok(&HSFZ[11..17]));
    }

    #[test]
    fn doip_messages_come_one_by_one() {
        let lengths: Vec<usize> =
            doip_messages(Bytes::from_static(DOIP)).map(|m| m.len()).collect();
        assert_eq!(lengths, [8, 10]);
    }
}
