//! The HSFZ half.

use bytes::Bytes;
use serde_json::Value;

use super::{Fields, Vector, ascii, hex, named, unhex, vectors};
use crate::hsfz::{
    ANNOUNCEMENT_PORT, Address, AliveBody, CONTROL_PORT, DEFAULT_LIMIT, DecodeError, Decoder,
    ErrorCode, Identification, Message, decode_datagram, is_ignition_on,
};
use crate::uds::{Answer, classify};

/// Vectors that hold two frames.
const STREAMS: [&str; 1] = ["hsfz.stream.ack-and-response-in-one-segment"];
/// Vectors that are refused by the decoder. The third odd one, an unknown control word, is read.
const REFUSED: [&str; 2] = ["hsfz.malformed.diag-without-target", "hsfz.malformed.huge-length"];

fn hsfz() -> impl Iterator<Item = Vector> {
    vectors().into_iter().filter(|vector| vector.transport.starts_with("hsfz"))
}

fn decode_stream(bytes: &[u8], chunk: usize) -> Vec<Result<Message, DecodeError>> {
    let mut decoder = Decoder::new(DEFAULT_LIMIT);
    let mut found = Vec::new();
    for chunk in bytes.chunks(chunk) {
        decoder.feed(chunk);
        loop {
            match decoder.next() {
                Ok(Some(message)) => found.push(Ok(message)),
                Ok(None) => break,
                Err(error) => {
                    found.push(Err(error));
                    if !error.is_recoverable() {
                        return found;
                    }
                }
            }
        }
    }
    assert!(!decoder.is_mid_frame(), "the vector holds whole frames");
    found
}

fn decode(vector: &Vector) -> Message {
    if vector.transport == "hsfz-udp" {
        return decode_datagram(&vector.bytes()).expect("a message");
    }
    let found = decode_stream(&vector.bytes(), usize::MAX);
    let [Ok(message)] = &found[..] else { panic!("{}: {found:?}", vector.name) };
    message.clone()
}

#[test]
fn every_single_frame_is_read_and_written_back() {
    let mut count = 0;
    for vector in hsfz() {
        if STREAMS.contains(&&*vector.name) || REFUSED.contains(&&*vector.name) {
            continue;
        }
        let message = decode(&vector);
        vector.assert_fields(&seen(&message));
        assert_eq!(message.to_bytes(), vector.bytes(), "{}", vector.name);
        count += 1;
    }
    assert_eq!(count, 55);
}

#[test]
fn every_frame_of_a_stream_is_read_and_written_back() {
    for name in STREAMS {
        let vector = named(name);
        let found = decode_stream(&vector.bytes(), usize::MAX);
        let Value::Array(frames) = &vector.fields["frames"] else { panic!("{name} lists frames") };
        let expected: Vec<_> =
            frames.iter().map(|frame| Bytes::from(unhex(frame.as_str().unwrap()))).collect();
        let written: Vec<_> = found.into_iter().map(|it| it.unwrap().to_bytes()).collect();
        assert_eq!(written, expected);
        assert_eq!(vector.fields.len(), 1);
    }
}

#[test]
fn every_frame_reads_alike_byte_by_byte() {
    for vector in hsfz() {
        let bytes = vector.bytes();
        let whole = decode_stream(&bytes, usize::MAX);
        assert_eq!(decode_stream(&bytes, 1), whole, "{}", vector.name);
    }
}

#[test]
fn odd_frames_are_refused_as_the_vectors_say() {
    let mut count = 0;
    for vector in hsfz().filter(Vector::is_malformed) {
        let found = decode_stream(&vector.bytes(), usize::MAX);
        let [found] = &found[..] else { panic!("{}: one outcome, not {found:?}", vector.name) };
        let (owed, stays) = match found {
            Ok(message) => (message.owed_error(), true),
            Err(error) => {
                vector.assert_fields(&refused(error));
                (error.owed_error(), error.is_recoverable())
            }
        };
        let expected = match vector.text("expect").expect("says what to do") {
            "0x41, connection stays" => (Some(ErrorCode::IncorrectControlWord), true),
            "0x42 or close; never an acknowledge" => (Some(ErrorCode::IncorrectFormat), true),
            "0x44, then close; the stream cannot be resynchronised" => {
                (Some(ErrorCode::MessageTooLarge), false)
            }
            other => panic!("{}: what is {other:?}?", vector.name),
        };
        assert_eq!((owed, stays), expected, "{}", vector.name);
        count += 1;
    }
    assert_eq!(count, 3);
}

#[test]
fn acknowledges_repeat_the_head_of_their_request() {
    let mut count = 0;
    for vector in hsfz() {
        let Some(request) = vector.text("acknowledges") else { continue };
        let Message::Diagnostic { source, target, mut data } = decode(&named(request)) else {
            panic!("{request} is a request");
        };
        data.truncate(5);
        assert_eq!(decode(&vector), Message::Acknowledge { source, target, data });
        count += 1;
    }
    assert_eq!(count, 8);
}

/// Says in the vectors' words what a message holds.
fn seen(message: &Message) -> Fields {
    let bytes = message.to_bytes();
    let mut seen = Fields::new();
    let mut see = |key: &str, value: Value| seen.insert(key.to_owned(), value);
    see("length", message.body_length().into());
    see("control", message.control().into());
    see("control_name", message.name().into());
    see("body", hex(&bytes[6..]));
    match message {
        Message::Error { code: ErrorCode::IncorrectTesterAddress, body } => {
            see("expected", body[0].into());
            see("received", body[1].into());
        }
        other => {
            if let Some((source, target)) = other.addresses() {
                see("source", source.0.into());
                see("target", target.0.into());
            }
        }
    }
    seen.append(&mut seen_of_body(message));
    seen
}

fn seen_of_body(message: &Message) -> Fields {
    let mut seen = Fields::new();
    let mut see = |key: &str, value: Value| seen.insert(key.to_owned(), value);
    match message {
        Message::Diagnostic { data, .. } => {
            see("data", hex(data));
            if let Answer::Negative { nrc: code, .. } = classify(data) {
                see("nrc", code.number().into());
            } else if let Answer::Pending { .. } = classify(data) {
                see("nrc", 0x78.into());
            }
        }
        Message::Acknowledge { data, .. } => {
            see("data", hex(data));
        }
        Message::Terminal15 { status } => {
            see("tcp_port", CONTROL_PORT.into());
            if let Some(status) = *status {
                see("status", status.into());
                see("ignition_on", is_ignition_on(status).into());
            }
        }
        Message::Identification { text } if text.is_empty() => {
            see("udp_dst_port", CONTROL_PORT.into());
        }
        Message::Identification { text } => {
            let read = Identification::parse(text).expect("an identification");
            assert_eq!(read.to_text(), text);
            see("udp_src_port", CONTROL_PORT.into());
            see("udp_dst_port", ANNOUNCEMENT_PORT.into());
            see("ident_text", ascii(text));
            see("diag_address_text", format!("{}", Address(read.diagnostic_address)).into());
            see("diag_address", read.diagnostic_address.into());
            see("mac", hex(&read.mac));
            see("vin", ascii(&read.vin));
        }
        Message::Alive { body } => {
            let read = AliveBody::parse(body);
            assert_eq!(read.to_bytes(), body);
            if let AliveBody::Vehicle { vin } = read {
                see("ident_text", ascii(body));
                see("vin", ascii(&vin));
            }
        }
        Message::StatusInquiry { .. } | Message::Error { .. } | Message::Unknown { .. } => {}
    }
    seen
}

/// Says in the vectors' words what was refused.
fn refused(error: &DecodeError) -> Fields {
    let (control, length) = match *error {
        DecodeError::TooLarge { control, length, limit: _ } => (control, length),
        DecodeError::Format { control, length } => (control, length.try_into().unwrap()),
        DecodeError::Truncated { .. } | DecodeError::Trailing { .. } => panic!("{error:?}"),
    };
    let fields = [("control", control.into()), ("length", length.into())];
    fields.map(|(key, value)| (key.to_owned(), value)).into_iter().collect()
}
