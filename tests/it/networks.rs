//! What the network and the bridge do to a run, with real bytes through both.

use std::ops::Range;

use node::Duration;
use record::{FrameFate, Outcome};
use rstest::rstest;

use crate::play::{SHORT_EXCHANGE, World, latency, world};

const DIAGNOSIS: &str = "steps: [identify, { wait: 20s }, scan]\n";

#[test]
fn loss_costs_time_and_nothing_else() {
    let clean = world(SHORT_EXCHANGE, &[]);
    let lossy = world(SHORT_EXCHANGE, &["network.mechanic.loss=3%"]);
    clean.passes();
    lossy.passes();
    assert!(clean.frames().is_empty());
    assert!(lossy.frames().len() > 10);
    for (_, link, _, fate) in lossy.frames() {
        assert_eq!(*fate, FrameFate::Lost("random".to_owned()));
        assert!(link.starts_with("mechanic"), "{link} loses nothing");
    }
    assert!(lossy.summary.virtual_s > clean.summary.virtual_s + 1.0);
}

#[rstest]
#[case::side_by_side("0ms", 0..10)]
#[case::in_the_next_town("40ms", 40..50)]
#[case::far_away("140ms", 140..150)]
fn an_answer_takes_the_way_there_and_back(#[case] rtt: &str, #[case] bounds: Range<u128>) {
    let steps = "steps: [identify, { request: { ecu: egs, send: 22 F1 90, expect: 62 F1 90 } }]\n";
    let rtt = format!("network.mechanic.rtt={rtt}");
    let world = world(steps, &["network.technician.rtt=0ms", &rtt]);
    world.passes();
    let [asked] = world.exchanges("egs", "22 F1 90")[..] else { panic!("asked once") };
    let took = latency(asked).as_millis();
    assert!(bounds.contains(&took), "{took} ms is not in {bounds:?}");
}

#[rstest]
#[case::both_ways("", &["mechanic-down", "mechanic-up"])]
#[case::to_the_car_alone(", direction: down", &["mechanic-down"])]
fn a_blackout_swallows_one_leg_for_its_time(#[case] direction: &str, #[case] dark: &[&str]) {
    let fault = format!("{{ blackout: {{ leg: mechanic{direction}, for: 7s }} }}");
    let world = faulty("{ step: 2, after: 1s }", &fault, DIAGNOSIS);
    world.passes();
    let struck = world.struck();
    let mut links: Vec<&str> = world.frames().iter().map(|(_, link, ..)| *link).collect();
    links.sort_unstable();
    links.dedup();
    assert_eq!(links, dark);
    for (at, _, _, fate) in world.frames() {
        assert_eq!(*fate, FrameFate::Lost("blackout".to_owned()));
        assert!(at >= struck && at < struck + Duration::from_secs(7), "{at} of {struck}");
    }
}

#[test]
fn a_network_that_changes_is_as_it_was_told_from_then_on() {
    let change = "{ network: { technician: { loss: 100% } } }";
    let world = faulty(
        "{ step: 2, after: 10s }",
        change,
        "
steps: [identify, { wait: 20s }, scan]
expect: { steps: { 3: failed } }
tester: { timeouts: { patience: 5s } }
",
    );
    world.passes();
    assert!(!world.frames().is_empty());
    assert!(
        world
            .frames()
            .iter()
            .all(|(at, link, ..)| { *at >= world.struck() && link.starts_with("technician") })
    );
}

#[test]
fn both_sides_join_again_when_the_relay_is_back() {
    let world = faulty("{ step: 2, after: 1s }", "{ relay-crash: { restart: 8s } }", DIAGNOSIS);
    world.passes();
    let back = world.struck() + Duration::from_secs(8);
    for side in ["technician", "mechanic"] {
        let joined: Vec<_> =
            world.said(side).into_iter().filter(|(_, text)| text.starts_with("Paired")).collect();
        let [(first, _), (again, text)] = joined[..] else { panic!("{side}: {joined:?}") };
        assert!(first < world.struck() && again > back, "{side} joined at {first} and {again}");
        assert_eq!(text, "Paired { resumed: true }");
    }
}

#[test]
fn without_a_relay_nothing_reaches_the_car() {
    let world = faulty(
        "{ step: 2, after: 1s }",
        "{ relay-crash: {} }",
        "
steps: [identify, { wait: 20s }, scan]
expect: { steps: { 3: failed } }
tester: { timeouts: { patience: 5s } }
",
    );
    world.passes();
    assert_eq!(world.outcome(3), Outcome::Failed);
    let struck = world.struck().as_nanos();
    let after: Vec<_> =
        world.exchanges("egs", "").into_iter().filter(|one| one.sent > struck).collect();
    assert!(after.iter().all(|one| one.response.is_none()), "{after:?}");
}

#[test]
fn frames_chosen_by_number_meet_their_fate_and_no_other() {
    let world = world(
        "
faults:
  - { when: { link: mechanic-up, frame: 40 }, do: { drop: { frames: 2 } } }
  - { when: { link: mechanic-down, frame: 50 }, do: { damage: {} } }
  - { when: { link: technician-up, frame: 60 }, do: { duplicate: { frames: 3 } } }
steps: [identify, scan, scan, scan]
",
        &[],
    );
    world.passes();
    let mut met: Vec<_> =
        world.frames().into_iter().map(|(_, link, index, fate)| (link, index, fate)).collect();
    met.sort_unstable_by_key(|(link, index, _)| (*link, *index));
    let lost = FrameFate::Lost("list".to_owned());
    assert_eq!(
        met,
        [
            ("mechanic-down", 50, &FrameFate::Damaged),
            ("mechanic-up", 40, &lost),
            ("mechanic-up", 41, &lost),
            ("technician-up", 60, &FrameFate::Duplicated),
            ("technician-up", 61, &FrameFate::Duplicated),
            ("technician-up", 62, &FrameFate::Duplicated),
        ]
    );
}

/// A world with one fault.
fn faulty(when: &str, what: &str, rest: &str) -> World {
    world(&format!("faults: [{{ when: {when}, do: {what} }}]\n{rest}"), &[])
}

#[test]
fn a_tester_that_never_gets_an_address_gives_up() {
    let steps = "steps: [identify]\nexpect: { steps: { 1: failed } }\n";
    let world = world(steps, &["network.mechanic.loss=100%"]);
    world.passes();
    assert!(world.summary.virtual_s < 900.0, "{}", world.summary.virtual_s);
}
