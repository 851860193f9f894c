//! The same seed gives the same run, frame by frame; whoever watches changes nothing.

use std::thread;

use record::Summary;
use scenarios::{LIBRARY, Shipped};

use crate::play::{Wants, first_runs, play, shipped, told};

#[test]
fn the_same_seed_gives_the_same_run() {
    for (scenario, first) in LIBRARY.iter().zip(first_runs()) {
        same(first, &plain(scenario, 1));
    }
}

#[test]
fn another_seed_gives_another_run_that_repeats_as_well() {
    for (scenario, first) in LIBRARY.iter().zip(first_runs()) {
        let other = plain(scenario, 2);
        assert_ne!(other.digest, first.digest, "{}", scenario.name);
        same(&other, &plain(scenario, 2));
    }
}

#[test]
fn watching_changes_nothing() {
    let wants = Wants { lines: true, frames: true };
    for (scenario, first) in LIBRARY.iter().zip(first_runs()) {
        let (watched, seen) = play(&shipped(scenario), 1, wants);
        same(first, &watched);
        assert!(!seen.lines.is_empty(), "{}", scenario.name);
        assert!(!seen.sightings.is_empty(), "{}", scenario.name);
    }
}

#[test]
fn runs_side_by_side_of_one_bench_are_as_alone() {
    let scenario = scenarios::shipped("kafas-short-flash").expect("it is shipped");
    let bench = &shipped(&scenario);
    let together = thread::scope(|scope| {
        let running = [1, 2].map(|seed| scope.spawn(move || play(bench, seed, Wants::default()).0));
        running.map(|run| run.join().expect("a run does not panic"))
    });
    for run in &together {
        same(&plain(&scenario, run.seed), run);
    }
}

/// Says that two runs were the same: frames, times, verdict, latencies.
#[track_caller]
fn same(first: &Summary, second: &Summary) {
    assert_eq!(first, second, "{}\n{}", told(first), told(second));
}

/// A run nobody watches, of a bench of its own.
fn plain(scenario: &Shipped, seed: u64) -> Summary {
    play(&shipped(scenario), seed, Wants::default()).0
}
