//! Every shipped scenario ends as it expects.

use record::Verdict;
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
