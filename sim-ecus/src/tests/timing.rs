//! P2, S3, response pending, one request at a time (`uds-and-bmw-ecus.md` §2.1–§2.4).

use std::time::Duration;

use bytes::Bytes;
use node::{Instant, Node, Seed};
use rstest::rstest;

use super::tester::{Bench, State, bytes};
use crate::profile::JumpAnswer;
use crate::{Condition, Ecu, EcuFault, EcuInput, EcuProfile, LedgerKind, Request, Response};

const PENDING: &[u8] = &[0x7F, 0x31, 0x78];

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn an_erase_is_pending_at_once_and_every_three_seconds() {
    let mut bench = Bench::in_state(State::BootUnlocked);
    let answers = bench.timed(&bytes("31 01 FF 00 02 40 00 08 00 00 06"), false);
    let (last, pending) = answers.split_last().expect("answers");
    let expected: Vec<_> = (0..10).map(|n| (millis(n * 3_000), PENDING.to_vec())).collect();
    assert_eq!(pending, &expected[..pending.len()]);
    // 90 s × 0.3 = 27 s, plus the latency of any answer
    assert!((9..=10).contains(&pending.len()));
    assert!((millis(27_005)..=millis(27_025)).contains(&last.0), "{:?}", last.0);
}

#[rstest]
#[case::default_session(State::Default, "zgw", 40)]
#[case::slow_session(State::Extended, "zgw", 239)]
#[case::fast_session(State::Extended, "dme", 40)]
fn the_first_pending_comes_before_p2(#[case] state: State, #[case] name: &str, #[case] first: u64) {
    let mut bench = Bench::new(name, Condition::Factory);
    if state == State::Extended {
        bench.last("10 03");
    }
    bench.tell(EcuInput::Fault(EcuFault::Delay(millis(4_000))));
    let times: Vec<_> = bench.timed(&[0x3E, 0x00], false).iter().map(|(at, _)| *at).collect();
    assert_eq!(times.len(), 3);
    assert_eq!(times[0].as_millis(), u128::from(first));
    assert_eq!((times[1] - times[0]).as_secs(), 3);
}

#[test]
fn a_quick_answer_needs_no_pending() {
    let mut bench = Bench::in_state(State::Default);
    let answers = bench.timed(&[0x3E, 0x00], false);
    assert_eq!(answers.len(), 1);
    assert!((millis(5)..=millis(25)).contains(&answers[0].0));
}

#[test]
fn sessions_end_after_s3_without_a_request() {
    let mut bench = Bench::in_state(State::Extended);
    bench.wait(millis(4_999));
    assert_eq!(bench.ecu.session().0, 0x03);
    bench.wait(millis(1));
    assert_eq!(bench.ecu.session().0, 0x01);
    let lost = LedgerKind::SessionLost { session: 0x03 };
    assert_eq!(bench.ecu.ledger().last().map(|entry| entry.kind), Some(lost));
}

#[rstest]
#[case::present("3E 80", true)]
#[case::present_to_one("3E 80", false)]
#[case::any_request("22 F1 90", false)]
#[case::refused("22 12 34", false)]
fn any_request_starts_s3_anew(#[case] request: &str, #[case] functional: bool) {
    let mut bench = Bench::in_state(State::Extended);
    for _ in 0..3 {
        bench.wait(millis(4_500));
        bench.timed(&bytes(request), functional);
    }
    assert_eq!(bench.ecu.session().0, 0x03);
    bench.wait(millis(5_000));
    assert_eq!(bench.ecu.session().0, 0x01);
}

#[test]
fn s3_stands_still_while_a_request_is_worked_on() {
    let mut bench = Bench::in_state(State::Extended);
    bench.tell(EcuInput::Fault(EcuFault::Delay(Duration::from_secs(20))));
    assert_eq!(bench.last("22 F1 86"), "62 F1 86 03");
    assert_eq!(bench.ecu.session().0, 0x03);
}

#[test]
fn s3_in_the_bootloader_restarts_into_valid_software() {
    let mut bench = Bench::in_state(State::BootUnlocked);
    bench.wait(millis(5_000));
    assert!(!bench.ecu.is_running());
    bench.wait(millis(2_000));
    assert!(bench.ecu.is_running() && !bench.ecu.is_in_bootloader());
}

#[test]
fn a_blank_unit_nobody_spoke_to_stays_in_its_bootloader() {
    let mut bench = Bench::in_state(State::NoApplication);
    bench.expect("22 F1 86", "62 F1 86 02");
    bench.wait(Duration::from_secs(60));
    assert!(bench.ecu.is_running());
    assert_eq!(bench.ecu.ledger(), []);
}

#[test]
fn a_second_request_while_pending_is_told_that_the_unit_is_busy() {
    let mut bench = Bench::in_state(State::BootUnlocked);
    bench.put(&bytes("31 01 FF 00 02 40 00 08 00 00 06"), false);
    assert_eq!(bench.ecu.poll_output().map(|answer| answer.data.to_vec()), Some(PENDING.to_vec()));
    let request = Request { channel: 8, functional: false, data: Bytes::from_static(&[0x3E, 0]) };
    bench.tell(EcuInput::Request(request));
    let busy = Response { channel: 8, data: Bytes::from_static(&[0x7F, 0x3E, 0x21]) };
    assert_eq!(bench.ecu.poll_output(), Some(busy));
    bench.put(&[0x3E, 0x80], true);
    assert_eq!(bench.ecu.poll_output(), None);
}

#[test]
fn requests_that_arrive_together_are_answered_one_after_the_other() {
    let mut bench = Bench::in_state(State::Erased);
    bench.put(&bytes("34 00 44 00 08 00 00 00 00 01 00"), false);
    let answers = bench.ask("34 00 44 00 08 00 00 00 00 01 00");
    assert_eq!(answers, ["74 20 0B B9", "7F 34 22"]);
}

#[test]
fn more_requests_than_wait_are_told_that_the_unit_is_busy() {
    let mut bench = Bench::in_state(State::Default);
    for _ in 0..5 {
        bench.put(&bytes("22 F1 86"), false);
    }
    let answers = bench.ask("22 F1 86");
    assert_eq!(answers[0], "7F 22 21");
    assert_eq!(answers[1..], ["62 F1 86 01"; 5]);
}

#[test]
fn the_jump_into_the_bootloader_is_answered_first() {
    let mut bench = Bench::in_state(State::Extended);
    bench.expect("10 02", "50 02 00 32 01 F4");
    assert_eq!(bench.ask("22 F1 86"), Vec::<String>::new());
    bench.wait(millis(800));
    bench.expect("22 F1 86", "62 F1 86 02");
}

#[test]
fn the_jump_can_be_answered_when_it_is_over() {
    let mut profile = EcuProfile::named("egs").expect("the profile ships");
    profile.timing.jump_answer = JumpAnswer::PendingFirst;
    let ecu = Ecu::new(&profile, Condition::Factory, Seed(1));
    let mut bench = Bench { ecu, now: Instant::ZERO };
    bench.last("10 03");
    let answers = bench.timed(&[0x10, 0x02], false);
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0], (Duration::ZERO, vec![0x7F, 0x10, 0x78]));
    assert!((millis(200)..=millis(800)).contains(&answers[1].0));
    bench.expect("22 F1 86", "62 F1 86 02");
}

#[test]
fn a_session_can_be_answered_without_times_and_after_a_pending() {
    let mut profile = EcuProfile::named("egs").expect("the profile ships");
    profile.timing.untimed_sessions = vec![0x01];
    profile.timing.pending_sessions = vec![0x03];
    let ecu = Ecu::new(&profile, Condition::Factory, Seed(1));
    let mut bench = Bench { ecu, now: Instant::ZERO };
    bench.expect("10 01", "50 01");
    assert_eq!(bench.ask("10 03"), ["7F 10 78", "50 03 00 32 01 F4"]);
}

#[test]
fn a_silent_unit_hears_nothing_and_its_session_runs_out() {
    let mut bench = Bench::in_state(State::Extended);
    bench.tell(EcuInput::Fault(EcuFault::Silent(Duration::from_secs(6))));
    assert_eq!(bench.ask("22 F1 86"), Vec::<String>::new());
    bench.wait(Duration::from_secs(6));
    bench.expect("22 F1 86", "62 F1 86 01");
}

#[test]
fn a_shorter_silence_does_not_end_a_longer_one() {
    let mut bench = Bench::in_state(State::Default);
    bench.tell(EcuInput::Fault(EcuFault::Silent(Duration::from_secs(6))));
    bench.tell(EcuInput::Fault(EcuFault::Silent(Duration::from_secs(1))));
    bench.wait(Duration::from_secs(2));
    assert_eq!(bench.ask("22 F1 86"), Vec::<String>::new());
}

#[test]
fn a_slow_unit_is_not_kept_busy_by_what_keeps_its_session() {
    let mut bench = Bench::in_state(State::Extended);
    bench.tell(EcuInput::Fault(EcuFault::Delay(Duration::from_secs(3))));
    assert_eq!(bench.ask("3E 80"), Vec::<String>::new());
    assert_eq!(bench.last("22 F1 86"), "62 F1 86 03");
}

#[test]
fn an_early_time_out_changes_nothing() {
    let mut bench = Bench::in_state(State::Extended);
    let due = bench.ecu.poll_timeout();
    bench.ecu.handle_timeout(bench.now + millis(1));
    assert_eq!(bench.ecu.poll_timeout(), due);
    assert_eq!(bench.ecu.poll_output(), None);
}

#[test]
fn a_brown_out_is_a_reset_that_can_be_stretched() {
    let mut bench = Bench::in_state(State::Default);
    bench.tell(EcuInput::Fault(EcuFault::SilentAfterReset(Duration::from_secs(30))));
    bench.tell(EcuInput::Supply { millivolts: 5_000 });
    bench.tell(EcuInput::Supply { millivolts: 12_600 });
    bench.wait(Duration::from_secs(29));
    assert!(!bench.ecu.is_running());
    bench.wait(Duration::from_secs(3));
    assert!(bench.ecu.is_running());
    assert_eq!(bench.ecu.armed(), []);
}

#[test]
fn the_reset_time_can_be_stretched_once() {
    let mut bench = Bench::in_state(State::Default);
    bench.tell(EcuInput::Fault(EcuFault::SilentAfterReset(Duration::from_secs(30))));
    bench.expect("11 01", "51 01");
    bench.wait(Duration::from_secs(31));
    assert!(!bench.ecu.is_running());
    bench.wait(Duration::from_secs(1));
    assert!(bench.ecu.is_running());
}
