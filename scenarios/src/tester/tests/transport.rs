//! Acknowledges, resends, waits, discovery: to the millisecond.
//!
//! The car is asked at 0 ms and answers the search at 2 ms, the connection is up at 3 ms; the first
//! request of `identify` goes out then. Most tests use a `request` step, which searches as well.

use proptest::prelude::*;
use rstest::rstest;
use wire::doip::ActivationCode;
use wire::hsfz::ErrorCode;

use super::bench::{Bench, config, done};
use super::car::{Say, ms};
use crate::tester::{ErrorWords, TesterEcu};
use crate::{Outcome, Protocol};

const READ_VIN: &str = "[{request: {ecu: egs, send: 22 F1 90}}]";

fn bench(protocol: Protocol, yaml: &str) -> Bench {
    let mut config = config(protocol);
    config.ecus.insert("egs".to_owned(), TesterEcu { address: 0x18, ..TesterEcu::default() });
    Bench::new(config, yaml)
}

fn hsfz() -> Bench {
    bench(Protocol::Hsfz, READ_VIN)
}

fn doip() -> Bench {
    bench(Protocol::Doip, READ_VIN)
}

fn times(bench: &Bench) -> Vec<u64> {
    bench.requests().into_iter().map(|(at, _)| at).collect()
}

#[test]
fn a_request_searches_connects_and_is_answered() {
    let mut bench = hsfz();
    assert_eq!(bench.run(), [done()]);
    assert_eq!(bench.requests(), [(3, "18 22 F1 90".to_owned())]);
    let exchange = &bench.exchanges()[0];
    assert_eq!((exchange.name, exchange.latency), ("read-did", ms(5)));
    assert!(!exchange.resent);
}

#[test]
fn without_an_acknowledge_the_request_is_sent_again_once_on_a_new_connection() {
    let mut bench = hsfz();
    bench.car.script = Box::new(|_, _, _, before| (before == 0).then(Vec::new));
    assert_eq!(bench.run(), [done()]);
    assert_eq!(times(&bench), [3, 10_004]);
    assert_eq!(bench.connects(), [2, 10_003]);
    assert!(bench.exchanges()[0].resent);
    assert_eq!(bench.exchanges()[0].latency, ms(10_006));
}

#[test]
fn a_reset_connection_is_opened_again_at_once() {
    let mut bench = hsfz();
    bench.car.script = Box::new(|_, _, _, before| {
        (before == 0).then(|| vec![(1, Say::Acknowledge), (50, Say::Reset)])
    });
    assert_eq!(bench.run(), [done()]);
    assert_eq!(times(&bench), [3, 54]);
}

#[test]
fn an_answer_before_the_acknowledge_is_discarded() {
    let mut bench = hsfz();
    bench.car.script = Box::new(|_, _, _, _| {
        Some(vec![(1, Say::Answer(0x18, vec![0x62, 0xF1, 0x90, 0])), (2, Say::Acknowledge)])
    });
    let outcomes = bench.run();
    assert_eq!(outcomes[0].0, Outcome::Failed);
    assert!(outcomes[0].1.as_ref().unwrap().ends_with("no answer (IFH-0009)"));
    assert_eq!(bench.exchanges()[0].latency, ms(2 + 2_200));
}

#[rstest]
#[case::empty(vec![], 2, Outcome::Failed)]
#[case::with_addresses(vec![0xF4, 0x18], 1, Outcome::Failed)]
fn out_of_memory_is_answered_by_one_resend(
    #[case] body: Vec<u8>,
    #[case] sent: usize,
    #[case] outcome: Outcome,
) {
    let mut bench = hsfz();
    bench.car.script = Box::new(move |_, _, _, _| {
        Some(vec![(1, Say::Word(ErrorCode::OutOfMemory, body.clone()))])
    });
    assert_eq!(bench.run()[0].0, outcome);
    assert_eq!(times(&bench), &[3, 4][..sent]);
    assert_eq!(bench.connects().len(), 1);
}

#[test]
fn an_unknown_target_costs_two_acknowledge_waits() {
    let mut bench = hsfz();
    bench.car.script = Box::new(|_, _, _, _| {
        Some(vec![(1, Say::Word(ErrorCode::IncorrectDestinationAddress, vec![0xF4, 0x18]))])
    });
    let outcomes = bench.run();
    assert!(outcomes[0].1.as_ref().unwrap().contains("incorrect-destination-address (0043)"));
    assert_eq!(times(&bench), [3, 10_004]);
    assert_eq!(bench.now, node::Instant::from_secs(10_000));
    assert_eq!(bench.exchanges()[0].latency, ms(20_001));
}

#[test]
fn an_error_word_that_is_heeded_closes_after_half_a_second() {
    let mut config = config(Protocol::Hsfz);
    config.timeouts.error_words = ErrorWords::Heeded(ms(500));
    config.ecus.insert("egs".to_owned(), TesterEcu { address: 0x18, ..TesterEcu::default() });
    let mut bench = Bench::new(config, READ_VIN);
    bench.car.script = Box::new(|_, _, _, _| {
        Some(vec![(1, Say::Word(ErrorCode::IncorrectDestinationAddress, vec![0xF4, 0x18]))])
    });
    assert_eq!(bench.run()[0].0, Outcome::Failed);
    assert_eq!(bench.exchanges()[0].latency, ms(501));
}

#[test]
fn a_pending_that_comes_too_late_prolongs_nothing() {
    let mut bench = hsfz();
    bench.car.script = Box::new(|_, _, _, _| {
        let pending = Say::Answer(0x18, vec![0x7F, 0x22, 0x78]);
        Some(vec![(1, Say::Acknowledge), (2_202, pending)])
    });
    assert_eq!(bench.run()[0].0, Outcome::Failed);
    let exchange = &bench.exchanges()[0];
    assert_eq!((exchange.pending, exchange.latency), (0, ms(1 + 2_200)));
}

#[rstest]
#[case::three(3, Outcome::Done, 3, 1_000 + 2 * 6_000 + 6_000)]
#[case::four(4, Outcome::Failed, 4, 1_000 + 3 * 6_000)]
fn pendings_prolong_the_wait_up_to_their_limit(
    #[case] count: u64,
    #[case] outcome: Outcome,
    #[case] pending: u32,
    #[case] latency: u64,
) {
    let mut bench = hsfz();
    bench.car.script = Box::new(move |_, _, _, _| {
        let mut says = vec![(1, Say::Acknowledge)];
        let at = |n: u64| 1_000 + n * 6_000;
        says.extend((0..count).map(|n| (at(n), Say::Answer(0x18, vec![0x7F, 0x22, 0x78]))));
        says.push((at(count), Say::Answer(0x18, vec![0x62, 0xF1, 0x90])));
        Some(says)
    });
    assert_eq!(bench.run()[0].0, outcome);
    let exchange = &bench.exchanges()[0];
    assert_eq!((exchange.pending, exchange.latency), (pending, ms(latency)));
}

#[test]
fn over_an_icom_the_answer_may_take_a_second_longer() {
    let mut config = config(Protocol::Hsfz);
    config.interface = crate::Interface::IcomNext;
    assert_eq!(config.timeouts.first_answer(config.interface), ms(3_200));
    assert_eq!(config.timeouts.next_answer(config.interface), ms(7_000));
}

#[rstest]
#[case::in_time(300, Outcome::Done)]
#[case::too_late(301, Outcome::Failed)]
fn a_frame_whose_rest_comes_too_late_is_dropped(#[case] gap: u64, #[case] outcome: Outcome) {
    let mut bench = hsfz();
    bench.car.script = Box::new(move |_, _, _, _| {
        let answer = vec![0x62, 0xF1, 0x90, 0x57];
        let cut = Say::Cut(0x18, answer.clone(), 7);
        Some(vec![(1, Say::Acknowledge), (5, cut), (5 + gap, Say::Rest(0x18, answer, 7))])
    });
    assert_eq!(bench.run()[0].0, outcome);
}

#[rstest]
#[case::hsfz(Protocol::Hsfz, &[0x00, 0xF4])]
#[case::doip(Protocol::Doip, &[0x0E, 0xF3])]
fn an_alive_check_is_answered(#[case] protocol: Protocol, #[case] reply: &[u8]) {
    let mut bench = bench(protocol, READ_VIN);
    bench.car.script = Box::new(|_, _, _, _| {
        let answer = Say::Answer(0x18, vec![0x62, 0xF1, 0x90]);
        Some(vec![(1, Say::Acknowledge), (2, Say::AliveCheck), (3, answer)])
    });
    assert_eq!(bench.run(), [done()]);
    assert_eq!(bench.car.alive, [reply]);
}

#[test]
fn a_car_that_is_not_there_is_searched_for_a_minute() {
    let mut bench = hsfz();
    bench.car.is_up = false;
    let outcomes = bench.run();
    assert_eq!(outcomes[0].0, Outcome::Failed);
    assert!(outcomes[0].1.as_ref().unwrap().ends_with("no vehicle answered the search"));
    let rounds = bench.actions.iter().filter(|(_, action)| {
        matches!(action, node::SocketAction::SendTo { peer, .. } if peer.ip().is_broadcast())
    });
    let rounds: Vec<_> = rounds.map(|(at, _)| super::bench::millis(*at)).collect();
    assert_eq!(rounds[..6], [0, 1_000, 2_000, 3_000, 5_000, 6_000]);
    assert_eq!(rounds.len(), 48);
}

#[test]
fn a_car_found_elsewhere_after_a_reset_is_followed() {
    let mut bench = bench(
        Protocol::Hsfz,
        "[{request: {ecu: egs, send: 22 F1 90}}, {wait: 1s}, {request: {ecu: egs, send: 22 F1 90}}]",
    );
    bench.run_until(node::Instant::from_millis(100));
    bench.car.address = std::net::Ipv4Addr::new(169, 254, 9, 9);
    bench.at(ms(1), node::SocketEvent::LinkDown);
    bench.at(ms(100), node::SocketEvent::LinkUp);
    assert_eq!(bench.run(), [done(), done(), done()]);
    assert_eq!(bench.connects(), [2, 1_010]);
}

#[rstest]
#[case::with_a_car("(DevType=ICOM),(VIN=WBASMTEST00000001)", 2, 50_160)]
#[case::told_its_port("(DevType=ICOM),(VIN=WBASMTEST00000001),(Port=51560)", 2, 51_560)]
#[case::without_a_car("(DevType=ICOM),(VIN=)", 4_000, 50_160)]
fn an_icom_is_found_and_preferred_with_a_car(
    #[case] attributes: &str,
    #[case] at: u64,
    #[case] port: u16,
) {
    let mut config = config(Protocol::Hsfz);
    config.interface = crate::Interface::IcomNext;
    let mut bench = Bench::new(config, "[identify]");
    bench.car.icom = Some(attributes.to_owned());
    assert_eq!(bench.run(), [done()]);
    let connects = bench.actions.iter().filter_map(|(at, action)| match action {
        node::SocketAction::Connect { peer, .. } => Some((super::bench::millis(*at), peer.port())),
        _ => None,
    });
    assert_eq!(connects.collect::<Vec<_>>(), [(at, port)]);
}

#[test]
fn doip_asks_for_an_announcement_before_it_connects_and_activates_after() {
    let mut bench = doip();
    assert_eq!(bench.run(), [done()]);
    assert_eq!(bench.connects(), [4]);
    assert_eq!(bench.car.activations, [node::Instant::from_millis(5)]);
    assert_eq!(times(&bench), [6]);
}

#[test]
fn doip_without_an_acknowledge_activates_again_and_resends() {
    let mut bench = doip();
    bench.car.script = Box::new(|_, _, _, before| (before == 0).then(Vec::new));
    assert_eq!(bench.run(), [done()]);
    assert_eq!(times(&bench), [6, 7_007]);
    let activations: Vec<_> =
        bench.car.activations.iter().map(|at| super::bench::millis(*at)).collect();
    assert_eq!(activations, [5, 7_006]);
    assert_eq!(bench.connects().len(), 1);
}

#[test]
fn doip_activates_again_after_a_missing_answer() {
    let mut bench = bench(
        Protocol::Doip,
        "[{request: {ecu: egs, send: 22 F1 90, expect: silence}}, {request: {ecu: egs, send: 22 F1 50}}]",
    );
    bench.car.script =
        Box::new(|_, _, _, before| (before == 0).then(|| vec![(1, Say::Acknowledge)]));
    assert_eq!(bench.run(), [done(), done()]);
    assert_eq!(bench.car.activations.len(), 2);
    assert_eq!(times(&bench), [6, 2_208]);
}

#[rstest]
#[case::again(0x00, 2)]
#[case::unknown_target(0x03, 1)]
fn doip_heeds_a_negative_acknowledge(#[case] code: u8, #[case] sent: usize) {
    let mut bench = doip();
    bench.car.script = Box::new(move |_, _, _, _| Some(vec![(1, Say::Nack(code))]));
    assert_eq!(bench.run()[0].0, Outcome::Failed);
    assert_eq!(times(&bench).len(), sent);
}

#[test]
fn doip_activation_that_is_not_answered_is_asked_for_twice() {
    let mut bench = doip();
    bench.car.activation_code = None;
    bench.run_until(node::Instant::from_millis(14_006));
    let activations: Vec<_> =
        bench.car.activations.iter().map(|at| super::bench::millis(*at)).collect();
    assert_eq!(activations, [5, 7_005]);
}

#[test]
fn doip_activation_that_is_refused_fails_in_words() {
    let mut bench = doip();
    bench.car.activation_code = Some(ActivationCode::TlsRequired);
    let outcomes = bench.run();
    assert_eq!(outcomes[0].0, Outcome::Failed);
    assert!(outcomes[0].1.as_ref().unwrap().ends_with("no vehicle answered the search"));
}

#[test]
fn functional_answers_are_collected_until_they_cease() {
    let mut bench = hsfz();
    bench.tester = crate::tester::Tester::new(
        config(Protocol::Hsfz),
        super::bench::steps("[{request: {functional: true, send: 22 F1 50}}]"),
        node::Seed(1),
    );
    bench.car.script = Box::new(|_, _, _, _| {
        let mut says = vec![(1, Say::Acknowledge)];
        says.extend(
            [0x10, 0x12, 0x18]
                .map(|ecu| (u64::from(ecu) * 10, Say::Answer(ecu, vec![0x62, 0xF1, 0x50, 0x0F]))),
        );
        Some(says)
    });
    assert_eq!(bench.run(), [done()]);
    let answers = bench.exchanges();
    let from: Vec<_> = answers.iter().map(|it| (it.ecu, it.functional, it.latency)).collect();
    assert_eq!(from, [(0x10, true, ms(160)), (0x12, true, ms(180)), (0x18, true, ms(240))]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bytes_that_make_no_sense_end_in_an_outcome(
        chunks in prop::collection::vec((1_u64..2_000, prop::collection::vec(any::<u8>(), 0..40)), 0..20),
        is_doip in any::<bool>(),
    ) {
        let mut bench = if is_doip { doip() } else { hsfz() };
        bench.car.script = Box::new(|_, _, _, before| (before == 0).then(Vec::new));
        for (after, bytes) in chunks {
            let data = bytes::Bytes::from(bytes);
            let connection = node::ConnectionId(0);
            let peer = std::net::SocketAddrV4::new(super::car::CAR, 6811);
            if !data.is_empty() {
                let data = data.clone();
                bench.at(ms(after), node::SocketEvent::Received { connection, data });
            }
            bench.at(ms(after / 7), node::SocketEvent::Datagram { local_port: 7811, peer, data });
        }
        prop_assert_eq!(bench.run().len(), 1);
    }
}
