//! Small worlds, run and judged.

use node::Seed;
use record::{Summary, Verdict};
use rstest::rstest;

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

fn identify(when: &str, action: &str) -> String {
    format!(
        "scenario: a fault\nvehicle: g05\nsteps: [identify]\nfaults: [{{ when: {when}, do: {action} }}]"
    )
}

fn played(text: &str) -> Summary {
    let scenario = scenarios::parse("test.yaml", text, &[], &crate::catalogue());
    let bench = Bench::new(scenario.unwrap_or_else(|errors| panic!("{errors}")));
    let [file, repeat, program] = ["test.yaml", "repeat", "test"].map(str::to_owned);
    run(&bench, Seed(1), &Label { file, repeat, program }, &mut Nobody)
}
