//! Whole bridges in a world that loses, repeats and reorders: what endpoints and relay promise
//! together.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::time::Duration;

use bytes::Bytes;
use node::{Frame, Instant, PortOutput, Ratio, Seed, SocketEvent};
use proptest::prelude::*;
use rstest::rstest;

use crate::config::{ENDPOINT_PORT, RelayConfig};
use crate::event::{BridgeEvent, DropReason, EndReason, Flow, RelayEvent, Sample};
use crate::message::{OrderNumber, Refusal, Role};
use crate::relay::Relay;
use crate::rig::{MECHANIC, RELAY, Rig, TECHNICIAN, config, frame, host};
use crate::secret::Secret;

mod callers;
mod measuring;

const SECOND: Duration = Duration::from_secs(1);

fn percent(percent: u32) -> Ratio {
    Ratio::from_ppb(percent * 10_000_000)
}

#[test]
fn carries_frames_of_every_size_both_ways() {
    let mut rig = Rig::paired(1);
    let sizes = (1..=80).chain((81..1518).step_by(7)).chain(1380..=1390).chain(1510..=1518);
    let frames: Vec<Frame> = sizes.map(|size| frame(size as u32, size)).collect();
    for frame in &frames {
        rig.vehicle_sends(frame);
        rig.tester_sends(frame);
        rig.run(Duration::from_micros(100));
    }
    rig.run(SECOND);
    assert_eq!(rig.frames(TECHNICIAN), frames);
    assert_eq!(rig.frames(MECHANIC), frames);
    assert_eq!(rig.longest, 1472);
}

#[test]
fn a_frame_that_does_not_fit_is_told() {
    let mut rig = Rig::paired(1);
    rig.vehicle_sends(&frame(1, 1519));
    rig.vehicle_sends(&frame(2, 1518));
    rig.run(SECOND);
    let dropped = BridgeEvent::Dropped { reason: DropReason::TooLong, bytes: 1519 };
    assert!(rig.events[&MECHANIC].iter().any(|(_, event)| *event == dropped));
    assert_eq!(rig.frames(TECHNICIAN), [frame(2, 1518)]);
}

#[rstest]
#[case::one_way(false)]
#[case::request_and_response(true)]
fn what_fits_into_one_datagram_is_told_and_told_again_when_it_shrinks(#[case] answered: bool) {
    let mut rig = Rig::paired(1);
    rig.run(3 * SECOND);
    assert_eq!((rig.room(TECHNICIAN), rig.room(MECHANIC)), (vec![1422], vec![1422]));
    rig.pipe.room = 1372;
    for number in 0..1000 {
        // A small one arrives between two that do not: only length explains what is lost.
        rig.tester_sends(&frame(number, 1436));
        rig.run(Duration::from_millis(10));
        rig.tester_sends(&frame(number, 60));
        rig.run(Duration::from_millis(10));
        if answered {
            rig.vehicle_sends(&frame(number, 60));
        }
    }
    assert_eq!(rig.room(TECHNICIAN), [1422, 1150, 1322]);
    rig.run(SECOND);
    let before = rig.frames(MECHANIC).len();
    rig.tester_sends(&frame(0, 1336));
    rig.run(SECOND);
    assert_eq!(rig.frames(MECHANIC)[before..], [frame(0, 1336)]);
    assert_eq!(rig.longest, 1472);
}

#[test]
fn keeps_the_order_of_a_network_that_keeps_it() {
    let mut rig = Rig::paired(2);
    let frames: Vec<Frame> =
        (0..500).map(|n| frame(n, if n % 3 == 0 { 1514 } else { 60 + n as usize })).collect();
    frames.iter().for_each(|frame| rig.vehicle_sends(frame));
    rig.run(SECOND);
    assert_eq!(rig.frames(TECHNICIAN), frames);
}

#[rstest]
fn loses_and_repeats_no_more_than_the_network(#[values(1, 2, 3, 4, 5, 6)] seed: u64) {
    let mut rig = Rig::paired(seed);
    rig.pipe.loss = percent(3);
    rig.pipe.repeat = percent(2);
    rig.pipe.jitter = Duration::from_millis(5);
    let sent: Vec<Frame> = (0..2000).map(|n| frame(n, 60 + (n as usize * 37) % 1455)).collect();
    for frame in &sent {
        rig.tester_sends(frame);
        rig.run(Duration::from_micros(300));
    }
    rig.run(SECOND);
    let mut copies = BTreeMap::new();
    for frame in rig.frames(MECHANIC) {
        *copies.entry(frame).or_insert(0) += 1;
    }
    assert!(copies.keys().all(|frame| sent.contains(frame)), "a frame nobody sent");
    // Two hops, and every eleventh frame travels in two datagrams: about 6.4 % are lost.
    assert!((1840..=1900).contains(&copies.len()), "{} of 2000 arrived", copies.len());
    assert!(copies.values().all(|copies| *copies == 1), "the tunnel takes out repeats");
}

#[rstest]
fn the_link_state_arrives_under_any_loss(#[values(1, 2, 3, 4, 5, 6, 7, 8)] seed: u64) {
    let mut rig = Rig::paired(seed);
    rig.pipe.loss = percent(30);
    rig.pipe.jitter = Duration::from_millis(50);
    rig.pipe.repeat = percent(10);
    let mut chance = Seed(seed).stream("toggles");
    let mut up = true;
    for _ in 0..20 {
        up = !up;
        rig.link(up);
        rig.run(chance.between(Duration::ZERO, Duration::from_millis(400)));
    }
    rig.run(5 * SECOND);
    assert!(up && rig.technicians[&TECHNICIAN].is_lan_up(), "{:?}", rig.links(TECHNICIAN));
    rig.link(false);
    rig.run(5 * SECOND);
    assert!(!rig.technicians[&TECHNICIAN].is_lan_up(), "{:?}", rig.links(TECHNICIAN));
}

#[test]
fn a_link_state_that_was_lost_is_repeated_at_once() {
    let mut rig = Rig::paired(1);
    // Past the many measurements that follow pairing.
    rig.run(Duration::from_millis(11_500));
    rig.pipe.mute = Some(MECHANIC);
    rig.link(false);
    rig.run(Duration::from_millis(100));
    rig.pipe.mute = None;
    rig.run(Duration::from_millis(130));
    assert_eq!(rig.links(TECHNICIAN), [true, false]);
    rig.datagrams = 0;
    rig.run(Duration::from_millis(900));
    assert!(rig.datagrams <= 2, "one acknowledgement over two hops, and no repetition");
}

#[test]
fn a_link_that_was_gone_while_nothing_passed_is_told_afterwards() {
    let mut rig = Rig::paired(1);
    rig.pipe.mute = Some(MECHANIC);
    rig.link(false);
    rig.run(2 * SECOND);
    rig.link(true);
    rig.run(SECOND);
    rig.pipe.mute = None;
    rig.run(5 * SECOND);
    assert_eq!(rig.links(TECHNICIAN), [true, false, true]);
}

#[test]
fn the_lan_has_no_carrier_before_pairing_and_before_the_vehicle_has() {
    let mut rig = Rig::new(1);
    rig.tester_sends(&frame(1, 60));
    rig.run(2 * SECOND);
    assert!(rig.technicians[&TECHNICIAN].is_paired());
    assert_eq!(rig.lan[&TECHNICIAN], []);
    assert_eq!(rig.lan[&MECHANIC], [(Instant::ZERO, PortOutput::Link(true))]);
    rig.link(true);
    rig.run(Duration::from_millis(20));
    assert_eq!(rig.links(TECHNICIAN), [true]);
}

#[test]
fn a_wrong_passcode_is_refused_ever_longer_and_then_given_up() {
    let mut rig = Rig::empty(RelayConfig::default(), 1);
    rig.add_mechanic(MECHANIC, config());
    rig.run(SECOND);
    let passcode = "open barley".to_owned();
    rig.add_technician(TECHNICIAN, crate::EndpointConfig { passcode, ..config() });
    rig.run(60 * SECOND);
    let refused = |s| BridgeEvent::Refused { reason: Refusal::WrongPasscode, retry_in: s * SECOND };
    let ended = BridgeEvent::Ended(EndReason::WrongPasscode);
    assert_eq!(rig.story(TECHNICIAN), [refused(1), refused(2), refused(4), ended]);
    let wrong = BridgeEvent::WrongPasscode;
    assert_eq!(rig.story(MECHANIC), [BridgeEvent::Waiting, wrong, wrong, wrong]);
}

#[test]
fn a_guesser_does_not_hold_up_the_one_who_knows() {
    let mut rig = Rig::empty(RelayConfig::default(), 1);
    rig.add_mechanic(MECHANIC, config());
    rig.run(SECOND);
    for at in 30..34 {
        let passcode = "open barley".to_owned();
        rig.add_technician(at, crate::EndpointConfig { passcode, ..config() });
    }
    rig.run(SECOND);
    rig.add_technician(TECHNICIAN, config());
    rig.run(SECOND);
    assert!(rig.technicians[&TECHNICIAN].is_paired());
    assert!(rig.story(MECHANIC).contains(&BridgeEvent::WrongPasscode));
}

#[test]
fn a_half_open_order_expires() {
    let relay = RelayConfig { half_open_limit: 60 * SECOND, ..RelayConfig::default() };
    let mut rig = Rig::empty(relay, 1);
    rig.add_mechanic(MECHANIC, config());
    rig.run(59 * SECOND);
    assert_eq!(rig.relay.as_ref().map(Relay::orders), Some(1));
    rig.run(2 * SECOND);
    assert_eq!(rig.relay.as_ref().map(Relay::orders), Some(0));
    assert_eq!(rig.story(MECHANIC), [BridgeEvent::Waiting, BridgeEvent::Ended(EndReason::Expired)]);
}

#[test]
fn a_relay_restart_is_ridden_through() {
    let mut rig = Rig::paired(1);
    rig.relay = None;
    rig.run(3 * SECOND);
    rig.relay = Some(Relay::new(RelayConfig::default(), &Secret::of_virtual_time(Seed(99))));
    rig.drain();
    rig.run(8 * SECOND);
    assert_eq!(rig.links(TECHNICIAN), [true]);
    for at in [TECHNICIAN, MECHANIC] {
        assert_eq!(rig.story(at).last(), Some(&BridgeEvent::Paired { resumed: true }));
        assert!(!rig.story(at).iter().any(|e| matches!(e, BridgeEvent::PeerLost { .. })));
    }
    rig.vehicle_sends(&frame(1, 60));
    rig.run(SECOND);
    assert_eq!(rig.frames(TECHNICIAN), [frame(1, 60)]);
}

#[test]
fn a_link_change_during_a_relay_restart_is_told_afterwards() {
    let mut rig = Rig::paired(1);
    rig.relay = None;
    rig.run(SECOND);
    rig.link(false);
    rig.run(SECOND);
    rig.relay = Some(Relay::new(RelayConfig::default(), &Secret::of_virtual_time(Seed(99))));
    rig.drain();
    rig.run(8 * SECOND);
    assert_eq!(rig.links(TECHNICIAN), [true, false]);
}

#[test]
fn a_relay_that_stays_away_takes_the_lan_down_and_brings_it_back() {
    let mut rig = Rig::paired(1);
    rig.relay = None;
    let gone = rig.now;
    rig.run(16 * SECOND);
    assert_eq!(rig.links(TECHNICIAN), [true, false]);
    let (lost_at, _) = rig.events[&TECHNICIAN]
        .iter()
        .find(|(_, event)| matches!(event, BridgeEvent::PeerLost { .. }))
        .expect("the peer was lost");
    assert!(*lost_at - gone <= 15 * SECOND, "{lost_at}");
    rig.run(600 * SECOND);
    rig.relay = Some(Relay::new(RelayConfig::default(), &Secret::of_virtual_time(Seed(99))));
    rig.drain();
    rig.run(11 * SECOND);
    assert_eq!(rig.links(TECHNICIAN), [true, false, true]);
}

#[test]
fn a_technician_started_anew_learns_the_link_state() {
    let mut rig = Rig::paired(1);
    rig.add_technician(TECHNICIAN, config());
    rig.run(SECOND);
    assert!(rig.technicians[&TECHNICIAN].is_lan_up());
    assert!(rig.story(MECHANIC).contains(&BridgeEvent::PeerReplaced));
}

#[test]
fn a_second_mechanic_waits_until_the_first_is_gone() {
    let mut rig = Rig::paired(1);
    rig.add_mechanic(21, config());
    rig.run(30 * SECOND);
    assert!(!rig.mechanics[&21].is_paired());
    assert_eq!(rig.links(TECHNICIAN), [true]);
    rig.mechanics.remove(&MECHANIC);
    rig.run(60 * SECOND);
    assert!(rig.mechanics[&21].is_paired());
    assert_eq!(rig.links(TECHNICIAN), [true, false]);
}

#[test]
fn a_technician_that_alone_lost_its_peer_learns_the_link_state_again() {
    let mut rig = Rig::paired(1);
    rig.pipe.mute = Some(MECHANIC);
    rig.run(16 * SECOND);
    assert_eq!(rig.links(TECHNICIAN), [true, false]);
    rig.pipe.mute = None;
    rig.run(10 * SECOND);
    assert_eq!(rig.links(TECHNICIAN), [true, false, true]);
}

#[test]
fn a_peer_that_leaves_takes_the_lan_down_at_once() {
    let mut rig = Rig::paired(1);
    let now = rig.now;
    rig.mechanics.get_mut(&MECHANIC).expect("the rig has a mechanic").leave(now);
    rig.drain();
    rig.run(Duration::from_millis(20));
    assert_eq!(rig.links(TECHNICIAN), [true, false]);
    assert_eq!(rig.relay.as_ref().map(Relay::orders), Some(0));
}

#[test]
fn samples_tell_round_trip_time_and_loss() {
    let mut rig = Rig::paired(1);
    rig.pipe.delay = Duration::from_millis(20);
    rig.pipe.loss = percent(5);
    rig.events.clear();
    for n in 0..20_000 {
        rig.vehicle_sends(&frame(n, 60));
        rig.run(Duration::from_millis(2));
    }
    let samples: Vec<Sample> = rig.events[&MECHANIC]
        .iter()
        .filter_map(|(_, event)| match event {
            BridgeEvent::Sample(sample) => Some(*sample),
            _ => None,
        })
        .collect();
    assert!(samples.len() >= 6, "{samples:?}");
    assert!(samples[1..].iter().all(|sample| sample.rtt == Duration::from_millis(80)));
    let Flow { sent, lost, .. } = samples.iter().fold(Flow::default(), |sum, sample| Flow {
        sent: sum.sent + sample.outbound.sent,
        lost: sum.lost + sample.outbound.lost,
        bytes: 0,
    });
    // Two hops of 5 % each lose 9.75 %; three standard deviations are 0.7 %.
    assert!(
        sent > 15_000 && lost * 1000 / sent >= 90 && lost * 1000 / sent <= 105,
        "{lost}/{sent}"
    );
}

#[test]
fn an_idle_hour_costs_little() {
    let mut rig = Rig::paired(1);
    (rig.datagrams, rig.wakes) = (0, 0);
    rig.run(3600 * SECOND);
    // Per side and 5 s: one keep-alive, its echo and an acknowledgement, over two hops.
    assert!(rig.datagrams <= 2 * 720 * 6 + 100, "{}", rig.datagrams);
    assert!(rig.wakes <= 2 * 720 * 6 + 400, "{}", rig.wakes);
}

#[test]
fn orders_do_not_see_each_other() {
    let mut rig = Rig::paired(1);
    let other = || crate::EndpointConfig { order: OrderNumber(5), ..config() };
    rig.add_mechanic(21, other());
    rig.add_technician(11, other());
    rig.run(2 * SECOND);
    rig.vehicle_sends(&frame(1, 60));
    rig.run(SECOND);
    assert!(rig.technicians[&11].is_paired());
    assert_eq!(rig.frames(TECHNICIAN), [frame(1, 60)]);
    assert_eq!(rig.frames(11), Vec::<Frame>::new());
}

#[test]
fn a_side_that_falls_silent_is_told_by_the_relay() {
    let mut rig = Rig::paired(1);
    rig.technicians.clear();
    rig.run(30 * SECOND);
    let lost = RelayEvent::SideLost(OrderNumber(4711), Role::Technician);
    assert!(rig.relay_events.iter().any(|(_, event)| *event == lost));
    let parted = [BridgeEvent::Waiting, BridgeEvent::PeerLost { silent_for: 15 * SECOND }];
    assert!(rig.story(MECHANIC).ends_with(&parted), "{:?}", rig.story(MECHANIC));
    rig.add_technician(12, config());
    rig.run(SECOND);
    assert!(rig.technicians[&12].is_lan_up());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_upset_an_endpoint(
        datagrams in proptest::collection::vec(
            (0_u8..0x12, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40), 0_u64..3000),
            1..50,
        )
    ) {
        let mut rig = Rig::paired(1);
        for (kind, is_known, body, wait) in datagrams {
            let channel = if is_known { rig.channel } else { 1 };
            let datagram = [&[1, kind][..], &channel.to_be_bytes(), &body].concat();
            for at in [TECHNICIAN, MECHANIC] {
                let data = Bytes::from(datagram.clone());
                let to = SocketAddrV4::new(host(at), ENDPOINT_PORT);
                let event = SocketEvent::Datagram { local_port: ENDPOINT_PORT, peer: RELAY, data };
                rig.deliver(to, event);
            }
            rig.run(Duration::from_millis(wait));
        }
        rig.run(60 * SECOND);
        let wrong = |(_, event): &(Instant, BridgeEvent)| matches!(event, BridgeEvent::Ended(_));
        prop_assert!(!rig.events[&TECHNICIAN].iter().any(wrong));
        prop_assert!(rig.technicians[&TECHNICIAN].is_lan_up(), "it recovers from everything");
    }
}
