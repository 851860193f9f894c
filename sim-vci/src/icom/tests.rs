//! An ICOM between a small car and a small tester, over real TCP in virtual time.

mod bench;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use bytes::Bytes;
use node::{CloseReason, ConnectionId, SocketAction, StackLoss};
use rstest::rstest;
use wire::doip::{
    self, ActivationType, LogicalAddress, Payload, RoutingActivationRequest, Version,
};
use wire::hsfz::{self, Address};

use crate::event::{DropReason, VciEvent};
use crate::icom::config::{AwayPolicy, IcomConfig};
use bench::{Bench, ICOM, config, identification};

const SECOND: Duration = Duration::from_secs(1);
const CAR: Ipv4Addr = Ipv4Addr::new(192, 168, 11, 100);

fn read_request() -> Bytes {
    let data = Bytes::from_static(b"\x22\xF1\x50");
    hsfz::Message::Diagnostic { source: Address(0xF4), target: Address(0x10), data }.to_bytes()
}

/// What the bench's car says to [`read_request`]: acknowledge and answer.
fn read_answer() -> Vec<u8> {
    let (source, target) = (Address(0xF4), Address(0x10));
    let data = Bytes::from_static(b"\x22\xF1\x50");
    let acknowledge = hsfz::Message::Acknowledge { source, target, data }.to_bytes();
    let data = Bytes::from_static(b"\x62\xF1\x50");
    let answer = hsfz::Message::Diagnostic { source: target, target: source, data }.to_bytes();
    [acknowledge, answer].concat()
}

fn activation() -> Bytes {
    let request = RoutingActivationRequest {
        source: LogicalAddress::TESTER,
        activation_type: ActivationType::DEFAULT,
        reserved: [0; 4],
        oem: Some([0; 4]),
    };
    doip::Message::new(Version::V2019, Payload::RoutingActivationRequest(request)).to_bytes()
}

fn doip_request() -> Bytes {
    let (source, target) = (LogicalAddress::TESTER, LogicalAddress::GATEWAY);
    let data = Bytes::from_static(b"\x22\xF1\x90");
    doip::Message::new(Version::V2019, Payload::Diagnostic { source, target, data }).to_bytes()
}

/// A bench on which the car is found and a tester is connected.
fn connected(config: IcomConfig, port: u16) -> (Bench, ConnectionId) {
    let mut bench = Bench::new(config);
    bench.run(5 * SECOND);
    let connection = bench.connect(port);
    bench.run(SECOND);
    assert!(bench.story().contains(&VciEvent::Joined { port, resumed: false }));
    (bench, connection)
}

#[test]
fn the_car_gets_an_address_and_is_found() {
    let mut bench = Bench::new(config());
    bench.run(3 * SECOND);
    let leased = VciEvent::Leased { mac: bench::CAR_MAC, address: CAR };
    assert_eq!(
        bench.story(),
        [VciEvent::CarLink { up: true }, leased, VciEvent::CarFound { address: CAR }]
    );
}

#[test]
fn a_request_is_relayed_and_answered() {
    let (mut bench, connection) = connected(config(), 50160);
    bench.send(connection, read_request());
    bench.run(SECOND);
    assert_eq!(bench.received(connection), read_answer());
}

#[test]
fn a_tester_that_leaves_leaves_the_car() {
    let (mut bench, connection) = connected(config(), 50160);
    bench.ask(SocketAction::Close { connection });
    bench.run(SECOND);
    assert_eq!(bench.car_connections(), 0);
    assert_eq!(bench.story().last(), Some(&VciEvent::TesterGone { port: 50160 }));
}

#[rstest]
fn a_gateway_reset_is_ridden_through(
    #[values(StackLoss::Silent, StackLoss::Reset, StackLoss::Finish)] loss: StackLoss,
) {
    let (mut bench, connection) = connected(config(), 50160);
    bench.reset_car(loss, 6 * SECOND, 2 * SECOND);
    bench.run(3 * SECOND);
    bench.send(connection, read_request());
    bench.run(4 * SECOND);
    assert_eq!(bench.received(connection), b"", "silence while the car is away");
    bench.run(8 * SECOND);
    assert_eq!(bench.workshop_links(), [true], "the workshop side keeps its carrier");
    assert_eq!(bench.closed(connection), None, "the tester keeps its connection");
    bench.send(connection, read_request());
    bench.run(SECOND);
    assert_eq!(bench.received(connection), read_answer());
    let lost = VciEvent::Dropped { port: 50160, bytes: 11, reason: DropReason::CarAway };
    assert!(bench.story().contains(&lost));
    assert!(bench.story().contains(&VciEvent::Joined { port: 50160, resumed: true }));
}

#[test]
fn requests_may_wait_for_the_car() {
    let config = IcomConfig { away: AwayPolicy::Queue, queue_limit: 25, ..config() };
    let (mut bench, connection) = connected(config, 50160);
    bench.reset_car(StackLoss::Silent, 3 * SECOND, SECOND);
    bench.run(SECOND);
    for _ in 0..3 {
        bench.send(connection, read_request());
        bench.run(SECOND / 10);
    }
    bench.run(10 * SECOND);
    assert_eq!(bench.received(connection), [read_answer(), read_answer()].concat());
    let full = VciEvent::Dropped { port: 50160, bytes: 11, reason: DropReason::QueueFull };
    assert!(bench.story().contains(&full));
}

#[test]
fn a_request_cut_by_the_reset_is_sent_whole_or_not_at_all() {
    let (mut bench, connection) = connected(config(), 50160);
    let request = read_request();
    bench.send(connection, request.slice(..7));
    bench.run(SECOND / 10);
    bench.reset_car(StackLoss::Silent, 3 * SECOND, SECOND);
    bench.run(10 * SECOND);
    bench.send(connection, request.slice(7..));
    bench.run(SECOND);
    assert_eq!(bench.received(connection), read_answer());
}

#[test]
fn routing_is_activated_again_without_the_tester() {
    let (mut bench, connection) = connected(config(), 50162);
    bench.send(connection, activation());
    bench.run(SECOND);
    bench.send(connection, doip_request());
    bench.run(SECOND);
    let before = bench.received(connection).len();
    bench.reset_car(StackLoss::Silent, 6 * SECOND, 2 * SECOND);
    bench.run(15 * SECOND);
    assert_eq!(bench.received(connection).len(), before, "the tester hears nothing of it");
    bench.send(connection, doip_request());
    bench.run(SECOND);
    let answer = bench.received(connection).split_off(before);
    // Positive acknowledge and response; a car without routing would have closed.
    assert_eq!(answer.len(), (8 + 5) + (8 + 4 + 3));
    assert_eq!(bench.closed(connection), None);
}

#[test]
fn a_refused_activation_is_not_repeated() {
    let (mut bench, connection) = connected(config(), 50162);
    bench.with_car(|car| car.activates = false);
    bench.send(connection, activation());
    bench.run(SECOND);
    assert_eq!(bench.received(connection)[12], 0x00, "source address unknown");
    let heard = bench.with_car(|car| car.activations);
    bench.reset_car(StackLoss::Silent, 2 * SECOND, SECOND);
    bench.run(10 * SECOND);
    assert_eq!(bench.with_car(|car| car.activations), heard);
}

#[test]
fn a_car_that_closes_on_purpose_closes_the_tester() {
    let (mut bench, connection) = connected(config(), 50160);
    bench.close_car_connections();
    bench.run(SECOND);
    assert_eq!(bench.closed(connection), Some(CloseReason::Finished));
    assert_eq!(bench.car_connections(), 0);
}

#[test]
fn a_restart_without_loss_of_link_is_noticed_by_the_announcement() {
    let (mut bench, connection) = connected(config(), 50160);
    bench.run(10 * SECOND);
    bench.reset_car(StackLoss::Silent, Duration::ZERO, 3 * SECOND);
    bench.run(12 * SECOND);
    bench.send(connection, read_request());
    bench.run(SECOND);
    assert_eq!(bench.received(connection), read_answer());
}

#[test]
fn a_fast_restart_without_loss_of_link_is_not_taken_for_a_close() {
    let (mut bench, connection) = connected(config(), 50160);
    bench.reset_car(StackLoss::Finish, Duration::ZERO, SECOND / 2);
    bench.run(5 * SECOND);
    assert_eq!(bench.closed(connection), None);
    bench.send(connection, read_request());
    bench.run(SECOND);
    assert_eq!(bench.received(connection), read_answer());
}

#[test]
fn a_tester_may_come_before_the_car() {
    let mut bench = Bench::without_car(config());
    let connection = bench.connect(50160);
    bench.run(5 * SECOND);
    assert_eq!(bench.closed(connection), None);
    bench.plug_car();
    bench.run(5 * SECOND);
    bench.send(connection, read_request());
    bench.run(SECOND);
    assert_eq!(bench.received(connection), read_answer());
}

#[test]
fn the_workshop_may_lose_its_link_while_the_car_is_kept() {
    let (mut bench, connection) = connected(config(), 50160);
    bench.workshop_link(false);
    bench.run(3 * SECOND);
    assert_eq!(bench.car_connections(), 1);
    bench.workshop_link(true);
    bench.send(connection, read_request());
    bench.run(3 * SECOND);
    assert_eq!(bench.received(connection), read_answer());
}

#[test]
fn no_more_testers_than_configured_are_taken() {
    let (mut bench, first) = connected(IcomConfig { sessions: 1, ..config() }, 50160);
    let second = bench.connect(50160);
    bench.run(SECOND);
    assert_eq!(bench.closed(first), None);
    assert_eq!(bench.closed(second), Some(CloseReason::Reset));
}

#[test]
fn a_message_beyond_all_limits_ends_the_connection() {
    let (mut bench, connection) = connected(config(), 50160);
    bench.send(connection, Bytes::from_static(b"\xFF\xFF\xFF\xFF\0\x01"));
    bench.run(SECOND);
    assert_eq!(bench.closed(connection), Some(CloseReason::Reset));
    assert_eq!(bench.car_connections(), 0);
}

#[rstest]
#[case::there(false)]
#[case::away(true)]
fn the_workshop_is_told_who_the_car_is(#[case] away: bool) {
    let mut bench = Bench::new(config());
    bench.run(3 * SECOND);
    if away {
        bench.unplug_car();
        bench.run(SECOND);
    }
    let hsfz = hsfz::Message::Identification { text: Bytes::new() }.to_bytes();
    let doip = doip::Message::new(Version::ANY, Payload::IdentificationRequest).to_bytes();
    assert_eq!(
        bench.question(6811, Ipv4Addr::BROADCAST, hsfz),
        [(SocketAddrV4::new(ICOM, 6811), identification())]
    );
    let [(from, answer)] = &bench.question(13400, ICOM, doip)[..] else {
        panic!("one answer is due");
    };
    assert_eq!((from.port(), answer.len(), answer[..4].to_vec()), (13400, 41, vec![3, 0xFC, 0, 4]));
}

#[test]
fn nobody_is_told_of_a_car_that_was_never_seen() {
    let mut bench = Bench::without_car(config());
    bench.run(3 * SECOND);
    let hsfz = hsfz::Message::Identification { text: Bytes::new() }.to_bytes();
    assert_eq!(bench.question(6811, ICOM, hsfz), []);
}

#[test]
fn slp_tells_voltages_and_vehicle() {
    let mut bench = Bench::new(config());
    bench.icom.set_voltages(11_000, 13_800);
    bench.run(3 * SECOND);
    let request = Bytes::from_static(
        b"\x02\x06\0\0\x21\0\0\0\0\0\xAB\xCD\0\x02en\0\0\0\0\0\x07default\0\0\0\0",
    );
    let [(_, answer)] = &bench.question(427, Ipv4Addr::BROADCAST, request)[..] else {
        panic!("one answer is due");
    };
    let text = String::from_utf8_lossy(answer);
    for part in ["(DevType=ICOM)", "(Kl15Voltage=11000)", "(Kl30Voltage=13800)"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(text.contains("(VIN=WBASMTEST00000001)") && text.contains("(IPAddress=169.254.10.10)"));
}

#[test]
fn an_idle_hour_costs_nothing() {
    let (mut bench, _) = connected(config(), 50160);
    bench.run(10 * SECOND);
    bench.wakes = 0;
    bench.run(3600 * SECOND);
    assert!(bench.wakes < 100, "{}", bench.wakes);
}
