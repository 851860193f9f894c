//! An HSFZ stream in any chunking: the same messages, written back as they were read, and never
//! more than one frame in memory.
//!
//! Input: one byte for the limit, one for the chunk length, then the stream.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::hsfz::decode_datagram;
use wire::hsfz::{AliveBody, DecodeError, Decoder, HEADER_LENGTH, Identification, Message};

type Found = Vec<Result<Message, DecodeError>>;

fuzz_target!(|input: &[u8]| {
    let [limit, chunk, stream @ ..] = input else { return };
    let limit = u32::from(*limit) * 16;
    let whole = decode(limit, stream, usize::MAX);
    assert_eq!(decode(limit, stream, usize::from(*chunk).max(1)), whole, "any chunking alike");
    written_back(&whole, stream);
    if let Ok(message) = decode_datagram(stream) {
        assert_eq!(message.to_bytes(), stream);
    }
});

fn decode(limit: u32, stream: &[u8], chunk: usize) -> Found {
    let mut decoder = Decoder::new(limit);
    let mut found = Vec::new();
    for piece in stream.chunks(chunk) {
        decoder.feed(piece);
        while let Some(next) = decoder.next().transpose() {
            let lost = matches!(&next, Err(error) if !error.is_recoverable());
            found.push(next);
            if lost {
                assert_eq!(decoder.buffered(), 0, "a lost stream holds nothing");
                return found;
            }
        }
        assert!(decoder.buffered() < HEADER_LENGTH + limit as usize, "one frame at most");
    }
    found
}

fn written_back(found: &Found, stream: &[u8]) {
    let mut rest = stream;
    for next in found {
        match next {
            Ok(message) => {
                let written = message.to_bytes();
                assert!(rest.starts_with(&written), "written as it was read");
                rest = &rest[written.len()..];
                bodies(message);
            }
            Err(DecodeError::Format { length, .. }) => rest = &rest[HEADER_LENGTH + length..],
            Err(DecodeError::TooLarge { length, limit, .. }) => assert!(length > limit),
            Err(error) => panic!("{error} belongs to datagrams"),
        }
    }
}

fn bodies(message: &Message) {
    match message {
        Message::Identification { text } => {
            if let Ok(it) = Identification::parse(text) {
                assert!(it.to_text().eq_ignore_ascii_case(text));
            }
        }
        Message::Alive { body } => assert_eq!(AliveBody::parse(body).to_bytes(), body),
        _ => {}
    }
}
