//! The DoIP half.

use serde_json::Value;

use super::{Fields, Vector, ascii, hex, named, vectors};
use crate::doip::{
    DEFAULT_LIMIT, DecodeError, Decoder, HeaderNack, LogicalAddress, Message, PORT, Payload, Rules,
    Transport, Version, decode_datagram,
};
use crate::uds::{Answer, classify};

fn doip() -> impl Iterator<Item = Vector> {
    vectors().into_iter().filter(|vector| vector.transport.starts_with("doip"))
}

fn rules(vector: &Vector) -> Rules {
    match vector.is_from_tester() {
        true => Rules::entity(DEFAULT_LIMIT),
        false => Rules::tester(DEFAULT_LIMIT),
    }
}

fn transport(vector: &Vector) -> Transport {
    match &*vector.transport {
        "doip-tcp" => Transport::Tcp,
        "doip-udp" => Transport::Udp,
        other => panic!("what is {other}?"),
    }
}

/// Decodes the one message of a vector, fed in pieces of `chunk` bytes if it is a stream.
fn decode(
    bytes: &[u8],
    rules: Rules,
    transport: Transport,
    chunk: usize,
) -> Result<Message, DecodeError> {
    if transport == Transport::Udp {
        return decode_datagram(&rules, bytes);
    }
    let mut decoder = Decoder::new(rules);
    let mut found = None;
    for chunk in bytes.chunks(chunk) {
        decoder.feed(chunk);
        if let Some(message) = decoder.next()? {
            assert_eq!(found.replace(message), None, "one message");
        }
    }
    assert!(!decoder.is_mid_message());
    Ok(found.expect("a whole message"))
}

#[test]
fn every_frame_is_read_and_written_back() {
    let mut count = 0;
    for vector in doip().filter(|vector| !vector.is_malformed()) {
        let bytes = vector.bytes();
        let message = decode(&bytes, rules(&vector), transport(&vector), usize::MAX)
            .unwrap_or_else(|error| panic!("{}: {error}", vector.name));
        vector.assert_fields(&seen(&message));
        assert_eq!(message.to_bytes(), bytes, "{}", vector.name);
        count += 1;
    }
    assert_eq!(count, 59);
}

#[test]
fn every_frame_reads_alike_byte_by_byte_and_to_an_observer() {
    for vector in doip().filter(|vector| !vector.is_malformed()) {
        let (bytes, transport) = (vector.bytes(), transport(&vector));
        let whole = decode(&bytes, rules(&vector), transport, usize::MAX);
        assert_eq!(decode(&bytes, rules(&vector), transport, 1), whole, "{}", vector.name);
        assert_eq!(decode(&bytes, Rules::observer(), transport, 3), whole, "{}", vector.name);
    }
}

#[test]
fn every_frame_is_an_unknown_type_by_the_other_transport() {
    for vector in doip().filter(|vector| !vector.is_malformed()) {
        let (bytes, rules) = (vector.bytes(), rules(&vector));
        let other = match transport(&vector) {
            Transport::Tcp => Transport::Udp,
            Transport::Udp => Transport::Tcp,
        };
        let nack = decode(&bytes, rules, other, usize::MAX).err().and_then(|it| it.header_nack());
        let expected = match &*vector.name {
            name if name.starts_with("doip.header-nack.") => None,
            "doip.vir.default-version-ff" => Some(HeaderNack::IncorrectPattern),
            _ => Some(HeaderNack::UnknownType),
        };
        assert_eq!(nack, expected, "{}", vector.name);
    }
}

#[test]
fn odd_frames_are_refused_as_the_vectors_say() {
    let mut count = 0;
    for vector in doip().filter(Vector::is_malformed) {
        let mut decoder = Decoder::new(rules(&vector));
        decoder.feed(&vector.bytes());
        let error = decoder.next().expect_err(&vector.name);
        vector.assert_fields(&refused(&vector, &error));
        let answer = error.header_nack().expect("refusals on a stream are answered");
        let (expected, rest) = vector.text("expect").unwrap().split_once([',', ';']).unwrap();
        let expected = named(expected);
        let nack = Message::new(Version::V2019, Payload::HeaderNack(answer));
        assert_eq!(nack.to_bytes(), expected.bytes(), "{}", vector.name);
        assert_eq!(Some(&answer.closes_socket().into()), expected.fields.get("then_close"));
        let stays = match rest {
            " then close" => false,
            " connection stays" | " the declared bytes are discarded" => true,
            other => panic!("{}: what is {other:?}?", vector.name),
        };
        assert_eq!(error.is_recoverable(), stays, "{}", vector.name);
        assert_eq!(decoder.next().is_ok(), stays, "{}", vector.name);
        assert_eq!(decoder.buffered(), 0, "{}: nothing is kept", vector.name);
        count += 1;
    }
    assert_eq!(count, 5);
}

#[test]
fn acknowledges_repeat_the_head_of_their_request_or_nothing() {
    let mut count = 0;
    for vector in doip() {
        let Some(name) = vector.text("acknowledges") else { continue };
        let request = named(name);
        let (asked, answered) = (read(&request), read(&vector));
        let Payload::Diagnostic { source, target, mut data } = asked.payload else {
            panic!("{name} is a request");
        };
        let Payload::DiagnosticAck { echo, .. } = &answered.payload else {
            panic!("{} is an acknowledge", vector.name);
        };
        data.truncate(if echo.is_empty() { 0 } else { 5 });
        let (source, target) = (target, source);
        let expected = Payload::DiagnosticAck { source, target, code: 0, echo: data };
        assert_eq!(answered.payload, expected, "{}", vector.name);
        count += 1;
    }
    assert_eq!(count, 4);
}

fn read(vector: &Vector) -> Message {
    decode(&vector.bytes(), rules(vector), transport(vector), usize::MAX).expect("a message")
}

/// Says in the vectors' words what a message holds.
fn seen(message: &Message) -> Fields {
    let mut seen = Fields::new();
    let mut see = |key: &str, value: Value| seen.insert(key.to_owned(), value);
    see("version", message.version.0.into());
    see("inverse_version", message.version.inverse().into());
    see("payload_type", message.payload.payload_type().number().into());
    see("payload_length", message.payload.length().into());
    seen.append(&mut match &message.payload {
        Payload::Diagnostic { .. }
        | Payload::DiagnosticAck { .. }
        | Payload::DiagnosticNack { .. } => seen_diagnostic(&message.payload),
        other => seen_other(other),
    });
    seen
}

fn seen_diagnostic(payload: &Payload) -> Fields {
    let mut seen = Fields::new();
    let mut see = |key: &str, value: Value| seen.insert(key.to_owned(), value);
    let mut addresses = |source: &LogicalAddress, target: &LogicalAddress| {
        see("source_address", source.0.into());
        see("target_address", target.0.into());
    };
    match payload {
        Payload::Diagnostic { source, target, data } => {
            addresses(source, target);
            see("data", hex(data));
            if let Answer::Pending { .. } = classify(data) {
                see("nrc", 0x78.into());
            }
        }
        Payload::DiagnosticAck { source, target, code, echo } => {
            addresses(source, target);
            see("ack_code", (*code).into());
            see("previous", hex(echo));
        }
        Payload::DiagnosticNack { source, target, code, echo } => {
            addresses(source, target);
            see("nack_code", code.number().into());
            see("previous", hex(echo));
        }
        other => panic!("{other:?}"),
    }
    seen
}

fn seen_other(payload: &Payload) -> Fields {
    let mut seen = Fields::new();
    let mut see = |key: &str, value: Value| seen.insert(key.to_owned(), value);
    match payload {
        Payload::HeaderNack(code) => {
            see("nack_code", code.number().into());
            see("then_close", code.closes_socket().into());
        }
        Payload::IdentificationRequestEid(eid) => {
            see("eid", hex(eid));
        }
        Payload::IdentificationRequestVin(vin) => {
            see("vin", ascii(vin));
        }
        Payload::Announcement(it) => {
            see("udp_src_port", PORT.into());
            see("udp_dst_port", PORT.into());
            see("vin", ascii(&it.vin));
            see("logical_address", it.address.0.into());
            see("eid", hex(&it.eid));
            see("gid", hex(&it.gid));
            see("further_action", it.further_action.into());
            it.sync.map(|sync| see("sync_status", sync.into()));
        }
        Payload::RoutingActivationRequest(it) => {
            see("source_address", it.source.0.into());
            see("activation_type", it.activation_type.number().into());
            see("iso_reserved", hex(&it.reserved));
            it.oem.map(|oem| see("oem", hex(&oem)));
        }
        Payload::RoutingActivationResponse(it) => {
            see("tester_address", it.tester.0.into());
            see("entity_address", it.entity.0.into());
            see("response_code", it.code.number().into());
            see("iso_reserved", hex(&it.reserved));
            it.oem.map(|oem| see("oem", hex(&oem)));
            it.code.closes_socket().map(|closes| see("then_close", closes.into()));
        }
        Payload::AliveCheckResponse { source } => {
            see("source_address", source.0.into());
        }
        Payload::EntityStatus(it) => {
            see("node_type", it.node_type.number().into());
            see("max_open_sockets", it.max_sockets.into());
            see("open_sockets", it.open_sockets.into());
            it.max_data.map(|bytes| see("max_data_size", bytes.into()));
        }
        Payload::PowerMode(mode) => {
            see("power_mode", mode.number().into());
        }
        Payload::IdentificationRequest
        | Payload::AliveCheckRequest
        | Payload::EntityStatusRequest
        | Payload::PowerModeRequest => {}
        other => panic!("{other:?}"),
    }
    seen
}

/// Says in the vectors' words what was refused.
fn refused(vector: &Vector, error: &DecodeError) -> Fields {
    let mut seen = Fields::new();
    let mut see = |key: &str, value: Value| seen.insert(key.to_owned(), value);
    // An error names what it is about; the rest of the header was right, or was not looked at.
    let header = vector.bytes();
    see("version", header[0].into());
    see("inverse_version", header[1].into());
    see("payload_type", u16::from_be_bytes([header[2], header[3]]).into());
    see("payload_length", u32::from_be_bytes(header[4..8].try_into().unwrap()).into());
    match *error {
        DecodeError::IncorrectPattern { version, inverse } => {
            see("version", version.into());
            see("inverse_version", inverse.into());
        }
        DecodeError::UnknownType { payload_type, length }
        | DecodeError::TooLarge { payload_type, length, limit: _ }
        | DecodeError::OutOfMemory { payload_type, length, room: _ }
        | DecodeError::InvalidLength { payload_type, length } => {
            see("payload_type", payload_type.into());
            see("payload_length", length.into());
        }
        DecodeError::DatagramLength { .. } | DecodeError::Truncated { .. } => panic!("{error:?}"),
    }
    seen
}
