//! Requests that begin programming, in one segment or many, once or again.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

const HSFZ: u16 = 6801;
const DOIP: u16 = 13_400;

fn frame(from: u16, to: u16, sequence: u32, data: &[u8]) -> Bytes {
    let mut frame = vec![2; 12];
    frame.extend([0x08, 0x00, 0x45, 0]);
    frame.extend((40 + data.len() as u16).to_be_bytes());
    let (source, destination) = if from == 50_000 { (1, 2) } else { (2, 1) };
    frame.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 169, 254, 0, source, 169, 254, 0, destination]);
    frame.extend(from.to_be_bytes());
    frame.extend(to.to_be_bytes());
    frame.extend(sequence.to_be_bytes());
    frame.extend([0, 0, 0, 0, 0x50, 0x18, 0x20, 0, 0, 0, 0, 0]);
    frame.extend(data);
    let sum = checksum(&frame);
    frame[50..52].copy_from_slice(&(!sum).to_be_bytes());
    frame.into()
}

/// The sum over pseudo header and segment; all ones when its checksum is right.
fn checksum(frame: &[u8]) -> u16 {
    let length = (frame.len() - 34) as u16;
    let pseudo = [&frame[26..34], &[0, 6], &length.to_be_bytes()].concat();
    let bytes = [&pseudo[..], &frame[34..]].concat();
    let sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
        .sum();
    let sum = (sum & 0xFFFF) + (sum >> 16);
    ((sum & 0xFFFF) + (sum >> 16)) as u16
}

fn hsfz(control: u8, uds: &[u8]) -> Vec<u8> {
    let length = (uds.len() as u32 + 2).to_be_bytes();
    [&length[..], &[0, control, 0xF4, 0x12], uds].concat()
}

fn doip(uds: &[u8]) -> Vec<u8> {
    let length = (uds.len() as u32 + 4).to_be_bytes();
    [&[2, 0xFD, 0x80, 0x01][..], &length, &[0x0E, 0xF4, 0x00, 0x12], uds].concat()
}

fn gate() -> Gate {
    Gate::new(Duration::from_secs(30))
}

fn data(frame: &Bytes) -> &[u8] {
    &frame[54..]
}

fn send(gate: &mut Gate, port: u16, sequence: u32, data: &[u8]) -> Option<Bytes> {
    gate.pass_to_vehicle(Instant::ZERO, frame(50_000, port, sequence, data), false).0
}

#[rstest]
#[case::hsfz(HSFZ, hsfz(1, &[0x10, 0x02]), hsfz(1, &[0x10, 0x7F]))]
#[case::doip(DOIP, doip(&[0x10, 0x02]), doip(&[0x10, 0x7F]))]
#[case::icom_hsfz(50_160, hsfz(1, &[0x10, 0x02]), hsfz(1, &[0x10, 0x7F]))]
#[case::icom_doip(50_162, doip(&[0x10, 0x02]), doip(&[0x10, 0x7F]))]
#[case::icom_programming_hsfz(51_560, hsfz(1, &[0x10, 0x02]), hsfz(1, &[0x10, 0x7F]))]
#[case::icom_programming_doip(51_562, doip(&[0x10, 0x02]), doip(&[0x10, 0x7F]))]
#[case::no_answer_wanted(HSFZ, hsfz(1, &[0x10, 0x82]), hsfz(1, &[0x10, 0xFF]))]
#[case::extended(HSFZ, hsfz(1, &[0x10, 0x03]), hsfz(1, &[0x10, 0x03]))]
#[case::within_data(HSFZ, hsfz(1, &[0x36, 0x10, 0x02]), hsfz(1, &[0x36, 0x10, 0x02]))]
#[case::another_port(80, hsfz(1, &[0x10, 0x02]), hsfz(1, &[0x10, 0x02]))]
fn outside_the_limits(#[case] port: u16, #[case] sent: Vec<u8>, #[case] passed: Vec<u8>) {
    for length in 1..=sent.len() {
        let mut gate = gate();
        let mut whole = Vec::new();
        for (index, piece) in sent.chunks(length).enumerate() {
            let sequence = u32::MAX.wrapping_add((index * length) as u32);
            let frame = send(&mut gate, port, sequence, piece).expect("it is in order");
            assert_eq!(checksum(&frame), 0xFFFF, "the checksum stays right");
            whole.extend_from_slice(data(&frame));
        }
        assert_eq!(whole, passed, "in pieces of {length}");
    }
}

#[test]
fn what_is_sent_again_is_changed_alike_and_the_rest_is_not() {
    let mut gate = gate();
    let sent = [hsfz(1, &[0x10, 0x02]), hsfz(1, &[0x3E, 0x00])].concat();
    let first = send(&mut gate, HSFZ, 100, &sent).expect("it is in order");
    let (again, begin) =
        gate.pass_to_vehicle(Instant::ZERO, frame(50_000, HSFZ, 109, &sent[9..]), true);
    assert_eq!(begin, None, "it was judged when it first passed");
    assert_eq!(again.as_ref().map(data), Some(&data(&first)[9..]));
    assert_eq!(data(&first)[9], 0x7F);
}

#[test]
fn what_was_let_through_is_let_through_again() {
    let mut gate = gate();
    let request = hsfz(1, &[0x10, 0x02]);
    let (_, begin) = gate.pass_to_vehicle(Instant::ZERO, frame(50_000, HSFZ, 1, &request), true);
    assert_eq!(begin, Some(Begin { target: 0x12, refused: false }));
    let again = send(&mut gate, HSFZ, 1, &request);
    assert_eq!(again.as_ref().map(data), Some(&request[..]));
}

#[test]
fn programming_that_runs_is_never_held_up_and_over_once_the_unit_is_reset() {
    let mut gate = gate();
    let request = hsfz(1, &[0x10, 0x02]);
    gate.pass_to_vehicle(Instant::ZERO, frame(50_000, HSFZ, 0, &request), true);
    let again = send(&mut gate, HSFZ, 10, &request);
    assert_eq!(again.as_ref().map(data), Some(&request[..]));
    send(&mut gate, HSFZ, 20, &hsfz(1, &[0x11, 0x01]));
    let anew = send(&mut gate, HSFZ, 30, &request);
    assert_eq!(anew.as_ref().map(data), Some(&hsfz(1, &[0x10, 0x7F])[..]));
}

#[test]
fn a_segment_that_runs_ahead_of_the_tester_is_not_passed() {
    let mut gate = gate();
    assert!(send(&mut gate, HSFZ, 0, &hsfz(1, &[0x3E, 0x00])).is_some());
    assert!(send(&mut gate, HSFZ, 11, &[0]).is_none());
    assert!(send(&mut gate, HSFZ, 10, &[0, 0]).is_some());
}

#[test]
fn the_answer_says_that_conditions_are_not_correct() {
    let mut gate = gate();
    let answer = hsfz(1, &[0x7F, 0x10, 0x12]);
    let before = gate.pass_to_tester(Instant::ZERO, frame(HSFZ, 50_000, 0, &answer));
    assert_eq!(data(&before), answer, "nothing was refused yet");
    send(&mut gate, HSFZ, 0, &hsfz(1, &[0x10, 0x02]));
    let words = [hsfz(2, &[0x10, 0x7F]), answer.clone(), answer.clone()].concat();
    let after = gate.pass_to_tester(Instant::ZERO, frame(HSFZ, 50_000, 11, &words));
    let told = [hsfz(2, &[0x10, 0x02]), hsfz(1, &[0x7F, 0x10, 0x22]), answer].concat();
    assert_eq!(data(&after), told);
    assert_eq!(checksum(&after), 0xFFFF);
}

proptest! {
    #[test]
    fn no_bytes_upset_a_gate_and_lengths_never_change(
        segments in proptest::collection::vec(
            (any::<bool>(), 0_u32..300, proptest::collection::vec(any::<u8>(), 0..60)), 1..60,
        )
    ) {
        let mut gate = gate();
        for (is_doip, sequence, bytes) in segments {
            let port = if is_doip { DOIP } else { HSFZ };
            let sent = frame(50_000, port, sequence, &bytes);
            if let (Some(passed), _) = gate.pass_to_vehicle(Instant::ZERO, sent.clone(), false) {
                prop_assert_eq!(passed.len(), sent.len());
            }
            let sent = frame(port, 50_000, sequence, &bytes);
            prop_assert_eq!(gate.pass_to_tester(Instant::ZERO, sent.clone()).len(), sent.len());
            gate.pass_to_vehicle(Instant::ZERO, bytes.into(), false);
        }
    }
}
