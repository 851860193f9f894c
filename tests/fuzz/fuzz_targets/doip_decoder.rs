//! A DoIP stream in any chunking, read by any side: the same messages, written back as they were
//! read, never more than one message in memory, refused payloads skipped to the byte.
//!
//! Input: one byte for the side, one for the limit, one for the room, one for the chunk length,
//! then the stream.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::doip::decode_datagram;
use wire::doip::{DecodeError, Decoder, HEADER_LENGTH, Message, Rules, Side, Versions};

type Found = Vec<Result<Message, DecodeError>>;

fuzz_target!(|input: &[u8]| {
    let [side, limit, room, chunk, stream @ ..] = input else { return };
    let side = match side % 3 {
        0 => Side::Entity,
        1 => Side::Tester,
        _ => Side::Observer,
    };
    let (limit, room) = (u32::from(*limit) * 16, u32::from(*room) * 16);
    let rules = Rules { side, versions: Versions::ALL, limit, room };
    let whole = decode(rules, stream, usize::MAX);
    assert_eq!(decode(rules, stream, usize::from(*chunk).max(1)), whole, "any chunking alike");
    written_back(&whole, stream);
    match decode_datagram(&rules, stream) {
        Ok(message) => assert_eq!(message.to_bytes(), stream),
        Err(error) => assert_eq!(error.header_nack().is_none(), stream.len() < HEADER_LENGTH),
    }
});

fn decode(rules: Rules, stream: &[u8], chunk: usize) -> Found {
    let mut decoder = Decoder::new(rules);
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
        let most = rules.limit.min(rules.room) as usize;
        assert!(decoder.buffered() < HEADER_LENGTH + most, "one message at most");
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
            }
            Err(
                DecodeError::UnknownType { length, .. }
                | DecodeError::TooLarge { length, .. }
                | DecodeError::OutOfMemory { length, .. },
            ) => rest = rest.get(HEADER_LENGTH + *length as usize..).unwrap_or_default(),
            Err(error) => assert!(!error.is_recoverable()),
        }
    }
}
