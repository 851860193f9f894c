//! Ctrl-C, and the other ways to ask a run to end.
#![cfg(unix)]

use std::fs::{self, File};
use std::io::BufReader;

use live::Clock;
use node::{Duration, Instant};
use record::{Outcome, Record, Summary, Verdict};
use rstest::rstest;

use crate::command::{ended, file, folder, signal, start, wait_for};

/// A run of many hours of virtual time.
const LONG: &str = "
scenario: A long shift
vehicle: g05
steps: [identify, { repeat: { times: 10000, steps: [scan] } }]
";

#[rstest]
#[case::ctrl_c("INT")]
#[case::a_job_that_is_cancelled("TERM")]
fn an_interrupted_run_ends_soon_with_130_and_keeps_what_it_found(#[case] name: &str) {
    let folder = folder(&format!("interrupted-{name}"));
    let path = file(&folder, "long.yaml", LONG);
    let records = folder.join("records");
    let keep = ["--record", records.to_str().unwrap()];
    let child = start(
        &[&["run", &path, "--json", "--repeat", "100000", "--jobs", "1"], &keep[..]].concat(),
    );
    let first = records.join("long-seed1.partial.ndjson");
    wait_for("record", || fs::metadata(&first).ok());
    signal(child.id(), name);
    let clock = Clock::start();
    let ended = ended(child);
    let took = clock.now() - Instant::ZERO;
    assert!(took < Duration::from_secs(20), "ended after {took:?}");
    assert_eq!(ended.code, 130, "{ended:?}");
    assert!(ended.err.contains("interrupted"), "{}", ended.err);
    let told: Vec<Summary> =
        ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = told.last().expect("the run under way is told");
    assert!(last.partial);
    assert_eq!(last.verdict, Verdict::Error);
    assert_eq!(last.steps.last().unwrap().outcome, Outcome::Interrupted, "{:?}", last.steps);
    let path = records.join(format!("long-seed{}.ndjson", last.seed));
    let record = Record::read(BufReader::new(File::open(path).unwrap())).unwrap();
    assert!(record.is_partial());
    assert_eq!(record.summary.as_ref(), Some(last));
    let files = fs::read_dir(&records).unwrap().count();
    assert_eq!(files, told.len(), "no run is begun after it");
}
