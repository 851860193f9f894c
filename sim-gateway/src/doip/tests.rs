use std::fmt::Write;
use std::time::Duration;

use node::ConnectionId;
use rstest::rstest;

use crate::bench::{Bench, PEER, unhex};
use crate::entity::{EntityProfile, Group, OnInactivity, Requirement};
use crate::event::Fault;
use crate::reset::{ResetOverride, WhileStarting};
use crate::vehicle::VehicleProfile;

const PORT: u16 = 13_400;
const ACTIVATE: &str = "03FC 0005 0000000B 0EF3 00 00000000 00000000";
const READ_VIN: &str = "03FC 8001 00000007 0EF3 0010 22F190";

/// What a tester sends on a socket that is activated for 0EF3: every row of §16, §18 and §19.
const STIMULI: [(&str, &str); 32] = [
    ("request to the gateway", READ_VIN),
    ("request of eight bytes", "03FC 8001 0000000C 0EF3 0012 2C01F30043000101"),
    ("functional, suppressed", "03FC 8001 00000006 0EF3 00DF 3E80"),
    ("another source", "03FC 8001 00000007 0EF4 0010 22F190"),
    ("unknown target", "03FC 8001 00000007 0EF3 0070 22F190"),
    ("unknown wide target", "03FC 8001 00000007 0EF3 1012 22F190"),
    ("known target that sleeps", "03FC 8001 00000007 0EF3 0060 22F190"),
    ("longer than a unit takes", "03FC 8001 0000000D 0EF3 0012 2E300001020304 0506"),
    (
        "two requests in one segment",
        "03FC 8001 00000006 0EF3 0010 3E00 02FD 8001 00000006 0EF3 0012 3E00",
    ),
    ("half a request", "03FC 8001 00000007 0EF3"),
    ("activation again", ACTIVATE),
    ("activation again, 7 bytes", "02FD 0005 00000007 0EF3 00 00000000"),
    ("activation with another source", "03FC 0005 00000007 0EF4 00 00000000"),
    ("activation with an unknown source", "03FC 0005 00000007 0123 00 00000000"),
    ("activation with an unknown type", "03FC 0005 00000007 0EF3 02 00000000"),
    ("alive check response", "03FC 0008 00000002 0EF3"),
    ("alive check response of another", "03FC 0008 00000002 0EF4"),
    ("alive check request", "03FC 0007 00000000"),
    ("identification request", "03FC 0001 00000000"),
    ("entity status request", "03FC 4001 00000000"),
    ("activation response", "03FC 0006 00000009 0EF3 0010 10 00000000"),
    ("acknowledge from the tester", "03FC 8002 00000005 0EF3 0010 00"),
    ("unknown type, then a request", "03FC 1234 00000001 AA 03FC 8001 00000006 0EF3 0010 3E00"),
    ("too large", "03FC 8001 7FFFFFFF 0EF3 0010 22F190"),
    ("no data", "03FC 8001 00000004 0EF3 0010"),
    ("activation of a wrong length", "03FC 0005 00000002 0EF3"),
    ("wrong inverse", "0303 8001 00000007 0EF3 0010 22F190"),
    ("version 2010", "01FE 8001 00000007 0EF3 0010 22F190"),
    ("version 2025", "04FB 8001 00000007 0EF3 0010 22F190"),
    ("any version", "FF00 8001 00000007 0EF3 0010 22F190"),
    ("header nack from the tester", "03FC 0000 00000001 01"),
    ("version 2012", "02FD 8001 00000007 0EF3 0010 22F190"),
];

#[test]
fn an_activated_socket_answers_every_stimulus() {
    let mut text = String::new();
    for (title, hex) in STIMULI {
        let (mut bench, connection) = activated(|vehicle| {
            vehicle.silent = vec![0x60];
            vehicle.doip.request_size = 8;
        });
        let out = bench.send(connection, hex);
        let words = bench.words(&out);
        writeln!(text, "{title}: {hex}\n{words}").expect("strings take everything");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_fresh_socket_serves_nothing_but_activation() {
    let mut text = String::new();
    let stimuli = [
        ("request", READ_VIN),
        ("alive check response", "03FC 0008 00000002 0EF3"),
        ("activation of 11 bytes", ACTIVATE),
        ("activation of 7 bytes", "02FD 0005 00000007 0EF0 01 00000000"),
        ("activation, then a request", &format!("{ACTIVATE} {READ_VIN}")),
        ("source below the range", "03FC 0005 00000007 0DFF 00 00000000"),
        ("source of a regulator's tester", "03FC 0005 00000007 0E00 00 00000000"),
        ("source of a unit", "03FC 0005 00000007 0010 00 00000000"),
        ("unknown type", "03FC 0005 00000007 0EF3 02 00000000"),
        ("type that needs authentication", "03FC 0005 00000007 0EF3 E0 00000000"),
        ("type that is confirmed", "03FC 0005 00000007 0EF3 E1 00000000"),
        ("type whose confirmation is refused", "03FC 0005 00000007 0EF3 E2 00000000"),
        ("type that needs TLS", "03FC 0005 00000007 0EF3 E3 00000000"),
    ];
    for (title, hex) in stimuli {
        let mut bench = Bench::new(all_types);
        let connection = bench.connect(PORT);
        let out = bench.send(connection, hex);
        let words = bench.words(&out);
        writeln!(text, "{title}: {hex}\n{words}").expect("strings take everything");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn datagrams_are_answered_to_whoever_sent_them() {
    let mut text = String::new();
    let stimuli = [
        ("identification, any version", "FF00 0001 00000000"),
        ("identification, 2019", "03FC 0001 00000000"),
        ("identification, 2012", "02FD 0001 00000000"),
        ("by EID", "03FC 0002 00000006 020000BC0001"),
        ("by another EID", "03FC 0002 00000006 020000BC0002"),
        ("by VIN", "03FC 0003 00000011 574241534D544553543030303030303031"),
        ("by another VIN", "03FC 0003 00000011 574241534D544553543030303030303032"),
        ("entity status", "03FC 4001 00000000"),
        ("power mode", "03FC 4003 00000000"),
        (
            "announcement of another",
            "03FC 0004 00000020 574241534D544553543030303030303031 0010 020000BC0001 \
             020000BC0001 00",
        ),
        ("wrong inverse", "0303 0001 00000000"),
        ("version 2010", "01FE 0001 00000000"),
        ("status with any version", "FF00 4001 00000000"),
        ("unknown type", "03FC 1234 00000000"),
        ("activation", "03FC 0005 00000007 0EF3 00 00000000"),
        ("too large", "03FC 0001 7FFFFFFF"),
        ("wrong length", "03FC 0002 00000005 020000BC00"),
        ("cut", "03FC 0003 00000011 5742"),
        ("shorter than a header", "03FC 00"),
        ("header nack", "03FC 0000 00000001 00"),
    ];
    for (title, hex) in stimuli {
        let mut bench = Bench::new(|_| {});
        let mut out = bench.datagram(PORT, hex);
        out.extend(bench.wait(Duration::from_millis(50)));
        let words = bench.words(&out).replace(&PEER.to_string(), "peer");
        writeln!(text, "{title}: {hex}\n{words}").expect("strings take everything");
    }
    insta::assert_snapshot!(text);
}

#[rstest]
#[case::announcement_of_2025("04FB 0004 00000020", 32)]
#[case::announcement_cut("03FC 0004 00000020", 31)]
#[case::announcement_of_a_wrong_length("03FC 0004 00000001", 1)]
#[case::refusal_of_2025("04FB 0000 00000001", 1)]
#[case::refusal_of_a_wrong_length("03FC 0000 00000002", 2)]
fn what_another_entity_says_is_ignored(#[case] header: &str, #[case] payload: usize) {
    let mut bench = Bench::new(|_| {});
    let mut out = bench.datagram(PORT, &format!("{header} {}", "00".repeat(payload)));
    out.extend(bench.wait(Duration::from_secs(1)));
    assert_eq!(bench.words(&out), "");
}

#[test]
fn an_acknowledge_comes_before_the_answer_and_both_are_swapped() {
    let (mut bench, connection) = activated(|_| {});
    let mut out = bench.send(connection, READ_VIN);
    out.extend(bench.wait(Duration::from_secs(1)));
    assert_eq!(bench.words(&out), "#1 < 03FC80020000000800100EF30022F190\n");
    let answers = bench.answers(&out);
    assert_eq!(answers.len(), 1);
    assert!(answers[0].1[16..].starts_with("00100EF3"), "{answers:?}");
}

#[test]
fn a_functional_request_is_answered_by_every_unit() {
    let (mut bench, connection) = activated(|_| {});
    let mut out = bench.send(connection, "03FC 8001 00000007 0EF3 00DF 22F190");
    out.extend(bench.wait(Duration::from_secs(1)));
    assert_eq!(bench.words(&out), "#1 < 03FC80020000000800DF0EF30022F190\n");
    let mut sources: Vec<_> =
        bench.answers(&out).into_iter().map(|(_, hex)| hex[16..20].to_owned()).collect();
    sources.sort();
    assert_eq!(sources, ["0010", "0012", "0018", "0040", "005D"]);
}

#[test]
fn a_socket_without_activation_is_closed_after_two_seconds() {
    let mut bench = Bench::new(|_| {});
    bench.connect(PORT);
    assert_eq!(bench.wait(Duration::from_millis(1_999)).len(), 0);
    let out = bench.wait(Duration::from_millis(1));
    assert_eq!(bench.words(&out), "#1 closed\n");
}

#[rstest]
#[case::close(OnInactivity::Close, "#1 closed\n")]
#[case::check(OnInactivity::AliveCheck, "#1 < 03FC000700000000\n")]
fn a_quiet_socket_ends_after_five_minutes(#[case] policy: OnInactivity, #[case] words: &str) {
    let (mut bench, connection) = activated(|vehicle| vehicle.doip.on_inactivity = policy);
    bench.wait(Duration::from_secs(200));
    bench.send(connection, "03FC 8001 00000006 0EF3 0010 3E80");
    let out = bench.wait(Duration::from_millis(299_999));
    assert_eq!(bench.words(&out), "");
    let out = bench.wait(Duration::from_millis(1));
    assert_eq!(bench.words(&out), words);
    if policy == OnInactivity::AliveCheck {
        let out = bench.wait(Duration::from_millis(500));
        assert_eq!(bench.words(&out), "#1 closed\n");
    }
}

#[test]
fn a_rival_that_is_alive_keeps_its_source_address() {
    let (mut bench, first) = activated(|_| {});
    let second = bench.connect(PORT);
    let out = bench.send(second, ACTIVATE);
    assert_eq!(bench.words(&out), "#1 < 03FC000700000000\n");
    let out = bench.send(first, "03FC 0008 00000002 0EF3");
    assert_eq!(bench.words(&out), "#2 < 03FC0006000000090EF300100300000000\n#2 closed\n");
    assert!(bench.wait(Duration::from_secs(1)).is_empty(), "the first socket stays");
}

#[test]
fn a_rival_that_does_not_answer_loses_its_place_after_half_a_second() {
    let (mut bench, _) = activated(|_| {});
    let second = bench.connect(PORT);
    bench.send(second, ACTIVATE);
    assert!(bench.wait(Duration::from_millis(499)).is_empty());
    let out = bench.wait(Duration::from_millis(1));
    assert_eq!(bench.words(&out), "#1 closed\n#2 < 03FC0006000000090EF300101000000000\n");
    let out = bench.send(second, READ_VIN);
    assert_eq!(bench.words(&out), "#2 < 03FC80020000000800100EF30022F190\n");
}

#[test]
fn a_rival_that_hangs_up_makes_way_at_once() {
    let (mut bench, first) = activated(|_| {});
    let second = bench.connect(PORT);
    bench.send(second, ACTIVATE);
    let out = bench.close(first);
    assert_eq!(bench.words(&out), "#2 < 03FC0006000000090EF300101000000000\n");
}

#[test]
fn a_full_table_of_living_testers_refuses_a_newcomer() {
    let mut bench = full_table();
    let (newcomer, _) = bench.accept(PORT);
    let out = bench.send(newcomer, &activate(9));
    assert_eq!(bench.words(&out), "#1 < 03FC000700000000\n#2 < 03FC000700000000\n");
    bench.send(nth(1), "03FC 0008 00000002 0EF1");
    let out = bench.send(nth(2), "03FC 0008 00000002 0EF2");
    assert_eq!(bench.words(&out), "#3 < 03FC0006000000090EF900100100000000\n#3 closed\n");
}

#[test]
fn a_full_table_with_a_dead_tester_has_a_place_for_a_newcomer() {
    let mut bench = full_table();
    let (newcomer, _) = bench.accept(PORT);
    bench.send(newcomer, &activate(9));
    bench.send(nth(2), "03FC 0008 00000002 0EF2");
    let out = bench.wait(Duration::from_millis(500));
    assert_eq!(bench.words(&out), "#1 closed\n#3 < 03FC0006000000090EF900101000000000\n");
}

#[test]
fn a_place_freed_by_a_tester_that_was_alive_goes_to_a_newcomer() {
    let mut bench = full_table();
    let (newcomer, _) = bench.accept(PORT);
    bench.send(newcomer, &activate(9));
    bench.send(nth(1), "03FC 0008 00000002 0EF1");
    let out = bench.close(nth(1));
    assert_eq!(bench.words(&out), "#3 < 03FC0006000000090EF900101000000000\n");
}

#[test]
fn a_socket_beyond_the_extra_one_is_reset() {
    let mut bench = full_table();
    bench.connect(PORT);
    let (_, out) = bench.accept(PORT);
    assert_eq!(bench.words(&out), "#4 reset\n");
}

#[rstest]
#[case::none(0, "00")]
#[case::one(1, "01")]
#[case::as_many_as_may_be_activated(2, "02")]
#[case::one_more_than_may_be_activated(3, "02")]
fn entity_status_counts_open_sockets(#[case] sockets: u8, #[case] open: &str) {
    let mut bench = Bench::new(|vehicle| vehicle.doip.sockets = 2);
    for _ in 0..sockets {
        bench.connect(PORT);
    }
    let out = bench.datagram(PORT, "03FC 4001 00000000");
    let status = format!("03FC40020000000700 02 {open} 00010000\n").replace(' ', "");
    assert!(bench.words(&out).ends_with(&status), "{}", bench.words(&out));
}

#[test]
fn entity_status_counts_activated_sockets_too() {
    let mut bench = full_table();
    let out = bench.datagram(PORT, "03FC 4001 00000000");
    assert!(bench.words(&out).ends_with("03FC40020000000700020200010000\n"));
}

#[test]
fn an_alive_check_response_with_a_foreign_address_closes_the_socket() {
    let (mut bench, connection) = activated(|_| {});
    let out = bench.send(connection, "03FC 0008 00000002 0EF4");
    assert_eq!(bench.words(&out), "#1 closed\n");
}

#[test]
fn a_starting_vehicle_is_not_ready_and_keeps_the_socket() {
    let mut bench = Bench::new(|_| {});
    bench.fault(Fault::GatewayReset(ResetOverride {
        starting: Some(Duration::from_secs(3)),
        while_starting: Some(WhileStarting::NotReady),
        ..ResetOverride::default()
    }));
    bench.wait(Duration::from_secs(10));
    let connection = bench.connect(PORT);
    let out = bench.send(connection, ACTIVATE);
    assert_eq!(bench.words(&out), "#1 < 03FC0006000000090EF300100800000000\n");
    let out = bench.datagram(PORT, "03FC 4003 00000000");
    assert!(bench.words(&out).ends_with("03FC40040000000100\n"));
    bench.wait(Duration::from_millis(500));
    bench.send(connection, ACTIVATE);
    bench.wait(Duration::from_millis(1_900));
    bench.send(connection, ACTIVATE);
    bench.wait(Duration::from_millis(1_000));
    let out = bench.send(connection, ACTIVATE);
    assert_eq!(bench.words(&out), "#1 < 03FC0006000000090EF300101000000000\n");
}

#[rstest]
#[case::out_of_memory(0x05, "05")]
#[case::busy(0x09, "09")]
fn requests_beyond_the_queue_are_refused(#[case] code: u8, #[case] digits: &str) {
    let (mut bench, connection) = activated(|vehicle| {
        vehicle.limits.waiting = 1;
        vehicle.doip.overflow_code = code;
        vehicle.doip.echo = 0;
    });
    bench.slow_down("dme");
    let request = "03FC 8001 00000007 0EF3 0012 22F190";
    let out = bench.send(connection, &request.repeat(2));
    let expected =
        format!("#1 < 03FC80020000000500120EF300\n#1 < 03FC80030000000500120EF3{digits}\n");
    assert_eq!(bench.words(&out), expected);
}

#[test]
fn unfinished_messages_share_the_memory() {
    let (mut bench, first) = activated(|vehicle| vehicle.limits.memory = 100);
    let second = bench.connect(PORT);
    bench.send(second, &activate(4));
    bench.send(first, &format!("03FC 8001 00000060 0EF3 0012 {}", "AA".repeat(50)));
    let long = format!("03FC 8001 00000060 0EF4 0012 {}", "AA".repeat(0x5C));
    let out = bench.send(second, &long);
    assert_eq!(bench.words(&out), "#2 < 03FC00000000000103\n");
    bench.close(first);
    let out = bench.send(second, &long);
    assert_eq!(bench.words(&out), "#2 < 03FC80020000000A00120EF400AAAAAAAAAA\n");
}

#[test]
fn every_answer_is_in_the_version_of_the_socket() {
    let mut bench = Bench::new(|_| {});
    let connection = bench.connect(PORT);
    let out = bench.send(connection, "02FD 0005 00000007 0EF3 00 00000000");
    assert_eq!(bench.words(&out), "#1 < 02FD0006000000090EF300101000000000\n");
    let mut out = bench.send(connection, "02FD 8001 00000007 0EF3 0010 22F190");
    out.extend(bench.wait(Duration::from_secs(1)));
    assert!(bench.answers(&out).iter().all(|(_, hex)| hex.starts_with("02FD8001")));
}

#[rstest]
#[case::unknown_type("02FD 1234 00000000", "02FD00000000000101")]
#[case::too_large("02FD 8001 7FFFFFFF", "02FD00000000000102")]
#[case::wrong_length("02FD 0005 00000002 0EF3", "02FD00000000000104")]
#[case::second_message("03FC 1234 00000001 AA 02FD 1234 00000000", "02FD00000000000101")]
#[case::wrong_inverse("0203 0005 00000007", "03FC00000000000100")]
#[case::unknown_version("04FB 0005 00000007", "03FC00000000000100")]
fn a_refusal_is_in_the_version_asked(#[case] hex: &str, #[case] refusal: &str) {
    let bytes = unhex(hex);
    for cut in 1..=bytes.len() {
        let mut bench = Bench::new(|_| {});
        let connection = bench.connect(PORT);
        let mut out = bench.send_bytes(connection, bytes.slice(..cut));
        out.extend(bench.send_bytes(connection, bytes.slice(cut..)));
        let words = bench.words(&out);
        let last = words.lines().rfind(|line| line.contains(" < "));
        assert_eq!(last, Some(format!("#1 < {refusal}").as_str()), "cut after {cut} bytes");
    }
}

#[rstest]
#[case::unknown_type("02FD 1234 00000000", "02FD00000000000101")]
#[case::wrong_length("02FD 0001 00000001 00", "02FD00000000000104")]
#[case::cut("02FD 0003 00000011 5742", "02FD00000000000104")]
#[case::wrong_inverse("0203 0001 00000000", "03FC00000000000100")]
#[case::unknown_version("04FB 0001 00000000", "03FC00000000000100")]
#[case::any_version("FF00 0002 00000000", "03FC00000000000104")]
fn a_datagram_is_refused_in_its_version(#[case] hex: &str, #[case] refusal: &str) {
    let mut bench = Bench::new(|_| {});
    let out = bench.datagram(PORT, hex);
    assert_eq!(bench.words(&out), format!("udp {PORT} > {PEER} {refusal}\n"));
}

#[test]
fn announcements_follow_an_address_three_times() {
    let mut bench = Bench::cold(|vehicle| vehicle.doip.announce_wait = (ms(100), ms(100)));
    bench.take();
    bench.address();
    let out = bench.wait(Duration::from_secs(10));
    let words = bench.timeline(&out);
    let doip: Vec<_> = words.lines().filter(|line| line.contains("udp 13400")).collect();
    insta::assert_snapshot!(doip.join("\n"));
}

#[test]
fn knobs_of_the_entity_change_what_it_says() {
    let request = "03FC 0001 00000000";
    let said = |change: fn(&mut EntityProfile)| {
        let mut bench = Bench::new(|vehicle| change(&mut vehicle.doip));
        bench.datagram(PORT, request);
        let out = bench.wait(Duration::from_millis(50));
        let status = bench.datagram(PORT, "03FC 4001 00000000");
        let mode = bench.datagram(PORT, "03FC 4003 00000000");
        bench.words(&out) + &bench.words(&status) + &bench.words(&mode)
    };
    assert!(said(|it| it.group = Group::Unset).contains("020000BC0001FFFFFFFFFFFF"));
    assert!(said(|it| it.group = Group::Zero).contains("020000BC0001000000000000"));
    assert!(said(|it| it.sync_byte = false).contains("03FC000400000020"));
    assert!(said(|it| it.further_action = 0x10).contains("BC00011000\n"));
    assert!(said(|it| it.status_with_data_size = false).contains("03FC400200000003000400\n"));
    assert!(said(|it| it.power_mode = false).contains("03FC40040000000102\n"));
}

#[test]
fn a_tester_that_asks_whether_the_entity_is_alive_may_be_answered() {
    let (mut bench, connection) = activated(|vehicle| vehicle.doip.answers_alive_check = true);
    let out = bench.send(connection, "03FC 0007 00000000 03FC 9000 00000000");
    let expected = "#1 < 03FC0008000000020010\n#1 < 03FC00000000000101\n";
    assert_eq!(bench.words(&out), expected, "other strange types are still refused");
}

fn all_types(vehicle: &mut VehicleProfile) {
    let types = [
        ("E0", Requirement::Authentication),
        ("E1", Requirement::Confirmed),
        ("E2", Requirement::Rejected),
        ("E3", Requirement::Tls),
    ];
    vehicle.doip.activation_types.extend(types.map(|(name, need)| (name.to_owned(), need)));
}

fn activated(change: impl FnOnce(&mut VehicleProfile)) -> (Bench, ConnectionId) {
    let mut bench = Bench::new(change);
    let connection = bench.connect(PORT);
    let out = bench.send(connection, ACTIVATE);
    assert_eq!(bench.words(&out), "#1 < 03FC0006000000090EF300101000000000\n");
    (bench, connection)
}

/// Two sockets, both activated, and no place left.
fn full_table() -> Bench {
    let mut bench = Bench::new(|vehicle| vehicle.doip.sockets = 2);
    for tester in [1, 2] {
        let connection = bench.connect(PORT);
        bench.send(connection, &activate(tester));
    }
    bench
}

fn activate(tester: u8) -> String {
    format!("03FC 0005 00000007 0EF{tester} 00 00000000")
}

fn nth(index: u64) -> ConnectionId {
    ConnectionId(ConnectionId::FIRST_ACCEPTED + index - 1)
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
