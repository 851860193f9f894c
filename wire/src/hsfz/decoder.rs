//! Frames out of a stream or a datagram.

use bytes::{Buf, Bytes, BytesMut};

use super::{DecodeError, HEADER_LENGTH, Message};

/// How much room a header gets for its body at once, in bytes: a length alone costs no more.
const RESERVE: usize = 0x1_0000;

/// Takes a TCP stream in any chunking and yields messages.
///
/// Holds at most one incomplete frame within its limit, beside what it was last fed. A message
/// shares the decoder's buffer: its bytes were copied once, by `feed`.
#[derive(Clone, Debug)]
pub struct Decoder {
    limit: u32,
    buffer: BytesMut,
    /// The error after which the stream is no longer read.
    broken: Option<DecodeError>,
}

impl Decoder {
    /// Creates a decoder that takes at most `limit` bytes after each header.
    pub fn new(limit: u32) -> Self {
        Self { limit, buffer: BytesMut::new(), broken: None }
    }

    /// Appends bytes as they came. After an error that is not recoverable they are dropped.
    pub fn feed(&mut self, chunk: &[u8]) {
        if self.broken.is_none() {
            self.buffer.extend_from_slice(chunk);
        }
    }

    /// Takes the next message, `None` while it is incomplete.
    ///
    /// # Errors
    ///
    /// A recoverable error has consumed its frame; any other is returned for ever.
    #[expect(clippy::should_implement_trait, reason = "None means not yet, not the end")]
    pub fn next(&mut self) -> Result<Option<Message>, DecodeError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let Some(header) = Header::read(&self.buffer) else {
            return Ok(None);
        };
        if header.length > self.limit {
            let Header { length, control } = header;
            let error = DecodeError::TooLarge { control, length, limit: self.limit };
            self.broken = Some(error);
            self.buffer = BytesMut::new();
            return Err(error);
        }
        let total = header.frame_length();
        if self.buffer.len() < total {
            self.buffer.reserve((total - self.buffer.len()).min(RESERVE));
            return Ok(None);
        }
        let mut body = self.buffer.split_to(total).freeze();
        body.advance(HEADER_LENGTH);
        Message::from_body(header.control, body).map(Some)
    }

    /// Tells whether part of a frame is waiting for its rest.
    pub fn is_mid_frame(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Returns how many bytes are held.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }
}

/// Reads the one frame of a UDP datagram.
///
/// # Errors
///
/// If the datagram is not exactly one frame, or the frame's body does not fit its control word.
pub fn decode_datagram(datagram: &[u8]) -> Result<Message, DecodeError> {
    let length = datagram.len();
    let Some(header) = Header::read(datagram) else {
        return Err(DecodeError::Truncated { length, needed: HEADER_LENGTH });
    };
    let needed = header.frame_length();
    if length < needed {
        return Err(DecodeError::Truncated { length, needed });
    }
    if length > needed {
        return Err(DecodeError::Trailing { extra: length - needed });
    }
    Message::from_body(header.control, Bytes::copy_from_slice(&datagram[HEADER_LENGTH..]))
}

struct Header {
    length: u32,
    control: u16,
}

impl Header {
    fn read(mut bytes: &[u8]) -> Option<Self> {
        if bytes.len() < HEADER_LENGTH {
            return None;
        }
        Some(Self { length: bytes.get_u32(), control: bytes.get_u16() })
    }

    fn frame_length(&self) -> usize {
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        length.saturating_add(HEADER_LENGTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hsfz::{Address, ErrorCode};
    use rstest::rstest;

    const READ_VIN: &[u8] = &[0, 0, 0, 5, 0, 1, 0xF4, 0x10, 0x22, 0xF1, 0x90];

    fn read_vin() -> Message {
        Message::Diagnostic {
            source: Address::TESTER,
            target: Address::GATEWAY,
            data: Bytes::from_static(&READ_VIN[8..]),
        }
    }

    fn fed(bytes: &[u8]) -> Decoder {
        let mut decoder = Decoder::new(16);
        decoder.feed(bytes);
        decoder
    }

    #[test]
    fn incomplete_frame_is_not_yet_a_message() {
        for length in 0..READ_VIN.len() {
            let mut decoder = fed(&READ_VIN[..length]);
            assert_eq!(decoder.next(), Ok(None));
            assert_eq!(decoder.is_mid_frame(), length > 0);
        }
    }

    #[test]
    fn complete_frame_leaves_nothing_behind() {
        let mut decoder = fed(READ_VIN);
        assert_eq!(decoder.next(), Ok(Some(read_vin())));
        assert_eq!(decoder.next(), Ok(None));
        assert!(!decoder.is_mid_frame());
    }

    #[test]
    fn message_shares_the_bytes_that_were_fed() {
        let mut decoder = fed(READ_VIN);
        let start = decoder.buffer.as_ptr();
        let Ok(Some(Message::Diagnostic { data, .. })) = decoder.next() else {
            panic!("a message")
        };
        assert_eq!(data.as_ptr(), start.wrapping_add(8));
    }

    #[test]
    fn length_alone_costs_little() {
        let mut decoder = Decoder::new(u32::MAX);
        decoder.feed(&[0xFF, 0xFF, 0xFF, 0xFF, 0, 1]);
        assert_eq!(decoder.next(), Ok(None));
        assert!(decoder.buffer.capacity() <= 2 * RESERVE);
    }

    #[test]
    fn header_makes_room_for_its_body_once() {
        let mut decoder = Decoder::new(4096);
        decoder.feed(&[0, 0, 0x0F, 0xF0, 0, 1]);
        assert_eq!(decoder.next(), Ok(None));
        let start = decoder.buffer.as_ptr();
        for _ in 0..0x0FF {
            decoder.feed(&[0xAA; 16]);
        }
        assert_eq!(decoder.buffer.as_ptr(), start, "the body did not move while it grew");
        assert!(decoder.next().is_ok_and(|message| message.is_some()));
    }

    #[test]
    fn frame_at_the_limit_is_taken() {
        let mut decoder = fed(&[0, 0, 0, 16, 0, 0x77]);
        decoder.feed(&[0; 16]);
        assert!(matches!(decoder.next(), Ok(Some(Message::Unknown { control: 0x77, .. }))));
    }

    #[test]
    fn frame_above_the_limit_ends_the_stream() {
        let mut decoder = fed(&[0, 0, 0, 17, 0, 1]);
        let error = DecodeError::TooLarge { control: 1, length: 17, limit: 16 };
        assert_eq!(decoder.next(), Err(error));
        decoder.feed(READ_VIN);
        assert_eq!(decoder.next(), Err(error));
        assert_eq!(decoder.buffered(), 0);
    }

    #[rstest]
    #[case::diagnostic_without_data(1, 2)]
    #[case::diagnostic_without_target(1, 1)]
    #[case::diagnostic_without_anything(1, 0)]
    #[case::acknowledge_without_target(2, 1)]
    #[case::terminal_15_of_two_bytes(0x10, 2)]
    fn body_that_does_not_fit_is_skipped(#[case] control: u8, #[case] length: usize) {
        let mut decoder = fed(&[0, 0, 0, u8::try_from(length).unwrap(), 0, control]);
        decoder.feed(&[0xF4, 0x10][..length]);
        decoder.feed(READ_VIN);
        let error = DecodeError::Format { control: control.into(), length };
        assert_eq!(decoder.next(), Err(error));
        assert_eq!(error.owed_error(), Some(ErrorCode::IncorrectFormat));
        assert_eq!(decoder.next(), Ok(Some(read_vin())), "the stream is still in step");
    }

    #[test]
    fn acknowledge_without_echo_is_taken() {
        let mut decoder = fed(&[0, 0, 0, 2, 0, 2, 0xF4, 0x10]);
        let (source, target) = (Address::TESTER, Address::GATEWAY);
        let expected = Message::Acknowledge { source, target, data: Bytes::new() };
        assert_eq!(decoder.next(), Ok(Some(expected)));
    }

    #[rstest]
    #[case::without_header(&READ_VIN[..5], DecodeError::Truncated { length: 5, needed: 6 })]
    #[case::cut(&READ_VIN[..10], DecodeError::Truncated { length: 10, needed: 11 })]
    #[case::two_frames(&[0, 0, 0, 0, 0, 0x11, 0], DecodeError::Trailing { extra: 1 })]
    fn datagram_is_exactly_one_frame(#[case] datagram: &[u8], #[case] error: DecodeError) {
        assert_eq!(decode_datagram(datagram), Err(error));
        assert_eq!(error.owed_error(), None);
    }
}
