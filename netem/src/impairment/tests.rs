//! What is read, what is refused, and how one impairment is laid over another.

use rstest::rstest;

use super::*;

#[test]
fn every_key_is_read_and_written() {
    let text = "\
preset: lte
delay: 15ms
jitter: 2ms
distribution: normal
keep-order: true
loss: 0.1%
burst: { p: 0.1%, r: 30%, loss-in-bad: 50%, loss-in-good: 0.01% }
drop: [12, 40]
rate: 10Mbit/s
queue: 256KiB
mtu: 1400B
duplicate: 0.01%
corrupt: 0.02%
reorder: 1%
reorder-by: 5ms
blackout: [{ from: 10s, for: 3s }]
schedule:
  - { at: 30s, set: { loss: 3% } }
";
    let impairment = read(text).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&impairment).unwrap());
    let json = serde_json::to_string(&impairment).unwrap();
    assert_eq!(serde_json::from_str::<Impairment>(&json).unwrap(), impairment);
}

#[test]
fn nothing_said_is_nothing_done() {
    assert_eq!(read("{}").unwrap(), Impairment::default());
    assert_eq!(serde_json::to_string(&Impairment::default()).unwrap(), "{}");
}

#[test]
fn what_cannot_be_read_is_refused_with_what_would_be_right() {
    let wrong = [
        "delay: 15",
        "delay: [15ms]",
        "los: 1%",
        "loss: 1",
        "rate: 10Mbps",
        "queue: 256",
        "preset: wifi",
        "distribution: poisson",
        "keep-order: maybe",
        "drop: [-1]",
        "burst: { p: 1% }",
        "burst: { p: 1%, r: 10%, h: 0% }",
        "blackout: [{ from: 10s, until: 13s }]",
        "schedule: [{ at: 1s, loss: 3% }]",
    ];
    let answers = wrong.map(|text| format!("{text}\n    {}", first_line(text)));
    insta::assert_snapshot!(answers.join("\n"));
}

#[rstest]
#[case::jitter("{ delay: 1ms, jitter: 2ms }", "jitter")]
#[case::jitter_alone("{ jitter: 2ms }", "jitter")]
#[case::jitter_beyond_preset("{ preset: lan, jitter: 1ms }", "jitter")]
#[case::queue("{ queue: 1KiB }", "queue")]
#[case::distribution("{ delay: 1ms, distribution: normal }", "distribution")]
#[case::reorder_by("{ reorder-by: 1ms }", "reorder-by")]
#[case::order("{ schedule: [{ at: 2s, set: {} }, { at: 1s, set: {} }] }", "schedule")]
#[case::nested("{ schedule: [{ at: 2s, set: { schedule: [{ at: 3s, set: {} }] } }] }", "schedule")]
#[case::later("{ delay: 2ms, schedule: [{ at: 1s, set: { jitter: 3ms } }] }", "jitter")]
fn values_that_do_not_fit_together_are_refused(#[case] text: &str, #[case] key: &str) {
    let error = read(text).unwrap().check().unwrap_err();
    assert_eq!(error.key(), key);
    assert!(error.to_string().contains(": "), "{error}");
}

#[rstest]
#[case::nothing("{}")]
#[case::preset_gives_the_rate("{ preset: lte, queue: 64KiB }")]
#[case::preset_gives_the_delay("{ preset: lte, jitter: 20ms }")]
#[case::change_gives_the_delay("{ schedule: [{ at: 1s, set: { delay: 9ms, jitter: 9ms } }] }")]
fn values_that_fit_together_are_accepted(#[case] text: &str) {
    assert_eq!(read(text).unwrap().check(), Ok(()));
}

#[rstest]
#[case::keys("{ delay: 5ms, loss: 1% }", "{ loss: 2% }", "{ delay: 5ms, loss: 2% }")]
#[case::off("{ loss: 1% }", "{ loss: 0% }", "{ loss: 0% }")]
#[case::preset_replaces_all(
    "{ loss: 1%, delay: 5ms }",
    "{ preset: europe, jitter: 1ms }",
    "{ preset: europe, delay: 15ms, jitter: 1ms }"
)]
#[case::schedule_stays(
    "{ schedule: [{ at: 1s, set: {} }] }",
    "{ loss: 2% }",
    "{ loss: 2%, schedule: [{ at: 1s, set: {} }] }"
)]
fn one_is_laid_over_another(#[case] before: &str, #[case] change: &str, #[case] after: &str) {
    assert_eq!(read(change).unwrap().over(&read(before).unwrap()), read(after).unwrap());
}

#[test]
fn the_schema_describes_every_key() {
    let schema = schemars::schema_for!(Impairment);
    insta::assert_snapshot!(serde_json::to_string_pretty(&schema).unwrap());
}

fn read(text: &str) -> Result<Impairment, String> {
    yaml::from_str(text).map_err(|error| error.to_string())
}

fn first_line(text: &str) -> String {
    let error = read(text).unwrap_err();
    error.lines().next().unwrap_or_default().to_owned()
}
