//! What holds for every HSFZ message and every stream of bytes.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::{Address, DecodeError, Decoder, ErrorCode, HEADER_LENGTH, Identification, Message};
use super::{AliveBody, control, decode_datagram};

/// Small, so that arbitrary lengths fall on both sides of it.
const LIMIT: u32 = 64;

fn body(length: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), length).prop_map(Bytes::from)
}

fn address() -> impl Strategy<Value = Address> {
    any::<u8>().prop_map(Address)
}

fn unknown_control() -> impl Strategy<Value = u16> {
    any::<u16>().prop_filter("a word without a meaning", |word| {
        !matches!(word, 0x0001 | 0x0002 | 0x0010..=0x0013)
            && ErrorCode::from_control(*word).is_none()
    })
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        (address(), address(), body(1..=62))
            .prop_map(|(source, target, data)| Message::Diagnostic { source, target, data }),
        (address(), address(), body(0..=62))
            .prop_map(|(source, target, data)| Message::Acknowledge { source, target, data }),
        any::<Option<u8>>().prop_map(|status| Message::Terminal15 { status }),
        body(0..=64).prop_map(|text| Message::Identification { text }),
        body(0..=64).prop_map(|body| Message::Alive { body }),
        body(0..=64).prop_map(|body| Message::StatusInquiry { body }),
        (prop::sample::select(&ErrorCode::ALL[..]), body(0..=64))
            .prop_map(|(code, body)| Message::Error { code, body }),
        (unknown_control(), body(0..=64))
            .prop_map(|(control, body)| Message::Unknown { control, body }),
    ]
}

/// Bytes that look like frames often enough: known and unknown words, lengths near the limit.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![0u16..=0x14, 0x3F..=0x46u16, Just(0xFF), any::<u16>()];
    let frame = (0u32..=70, word, prop::collection::vec(any::<u8>(), 70)).prop_map(
        |(length, control, filling)| {
            let mut frame = length.to_be_bytes().to_vec();
            frame.extend(control.to_be_bytes());
            frame.extend(&filling[..length as usize]);
            frame
        },
    );
    let noise = prop::collection::vec(any::<u8>(), 0..20);
    (prop::collection::vec(frame, 0..6), noise).prop_map(|(frames, noise)| {
        let mut stream = frames.concat();
        stream.extend(noise);
        stream
    })
}

/// Feeds the pieces and takes everything after each; stops at the end of the stream's trust.
fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Result<Message, DecodeError>> {
    let mut decoder = Decoder::new(LIMIT);
    let mut found = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        loop {
            match decoder.next() {
                Ok(Some(message)) => found.push(Ok(message)),
                Ok(None) => break,
                Err(error) => {
                    found.push(Err(error));
                    if !error.is_recoverable() {
                        assert_eq!(decoder.next(), Err(error), "a lost stream stays lost");
                        assert_eq!(decoder.buffered(), 0);
                        return found;
                    }
                }
            }
        }
        assert!(decoder.buffered() < HEADER_LENGTH + LIMIT as usize, "one frame at most is held");
    }
    found
}

fn cut<'a>(bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, tail) = rest.split_at(rest.len().min(*length));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

proptest! {
    #[test]
    fn what_is_written_is_read(messages in prop::collection::vec(message(), 0..8)) {
        let mut out = BytesMut::new();
        for message in &messages {
            message.encode(&mut out);
            prop_assert_eq!(decode_datagram(&message.to_bytes()), Ok(message.clone()));
        }
        let expected: Vec<_> = messages.into_iter().map(Ok).collect();
        prop_assert_eq!(decode(std::iter::once(&out[..])), expected);
    }

    #[test]
    fn any_chunking_decodes_alike(
        bytes in stream(),
        lengths in prop::collection::vec(1usize..90, 1..8),
    ) {
        let whole = decode(std::iter::once(&bytes[..]));
        prop_assert_eq!(decode(cut(&bytes, &lengths).into_iter()), whole.clone());
        prop_assert_eq!(decode(bytes.chunks(1)), whole);
    }

    #[test]
    fn what_is_read_is_written_back(bytes in stream()) {
        let mut rest = &bytes[..];
        for found in decode(std::iter::once(&bytes[..])) {
            match found {
                Ok(message) => {
                    let written = message.to_bytes();
                    prop_assert!(rest.starts_with(&written));
                    rest = &rest[written.len()..];
                }
                Err(DecodeError::Format { length, .. }) => rest = &rest[HEADER_LENGTH + length..],
                Err(error) => prop_assert!(!error.is_recoverable()),
            }
        }
    }

    #[test]
    fn a_datagram_is_one_frame_or_an_error(bytes in stream()) {
        match decode_datagram(&bytes) {
            Ok(message) => prop_assert_eq!(message.to_bytes(), bytes),
            Err(error) => {
                prop_assert!(error.owed_error().is_none() || bytes.len() >= HEADER_LENGTH);
            }
        }
    }

    #[test]
    fn identification_is_read_as_written(
        diagnostic_address: u8,
        mac: [u8; 6],
        vin in prop::array::uniform17(any::<u8>()),
    ) {
        let it = Identification { diagnostic_address, mac, vin };
        prop_assert_eq!(Identification::parse(&it.to_text()), Ok(it));
    }

    #[test]
    fn arbitrary_identification_never_panics(text in prop::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(it) = Identification::parse(&text) {
            prop_assert_eq!(it.to_text().to_ascii_uppercase(), text.to_ascii_uppercase());
        }
    }

    #[test]
    fn alive_body_is_written_as_read(body in body(0..=40)) {
        prop_assert_eq!(AliveBody::parse(&body).to_bytes(), body);
    }

    #[test]
    fn diagnostic_frames_name_their_addresses(message in message()) {
        let expected = matches!(message.control(), control::DIAGNOSTIC | control::ACKNOWLEDGE);
        prop_assert!(!expected || message.addresses().is_some());
    }
}
