//! Every shipped scenario ends as it expects.

use std::path::Path;

use lab::{Bench, Label, Nobody};
use node::Seed;
use record::{Summary, Verdict};
use scenarios::LIBRARY;

use crate::play::{first_runs, told};

#[test]
fn every_shipped_scenario_passes() {
    let runs = first_runs();
    assert_eq!(runs.len(), LIBRARY.len());
    let failed: Vec<String> =
        runs.iter().filter(|run| run.verdict != Verdict::Pass).map(told).collect();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), runs.len(), failed.join("\n"));
}

/// What is run in real time beside virtual time, and compared, ends as expected in virtual time.
#[test]
fn every_scenario_for_real_time_passes_in_virtual_time() {
    let mut runs = Vec::new();
    for folder in ["scenarios/live", "scenarios/agreement", "scenarios/resets"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
        let before = runs.len();
        for entry in folder.read_dir().expect("the folder is part of the project") {
            runs.push(run(&entry.expect("its entries can be read").path()));
        }
        assert!(runs.len() > before, "{} is empty", folder.display());
    }
    let failed: Vec<String> =
        runs.iter().filter(|run| run.verdict != Verdict::Pass).map(told).collect();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), runs.len(), failed.join("\n"));
}

fn run(path: &Path) -> Summary {
    let file = path.display().to_string();
    let scenario = scenarios::read(path, &[], &lab::catalogue());
    let scenario = scenario.unwrap_or_else(|errors| panic!("{file}: {errors:?}"));
    let label = Label { file, repeat: String::new(), program: String::new() };
    lab::run(&Bench::new(scenario), Seed(1), &label, &mut Nobody)
}
