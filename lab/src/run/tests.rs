//! Small worlds, run and judged.

use node::Seed;
use record::{Outcome, Summary, Verdict};
use rstest::rstest;

use crate::watch::{Progress, Watch};
use crate::{Bench, Label, Nobody, run};

#[rstest]
#[case::by_event("{ ecu: egs, reset: begins }", "{ ecu: { name: egs, silent: 3s } }")]
#[case::by_time("{ at: 3h }", "{ link-down: { for: 3s } }")]
#[case::by_frame("{ link: mechanic-up, frame: 100000 }", "{ drop: {} }")]
fn a_fault_that_never_strikes_fails_the_run(#[case] when: &str, #[case] action: &str) {
    let summary = played(&identify(when, action));
    assert_eq!(summary.verdict, Verdict::Fail);
    let told = messages(&summary);
    assert!(told.len() == 1 && told[0].ends_with("strikes, found it never did"), "{told:?}");
}

#[rstest]
#[case::by_event("{ step: 1 }", "{ ecu: { name: egs, silent: 3s } }")]
#[case::after_the_end("{ step: 1, after: 20s }", "{ ecu: { name: egs, power-cycle: true } }")]
#[case::by_time("{ at: 1s }", "{ blackout: { for: 100ms } }")]
#[case::by_frame("{ link: mechanic-up, frame: 20 }", "{ drop: {} }")]
fn a_fault_that_strikes_fails_nothing(#[case] when: &str, #[case] action: &str) {
    let summary = played(&identify(when, action));
    assert_eq!((summary.verdict, summary.failures), (Verdict::Pass, Vec::new()));
}

#[rstest]
#[case::at_a_block("write-error-at-block: 2")]
#[case::at_a_reset("silent-after-reset: 3s")]
#[case::at_a_check("blind-verify: true")]
#[case::at_a_request("refuse: { request: 22 AB CD, nrc: '22' }")]
fn a_fault_that_waits_in_a_unit_for_what_never_comes_fails_the_run(#[case] fault: &str) {
    let text = format!(
        "scenario: a fault\nvehicle: g05\n\
         steps: [{{ program: {{ ecu: egs, image: a, size: 64KiB }} }}, {{ code: {{ ecu: egs }} }}, scan]\n\
         faults: [{{ when: {{ step: 3 }}, do: {{ ecu: {{ name: egs, {fault} }} }} }}]\n\
         expect: {{ egs: {{ ends: programmed }} }}"
    );
    let told = messages(&played(&text));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with("strikes, found what it waits for never came"), "{told:?}");
}

#[rstest]
#[case::reset("{ gateway-reset: {} }")]
#[case::blackout("{ blackout: { for: 1s } }")]
#[case::network("{ network: { mechanic: { loss: 1% } } }")]
#[case::tester("{ tester-crash: {} }")]
#[case::relay("{ relay-crash: {} }")]
#[case::link("{ link-down: { for: 1s } }")]
#[case::silence("{ ecu: { name: egs, silent: 3s } }")]
fn a_fault_nobody_was_left_to_notice_fails_the_run(#[case] action: &str) {
    let told = messages(&played(&identify("{ step: 1, after: 20s }", action)));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with("strikes, found only when the tester was done"), "{told:?}");
}

#[rstest]
#[case::blackout("blackout: [{ from: 2h, for: 1s }]", &["is black from 2h on"])]
#[case::one_of_two("blackout: [{ from: 1s, for: 1ms }, { from: 2h, for: 1s }]", &[])]
#[case::change("schedule: [{ at: 1h, set: { loss: 100% } }]", &["changes at 1h"])]
#[case::in_time("schedule: [{ at: 1s, set: { loss: 0.1% } }]", &[])]
#[case::frame("drop: [99999999]", &["drops frame 99999999"])]
#[case::first_frames("drop: [2, 99999999]", &[])]
fn what_the_network_never_did_fails_the_run(#[case] plan: &str, #[case] missed: &[&str]) {
    let text = format!(
        "scenario: a plan\nvehicle: g05\nsteps: [identify]\n\
         network: {{ mechanic: {{ rtt: 20ms, {plan} }} }}"
    );
    let told = messages(&played(&text));
    assert_eq!(told.len(), missed.len(), "{told:?}");
    for (told, missed) in told.iter().zip(missed) {
        let wanted = format!("expected network.mechanic {missed}, found the tester was done");
        assert!(told.starts_with(&wanted), "{told}");
    }
}

#[rstest]
#[case::begins("[{ at: 2h, voltage: 9V }]", true)]
#[case::begins_in_time("[{ at: 1s, voltage: 12.5V }, { at: 2h, voltage: 9V }]", false)]
#[case::falls(
    "[{ at: 0s, voltage: 13V }, { at: 2h, voltage: 13V }, { at: 3h, voltage: 9V }]",
    true
)]
#[case::falls_in_time("[{ at: 0s, voltage: 13V }, { at: 2h, voltage: 9V }]", false)]
#[case::flat("[{ at: 0s, voltage: 13V }]", false)]
fn a_supply_that_never_changed_fails_the_run(#[case] curve: &str, #[case] is_missed: bool) {
    let text =
        format!("scenario: a curve\nvehicle: g05\nsteps: [identify]\nsupply: {{ curve: {curve} }}");
    let told = messages(&played(&text));
    assert_eq!(told.len(), usize::from(is_missed), "{told:?}");
    let wanted = "expected supply.curve changes the voltage from 2h on, found the tester was done";
    assert!(told.iter().all(|told| told.starts_with(wanted)), "{told:?}");
}

#[test]
fn a_plan_for_one_direction_is_missed_in_that_direction() {
    let text = "scenario: a plan\nvehicle: g05\nsteps: [identify]\n\
        network: { technician: { rtt: 20ms, up: { drop: [99999999] } } }";
    let told = messages(&played(text));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("expected network.technician-up drops frame 99999999"), "{told:?}");
}

#[test]
fn a_relay_killed_for_good_stays_away_whatever_an_earlier_crash_had_in_store() {
    let text = "scenario: a relay\nvehicle: g05\nsteps: [identify, { wait: 10s }, scan]\nfaults:\n\
        - { when: { step: 2 }, do: { relay-crash: { restart: 20s } } }\n\
        - { when: { step: 2, after: 5s }, do: { relay-crash: {} } }";
    let outcomes: Vec<_> = played(text).steps.iter().map(|step| step.outcome).collect();
    assert_eq!(outcomes, [Outcome::Done, Outcome::Done, Outcome::Failed]);
}

#[test]
fn who_was_only_coded_is_not_programmed() {
    let text = "scenario: coding\nvehicle: g05\nsteps: [identify, { code: { ecu: egs } }]\n\
        expect: { egs: { ends: coded } }";
    let summary = played(text);
    assert_eq!((summary.verdict, &summary.ends["egs"][..]), (Verdict::Pass, "coded"));
}

#[test]
fn a_unit_that_refuses_to_clear_its_faults_fails_the_step() {
    let text =
        identify("{ step: 1 }", "{ ecu: { name: dme, refuse: { request: '14', nrc: '22' } } }")
            .replace("[identify]", "[identify, clear-faults]");
    let told = messages(&played(&text));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("dme (12) refused ClearDiagnosticInformation"), "{told:?}");
}

/// Stops a run once it is in this step.
struct StopIn {
    step: usize,
    is_there: bool,
}

impl Watch for StopIn {
    fn progress(&mut self, progress: &Progress<'_>) {
        self.is_there |= progress.step == self.step;
    }

    fn is_stopped(&self) -> bool {
        self.is_there
    }
}

#[test]
fn the_step_a_run_is_stopped_in_is_interrupted_and_later_ones_are_skipped() {
    let text = "scenario: stopped\nvehicle: g05\n\
        steps: [identify, { program: { ecu: egs, image: a, size: 64KiB } }, scan]";
    let mut watch = StopIn { step: 2, is_there: false };
    let summary = watched(text, &mut watch);
    assert_eq!((summary.verdict, summary.partial), (Verdict::Error, true));
    let outcomes: Vec<_> = summary.steps.iter().map(|step| step.outcome).collect();
    assert_eq!(outcomes, [Outcome::Done, Outcome::Interrupted, Outcome::Skipped]);
    assert!(summary.steps[1].virtual_s > 0.0);
}

#[test]
fn what_a_unit_holds_is_judged_against_the_image_that_was_meant_for_it() {
    let text = "scenario: two images\nvehicle: g05\nsteps:\n\
        - repeat:\n    times: 2\n    steps:\n\
        \x20   - program: { ecu: egs, image: a, size: 16KiB }\n\
        \x20   - program: { ecu: egs, image: b, size: 32KiB }\n\
        - code: { ecu: egs }\nexpect: { egs: { ends: programmed } }";
    let summary = played(text);
    assert_eq!(summary.verdict, Verdict::Pass, "{:?}", summary.failures);
}

fn identify(when: &str, action: &str) -> String {
    format!(
        "scenario: a fault\nvehicle: g05\nsteps: [identify]\nfaults: [{{ when: {when}, do: {action} }}]"
    )
}

fn messages(summary: &Summary) -> Vec<String> {
    summary.failures.iter().map(|failure| failure.message.clone()).collect()
}

fn played(text: &str) -> Summary {
    watched(text, &mut Nobody)
}

fn watched(text: &str, watch: &mut dyn Watch) -> Summary {
    let scenario = scenarios::parse("test.yaml", text, &[], &crate::catalogue());
    let bench = Bench::new(scenario.unwrap_or_else(|errors| panic!("{errors}")));
    let [file, repeat, program] = ["test.yaml", "repeat", "test"].map(str::to_owned);
    run(&bench, Seed(1), &Label { file, repeat, program }, watch)
}
