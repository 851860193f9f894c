use std::fmt::Write;
use std::time::Duration;

use node::{ConnectionId, Instant, Node, SocketEvent};
use proptest::prelude::*;
use rstest::rstest;
use sim_ecus::{EcuEvent, EcuFault, ResetKind};

use super::*;
use crate::bench::{Bench, PEER};
use crate::{Protocols, ResetOverride, Supply, VehicleEvent};

#[test]
fn the_first_actions_are_to_listen() {
    let mut bench = Bench::cold(|_| {});
    let out = bench.take();
    insta::assert_snapshot!(bench.words(&out), @r"
    Listen { port: 6801 }
    Listen { port: 6811 }
    Bind { port: 6811 }
    Listen { port: 13400 }
    Bind { port: 13400 }
    ");
}

#[rstest]
#[case::hsfz(Protocols::Hsfz, 13_400)]
#[case::doip(Protocols::Doip, 6_801)]
fn a_port_of_a_protocol_that_is_not_spoken_is_closed(
    #[case] protocols: Protocols,
    #[case] port: u16,
) {
    let mut bench = Bench::new(|vehicle| vehicle.protocols = protocols);
    let (_, out) = bench.accept(port);
    assert_eq!(bench.words(&out), "#1 reset\n");
}

#[rstest]
#[case::restart("zgw", ResetKind::Hard, "restart")]
#[case::after_flash("zgw", ResetKind::OutOfBootloader, "after_flash")]
#[case::bootloader("zgw", ResetKind::IntoBootloader, "bootloader")]
#[case::housing("bdc", ResetKind::Hard, "housing")]
fn a_restart_of_the_gateway_walks_through_its_reset(
    #[case] unit: &str,
    #[case] kind: ResetKind,
    #[case] name: &str,
) {
    let mut bench = Bench::new(|vehicle| vehicle.doip.announce_wait = Default::default());
    let connection = bench.connect(6_801);
    bench.send(connection, "00000004 0001 F410 3E80");
    let mut text = restart(&mut bench, unit, kind);
    text += &until_announced(&mut bench);
    assert_eq!(bench.gateway.resets(), 1);
    insta::assert_snapshot!(format!("reset_{name}"), text);
}

#[rstest]
#[case::gateway("00000004 0001 F410 1101", ResetCause::Restart)]
#[case::body("00000004 0001 F440 1101", ResetCause::Housing)]
fn a_tester_resets_the_gateway_and_gets_its_reply_first(
    #[case] request: &str,
    #[case] cause: ResetCause,
) {
    let mut bench = Bench::new(|_| {});
    let connection = bench.connect(6_801);
    let mut out = bench.send(connection, "00000004 0001 F4DF 1003");
    out.extend(bench.wait(Duration::from_secs(1)));
    out.extend(bench.send(connection, request));
    out.extend(bench.wait(Duration::from_secs(20)));
    let is_reply = |out: &crate::bench::Out| {
        let answers = bench.answers(std::slice::from_ref(out));
        answers.iter().any(|(_, hex)| hex.ends_with("5101"))
    };
    let reply = out.iter().position(is_reply).expect("the reset is answered");
    let is_down = |out: &crate::bench::Out| matches!(out.action, SocketAction::StackDown { .. });
    let down = out.iter().position(is_down).expect("the stack goes");
    assert!(reply < down && out[down].at - out[reply].at == Duration::from_millis(20));
    let mut phases = bench.events().into_iter().filter_map(|event| match event {
        VehicleEvent::GatewayReset { cause, phase } => Some((cause, phase)),
        VehicleEvent::Ecu { .. } | VehicleEvent::Link { .. } | VehicleEvent::Supply { .. } => None,
    });
    assert_eq!(phases.next_back(), Some((cause, ResetPhase::Ready)));
}

#[test]
fn a_tester_holds_the_switch() {
    let mut bench = Bench::new(|_| {});
    let connection = bench.connect(6_801);
    bench.send(connection, "00000004 0001 F410 1003");
    bench.wait(Duration::from_secs(1));
    let mut out = bench.send(connection, "00000008 0001 F410 31011044FF03");
    out.extend(bench.wait(Duration::from_secs(4)));
    let links = out.iter().filter(|out| matches!(out.action, SocketAction::SetLink { .. }));
    let times: Vec<_> = links.map(|out| out.at).collect();
    assert_eq!(times.len(), 2, "{}", bench.timeline(&out));
    assert_eq!(times[1] - times[0], Duration::from_secs(3));
}

#[test]
fn answers_to_a_functional_request_are_spread_and_unordered() {
    let mut orders = std::collections::BTreeSet::new();
    let mut bench = Bench::new(|_| {});
    let connection = bench.connect(6_801);
    for _ in 0..10 {
        let asked = bench.now;
        let mut out = bench.send(connection, "00000005 0001 F4DF 22F190");
        out.extend(bench.wait(Duration::from_secs(1)));
        let answers: Vec<_> = out
            .iter()
            .flat_map(|out| {
                let hex = bench.answers(std::slice::from_ref(out));
                hex.into_iter().map(|(_, hex)| (out.at - asked, hex[12..14].to_owned()))
            })
            .collect();
        assert!(answers.iter().all(|(after, _)| *after <= Duration::from_millis(150)));
        orders.insert(answers.into_iter().map(|(_, source)| source).collect::<Vec<_>>());
    }
    assert!(orders.len() > 1, "always in the order {orders:?}");
}

#[test]
fn a_reset_by_fault_walks_through_its_reset() {
    let mut bench = Bench::new(|_| {});
    bench.now = Instant::from_secs(100);
    let out = bench.fault(Fault::GatewayReset(ResetOverride {
        link_down: Some(Duration::from_secs(6)),
        stack: Some(node::StackLoss::Reset),
        new_address: Some(true),
        ..ResetOverride::default()
    }));
    let text = bench.timeline(&out) + &until_announced(&mut bench);
    insta::assert_snapshot!("reset_fault", text);
}

/// Asks the gateway's own unit, and returns its last answer.
fn ask_gateway(bench: &mut Bench, connection: ConnectionId, hex: &str) -> String {
    let mut out = bench.send(connection, hex);
    out.extend(bench.wait(Duration::from_millis(100)));
    bench.answers(&out).pop().expect("an answer").1
}

#[rstest]
#[case::fault(None)]
#[case::housing(Some("bdc"))]
fn a_reset_from_outside_takes_the_session_of_the_gateway_unit(#[case] restarted: Option<&str>) {
    let mut bench = Bench::new(|_| {});
    let connection = bench.connect(6_801);
    let answer = ask_gateway(&mut bench, connection, "00000004 0001 F410 1003");
    assert_eq!(answer, "00000008000110F45003012B01F4");
    match restarted {
        Some(unit) => drop(restart(&mut bench, unit, ResetKind::Hard)),
        None => drop(bench.fault(Fault::GatewayReset(ResetOverride::default()))),
    }
    bench.wait(Duration::from_secs(12));
    bench.address();
    let connection = bench.connect(6_801);
    let answer = ask_gateway(&mut bench, connection, "00000005 0001 F410 22F186");
    assert_eq!(answer, "00000006000110F462F18601", "the default session");
    assert_eq!(bench.gateway.resets(), 1);
}

#[test]
fn a_gateway_that_breaks_for_good_takes_the_port_along() {
    let mut bench = Bench::new(|_| {});
    bench.now = Instant::from_secs(100);
    let fault = Fault::Ecu { name: "zgw".to_owned(), fault: EcuFault::Kill };
    let out = bench.fault(fault);
    let text = bench.timeline(&out) + &seen(&mut bench, Duration::from_secs(60));
    insta::assert_snapshot!(text, @r"
    +100.020000000s StackDown { loss: Silent }
    +100.100000000s SetLink { up: false }
    ");
    let out = bench.fault(Fault::GatewayReset(ResetOverride::default()));
    let text = bench.timeline(&out) + &seen(&mut bench, Duration::from_secs(60));
    assert_eq!((text.as_str(), bench.gateway.resets()), ("", 0), "nothing brings it back");
}

#[test]
fn events_nobody_asks_for_are_bounded() {
    let mut bench = Bench::new(|_| {});
    for _ in 0..=EVENTS_MAX {
        bench.gateway.tell(VehicleEvent::Link { up: true });
    }
    assert_eq!(bench.events().len(), EVENTS_MAX);
}

#[test]
fn a_held_switch_drops_the_link_and_keeps_the_stack() {
    let mut bench = Bench::new(|_| {});
    bench.now = Instant::from_secs(100);
    let connection = bench.connect(6_801);
    let hold = EcuEvent::SwitchHold { port: 0xFF, hold: Duration::from_secs(7) };
    let zgw = bench.gateway.gateway;
    bench.gateway.unit_event(bench.now, zgw, &hold);
    bench.gateway.run(bench.now);
    let out = bench.wait(Duration::from_secs(20));
    insta::assert_snapshot!(bench.timeline(&out), @r"
    +100.020000000s SetLink { up: false }
    +107.020000000s SetLink { up: true }
    ");
    assert_eq!(bench.gateway.resets(), 0);
    let out = bench.send(connection, "00000004 0001 F410 3E80");
    assert_eq!(bench.words(&out), "#1 < 000000040002F4103E80\n");
    let out = bench.input(SocketEvent::LinkUp);
    assert!(out.is_empty());
    let announced = bench.wait(Duration::from_secs(5));
    assert_eq!(announced.len(), 6, "three times by each protocol");
}

#[test]
fn a_brownout_takes_the_gateway_down_until_the_voltage_recovers() {
    let mut bench = Bench::new(|_| {});
    bench.now = Instant::from_secs(100);
    let connection = bench.connect(6_801);
    bench.send(connection, "00000004 0001 F410 3E80");
    bench.fault(Fault::Supply { battery: 8_000, charger: None });
    let mut text = seen(&mut bench, Duration::from_secs(30));
    bench.fault(Fault::Supply { battery: 9_200, charger: None });
    text += &seen(&mut bench, Duration::from_secs(10));
    bench.fault(Fault::Supply { battery: 12_600, charger: None });
    text += &until_announced(&mut bench);
    assert_eq!(bench.gateway.resets(), 1);
    insta::assert_snapshot!("reset_brownout", text);
}

#[rstest]
#[case::soft("bdc", ResetKind::Soft)]
#[case::body_flash("bdc", ResetKind::IntoBootloader)]
#[case::other_unit("egs", ResetKind::Hard)]
#[case::unit_brownout("zgw", ResetKind::Brownout)]
fn other_restarts_leave_the_gateway_alone(#[case] unit: &str, #[case] kind: ResetKind) {
    let mut bench = Bench::new(|_| {});
    restart(&mut bench, unit, kind);
    assert_eq!(bench.wait(Duration::from_secs(30)).len(), 0);
    assert_eq!(bench.gateway.resets(), 0);
}

#[test]
fn units_that_restart_together_reset_the_gateway_once() {
    let mut bench = Bench::new(|_| {});
    restart(&mut bench, "zgw", ResetKind::Hard);
    bench.wait(Duration::from_millis(50));
    restart(&mut bench, "bdc", ResetKind::Hard);
    bench.wait(Duration::from_secs(60));
    assert_eq!(bench.gateway.resets(), 1);
}

#[test]
fn a_fault_while_booting_is_a_reset_of_its_own() {
    let mut bench = Bench::new(|_| {});
    restart(&mut bench, "zgw", ResetKind::Hard);
    bench.wait(Duration::from_secs(6));
    bench.fault(Fault::GatewayReset(ResetOverride::default()));
    assert_eq!(bench.gateway.resets(), 2);
}

#[test]
fn a_reset_forgets_connections_but_not_units() {
    let mut bench = Bench::new(|_| {});
    let connection = bench.connect(6_801);
    bench.send(connection, "00000005 0001 F412 22F190");
    restart(&mut bench, "zgw", ResetKind::Hard);
    let out = bench.wait(Duration::from_secs(60));
    assert!(bench.answers(&out).len() <= 1, "only before the stack was gone");
    let again = bench.connect(6_801);
    let mut out = bench.send(again, "00000005 0001 F412 22F190");
    out.extend(bench.wait(Duration::from_secs(1)));
    assert_eq!(bench.answers(&out).len(), 1, "the engine's unit never noticed");
}

#[test]
fn two_testers_work_side_by_side() {
    let mut bench = Bench::new(|_| {});
    let (hsfz, doip) = (bench.connect(6_801), bench.connect(13_400));
    bench.send(doip, "03FC 0005 00000007 0EF3 00 00000000");
    let mut out = Vec::new();
    for unit in ["10", "12", "18", "40", "5D"] {
        out.extend(bench.send(hsfz, &format!("00000005 0001 F4{unit} 22F190")));
        out.extend(bench.send(doip, &format!("03FC 8001 00000007 0EF3 00{unit} 22F150")));
        out.extend(bench.wait(Duration::from_secs(1)));
    }
    let answers = bench.answers(&out);
    let to = |connection| answers.iter().filter(|(to, _)| *to == connection).count();
    assert_eq!((to(hsfz), to(doip)), (5, 5), "{answers:?}");
    assert!(
        answers
            .iter()
            .all(|(to, hex)| hex.contains("F190") == (*to == hsfz) || hex.contains("7F22"))
    );
}

#[test]
fn immediate_units_answer_in_the_segment_of_the_acknowledge() {
    let vehicle = VehicleProfile::named("g05").expect("a shipped vehicle");
    let mut bench = Bench::with(&vehicle, Setup { immediate: true, ..Setup::default() });
    bench.take();
    let connection = bench.connect(6_801);
    let out = bench.send(connection, "00000005 0001 F410 22F190");
    assert_eq!(out.len(), 1);
    assert_eq!(bench.words(&out), "#1 < 000000050002F41022F190\n");
    assert_eq!(bench.answers(&out).len(), 1);
}

#[test]
fn a_steady_vehicle_is_silent_and_has_no_deadline() {
    let bench = Bench::new(|vehicle| vehicle.protocols = Protocols::Hsfz);
    assert_eq!(bench.gateway.poll_timeout(), None);
}

#[test]
fn a_falling_voltage_is_told_as_it_falls() {
    let mut bench = Bench::cold(|vehicle| {
        let curve = vec![(Duration::from_secs(10), 13_000), (Duration::from_secs(11), 12_000)];
        vehicle.supply = Supply { curve, milliohms: 0, ..Supply::default() };
    });
    bench.take();
    bench.wait(Duration::from_secs(60));
    let levels: Vec<_> = bench
        .events()
        .into_iter()
        .filter_map(|event| match event {
            VehicleEvent::Supply { millivolts } => Some(millivolts),
            VehicleEvent::Ecu { .. }
            | VehicleEvent::GatewayReset { .. }
            | VehicleEvent::Link { .. } => None,
        })
        .collect();
    let fall = [13_000, 12_900, 12_800, 12_700, 12_600, 12_500, 12_400, 12_300, 12_200, 12_100];
    assert_eq!(levels, [&[12_600][..], &fall, &[12_000]].concat());
    assert_eq!(bench.gateway.voltage_millivolts(), 12_000);
}

#[test]
fn a_fault_for_a_unit_that_is_not_there_does_nothing() {
    let mut bench = Bench::new(|_| {});
    let fault = EcuFault::Silent(Duration::from_secs(1));
    bench.fault(Fault::Ecu { name: "swarm".to_owned(), fault });
    assert!(bench.events().is_empty());
}

#[test]
fn the_same_seed_does_the_same() {
    let run = || {
        let mut bench = Bench::cold(|_| {});
        bench.take();
        bench.address();
        let connection = bench.connect(6_801);
        let mut out = bench.send(connection, "00000005 0001 F4DF 22F190");
        out.extend(bench.wait(Duration::from_secs(10)));
        bench.timeline(&out) + &format!("{:?}", bench.answers(&out))
    };
    assert_eq!(run(), run());
}

/// What hostile peers do.
#[derive(Clone, Debug)]
enum Deed {
    Connect(u16),
    Send(usize, Vec<u8>),
    Hang(usize),
    Datagram(u16, Vec<u8>),
    Wait(u64),
    Reset,
    Supply(u32),
    Event(u8),
}

fn deed() -> impl Strategy<Value = Deed> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..80);
    let port = || prop_oneof![Just(6_801_u16), Just(6_811), Just(13_400), any::<u16>()];
    let frame = || {
        let data = proptest::collection::vec(any::<u8>(), 0..20);
        let address =
            || prop_oneof![Just(0xF4_u8), Just(0xF5), Just(0xDF), Just(0x10), any::<u8>()];
        let hsfz = (0_u16..0x50, address(), address(), data.clone()).prop_map(hsfz_frame);
        let kind = prop_oneof![
            Just(0x8001_u16),
            Just(0x0005),
            Just(0x0008),
            Just(0x4001),
            Just(0x0003),
            any::<u16>()
        ];
        let doip = (kind, address(), address(), data).prop_map(doip_message);
        prop_oneof![hsfz, doip]
    };
    prop_oneof![
        2 => port().prop_map(Deed::Connect),
        6 => (any::<usize>(), frame()).prop_map(|(to, data)| Deed::Send(to, data)),
        2 => (any::<usize>(), bytes()).prop_map(|(to, data)| Deed::Send(to, data)),
        1 => any::<usize>().prop_map(Deed::Hang),
        1 => (port(), prop_oneof![bytes(), frame()])
            .prop_map(|(to, data)| Deed::Datagram(to, data)),
        3 => (0_u64..4_000).prop_map(Deed::Wait),
        1 => Just(Deed::Reset),
        1 => (6_000_u32..16_000).prop_map(Deed::Supply),
        1 => any::<u8>().prop_map(Deed::Event),
    ]
}

fn hsfz_frame((control, source, target, data): (u16, u8, u8, Vec<u8>)) -> Vec<u8> {
    let mut frame = (data.len() as u32 + 2).to_be_bytes().to_vec();
    frame.extend(control.to_be_bytes());
    frame.extend([source, target]);
    frame.extend(data);
    frame
}

fn doip_message((kind, source, target, data): (u16, u8, u8, Vec<u8>)) -> Vec<u8> {
    let mut message = vec![0x03, 0xFC];
    message.extend(kind.to_be_bytes());
    message.extend((data.len() as u32 + 4).to_be_bytes());
    message.extend([0x0E, source, 0x00, target]);
    message.extend(data);
    message
}

fn do_it(bench: &mut Bench, connections: &mut Vec<ConnectionId>, deed: Deed) -> usize {
    let pick = |index: usize| connections.get(index % connections.len().max(1)).copied();
    match deed {
        Deed::Connect(port) => {
            let (connection, out) = bench.accept(port);
            connections.push(connection);
            out.len()
        }
        Deed::Send(to, data) => match pick(to) {
            Some(connection) if !data.is_empty() => bench.send_bytes(connection, data.into()).len(),
            Some(_) | None => 0,
        },
        Deed::Hang(which) => pick(which).map_or(0, |connection| bench.close(connection).len()),
        Deed::Datagram(local_port, data) => {
            let event = SocketEvent::Datagram { local_port, peer: PEER, data: data.into() };
            bench.input(event).len()
        }
        Deed::Wait(millis) => {
            bench.wait(Duration::from_millis(millis));
            0
        }
        Deed::Reset => bench.fault(Fault::GatewayReset(ResetOverride::default())).len(),
        Deed::Supply(battery) => bench.fault(Fault::Supply { battery, charger: None }).len(),
        Deed::Event(which) => {
            let events = [SocketEvent::LinkUp, SocketEvent::LinkDown, SocketEvent::AddressLost];
            bench.input(events[usize::from(which) % events.len()].clone()).len()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever comes in, nothing panics, no deadline stays put, and little comes out.
    #[test]
    fn hostile_peers_are_survived(deeds in proptest::collection::vec(deed(), 1..60)) {
        let mut bench = Bench::cold(|_| {});
        bench.take();
        bench.address();
        let mut connections = Vec::new();
        for deed in deeds {
            let out = do_it(&mut bench, &mut connections, deed.clone());
            prop_assert!(out <= 40, "{out} actions after {deed:?}");
            let next = bench.gateway.poll_timeout();
            prop_assert!(next.is_none_or(|at| at > bench.now), "{next:?} at {}", bench.now);
            bench.events();
        }
        bench.wait(Duration::from_secs(700));
    }
}

/// Lets a unit restart, as its engine would tell.
fn restart(bench: &mut Bench, unit: &str, kind: ResetKind) -> String {
    bench.now = bench.now.max(Instant::from_secs(100));
    let unit = bench.gateway.units.index(unit).expect("a unit of the vehicle");
    let event = EcuEvent::Restarting { kind, silent_for: Duration::from_secs(10) };
    bench.gateway.unit_event(bench.now, unit, &event);
    bench.gateway.run(bench.now);
    let out = bench.take();
    bench.timeline(&out)
}

/// Lets a reset end, gives the address when the stack is back, and waits for the announcements.
fn until_announced(bench: &mut Bench) -> String {
    let mut text = seen(bench, Duration::from_secs(20));
    let out = bench.address();
    text += &bench.timeline(&out);
    let out = bench.wait(Duration::from_secs(3));
    text += &bench.timeline(&out);
    for event in bench.events() {
        if let VehicleEvent::GatewayReset { cause, phase } = event {
            writeln!(text, "{cause:?}: {phase:?}").expect("strings take everything");
        }
    }
    text
}

fn seen(bench: &mut Bench, duration: Duration) -> String {
    let out = bench.wait(duration);
    bench.timeline(&out)
}
