use std::fmt::Write;
use std::time::Duration;

use rstest::rstest;

use crate::bench::{Bench, PEER, unhex};
use crate::dialect::{
    AckEcho, Alive, AliveReply, Contention, Dialect, ErrorForm, IdentificationControl, NotReady,
    SilentTarget, TooLarge, UnknownTarget, UnknownTester,
};
use crate::event::Fault;
use crate::reset::{ResetOverride, WhileStarting};

const DIAGNOSIS: u16 = 6801;
const CONTROL: u16 = 6811;

/// What a tester sends on a fresh diagnosis connection: every row of §4 and §8.
const STIMULI: [(&str, &str); 26] = [
    ("request to the gateway", "00000005 0001 F410 22F190"),
    ("request of five bytes", "00000007 0001 F440 2E30000102"),
    ("request of eight bytes", "0000000A 0001 F412 2C01F30043000101"),
    ("request of one byte", "00000003 0001 F412 3E"),
    ("request of the second tester", "00000005 0001 F510 22F190"),
    ("functional, suppressed", "00000004 0001 F4DF 3E80"),
    ("functional, older address", "00000004 0001 F4EF 1A80"),
    ("functional group", "00000004 0001 F4E6 3E80"),
    ("unknown target", "00000004 0001 F470 1A80"),
    ("known target that sleeps", "00000005 0001 F460 22F190"),
    ("tester that is not permitted", "00000005 0001 F110 22F190"),
    ("no data", "00000002 0001 F410"),
    ("no target", "00000001 0001 F4"),
    ("unknown control word", "00000002 0077 ABCD"),
    ("unknown control word, then a request", "00000000 0077 00000005 0001 F410 22F190"),
    ("bad format, then a request", "00000001 0001 F4 00000005 0001 F410 22F190"),
    ("longer than the limit", "7FFFFFFF 0001 F410 22F190"),
    ("two requests in one segment", "00000005 0001 F410 22F190 00000005 0001 F412 22F101"),
    ("half a request", "00000005 0001 F4"),
    ("alive check of the tester", "00000000 0012"),
    ("alive answer nobody asked for", "00000002 0012 00F4"),
    ("status inquiry", "00000002 0013 00F4"),
    ("terminal 15 on this port", "00000000 0010"),
    ("identification on this port", "00000000 0011"),
    ("acknowledge from the tester", "00000005 0002 F410 22F190"),
    ("error from the tester", "00000000 00FF"),
];

#[test]
fn the_default_dialect_answers_every_stimulus() {
    insta::assert_snapshot!(table(&Dialect::default()));
}

#[rstest]
#[case("bdc-like")]
#[case("carsimulator-like")]
#[case("checking")]
fn other_dialects_answer_some_stimuli_otherwise(#[case] name: &str) {
    let default = table(&Dialect::default());
    let other = table(&Dialect::named(name).expect("a shipped dialect"));
    let same = |paragraph: &&str| !default.contains(*paragraph);
    let differing: Vec<_> = other.split_inclusive("\n\n").filter(same).collect();
    insta::assert_snapshot!(format!("hsfz_{}", name.replace('-', "_")), differing.concat());
}

fn table(dialect: &Dialect) -> String {
    let mut text = String::new();
    for (title, hex) in STIMULI {
        let mut bench = Bench::new(|vehicle| {
            vehicle.dialect = dialect.clone();
            vehicle.silent = vec![0x60];
        });
        let connection = bench.connect(DIAGNOSIS);
        let out = bench.send(connection, hex);
        let words = bench.words(&out);
        writeln!(text, "{title}: {hex}\n{words}").expect("strings take everything");
    }
    text
}

#[test]
fn an_acknowledge_comes_before_the_answer_and_the_answer_is_swapped() {
    let mut bench = Bench::new(|_| {});
    let connection = bench.connect(DIAGNOSIS);
    let mut out = bench.send(connection, "00000005 0001 F412 22F190");
    out.extend(bench.wait(Duration::from_secs(1)));
    assert_eq!(bench.words(&out), "#1 < 000000050002F41222F190\n");
    let answers = bench.answers(&out);
    assert_eq!(answers.len(), 1);
    assert!(answers[0].1[8..].starts_with("000112F4"), "{answers:?}");
}

#[test]
fn answers_go_to_the_connection_and_tester_that_asked() {
    let mut bench = Bench::new(|_| {});
    let (first, second) = (bench.connect(DIAGNOSIS), bench.connect(DIAGNOSIS));
    let mut out = bench.send(first, "00000005 0001 F412 22F190");
    out.extend(bench.send(second, "00000005 0001 F518 22F190"));
    out.extend(bench.send(first, "00000005 0001 F410 22F190"));
    out.extend(bench.wait(Duration::from_secs(1)));
    let mut answers: Vec<_> = bench
        .answers(&out)
        .into_iter()
        .map(|(connection, hex)| (connection, hex[12..16].to_owned()))
        .collect();
    answers.sort();
    let expected = [(first, "10F4"), (first, "12F4"), (second, "18F5")];
    assert_eq!(answers, expected.map(|(to, addresses)| (to, addresses.to_owned())));
}

#[test]
fn a_functional_request_has_one_acknowledge_and_answers_from_each_own_address() {
    let mut bench = Bench::new(|_| {});
    let connection = bench.connect(DIAGNOSIS);
    let mut out = bench.send(connection, "00000005 0001 F4DF 22F190");
    out.extend(bench.wait(Duration::from_secs(1)));
    assert_eq!(bench.words(&out), "#1 < 000000050002F4DF22F190\n");
    let mut sources: Vec<_> =
        bench.answers(&out).into_iter().map(|(_, hex)| hex[12..14].to_owned()).collect();
    sources.sort();
    assert_eq!(sources, ["10", "12", "18", "40", "5D"]);
}

#[test]
fn requests_beyond_the_queue_are_refused_for_want_of_memory() {
    for (form, error) in
        [(ErrorForm::Empty, "0000000000FF"), (ErrorForm::Addresses, "0000000200FFF412")]
    {
        let mut bench = Bench::new(|vehicle| {
            vehicle.limits.waiting = 2;
            vehicle.dialect.out_of_memory = form;
        });
        bench.slow_down("dme");
        let connection = bench.connect(DIAGNOSIS);
        let request = "00000005 0001 F412 22F190";
        let out = bench.send(connection, &request.repeat(3));
        let acknowledge = "#1 < 000000050002F41222F190\n".repeat(2);
        assert_eq!(bench.words(&out), format!("{acknowledge}#1 < {error}\n"));
        bench.wait(Duration::from_secs(10));
        let out = bench.send(connection, request);
        assert_eq!(bench.words(&out), "#1 < 000000050002F41222F190\n", "patience has run out");
    }
}

#[test]
fn functional_requests_that_are_answered_leave_room_for_more() {
    let mut bench = Bench::new(|vehicle| vehicle.limits.functional = 2);
    let connection = bench.connect(6_801);
    for _ in 0..10 {
        let out = bench.send(connection, "00000005 0001 F4DF 22F150");
        assert_eq!(bench.words(&out), "#1 < 000000050002F4DF22F150\n");
        bench.wait(Duration::from_millis(200));
    }
}

#[test]
fn functional_requests_that_a_busy_unit_refuses_leave_room_for_more() {
    let mut bench = Bench::new(|vehicle| vehicle.limits.functional = 2);
    bench.slow_down("egs");
    let (first, second) = (bench.connect(DIAGNOSIS), bench.connect(DIAGNOSIS));
    bench.send(first, "00000005 0001 F418 22F150");
    bench.wait(Duration::from_secs(1));
    for _ in 0..10 {
        let mut out = bench.send(second, "00000005 0001 F5DF 22F150");
        out.extend(bench.wait(Duration::from_millis(200)));
        assert_eq!(bench.words(&out), "#2 < 000000050002F5DF22F150\n");
        let answers = bench.answers(&out);
        assert!(answers.contains(&(second, "00000005000118F57F2221".to_owned())), "{answers:?}");
    }
}

#[test]
fn nothing_follows_the_end_of_a_connection_that_a_busy_unit_answers_in_that_instant() {
    let mut bench = Bench::new(|_| {});
    bench.slow_down("egs");
    let (first, second) = (bench.connect(DIAGNOSIS), bench.connect(DIAGNOSIS));
    bench.send(first, "00000005 0001 F418 22F150");
    bench.wait(Duration::from_secs(1));
    let out = bench.send(second, "00000005 0001 F5DF 22F150 FFFFFFFF 0001 F5DF 22");
    assert_eq!(bench.words(&out), "#2 < 000000050002F5DF22F150\n#2 < 000000000044\n#2 closed\n");
    assert_eq!(bench.answers(&out), [], "the answer of the unit has nowhere to go");
}

#[test]
fn a_unit_that_does_not_answer_is_acknowledged_every_time() {
    let mut bench = Bench::new(|vehicle| vehicle.limits.waiting = 2);
    bench.silence("dme");
    let connection = bench.connect(DIAGNOSIS);
    for _ in 0..5 {
        let out = bench.send(connection, "00000005 0001 F412 22F190");
        assert_eq!(bench.words(&out), "#1 < 000000050002F41222F190\n");
    }
}

#[test]
fn functional_requests_beyond_the_queue_are_refused() {
    let mut bench = Bench::new(|vehicle| vehicle.limits.functional = 1);
    let connection = bench.connect(DIAGNOSIS);
    let present = "00000004 0001 F4DF 3E80";
    let out = bench.send(connection, &format!("00000005 0001 F4DF 22F190 {present}"));
    assert_eq!(
        bench.words(&out),
        "#1 < 000000050002F4DF22F190\n#1 < 0000000000FF\n",
        "the first one still waits for answers"
    );
}

#[rstest]
#[case::addresses(NotReady::Addresses, "#1 < 000000020045F410\n")]
#[case::empty(NotReady::Empty, "#1 < 000000000045\n")]
#[case::silence(NotReady::Silence, "")]
fn a_starting_gateway_is_not_ready(#[case] form: NotReady, #[case] words: &str) {
    let mut bench = Bench::new(|vehicle| vehicle.dialect.not_ready = form);
    bench.fault(Fault::GatewayReset(ResetOverride {
        starting: Some(Duration::from_secs(5)),
        while_starting: Some(WhileStarting::NotReady),
        ..ResetOverride::default()
    }));
    bench.wait(Duration::from_secs(12));
    let connection = bench.connect(DIAGNOSIS);
    let out = bench.send(connection, "00000005 0001 F410 22F190");
    assert_eq!(bench.words(&out), words);
    bench.wait(Duration::from_secs(5));
    let out = bench.send(connection, "00000005 0001 F410 22F190");
    assert_eq!(bench.words(&out), "#1 < 000000050002F41022F190\n");
}

#[rstest]
#[case::long(
    Alive::Long,
    "#1 < 00000020001244494147414452313042\
4D5756494E574241534D544553543030303030303031\n"
)]
#[case::short(Alive::Short, "#1 < 000000020012F500\n")]
fn a_quiet_connection_is_checked_and_closed(#[case] form: Alive, #[case] words: &str) {
    let mut bench = Bench::new(|vehicle| vehicle.dialect.alive = form);
    let connection = bench.connect(DIAGNOSIS);
    bench.send(connection, "00000004 0001 F510 3E80");
    bench.wait(Duration::from_millis(1_900));
    bench.send(connection, "00000004 0001 F510 3E80");
    let out = bench.wait(Duration::from_millis(1_999));
    assert_eq!(bench.words(&out), "", "it spoke less than two seconds ago");
    let out = bench.wait(Duration::from_millis(2));
    assert_eq!(bench.words(&out), words);
    let out = bench.wait(Duration::from_millis(4_998));
    assert_eq!(bench.words(&out), "");
    let out = bench.wait(Duration::from_millis(2));
    assert_eq!(bench.words(&out), "#1 closed\n");
}

#[rstest]
#[case::standard(AliveReply::Either, "00000002 0012 00F4", true)]
#[case::inquiry(AliveReply::Either, "00000002 0013 00F4", true)]
#[case::any_traffic(AliveReply::Either, "00000004 0001 F410 3E80", true)]
#[case::begun(AliveReply::Either, "00000004 0001 F4", true)]
#[case::strict_standard(AliveReply::Strict, "00000002 0012 00F4", true)]
#[case::strict_inquiry(AliveReply::Strict, "00000002 0013 00F4", false)]
#[case::strict_traffic(AliveReply::Strict, "00000004 0001 F410 3E80", true)]
#[case::strict_begun(AliveReply::Strict, "00000002 0013 00F4 00000004 0001 F4", true)]
fn an_alive_check_is_answered(
    #[case] reply: AliveReply,
    #[case] answer: &str,
    #[case] survives: bool,
) {
    let mut bench = Bench::new(|vehicle| {
        vehicle.dialect.alive = Alive::Short;
        vehicle.dialect.alive_reply = reply;
    });
    let connection = bench.connect(DIAGNOSIS);
    let out = bench.wait(Duration::from_millis(2_500));
    assert_eq!(bench.words(&out), "#1 < 000000020012F400\n");
    bench.send(connection, answer);
    let out = bench.wait(Duration::from_millis(4_900));
    let checks_again = "#1 < 000000020012F400\n";
    assert_eq!(bench.words(&out), if survives { checks_again } else { "#1 closed\n" });
}

#[test]
fn an_idle_connection_is_closed_where_the_dialect_has_it_so() {
    let mut bench = Bench::new(|vehicle| vehicle.dialect.idle_close = Some(Duration::from_secs(5)));
    let connection = bench.connect(DIAGNOSIS);
    bench.wait(Duration::from_secs(4));
    bench.send(connection, "00000004 0001 F410 3E80");
    let out = bench.wait(Duration::from_millis(4_999));
    assert_eq!(bench.words(&out), "");
    let out = bench.wait(Duration::from_millis(1));
    assert_eq!(bench.words(&out), "#1 closed\n");
}

#[test]
fn a_connection_whose_frame_goes_on_is_not_idle() {
    let mut bench = Bench::new(|vehicle| vehicle.dialect.idle_close = Some(Duration::from_secs(5)));
    let connection = bench.connect(DIAGNOSIS);
    for piece in ["00000004", "0001", "F410"] {
        let out = bench.wait(Duration::from_secs(4));
        assert_eq!(bench.words(&out), "");
        bench.send(connection, piece);
    }
    let out = bench.send(connection, "3E80");
    assert_eq!(bench.words(&out), "#1 < 000000040002F4103E80\n");
}

#[rstest]
#[case::newest_wins(Contention::NewestWins, "#1 reset\n#2 < 000000040002F4103E80\n")]
#[case::refuse(Contention::Refuse, "#2 < 000000020040FFF4\n#2 closed\n")]
#[case::share(Contention::Share, "#2 < 000000040002F4103E80\n")]
fn a_second_connection_with_the_same_tester(#[case] policy: Contention, #[case] words: &str) {
    let mut bench = Bench::new(|vehicle| vehicle.dialect.contention = policy);
    let first = bench.connect(DIAGNOSIS);
    bench.send(first, "00000004 0001 F410 3E80");
    let second = bench.connect(DIAGNOSIS);
    let out = bench.send(second, "00000004 0001 F410 3E80");
    assert_eq!(bench.words(&out), words);
}

#[rstest]
#[case::newest_wins(Contention::NewestWins, "#1 reset\n#2 < 000000040002F5103E80\n")]
#[case::refuse(Contention::Refuse, "#2 < 000000020040FFF5\n#2 closed\n")]
#[case::share(Contention::Share, "#1 reset\n#2 < 000000040002F5103E80\n")]
fn a_second_tester_when_one_connection_is_all(#[case] policy: Contention, #[case] words: &str) {
    let mut bench = Bench::new(|vehicle| {
        vehicle.dialect.contention = policy;
        vehicle.dialect.connections = 1;
    });
    let first = bench.connect(DIAGNOSIS);
    bench.send(first, "00000004 0001 F410 3E80");
    let second = bench.connect(DIAGNOSIS);
    let out = bench.send(second, "00000004 0001 F510 3E80");
    assert_eq!(bench.words(&out), words);
}

#[test]
fn connections_that_never_speak_make_room_oldest_first() {
    let mut bench = Bench::new(|_| {});
    let named = bench.connect(DIAGNOSIS);
    bench.send(named, "00000004 0001 F410 3E80");
    for _ in 0..3 {
        bench.connect(DIAGNOSIS);
    }
    let (_, out) = bench.accept(DIAGNOSIS);
    assert_eq!(bench.words(&out), "#2 reset\n");
}

#[test]
fn a_closed_connection_gets_no_answer() {
    let mut bench = Bench::new(|_| {});
    let connection = bench.connect(DIAGNOSIS);
    bench.send(connection, "00000005 0001 F412 22F190");
    bench.take();
    bench.close(connection);
    let out = bench.wait(Duration::from_secs(1));
    assert!(bench.answers(&out).is_empty());
}

#[rstest]
#[case::body_in_one_piece("00010002 0001 F412", 0x1_0000)]
#[case::with_the_next_frame_behind("00010002 0001 F412", 0x1_0000 + 10)]
fn a_frame_that_is_too_long_can_be_skipped(#[case] head: &str, #[case] rest: usize) {
    let mut bench = Bench::new(|vehicle| vehicle.dialect.too_large = TooLarge::Skip);
    let connection = bench.connect(DIAGNOSIS);
    let next = unhex("00000004 0001 F410 3E80");
    let mut stream = unhex(head).to_vec();
    stream.resize(8 + 0x1_0000, 0xAA);
    stream.extend_from_slice(&next);
    let mut out = bench.send_bytes(connection, stream[..8 + rest.min(0x1_0000)].to_vec().into());
    out.extend(bench.send_bytes(connection, stream[8 + rest.min(0x1_0000)..].to_vec().into()));
    assert_eq!(bench.words(&out), "#1 < 000000000044\n#1 < 000000040002F4103E80\n");
    let whole = bench.send_bytes(connection, stream.into());
    assert_eq!(bench.words(&whole), "#1 < 000000000044\n#1 < 000000040002F4103E80\n");
}

#[test]
fn the_control_port_tells_the_ignition() {
    let mut bench = Bench::new(|_| {});
    let connection = bench.connect(CONTROL);
    let out = bench.send(connection, "00000000 0010");
    assert_eq!(bench.words(&out), "#1 < 00000001001005\n");
    bench.fault(Fault::Ignition { on: false });
    let out = bench.send(connection, "00000000 0010 00000001 0010 05 00000005 0001 F410 22F190");
    assert_eq!(bench.words(&out), "#1 < 00000001001001\n#1 < 000000000041\n");
    let out = bench.send(connection, "FFFFFFFF 0010");
    assert_eq!(bench.words(&out), "#1 < 000000000044\n#1 closed\n");
}

#[test]
fn the_control_port_holds_four_connections() {
    let mut bench = Bench::new(|_| {});
    for _ in 0..4 {
        bench.connect(CONTROL);
    }
    let (_, out) = bench.accept(CONTROL);
    assert_eq!(bench.words(&out), "#1 reset\n");
}

#[test]
fn identification_goes_to_whoever_asked_a_moment_later() {
    let mut bench = Bench::new(|_| {});
    let at_once = bench.datagram(CONTROL, "00000000 0011");
    assert!(at_once.is_empty());
    let before = bench.now;
    let out = bench.wait(Duration::from_millis(3));
    assert!(out[0].at - before >= Duration::from_micros(800));
    let text = "4449414741445231 30424D574D4143303230303030424330303031\
        424D5756494E574241534D544553543030303030303031";
    let text = text.replace(' ', "");
    assert_eq!(bench.words(&out), format!("udp 6811 > {PEER} 000000320011{text}\n"));
}

#[rstest]
#[case::identification_of_another_car("00000032 0011 44494147414452")]
#[case::cut("00000000 00")]
#[case::trailing("00000000 0011 00")]
#[case::another_word("00000000 0010")]
fn other_datagrams_are_ignored(#[case] hex: &str) {
    let mut bench = Bench::new(|_| {});
    assert!(bench.datagram(CONTROL, hex).is_empty());
    assert!(bench.wait(Duration::from_secs(1)).is_empty());
}

#[test]
fn a_flood_of_identification_requests_is_answered_up_to_the_limit() {
    let mut bench = Bench::new(|vehicle| vehicle.limits.datagrams = 3);
    for _ in 0..10 {
        bench.datagram(CONTROL, "00000000 0011");
    }
    assert_eq!(bench.wait(Duration::from_secs(1)).len(), 3);
}

#[test]
fn every_knob_of_a_dialect_is_felt() {
    let base = table(&Dialect::default());
    let changes: [fn(&mut Dialect); 7] = [
        |it| it.unknown_tester = UnknownTester::Drop,
        |it| it.ack_echo = AckEcho::None,
        |it| it.unknown_target = UnknownTarget::Silence,
        |it| it.testers = vec![0xF1],
        |it| it.functional = vec![0xDF],
        |it| it.too_large = TooLarge::Skip,
        |it| it.identification_on_tcp = true,
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut dialect = Dialect::default();
        change(&mut dialect);
        assert_ne!(table(&dialect), base, "number {index}");
    }
}

#[test]
fn a_silent_unit_is_spoken_for_where_the_dialect_has_it_so() {
    let mut bench = Bench::new(|vehicle| {
        vehicle.dialect.silent_target = SilentTarget::NoResponse;
        vehicle.silent = vec![0x60];
    });
    let connection = bench.connect(DIAGNOSIS);
    let out = bench.send(connection, "00000005 0001 F460 22F190");
    assert_eq!(bench.words(&out), "#1 < 000000050002F46022F190\n");
    assert_eq!(bench.answers(&out), [(connection, "00000005000160F47F2225".to_owned())]);
}

#[test]
fn an_identification_can_carry_the_word_one_toolkit_claims() {
    let mut bench = Bench::new(|vehicle| {
        vehicle.dialect.identification_control = IdentificationControl::Toolkit;
    });
    bench.datagram(CONTROL, "00000000 0011");
    let out = bench.wait(Duration::from_secs(1));
    assert!(bench.words(&out).contains(" 000000320004"));
}
