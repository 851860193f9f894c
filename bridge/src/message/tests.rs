//! Messages are read as they were written, and nothing else is read.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn message() -> impl Strategy<Value = Message> {
    let number = any::<u64>;
    let role = prop_oneof![Just(Role::Technician), Just(Role::Mechanic)];
    let reason = prop_oneof![
        Just(Refusal::WrongPasscode),
        Just(Refusal::TryLater),
        Just(Refusal::NoSuchOrder),
        Just(Refusal::Full),
        Just(Refusal::Expired),
        Just(Refusal::Replaced),
        Just(Refusal::Taken),
    ];
    let peer = || proptest::option::of(1_u32..);
    let order = || any::<u64>().prop_map(OrderNumber);
    let packet = proptest::collection::vec(any::<u8>(), 0..2000).prop_map(Bytes::from);
    prop_oneof![
        (role, number(), order()).prop_map(|(role, instance, order)| Message::Hello {
            role,
            instance,
            order
        }),
        (number(), number()).prop_map(|(instance, cookie)| Message::Challenge { instance, cookie }),
        (number(), order(), number()).prop_map(|(instance, order, cookie)| Message::Open {
            instance,
            order,
            cookie
        }),
        (number(), order(), number()).prop_map(|(instance, order, cookie)| Message::Join {
            instance,
            order,
            cookie
        }),
        (number(), number(), peer())
            .prop_map(|(instance, channel, peer)| { Message::Granted { instance, channel, peer } }),
        (number(), reason, any::<u32>()).prop_map(|(instance, reason, retry)| {
            let retry = Duration::from_millis(u64::from(retry));
            Message::Refused { instance, reason, retry }
        }),
        (number(), any::<u32>()).prop_map(|(channel, number)| Message::Ping { channel, number }),
        (number(), any::<u32>(), peer()).prop_map(|(channel, number, peer)| Message::Pong {
            channel,
            number,
            peer
        }),
        number().prop_map(|channel| Message::Unknown { channel }),
        number().prop_map(|channel| Message::Leave { channel }),
        number().prop_map(|channel| Message::Left { channel }),
        (number(), any::<u32>())
            .prop_map(|(channel, candidate)| Message::Admit { channel, candidate }),
        (number(), any::<u32>())
            .prop_map(|(channel, candidate)| Message::Gone { channel, candidate }),
        (number(), any::<u32>(), any::<bool>())
            .prop_map(|(channel, candidate, wrong)| Message::Reject { channel, candidate, wrong }),
        (any::<u32>(), number(), packet).prop_map(|(candidate, instance, packet)| {
            Message::Wrapped { candidate, instance, packet }
        }),
    ]
}

proptest! {
    #[test]
    fn what_was_written_is_read(message in message()) {
        prop_assert_eq!(Message::decode(message.to_bytes()), Ok(message));
    }

    #[test]
    fn no_bytes_upset_the_decoder(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(message) = Message::decode(Bytes::from(bytes.clone())) {
            prop_assert_eq!(message.to_bytes(), bytes);
        }
    }

    #[test]
    fn a_cut_message_is_refused(message in message(), cut in 1_usize..20) {
        let bytes = message.to_bytes();
        let left = bytes.len().saturating_sub(cut);
        let shorter = Message::decode(bytes.slice(..left));
        let is_wrapped = matches!(shorter, Ok(Message::Wrapped { .. }));
        prop_assert!(shorter.is_err() || is_wrapped);
    }
}

#[rstest]
#[case::nothing(&[], DecodeError::Short(0))]
#[case::one_byte(&[2], DecodeError::Short(1))]
#[case::format(&[1, 1], DecodeError::Format(1))]
#[case::kind(&[2, 0x7F], DecodeError::Kind(0x7F))]
#[case::length(&[2, 9, 0], DecodeError::Length { kind: 9, body: 1 })]
#[case::wrapped_without_candidate(&[2, 16, 0], DecodeError::Length { kind: 16, body: 1 })]
#[case::role(
    &[2, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    DecodeError::Value { kind: 1, value: 3 }
)]
fn refuses(#[case] bytes: &'static [u8], #[case] error: DecodeError) {
    assert_eq!(Message::decode(Bytes::from_static(bytes)), Err(error));
}

#[test]
fn no_message_looks_like_a_packet_of_the_tunnel() {
    assert!(!is_packet(&Message::Left { channel: u64::MAX }.to_bytes()));
    assert!(is_packet(&[0x40]) && is_packet(&[0xC0]));
    assert!(!is_packet(&[]));
}
