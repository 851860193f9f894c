//! Virtual seconds per wall second: the 8HP exchange at 80 ms, over an ICOM and over an ENET
//! cable, one run after another on one core, every frame digested.
//!
//! Prints median and minimum over the seeds, frames per second, and the ratio to the target; exits
//! with 1 when a median is below the target or a run does not pass.

use std::process::ExitCode;

use lab::{Bench, Label, Nobody};
use live::Clock;
use node::{Instant, Seed};
use record::{Summary, Verdict};

const SCENARIO: &str = "8hp-hsfz-icom-80ms";
const INTERFACES: [&str; 2] = ["icom-next", "enet-cable"];
const SEEDS: u64 = 20;
/// Virtual seconds per wall second.
const TARGET: f64 = 10_000.0;

fn main() -> ExitCode {
    let mut is_good = true;
    for interface in INTERFACES {
        let bench = bench(interface);
        let mut speeds = Vec::new();
        let (mut frames, mut wall) = (0.0, 0.0);
        for seed in 1..=SEEDS {
            let (summary, seconds) = timed(&bench, Seed(seed));
            if summary.verdict != Verdict::Pass {
                println!("{interface} seed {seed}: {:?}", summary.failures);
                is_good = false;
            }
            speeds.push(summary.virtual_s / seconds);
            frames += summary.frames as f64;
            wall += seconds;
        }
        speeds.sort_by(f64::total_cmp);
        let (least, median) = (speeds[0], median(&speeds));
        is_good &= median >= TARGET;
        println!(
            "{interface:10}  median {median:>7.0}×  min {least:>7.0}×  {:>9.0} frames/s  \
             target {TARGET:.0}×  ratio {:.2}",
            frames / wall,
            median / TARGET,
        );
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs once; returns how it ended and the wall seconds it took.
fn timed(bench: &Bench, seed: Seed) -> (Summary, f64) {
    let label = Label {
        file: SCENARIO.to_owned(),
        repeat: format!("benchcar run {SCENARIO} --seed {}", seed.0),
        program: "virtual_speed".to_owned(),
    };
    let clock = Clock::start();
    let summary = lab::run(bench, seed, &label, &mut Nobody);
    let wall = clock.now() - Instant::ZERO;
    (summary, wall.as_secs_f64())
}

fn bench(interface: &str) -> Bench {
    let shipped = scenarios::shipped(SCENARIO).expect("the scenario is shipped");
    let setting = format!("vci={interface}").parse().expect("a path and a value");
    let scenario = scenarios::parse(shipped.file, shipped.text, &[setting], &lab::catalogue());
    Bench::new(scenario.expect("the scenario is right"))
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    (sorted[middle - 1] + sorted[middle]) / 2.0
}
