//! Keep-alive, recovery, crash.

use node::{Instant, SocketAction, SocketEvent, StackLoss};

use super::bench::{Bench, config, done};
use super::car::{Say, ms};
use crate::tester::TesterEcu;
use crate::{Outcome, Protocol};

fn bench(yaml: &str) -> Bench {
    let mut config = config(Protocol::Hsfz);
    config.ecus.insert("egs".to_owned(), TesterEcu { address: 0x18, ..TesterEcu::default() });
    Bench::new(config, yaml)
}

#[test]
fn a_session_is_kept_alive_every_two_seconds_until_it_is_left() {
    let mut bench = bench(
        "[{request: {ecu: egs, send: 10 03}}, {wait: 7s}, {request: {ecu: egs, send: 10 01}}, {wait: 5s}]",
    );
    assert_eq!(bench.run(), vec![done(); 4]);
    assert_eq!(bench.keep_alives(), [2_008, 4_008, 6_008]);
    let kept = bench.exchanges().into_iter().filter(|it| it.name == "tester-present");
    let kept = kept.map(|it| (it.latency, it.is_measured));
    assert_eq!(kept.collect::<Vec<_>>(), [(ms(1), true); 3]);
}

#[test]
fn the_wait_for_an_answer_that_never_came_is_measured() {
    let mut bench = bench("[{request: {ecu: egs, send: 22 F1 90}}]");
    bench.car.script = Box::new(|_, _, _, _| Some(vec![(1, Say::Acknowledge)]));
    bench.run();
    let given_up =
        bench.exchanges().into_iter().map(|it| (it.response, it.is_measured, it.latency));
    assert_eq!(given_up.collect::<Vec<_>>(), [(None, true, ms(2_201))]);
}

#[test]
fn a_session_is_kept_alive_while_an_answer_is_awaited() {
    let mut bench =
        bench("[{request: {ecu: egs, send: 10 03}}, {request: {ecu: egs, send: 31 01 FF 00}}]");
    bench.car.script = Box::new(|_, _, uds, _| {
        let pending = || Say::Answer(0x18, vec![0x7F, 0x31, 0x78]);
        (uds[0] == 0x31).then(|| {
            let answer = Say::Answer(0x18, vec![0x71, 0x01, 0xFF, 0x00]);
            vec![(1, Say::Acknowledge), (40, pending()), (3_040, pending()), (6_500, answer)]
        })
    });
    assert_eq!(bench.run(), vec![done(); 2]);
    assert_eq!(bench.keep_alives(), [2_008, 4_008, 6_008]);
}

#[test]
fn a_connection_lost_while_pausing_is_opened_again_for_the_session() {
    let mut bench = bench("[{request: {ecu: egs, send: 10 03}}, {wait: 5s}]");
    bench.run_until(Instant::from_millis(100));
    let connection = node::ConnectionId(0);
    let reason = node::CloseReason::Reset;
    bench.at(ms(1), SocketEvent::Closed { connection, reason });
    assert_eq!(bench.run(), vec![done(); 2]);
    assert_eq!(bench.connects(), [2, 2_008]);
    assert_eq!(bench.keep_alives(), [2_009, 4_009]);
}

#[test]
fn a_link_that_comes_back_interrupts_and_a_read_is_repeated() {
    let mut bench = bench("[{request: {ecu: egs, send: 22 F1 90}}]");
    bench.car.script =
        Box::new(|_, _, _, before| (before == 0).then(|| vec![(1, Say::Acknowledge)]));
    bench.at(ms(500), SocketEvent::LinkDown);
    bench.at(ms(1_500), SocketEvent::LinkUp);
    assert_eq!(bench.run(), [done()]);
    assert_eq!(bench.connects(), [2, 1_502]);
    assert_eq!(bench.requests().len(), 2);
}

#[test]
fn what_must_not_be_repeated_fails_after_an_interruption() {
    let mut bench = bench("[{request: {ecu: egs, send: 31 01 FF 00}}]");
    bench.car.script =
        Box::new(|_, _, _, before| (before == 0).then(|| vec![(1, Say::Acknowledge)]));
    bench.at(ms(500), SocketEvent::LinkDown);
    bench.at(ms(1_500), SocketEvent::LinkUp);
    let outcomes = bench.run();
    assert!(outcomes[0].1.as_ref().unwrap().ends_with("the connection broke and is back"));
    assert_eq!(bench.requests().len(), 1);
}

#[test]
fn patience_ends_with_the_reason_of_the_loss() {
    let mut bench = bench("[{request: {ecu: egs, send: 22 F1 90}}]");
    bench.car.script = Box::new(|_, _, _, _| Some(Vec::new()));
    bench.run_until(Instant::from_millis(10));
    bench.car.is_up = false;
    let outcomes = bench.run();
    // 10 s without an acknowledge, 5 s of connecting, then a minute of searching.
    let reason = "no connection to the gateway (timed out; IFH-0003)";
    assert!(outcomes[0].1.as_ref().unwrap().ends_with(reason), "{outcomes:?}");
    let (at, _) = bench.events.last().unwrap();
    assert_eq!(super::bench::millis(*at), 3 + 10_000 + 5_000 + 60_000);
}

#[test]
fn a_crash_that_was_expected_goes_on_after_the_restart() {
    let mut config = config(Protocol::Hsfz);
    config.expected_failures.insert(1, Outcome::Crashed);
    let mut bench = Bench::new(config, "[{wait: 10s}, identify]");
    bench.run_until(Instant::from_secs(3));
    bench.crash(Some(ms(5_000)));
    let down = SocketAction::StackDown { loss: StackLoss::Silent };
    assert_eq!(bench.actions.last(), Some(&(Instant::from_secs(3), down)));
    let outcomes = bench.run();
    assert_eq!(outcomes[0].0, Outcome::Crashed);
    assert_eq!(outcomes[1..], [done()]);
    let up = SocketAction::StackUp { new_address: false };
    assert!(bench.actions.contains(&(Instant::from_secs(8), up)));
}

#[test]
fn a_crash_that_was_not_expected_ends_the_run() {
    let mut bench = bench("[{wait: 10s}, identify]");
    bench.run_until(Instant::from_secs(3));
    bench.crash(Some(ms(5_000)));
    let outcomes: Vec<_> = bench.outcomes().into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(outcomes, [Outcome::Crashed, Outcome::Skipped]);
    assert!(bench.tester.is_finished());
}

#[test]
fn a_step_that_fails_unexpectedly_skips_the_rest() {
    let mut bench = bench("[{request: {ecu: egs, send: 22 F1 90, expect: 62 F1 91}}, identify]");
    let outcomes: Vec<_> = bench.run().into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Skipped]);
}

#[test]
fn a_repetition_says_in_which_round_it_failed() {
    let mut bench = bench("[{repeat: {times: 3, steps: [{request: {ecu: egs, send: 22 F1 90}}]}}]");
    bench.car.script = Box::new(|_, _, _, before| {
        let refusal = Say::Answer(0x18, vec![0x7F, 0x22, 0x31]);
        (before == 1).then(|| vec![(1, Say::Acknowledge), (2, refusal)])
    });
    let outcomes = bench.run();
    assert!(outcomes[0].1.as_ref().unwrap().starts_with("round 2, request egs 22 F1 90: egs (18)"));
}

#[test]
fn a_scan_asks_those_one_by_one_that_did_not_answer_together() {
    let mut bench = bench("[scan]");
    assert_eq!(bench.run(), [done()]);
    let asked: Vec<_> = bench.requests().into_iter().map(|(_, request)| request).collect();
    let together = ["DF 22 F1 50", "DF 22 F1 01", "DF 19 02 0C"];
    let alone = ["18 22 F1 50", "18 22 F1 01", "18 19 02 0C"];
    assert_eq!(asked, [together, alone].concat());
}
