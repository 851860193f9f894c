//! Who calls and proves nothing.

use super::*;

#[test]
fn the_mechanic_is_told_of_a_caller_whose_place_another_took() {
    let mut bench = Bench::reach(State::Offered);
    bench.join(STRANGER, 10);
    bench.join(STRANGER, 11);
    assert_eq!(
        bench.join(STRANGER, 12),
        ["mechanic ← candidate 1 is gone", "stranger ← granted, peer Some(3)"]
    );
}

#[test]
fn who_calls_in_vain_waits_after_a_few_times_and_ever_longer() {
    let mut bench = Bench::reach(State::Offered);
    let mut waits = Vec::new();
    for instance in 10..30 {
        let answer = bench.join(STRANGER, instance).remove(0);
        if let Some((_, wait)) = answer.split_once("retry ") {
            waits.push(wait.to_owned());
            bench.now += Duration::from_secs(30);
            bench.join(STRANGER, 100 + instance);
        }
        bench.apply(Stimulus::Reject(MECHANIC));
    }
    assert_eq!(waits[..6], ["1s", "2s", "4s", "8s", "16s", "30s"]);
    assert_eq!(waits.last().map(String::as_str), Some("30s"));
    assert!(bench.join(TECHNICIAN, 2)[0].starts_with("technician ← granted"));
}

#[test]
fn nobody_called_in_vain_who_is_admitted_or_has_no_mechanic_to_call() {
    let mut bench = Bench::reach(State::Offered);
    for instance in 10..20 {
        assert!(bench.join(TECHNICIAN, instance)[0].starts_with("technician ← granted"));
        bench.admit(bench.relay.next_candidate);
    }
    let mut bench = Bench::reach(State::Orphaned);
    for instance in 10..20 {
        assert!(bench.join(STRANGER, instance)[0].starts_with("stranger ← granted"));
    }
}
