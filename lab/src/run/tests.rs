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
    let told: Vec<_> = summary.failures.iter().map(|failure| &failure.message).collect();
    assert!(told.len() == 1 && told[0].ends_with("strikes, found it never did"), "{told:?}");
}

#[rstest]
#[case::by_event("{ step: 1 }", "{ ecu: { name: egs, silent: 3s } }")]
#[case::by_time("{ at: 1s }", "{ blackout: { for: 100ms } }")]
#[case::by_frame("{ link: mechanic-up, frame: 20 }", "{ drop: {} }")]
fn a_fault_that_strikes_fails_nothing(#[case] when: &str, #[case] action: &str) {
    let summary = played(&identify(when, action));
    assert_eq!((summary.verdict, summary.failures), (Verdict::Pass, Vec::new()));
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

fn played(text: &str) -> Summary {
    watched(text, &mut Nobody)
}

fn watched(text: &str, watch: &mut dyn Watch) -> Summary {
    let scenario = scenarios::parse("test.yaml", text, &[], &crate::catalogue());
    let bench = Bench::new(scenario.unwrap_or_else(|errors| panic!("{errors}")));
    let [file, repeat, program] = ["test.yaml", "repeat", "test"].map(str::to_owned);
    run(&bench, Seed(1), &Label { file, repeat, program }, watch)
}
