//! What holds for every input.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use node::{Instant, Node, Seed};
use proptest::prelude::*;
use wire::uds::service::has_sub_function;
use wire::uds::{Answer, classify};

use super::tester::{Bench, State, bytes};
use crate::{Condition, Ecu, EcuFault, EcuInput, EcuProfile, LedgerKind, Request};

/// Requests that make sense somewhere, and bytes that make none.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let sensible = prop::sample::select(vec![
        "10 01",
        "10 02",
        "10 03",
        "10 41",
        "11 01",
        "14 FF FF FF",
        "19 02 0C",
        "22 F1 01",
        "22 F1 86 30 00",
        "27 01 FF FF FF FF",
        "27 11 FF FF FF FF",
        "28 01 01",
        "2E 41 50 00",
        "31 01 FF 00 02 40 00 08 00 00 06",
        "31 01 02 02 12 40 00 08 00 00 00 00",
        "31 01 FF 01",
        "34 00 44 00 08 00 00 00 00 00 40",
        "36 01 AA BB CC DD",
        "36 02 AA BB CC DD",
        "37",
        "3E 00",
        "3E 80",
        "85 02",
        "2C 01 F3 03 F1 90 01 07",
        "22 F3 03",
    ]);
    let service = prop::sample::select((0x10..=0x3E).chain([0x85, 0x86]).collect::<Vec<u8>>());
    prop_oneof![
        4 => sensible.prop_map(bytes),
        2 => (service, prop::collection::vec(any::<u8>(), 0..24))
            .prop_map(|(service, rest)| [&[service], &rest[..]].concat()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

fn fault() -> impl Strategy<Value = EcuFault> {
    prop_oneof![
        (0..8_000_u64).prop_map(|ms| EcuFault::Silent(Duration::from_millis(ms))),
        (0..8_000_u64).prop_map(|ms| EcuFault::Delay(Duration::from_millis(ms))),
        (0..4_u32).prop_map(EcuFault::WriteErrorAtBlock),
        (0..4_u32).prop_map(EcuFault::WrongCounterAtBlock),
        (0..4_u32).prop_map(EcuFault::DamageBlock),
        any::<bool>().prop_map(EcuFault::SessionTimeout),
        Just(EcuFault::PowerCycle),
        Just(EcuFault::WrongVersions),
    ]
}

fn input() -> impl Strategy<Value = EcuInput> {
    let asked = (request(), any::<bool>(), 0..3_u64).prop_map(|(data, functional, channel)| {
        EcuInput::Request(Request { channel, functional, data: Bytes::from(data) })
    });
    prop_oneof![
        12 => asked,
        1 => (8_000..16_000_u32).prop_map(|millivolts| EcuInput::Supply { millivolts }),
        1 => (0..3_u64).prop_map(EcuInput::ChannelGone),
        1 => fault().prop_map(EcuInput::Fault),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    prop::sample::select(Condition::ALL.to_vec())
}

/// Drains what is due, and checks the contract of `Node`.
fn drain(ecu: &mut Ecu, now: Instant) -> Vec<Vec<u8>> {
    let answers = std::iter::from_fn(|| ecu.poll_output()).map(|answer| answer.data.to_vec());
    let answers: Vec<_> = answers.collect();
    assert!(ecu.poll_timeout().is_none_or(|due| due > now), "a deadline stays put");
    answers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_input_panics_and_no_deadline_stays_put(
        inputs in prop::collection::vec((input(), 0..3_000_u64), 1..60),
        condition in condition(),
        name in prop::sample::select(EcuProfile::names().collect::<Vec<_>>()),
    ) {
        let mut bench = Bench::new(name, condition);
        for (input, pause) in inputs {
            bench.ecu.handle_input(bench.now, input);
            drain(&mut bench.ecu, bench.now);
            let end = bench.now + Duration::from_millis(pause);
            while let Some(due) = bench.ecu.poll_timeout().filter(|due| *due <= end) {
                bench.ecu.handle_timeout(due);
                drain(&mut bench.ecu, due);
            }
            bench.now = end;
            let _ = (bench.ecu.end_state(None), bench.ecu.load_milliamps(), bench.events());
        }
    }

    #[test]
    fn every_request_to_one_unit_gets_exactly_one_final_answer(
        requests in prop::collection::vec(request(), 1..40),
        condition in condition(),
    ) {
        let mut bench = Bench::new("egs", condition);
        for request in requests {
            bench.wait(Duration::from_secs(3));
            if !bench.ecu.is_running() || request.is_empty() {
                continue;
            }
            let suppressed =
                has_sub_function(request[0]) && request.get(1).is_some_and(|sub| sub & 0x80 != 0);
            let answers = bench.send(&request);
            let finals: Vec<_> = answers
                .iter()
                .filter(|answer| !matches!(classify(answer), Answer::Pending { .. }))
                .collect();
            let is_negative = matches!(
                finals.first().map(|answer| classify(answer)), Some(Answer::Negative { .. })
            );
            if suppressed && finals.is_empty() {
                continue;
            }
            prop_assert_eq!(finals.len(), 1, "{:02X?} -> {:02X?}", request, answers);
            prop_assert!(!suppressed || is_negative || answers.len() > 1);
            prop_assert!(is_negative || finals[0][0] == request[0].wrapping_add(0x40));
        }
    }

    #[test]
    fn no_block_is_written_twice(
        blocks in prop::collection::vec((0..8_u8, 1..3_usize), 1..60),
        repeats in any::<bool>(),
    ) {
        let mut bench = Bench::in_state(State::Erased);
        bench.expect("34 00 44 00 08 00 00 00 00 10 00", "74 20 0B B9");
        for (counter, times) in blocks {
            for _ in 0..if repeats { times } else { 1 } {
                bench.block(counter, &[counter; 16]);
            }
        }
        let mut written = BTreeSet::new();
        let mut bytes = Vec::new();
        for entry in bench.ecu.ledger() {
            if let LedgerKind::Block { index, counter, repeated: false, .. } = entry.kind {
                prop_assert!(written.insert(index));
                prop_assert_eq!(usize::from(counter), written.len());
                bytes.extend_from_slice(&[counter; 16]);
            }
        }
        prop_assert_eq!(bench.ecu.read_flash(0x0008_0000, bytes.len()), bytes);
    }

    #[test]
    fn the_same_seed_answers_alike(
        inputs in prop::collection::vec((input(), 0..500_u64), 1..40),
        seed in any::<u64>(),
    ) {
        let profile = EcuProfile::named("egs").expect("the profile ships");
        let run = || {
            let mut ecu = Ecu::new(&profile, Condition::Factory, Seed(seed));
            let mut now = Instant::ZERO;
            let mut trace = Vec::new();
            for (input, pause) in &inputs {
                ecu.handle_input(now, input.clone());
                trace.push((now, drain(&mut ecu, now)));
                now += Duration::from_millis(*pause);
                ecu.handle_timeout(now);
                trace.push((now, drain(&mut ecu, now)));
            }
            (trace, ecu.ledger().to_vec())
        };
        prop_assert_eq!(run(), run());
    }
}
