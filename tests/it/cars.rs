//! What becomes of the car: resets, links, supply, flash memory.

use node::Duration;
use record::{FailureKind, Outcome, Verdict};
use rstest::rstest;
use serde_json::Value;

use crate::play::{World, latency, told, world};

const RESET: &str = "
faults: [{ when: { step: 2, after: 1s }, do: { gateway-reset: { address: new } } }]
steps: [identify, { wait: 40s }, scan]
expect: { gateway-resets: 1 }
";

#[test]
fn over_a_cable_the_tester_sees_the_link_drop_and_finds_the_car_under_its_new_address() {
    let world = world(RESET, &["vci=enet-cable"]);
    world.passes();
    assert_eq!(world.carrier_at_the_tester(), [true, false, true]);
    let found: Vec<&str> =
        world.connections().into_iter().filter(|state| state.starts_with("found")).collect();
    let [before, after] = found[..] else { panic!("{found:?}") };
    assert_ne!(before, after, "the car has a new address");
}

#[test]
fn a_car_that_comes_back_under_a_new_address_is_reached_whatever_was_left_at_the_old_one() {
    let world = world(
        "
faults: [{ when: { gateway-reset: begins }, do: { gateway-reset: { address: new } } }]
steps: [identify, { program: { ecu: zgw, image: a.swfl, size: 64KiB } }]
expect: { zgw: { ends: uncoded }, steps: { 2: done } }
",
        &["vci=enet-cable", "protocol=doip"],
    );
    world.passes();
}

#[test]
fn behind_an_icom_the_tester_keeps_link_and_connection_through_a_reset() {
    let world = world(RESET, &["vci=icom-next"]);
    world.passes();
    let down: Vec<bool> = world.carrier().into_iter().map(|(_, up)| up).collect();
    assert_eq!(down, [false, true], "the car's own link does drop");
    assert_eq!(world.carrier_at_the_tester(), [true]);
    let found = world.connections().into_iter().filter(|state| state.starts_with("found"));
    assert_eq!(found.count(), 1);
}

#[test]
fn a_unit_of_which_only_other_things_are_expected_may_not_be_lost() {
    let text = "
ecus: { egs: { state: virgin } }
faults:
  - { when: { ecu: egs, block: 2 }, do: { ecu: { name: egs, blind-verify: true } } }
  - { when: { ecu: egs, block: 3 }, do: { ecu: { name: egs, damage-block: 5 } } }
steps: [identify, { program: { ecu: egs, image: 8hp.swfl, size: 64KiB } }, { code: { ecu: egs } }]
expect: { egs: { erases: 1..9 } }
";
    let world = world(text, &[]);
    assert_eq!(world.summary.verdict, Verdict::Fail);
    assert_eq!(world.summary.ends["egs"], "corrupt-accepted");
}

#[test]
fn a_repetition_that_programs_two_images_leaves_one_of_them_whole() {
    let text = "
ecus: { egs: { state: virgin } }
faults:
  - when: { ecu: egs, reset: ends, nth: 1, after: 1s }
    do: { ecu: { name: egs, refuse: { request: 31 01 FF 00, nrc: '22' } } }
steps:
  - identify
  - repeat:
      times: 1
      steps:
        - { program: { ecu: egs, image: a.swfl, size: 64KiB } }
        - { code: { ecu: egs } }
        - { program: { ecu: egs, image: b.swfl, size: 64KiB } }
expect: { egs: { ends: programmed }, steps: { 2: failed } }
";
    world(text, &["vci=enet-cable"]).passes();
}

#[test]
fn resets_are_counted_whoever_causes_them() {
    let world = world(
        "
faults: [{ when: { step: 2, after: 1s }, do: { gateway-reset: {} } }]
steps: [identify, { wait: 30s }, { reset: { ecu: zgw } }, { wait: 30s }, scan]
expect: { gateway-resets: 2 }
",
        &[],
    );
    world.passes();
    assert_eq!(world.summary.gateway_resets, 2);
}

#[test]
fn a_pulled_plug_takes_the_link_for_as_long_as_it_is_out() {
    let world = world(
        "
faults: [{ when: { step: 2, after: 1s }, do: { link-down: { for: 4s } } }]
steps: [identify, { wait: 20s }, scan]
expect: { gateway-resets: 0 }
",
        &[],
    );
    world.passes();
    let struck = world.struck();
    assert_eq!(world.carrier(), [(struck, false), (struck + Duration::from_secs(4), true)]);
    assert_eq!(world.carrier_at_the_tester(), [true, false, true]);
}

#[test]
fn a_block_whose_answer_was_lost_is_sent_again_and_not_written_twice() {
    let world = flash("{ ecu: egs, block: 5 }", "{ blackout: { leg: mechanic, for: 4s } }");
    world.passes();
    assert_eq!(world.exchanges("egs", "36 05 ")[0].response, None);
    let written = |repeated: bool| {
        let blocks = world.did("egs", "block").into_iter();
        blocks.filter(move |(_, block)| block["repeated"] == Value::Bool(repeated))
    };
    let repeated: Vec<_> = written(true).map(|(_, block)| &block["index"]).collect();
    assert_eq!(repeated, [&Value::from(5)]);
    let bytes: u64 = written(false).filter_map(|(_, block)| block["bytes"].as_u64()).sum();
    assert_eq!(bytes, 64 * 1024, "every byte is written once");
    assert_eq!(world.did("egs", "download-aborted").len(), 0);
}

#[test]
fn a_unit_whose_tester_died_loses_its_session_and_is_stranded() {
    let world = world(
        "
ecus: { egs: { state: virgin } }
faults: [{ when: { ecu: egs, block: 5 }, do: { tester-crash: {} } }]
steps:
  - identify
  - program: { ecu: egs, image: 8hp.swfl, size: 64KiB }
  - code: { ecu: egs }
expect: { egs: { ends: stranded }, steps: { 2: crashed, 3: skipped } }
",
        &[],
    );
    world.passes();
    assert_eq!((world.outcome(2), world.outcome(3)), (Outcome::Crashed, Outcome::Skipped));
    let [(lost, session)] = world.did("egs", "session-lost")[..] else { panic!("one session") };
    assert_eq!(session["session"], Value::from(2));
    let silent = lost - world.struck();
    assert_eq!(silent, Duration::from_secs(5), "S3 is 5 s");
    let [(_, running)] = world.did("egs", "running")[..] else { panic!("it restarts once") };
    assert_eq!(running["bootloader"], Value::Bool(true));
}

#[test]
fn wrong_software_called_good_is_told_as_what_must_never_happen() {
    let world = world(
        "
ecus: { egs: { state: virgin } }
faults:
  - { when: { step: 2 }, do: { ecu: { name: egs, blind-verify: true } } }
  - { when: { step: 2 }, do: { ecu: { name: egs, damage-block: 5 } } }
steps:
  - identify
  - program: { ecu: egs, image: 8hp.swfl, size: 64KiB }
  - code: { ecu: egs }
expect: { egs: { ends: programmed } }
",
        &[],
    );
    assert_eq!(world.outcome(2), Outcome::Done, "the tester believes that all is well");
    assert_eq!(world.summary.verdict, Verdict::Fail);
    assert_eq!(world.summary.ends["egs"], "corrupt-accepted");
    let [failure] = &world.summary.failures[..] else { panic!("{}", told(&world.summary)) };
    assert_eq!(failure.kind, FailureKind::Expectation);
    assert!(failure.message.contains("found corrupt-accepted"), "{}", failure.message);
}

#[test]
fn a_damaged_block_is_noticed_by_the_check_and_written_anew() {
    let world = flash("{ step: 2 }", "{ ecu: { name: egs, damage-block: 5 } }");
    world.passes();
    let first = world.did("egs", "verified")[0].1;
    assert_eq!(first["ok"], Value::Bool(false));
    assert_eq!(world.summary.ends["egs"], "programmed");
}

#[rstest]
#[case::write_error("write-error-at-block: 3", "36 03 ", "7F 36 72", "write-failed")]
#[case::wrong_counter("wrong-counter-at-block: 3", "36 03 ", "7F 36 73", "")]
#[case::refusal("refuse: { request: 34, nrc: 22, times: 1 }", "34 ", "7F 34 22", "")]
fn a_unit_that_says_no_once_is_programmed_at_the_second_try(
    #[case] fault: &str,
    #[case] request: &str,
    #[case] answer: &str,
    #[case] ledger: &str,
) {
    let world = flash("{ step: 2 }", &format!("{{ ecu: {{ name: egs, {fault} }} }}"));
    world.passes();
    let answers = world.exchanges("egs", request).into_iter();
    let answers: Vec<_> = answers.filter_map(|one| one.response.as_deref()).collect();
    assert_eq!(answers.iter().filter(|text| **text == answer).count(), 1, "{answers:?}");
    assert!(ledger.is_empty() || world.did("egs", ledger).len() == 1);
    assert!(world.did("egs", "erase-started").len() > 3, "one area is erased again");
}

#[test]
fn a_unit_that_is_slow_is_waited_for() {
    let world = asked("delay: 2s");
    world.passes();
    let [asked] = world.exchanges("egs", "22 F1 90")[..] else { panic!("asked once") };
    assert!(latency(asked) > Duration::from_secs(2), "{:?}", latency(asked));
}

#[test]
fn a_unit_that_is_silent_is_given_up() {
    let world = asked("silent: 30s");
    assert_eq!(world.outcome(3), Outcome::Failed);
    assert!(world.why(3).contains("silence"), "{}", world.why(3));
    assert!(world.exchanges("egs", "22 F1 90").iter().all(|one| one.response.is_none()));
}

#[test]
fn a_unit_that_was_killed_is_dead() {
    let world = asked("kill: true");
    assert_eq!(world.outcome(3), Outcome::Failed);
    assert_eq!(world.summary.ends["egs"], "dead");
    assert_eq!(world.did("egs", "killed").len(), 1);
}

#[test]
fn a_unit_that_lost_power_restarts() {
    let world = asked("power-cycle: true");
    world.passes();
    let [(_, reset)] = world.did("egs", "reset")[..] else { panic!("one reset") };
    assert_eq!(reset["reset"], Value::from("power-cycle"));
    assert_eq!(world.summary.ends["egs"], "untouched");
}

#[test]
fn a_fault_that_is_stored_is_found_by_the_judge() {
    let right = asked("dtc: 4F8001");
    right.passes();
    let text = "
faults: [{ when: { step: 2 }, do: { ecu: { name: egs, dtc: 4F8001 } } }]
steps: [identify, clear-faults, { wait: 1s }]
expect: { egs: { faults: [4F8001] } }
";
    world(&text.replace("step: 2", "step: 3"), &[]).passes();
    assert_eq!(world(text, &[]).summary.verdict, Verdict::Fail, "cleared after it was stored");
}

#[test]
fn software_that_is_not_what_was_written_fails_the_comparison() {
    let world = flash("{ step: 2 }", "{ ecu: { name: egs, wrong-versions: true } }");
    assert_eq!(world.outcome(2), Outcome::Failed);
    assert_ne!(world.summary.verdict, Verdict::Pass);
}

#[test]
fn a_unit_is_silent_for_longer_after_its_reset() {
    let text = "
faults: [{ when: { step: 2 }, do: { ecu: { name: egs, silent-after-reset: 8s } } }]
steps: [identify, { reset: { ecu: egs } }, scan]
";
    let world = world(text, &[]);
    let answered: Vec<_> = world
        .exchanges("egs", "")
        .into_iter()
        .filter(|one| one.response.is_some() && one.sent >= world.struck().as_nanos())
        .collect();
    let reset = answered.iter().find(|one| one.request.starts_with("11 01")).expect("reset");
    let next = answered.iter().find(|one| one.sent > reset.sent).expect("it comes back");
    let gap = Duration::from_nanos(next.sent + next.latency - reset.sent - reset.latency);
    assert!(gap > Duration::from_secs(8), "back after {gap:?}");
}

/// A short flash of the transmission with one fault.
fn flash(when: &str, what: &str) -> World {
    let text = format!(
        "ecus: {{ egs: {{ state: virgin }} }}
faults: [{{ when: {when}, do: {what} }}]
steps:
  - identify
  - program: {{ ecu: egs, image: 8hp.swfl, size: 64KiB }}
  - code: {{ ecu: egs }}
expect: {{ egs: {{ ends: programmed }} }}
"
    );
    world(&text, &[])
}

/// A transmission with a fault of its own that is then asked for the VIN.
fn asked(fault: &str) -> World {
    let text = format!(
        "faults: [{{ when: {{ step: 2 }}, do: {{ ecu: {{ name: egs, {fault} }} }} }}]
steps:
  - identify
  - wait: 5s
  - request: {{ ecu: egs, send: 22 F1 90, expect: 62 F1 90 }}
"
    );
    world(&text, &[])
}
