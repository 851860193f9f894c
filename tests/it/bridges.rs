//! What a scenario can set of the bridge, with real bytes through tunnel, gateway and control unit.

use lab::world::{Sighting, Tap};
use record::{FrameFate, Outcome};
use rstest::rstest;

use crate::play::{SHORT_EXCHANGE, World, captured, world};

/// Beyond the guard's limits for programming, within those for diagnosis.
const FAR_AWAY: [&str; 2] = ["network.technician.rtt=60ms", "network.mechanic.rtt=60ms"];
const NEAR: [&str; 2] = ["network.technician.rtt=20ms", "network.mechanic.rtt=20ms"];
const LOSSY: &str = "network.mechanic.loss=1%";
const FLASH: &str = "
ecus: { egs: { state: virgin } }
steps:
  - identify
  - program: { ecu: egs, image: 8hp.swfl, size: 64KiB }
  - request: { ecu: egs, send: 22 F1 90, expect: 62 F1 90 }
";
const REFUSED: &str = "expect: { egs: { ends: untouched }, steps: { 2: failed } }\n";
const FLASHED: &str = "expect: { egs: { ends: uncoded } }\n";

#[test]
fn a_whole_exchange_over_the_stream_ends_programmed_and_no_frame_is_missing() {
    let (world, sightings) = captured(SHORT_EXCHANGE, &[LOSSY, "bridge.carry=stream"]);
    world.passes();
    let lost = |(_, _, _, fate): &(_, _, _, &FrameFate)| matches!(fate, FrameFate::Lost(_));
    assert!(world.frames().iter().filter(|met| lost(met)).count() > 10, "the network loses");
    let [left, arrived] = tcp_to_the_car(&sightings);
    assert_eq!(left, arrived, "the stream brings every frame");
}

#[test]
fn over_datagrams_what_the_network_loses_is_missing_and_tcp_repairs_it() {
    let (world, sightings) = captured(SHORT_EXCHANGE, &[LOSSY, "bridge.carry=datagram"]);
    world.passes();
    let [left, arrived] = tcp_to_the_car(&sightings);
    assert!(left > arrived, "{left} frames left, {arrived} arrived");
}

#[rstest]
#[case::hsfz("hsfz")]
#[case::doip("doip")]
fn an_enforcing_guard_lets_nothing_be_erased_over_a_bad_network(#[case] protocol: &str) {
    let world = flash(FAR_AWAY, "enforce", REFUSED, protocol);
    world.passes();
    assert_eq!(world.outcome(2), Outcome::Failed);
    assert!(world.why(2).contains("22"), "the control unit's own word: {}", world.why(2));
    let asked = world.exchanges("egs", "10 02");
    let answers: Vec<_> = asked.iter().filter_map(|one| one.response.as_deref()).collect();
    assert!(!answers.is_empty());
    assert!(answers.iter().all(|answer| *answer == "7F 10 22"), "{answers:?}");
    for request in ["31 01 FF 00", "34", "36"] {
        assert!(world.exchanges("egs", request).is_empty(), "{request} was sent");
    }
    let refused = |(_, text): &(_, &str)| text.contains("refused: true");
    assert!(world.said("technician").iter().any(refused));
}

#[rstest]
#[case::advising("advise", true)]
#[case::off("off", false)]
fn another_guard_leaves_the_decision_to_people(#[case] guard: &str, #[case] tells: bool) {
    let world = flash(FAR_AWAY, guard, FLASHED, "hsfz");
    world.passes();
    let told = |(_, text): &(_, &str)| text.starts_with("Guard(");
    assert_eq!(world.said("technician").iter().any(told), tells);
    assert_eq!(world.said("mechanic").iter().any(told), tells);
}

#[test]
fn an_enforcing_guard_is_not_in_the_way_over_a_good_network() {
    flash(NEAR, "enforce", FLASHED, "hsfz").passes();
}

#[test]
fn an_enforcing_guard_never_cuts_a_programming_that_runs() {
    let worse = "{ network: { technician: { loss: 3%, delay: 60ms } } }";
    let fault = format!("faults: [{{ when: {{ ecu: egs, block: 2 }}, do: {worse} }}]\n{FLASHED}");
    let world = flash(NEAR, "enforce", &fault, "hsfz");
    world.passes();
    let bad = |(at, text): &(_, &str)| *at > world.struck() && text.contains("light: Red");
    assert!(world.said("technician").iter().any(bad), "the guard sees how bad it is");
}

fn flash(network: [&str; 2], guard: &str, rest: &str, protocol: &str) -> World {
    let settings = [format!("bridge.guard={guard}"), format!("protocol={protocol}")];
    let settings: Vec<&str> = settings.iter().map(String::as_str).chain(network).collect();
    world(&format!("{FLASH}{rest}"), &settings)
}

/// How many TCP segments for the car left the tester's port, and how many came to the car's.
fn tcp_to_the_car(sightings: &[Sighting]) -> [usize; 2] {
    [Tap::Tester, Tap::Vehicle].map(|tap| {
        let seen = sightings.iter().filter(|seen| seen.tap == tap);
        seen.filter(|seen| is_tcp_to_the_car(&seen.frame)).count()
    })
}

fn is_tcp_to_the_car(frame: &[u8]) -> bool {
    frame.get(12..14) == Some(&[0x08, 0x00])
        && frame.get(23) == Some(&6)
        && frame.get(36..38) == Some(&6801_u16.to_be_bytes())
}
