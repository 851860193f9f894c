//! Messages out of a stream or a datagram.

use bytes::{Buf, Bytes, BytesMut};

use super::check::Header;
use super::{DecodeError, HEADER_LENGTH, Message, Payload, Rules, Transport};

/// How much room a header gets for its payload at once, in bytes: a length alone costs no more.
const RESERVE: usize = 0x1_0000;

/// Takes a TCP stream in any chunking and yields messages.
///
/// Holds at most one incomplete message within its limit, beside what it was last fed; refused
/// payloads are dropped as they come. A message shares the decoder's buffer: its bytes were copied
/// once, by `feed`.
#[derive(Clone, Debug)]
pub struct Decoder {
    rules: Rules,
    buffer: BytesMut,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Reading,
    /// Dropping the payload of a refused message; so many bytes are still to come.
    Skipping {
        left: u32,
    },
    /// The stream is no longer read.
    Broken(DecodeError),
}

impl Decoder {
    /// Creates a decoder for one side's end of a socket.
    pub fn new(rules: Rules) -> Self {
        Self { rules, buffer: BytesMut::new(), state: State::Reading }
    }

    /// Appends bytes as they came. After an error that is not recoverable they are dropped.
    pub fn feed(&mut self, chunk: &[u8]) {
        match self.state {
            State::Reading => self.buffer.extend_from_slice(chunk),
            State::Skipping { left } => {
                let dropped = left.min(u32::try_from(chunk.len()).unwrap_or(u32::MAX));
                self.skip(left - dropped);
                self.buffer.extend_from_slice(&chunk[dropped as usize..]);
            }
            State::Broken(_) => {}
        }
    }

    /// Says how many bytes of payload there is room for from now on.
    pub fn set_room(&mut self, bytes: u32) {
        self.rules.room = bytes;
    }

    /// Takes the next message, `None` while it is incomplete.
    ///
    /// # Errors
    ///
    /// A header that fails its checks is refused as soon as it is there. A recoverable error is
    /// returned once and its payload skipped; any other is returned for ever.
    #[expect(clippy::should_implement_trait, reason = "None means not yet, not the end")]
    pub fn next(&mut self) -> Result<Option<Message>, DecodeError> {
        if let State::Broken(error) = self.state {
            return Err(error);
        }
        let Some(header) = Header::read(&self.buffer) else {
            return Ok(None);
        };
        if let Err(error) = self.rules.check(Transport::Tcp, &header) {
            return Err(self.refuse(error, header.length));
        }
        let total = HEADER_LENGTH + header.length as usize;
        if self.buffer.len() < total {
            self.buffer.reserve((total - self.buffer.len()).min(RESERVE));
            return Ok(None);
        }
        let mut body = self.buffer.split_to(total).freeze();
        body.advance(HEADER_LENGTH);
        let payload = Payload::from_body(header.version, header.kind, body)
            .expect("the header's checks cover the length");
        Ok(Some(Message { version: header.version, payload }))
    }

    /// Tells whether part of a message is waiting for its rest.
    pub fn is_mid_message(&self) -> bool {
        match self.state {
            State::Reading => !self.buffer.is_empty(),
            State::Skipping { .. } => true,
            State::Broken(_) => false,
        }
    }

    /// Returns how many bytes are held.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    fn refuse(&mut self, error: DecodeError, length: u32) -> DecodeError {
        if error.is_recoverable() {
            self.buffer.advance(HEADER_LENGTH);
            let dropped = length.min(u32::try_from(self.buffer.len()).unwrap_or(u32::MAX));
            self.buffer.advance(dropped as usize);
            self.skip(length - dropped);
        } else {
            self.buffer = BytesMut::new();
            self.state = State::Broken(error);
        }
        error
    }

    fn skip(&mut self, left: u32) {
        self.state = if left == 0 { State::Reading } else { State::Skipping { left } };
    }
}

/// Reads the one message of a UDP datagram.
///
/// # Errors
///
/// If the header fails its checks, or the payload is not as long as it says.
pub fn decode_datagram(rules: &Rules, datagram: &[u8]) -> Result<Message, DecodeError> {
    let Some(header) = Header::read(datagram) else {
        return Err(DecodeError::Truncated { length: datagram.len() });
    };
    rules.check(Transport::Udp, &header)?;
    let body = &datagram[HEADER_LENGTH..];
    if body.len() != header.length as usize {
        let (length, actual) = (header.length, body.len());
        return Err(DecodeError::DatagramLength { length, actual });
    }
    let payload = Payload::from_body(header.version, header.kind, Bytes::copy_from_slice(body))
        .expect("the header's checks cover the length");
    Ok(Message { version: header.version, payload })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doip::{HeaderNack, Side, Version, Versions};
    use rstest::rstest;

    const LIMIT: u32 = 16;
    const ALIVE: &[u8] = &[0x03, 0xFC, 0, 8, 0, 0, 0, 2, 0x0E, 0xF3];

    fn alive() -> Message {
        let source = crate::doip::LogicalAddress::TESTER;
        Message::new(Version::V2019, Payload::AliveCheckResponse { source })
    }

    fn fed(bytes: &[u8]) -> Decoder {
        let mut decoder = Decoder::new(Rules::entity(LIMIT));
        decoder.feed(bytes);
        decoder
    }

    #[test]
    fn incomplete_message_is_not_yet_one() {
        for length in 0..ALIVE.len() {
            let mut decoder = fed(&ALIVE[..length]);
            assert_eq!(decoder.next(), Ok(None));
            assert_eq!(decoder.is_mid_message(), length > 0);
        }
    }

    #[test]
    fn message_shares_the_bytes_that_were_fed() {
        let mut decoder = fed(&[0x03, 0xFC, 0x80, 1, 0, 0, 0, 5, 0x0E, 0xF3, 0, 0x10, 0x3E]);
        let start = decoder.buffer.as_ptr();
        let Ok(Some(Message { payload: Payload::Diagnostic { data, .. }, .. })) = decoder.next()
        else {
            panic!("a diagnostic message");
        };
        assert_eq!(data.as_ptr(), start.wrapping_add(12));
    }

    #[test]
    fn length_alone_costs_little() {
        let mut decoder = Decoder::new(Rules::entity(u32::MAX));
        decoder.feed(&[0x03, 0xFC, 0x80, 1, 0xFF, 0xFF, 0xFF, 0xFF]);
        assert_eq!(decoder.next(), Ok(None));
        assert!(decoder.buffer.capacity() <= 2 * RESERVE);
    }

    #[test]
    fn header_makes_room_for_its_payload_once() {
        let mut decoder = Decoder::new(Rules::entity(4096));
        decoder.feed(&[0x03, 0xFC, 0x80, 1, 0, 0, 0x0F, 0xF0]);
        assert_eq!(decoder.next(), Ok(None));
        let start = decoder.buffer.as_ptr();
        for _ in 0..0x0FF {
            decoder.feed(&[0xAA; 16]);
        }
        assert_eq!(decoder.buffer.as_ptr(), start, "the payload did not move while it grew");
        assert!(decoder.next().is_ok_and(|message| message.is_some()));
    }

    #[rstest]
    #[case::unknown(0x1234, 5)]
    #[case::of_entities(0x8002, 5)]
    #[case::of_udp(0x0001, 0)]
    #[case::too_large(0x8001, LIMIT + 1)]
    fn refused_payload_is_skipped_to_the_byte(#[case] kind: u16, #[case] length: u32) {
        let mut stream = vec![0x03, 0xFC];
        stream.extend(kind.to_be_bytes());
        stream.extend(length.to_be_bytes());
        stream.resize(stream.len() + length as usize, 0xAA);
        stream.extend(ALIVE);
        for chunk in 1..=stream.len() {
            let mut decoder = fed(&[]);
            let mut found = Vec::new();
            for piece in stream.chunks(chunk) {
                decoder.feed(piece);
                found.extend(std::iter::from_fn(|| decoder.next().transpose()));
            }
            let [Err(error), Ok(message)] = &found[..] else { panic!("{chunk}: {found:?}") };
            assert!(error.is_recoverable());
            assert_eq!(*message, alive());
        }
    }

    #[test]
    fn skipped_bytes_are_not_held() {
        let mut decoder = fed(&[0x03, 0xFC, 0x80, 1, 0x7F, 0xFF, 0xFF, 0xFF]);
        let length = 0x7FFF_FFFF;
        let error = DecodeError::TooLarge { payload_type: 0x8001, length, limit: LIMIT };
        assert_eq!(decoder.next(), Err(error));
        for _ in 0..100 {
            decoder.feed(&[0xAA; 1000]);
            assert_eq!(decoder.next(), Ok(None));
            assert_eq!(decoder.buffered(), 0);
        }
        assert!(decoder.is_mid_message());
    }

    #[test]
    fn want_of_room_is_refused_and_passes() {
        let mut decoder = fed(ALIVE);
        decoder.set_room(1);
        let error = DecodeError::OutOfMemory { payload_type: 8, length: 2, room: 1 };
        assert_eq!(decoder.next(), Err(error));
        assert_eq!(error.header_nack(), Some(HeaderNack::OutOfMemory));
        decoder.set_room(u32::MAX);
        decoder.feed(ALIVE);
        assert_eq!(decoder.next(), Ok(Some(alive())));
    }

    #[rstest]
    #[case::pattern(&[0x03, 0x03, 0, 8, 0, 0, 0, 2], HeaderNack::IncorrectPattern)]
    #[case::length(&[0x03, 0xFC, 0, 8, 0, 0, 0, 3], HeaderNack::InvalidLength)]
    fn lost_stream_stays_lost(#[case] header: &[u8], #[case] nack: HeaderNack) {
        let mut decoder = fed(header);
        let error = decoder.next().expect_err("refused by its header");
        assert_eq!(error.header_nack(), Some(nack));
        assert!(nack.closes_socket());
        decoder.feed(ALIVE);
        assert_eq!(decoder.next(), Err(error));
        assert_eq!(decoder.buffered(), 0);
    }

    #[rstest]
    #[case::pattern(0x03, [0x12, 0x34], 99, HeaderNack::IncorrectPattern)]
    #[case::kind(0xFC, [0x12, 0x34], 99, HeaderNack::UnknownType)]
    #[case::size(0xFC, [0x00, 0x08], 99, HeaderNack::TooLarge)]
    #[case::memory(0xFC, [0x00, 0x08], 9, HeaderNack::OutOfMemory)]
    #[case::length(0xFC, [0x00, 0x08], 7, HeaderNack::InvalidLength)]
    fn first_failing_check_decides(
        #[case] inverse: u8,
        #[case] kind: [u8; 2],
        #[case] length: u8,
        #[case] expected: HeaderNack,
    ) {
        let mut decoder = fed(&[0x03, inverse, kind[0], kind[1], 0, 0, 0, length]);
        decoder.set_room(8);
        let error = decoder.next().expect_err("every later check fails as well");
        assert_eq!(error.header_nack(), Some(expected));
        assert_eq!(error.is_recoverable(), !expected.closes_socket());
    }

    #[rstest]
    #[case::known(0x03, true)]
    #[case::other_edition(0x02, false)]
    #[case::no_edition(0x05, false)]
    #[case::any(0xFF, false)]
    fn stream_takes_its_editions_only(#[case] version: u8, #[case] taken: bool) {
        let versions = Versions::of(&[Version::V2019, Version::ANY]);
        let mut decoder = Decoder::new(Rules { versions, ..Rules::entity(LIMIT) });
        decoder.feed(&[version, !version]);
        decoder.feed(&ALIVE[2..]);
        assert_eq!(decoder.next().is_ok(), taken);
    }

    #[rstest]
    #[case::identification(&[0xFF, 0, 0, 1, 0, 0, 0, 0], None)]
    #[case::entity_status(&[0xFF, 0, 0x40, 1, 0, 0, 0, 0], Some(HeaderNack::IncorrectPattern))]
    fn any_version_asks_for_identification_only(
        #[case] datagram: &[u8],
        #[case] nack: Option<HeaderNack>,
    ) {
        let read = decode_datagram(&Rules::entity(LIMIT), datagram);
        assert_eq!(read.err().and_then(|error| error.header_nack()), nack);
    }

    #[rstest]
    #[case::draft(0x01, 8, true)]
    #[case::draft_with_oem(0x01, 12, true)]
    #[case::draft_in_later_form(0x01, 7, false)]
    #[case::later(0x02, 7, true)]
    #[case::later_in_draft_form(0x02, 8, false)]
    fn draft_of_2010_has_a_longer_activation_type(
        #[case] version: u8,
        #[case] length: u8,
        #[case] taken: bool,
    ) {
        let mut decoder = fed(&[version, !version, 0, 5, 0, 0, 0, length]);
        decoder.feed(&[0xE0; 12][..usize::from(length)]);
        let read = decoder.next();
        assert_eq!(read.is_ok(), taken);
        if let Ok(message) = read {
            let Some(Payload::RoutingActivationRequest(request)) = message.map(|it| it.payload)
            else {
                panic!("an activation request");
            };
            let expected = if version == 0x01 { 0xE0E0 } else { 0xE0 };
            assert_eq!(request.activation_type.number(), expected);
        }
    }

    #[rstest]
    #[case::headless(&[0x03, 0xFC, 0], DecodeError::Truncated { length: 3 }, None)]
    #[case::cut(
        &[0x03, 0xFC, 0, 2, 0, 0, 0, 6, 1, 2],
        DecodeError::DatagramLength { length: 6, actual: 2 },
        Some(HeaderNack::InvalidLength)
    )]
    #[case::too_long(
        &[0x03, 0xFC, 0, 1, 0, 0, 0, 0, 1],
        DecodeError::DatagramLength { length: 0, actual: 1 },
        Some(HeaderNack::InvalidLength)
    )]
    fn datagram_is_exactly_one_message(
        #[case] datagram: &[u8],
        #[case] error: DecodeError,
        #[case] nack: Option<HeaderNack>,
    ) {
        assert_eq!(decode_datagram(&Rules::entity(LIMIT), datagram), Err(error));
        assert_eq!(error.header_nack(), nack);
    }

    #[rstest]
    #[case::entity(Side::Entity, Some(HeaderNack::UnknownType))]
    #[case::tester(Side::Tester, None)]
    #[case::observer(Side::Observer, None)]
    fn unknown_types_are_kept_by_all_but_entities(
        #[case] side: Side,
        #[case] nack: Option<HeaderNack>,
    ) {
        let mut decoder = Decoder::new(Rules { side, ..Rules::entity(LIMIT) });
        decoder.feed(&[0x03, 0xFC, 0x80, 4, 0, 0, 0, 1, 0xAA]);
        assert_eq!(decoder.next().err().and_then(|error| error.header_nack()), nack);
    }
}
