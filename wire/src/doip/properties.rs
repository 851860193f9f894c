//! What holds for every DoIP message and every stream of bytes.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::{ActivationType, Announcement, EntityStatus, HEADER_LENGTH, LogicalAddress, Message};
use super::{
    DecodeError, Decoder, Payload, PayloadType, Rules, Side, Transport, Version, Versions,
};
use super::{RoutingActivationRequest, RoutingActivationResponse, decode_datagram};

/// Small, so that arbitrary lengths fall on both sides of it.
const LIMIT: u32 = 64;
/// Below the limit, so that want of memory shows too.
const ROOM: u32 = 60;

fn rules(side: Side) -> Rules {
    Rules { side, versions: Versions::ALL, limit: LIMIT, room: ROOM }
}

fn side() -> impl Strategy<Value = Side> {
    prop::sample::select(vec![Side::Entity, Side::Tester, Side::Observer])
}

fn version() -> impl Strategy<Value = Version> {
    (1u8..=4).prop_map(Version)
}

fn body(length: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), length).prop_map(Bytes::from)
}

fn address() -> impl Strategy<Value = LogicalAddress> {
    any::<u16>().prop_map(LogicalAddress)
}

fn vin() -> impl Strategy<Value = [u8; 17]> {
    prop::array::uniform17(any::<u8>())
}

fn announcement() -> impl Strategy<Value = Announcement> {
    (vin(), address(), any::<[u8; 6]>(), any::<[u8; 6]>(), any::<u8>(), any::<Option<u8>>())
        .prop_map(|(vin, address, eid, gid, further_action, sync)| Announcement {
            vin,
            address,
            eid,
            gid,
            further_action,
            sync,
        })
}

fn activation(version: Version) -> impl Strategy<Value = RoutingActivationRequest> {
    (address(), any::<u16>(), any::<[u8; 4]>(), any::<Option<[u8; 4]>>()).prop_map(
        move |(source, number, reserved, oem)| {
            let activation_type = match version {
                Version::V2010 => ActivationType::Word(number),
                Version(_) => ActivationType::Byte(number.to_be_bytes()[1]),
            };
            RoutingActivationRequest { source, activation_type, reserved, oem }
        },
    )
}

fn activated() -> impl Strategy<Value = RoutingActivationResponse> {
    (address(), address(), any::<u8>(), any::<[u8; 4]>(), any::<Option<[u8; 4]>>()).prop_map(
        |(tester, entity, code, reserved, oem)| RoutingActivationResponse {
            tester,
            entity,
            code: code.into(),
            reserved,
            oem,
        },
    )
}

fn status() -> impl Strategy<Value = EntityStatus> {
    (any::<[u8; 3]>(), any::<Option<u32>>()).prop_map(|([node_type, max, open], max_data)| {
        EntityStatus { node_type: node_type.into(), max_sockets: max, open_sockets: open, max_data }
    })
}

fn unknown_type() -> impl Strategy<Value = u16> {
    any::<u16>().prop_filter("a type without a payload of ours", |&number| {
        matches!(PayloadType::from(number), PayloadType::Other(_) | PayloadType::PeriodicDiagnostic)
    })
}

fn udp_payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        any::<u8>().prop_map(|code| Payload::HeaderNack(code.into())),
        Just(Payload::IdentificationRequest),
        any::<[u8; 6]>().prop_map(Payload::IdentificationRequestEid),
        vin().prop_map(Payload::IdentificationRequestVin),
        announcement().prop_map(Payload::Announcement),
        Just(Payload::EntityStatusRequest),
        status().prop_map(Payload::EntityStatus),
        Just(Payload::PowerModeRequest),
        any::<u8>().prop_map(|mode| Payload::PowerMode(mode.into())),
        (unknown_type(), body(0..=60))
            .prop_map(|(payload_type, body)| Payload::Unknown { payload_type, body }),
    ]
}

fn tcp_payload(version: Version) -> impl Strategy<Value = Payload> {
    let addresses = || (address(), address());
    prop_oneof![
        any::<u8>().prop_map(|code| Payload::HeaderNack(code.into())),
        activation(version).prop_map(Payload::RoutingActivationRequest),
        activated().prop_map(Payload::RoutingActivationResponse),
        Just(Payload::AliveCheckRequest),
        address().prop_map(|source| Payload::AliveCheckResponse { source }),
        (addresses(), body(1..=56)).prop_map(|((source, target), data)| Payload::Diagnostic {
            source,
            target,
            data
        }),
        (addresses(), any::<u8>(), body(0..=55)).prop_map(|((source, target), code, echo)| {
            Payload::DiagnosticAck { source, target, code, echo }
        }),
        (addresses(), any::<u8>(), body(0..=55)).prop_map(|((source, target), code, echo)| {
            Payload::DiagnosticNack { source, target, code: code.into(), echo }
        }),
        (unknown_type(), body(0..=60))
            .prop_map(|(payload_type, body)| Payload::Unknown { payload_type, body }),
    ]
}

fn tcp_message() -> impl Strategy<Value = Message> {
    version().prop_flat_map(|version| {
        tcp_payload(version).prop_map(move |payload| Message { version, payload })
    })
}

/// Bytes that look like messages often enough: every type, lengths near what they need.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![
        3 => prop::sample::select(PayloadType::NAMED).prop_map(PayloadType::number),
        1 => any::<u16>(),
    ];
    let length = prop_oneof![0u32..=14, 30..=34u32, 58..=70u32];
    let version = prop_oneof![9 => 1u8..=4, 1 => any::<u8>()];
    let frame = (version, kind, length, prop::collection::vec(any::<u8>(), 70)).prop_map(
        |(version, kind, length, filling)| {
            let mut frame = vec![version, !version];
            frame.extend(kind.to_be_bytes());
            frame.extend(length.to_be_bytes());
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
fn decode<'a>(
    side: Side,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Vec<Result<Message, DecodeError>> {
    let mut decoder = Decoder::new(rules(side));
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
        assert!(decoder.buffered() < HEADER_LENGTH + ROOM as usize, "one message at most is held");
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
    fn what_is_written_on_a_socket_is_read(
        messages in prop::collection::vec(tcp_message(), 0..8),
    ) {
        let mut out = BytesMut::new();
        for message in &messages {
            message.encode(&mut out);
        }
        let expected: Vec<_> = messages.into_iter().map(Ok).collect();
        prop_assert_eq!(decode(Side::Observer, std::iter::once(&out[..])), expected);
    }

    #[test]
    fn what_is_written_in_a_datagram_is_read(version in version(), payload in udp_payload()) {
        let message = Message { version, payload };
        let read = decode_datagram(&rules(Side::Observer), &message.to_bytes());
        prop_assert_eq!(read, Ok(message));
    }

    #[test]
    fn any_chunking_decodes_alike(
        side in side(),
        bytes in stream(),
        lengths in prop::collection::vec(1usize..90, 1..8),
    ) {
        let whole = decode(side, std::iter::once(&bytes[..]));
        prop_assert_eq!(decode(side, cut(&bytes, &lengths).into_iter()), whole.clone());
        prop_assert_eq!(decode(side, bytes.chunks(1)), whole);
    }

    #[test]
    fn what_is_read_is_written_back(side in side(), bytes in stream()) {
        let mut rest = &bytes[..];
        for found in decode(side, std::iter::once(&bytes[..])) {
            match found {
                Ok(message) => {
                    let written = message.to_bytes();
                    prop_assert!(rest.starts_with(&written));
                    rest = &rest[written.len()..];
                }
                Err(
                    DecodeError::UnknownType { length, .. }
                    | DecodeError::TooLarge { length, .. }
                    | DecodeError::OutOfMemory { length, .. },
                ) => rest = rest.get(HEADER_LENGTH + length as usize..).unwrap_or_default(),
                Err(error) => prop_assert!(!error.is_recoverable()),
            }
        }
    }

    #[test]
    fn a_datagram_is_one_message_or_an_error(side in side(), bytes in stream()) {
        match decode_datagram(&rules(side), &bytes) {
            Ok(message) => prop_assert_eq!(message.to_bytes(), bytes),
            Err(error) => {
                prop_assert_eq!(error.header_nack().is_none(), bytes.len() < HEADER_LENGTH);
            }
        }
    }

    #[test]
    fn no_side_takes_more_than_an_observer(side in side(), bytes in stream()) {
        let seen = decode_datagram(&rules(Side::Observer), &bytes);
        if let Ok(message) = decode_datagram(&rules(side), &bytes) {
            prop_assert_eq!(seen, Ok(message));
        }
    }

    #[test]
    fn length_is_what_is_written(message in tcp_message()) {
        prop_assert_eq!(message.to_bytes().len(), HEADER_LENGTH + message.payload.length());
    }

    #[test]
    fn transport_of_a_type_is_one_or_both(number: u16, side in side()) {
        let kind = PayloadType::from(number);
        let by = |transport| rules(side).takes(transport, kind);
        if by(Transport::Tcp) && by(Transport::Udp) {
            prop_assert!(matches!(
                kind,
                PayloadType::HeaderNack | PayloadType::PeriodicDiagnostic | PayloadType::Other(_)
            ));
        }
    }
}
