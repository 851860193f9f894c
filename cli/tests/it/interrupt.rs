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
#[case::a_terminal_that_is_closed("HUP")]
fn an_interrupted_run_ends_soon_with_130_and_keeps_what_it_found(#[case] name: &str) {
    if name == "HUP" && survives_its_terminal() {
        return println!("SKIPPED: a closed terminal, because the tests are to survive theirs");
    }
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

/// Whether SIGHUP is ignored here, as under `nohup`: then it is in every process started from here.
fn survives_its_terminal() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    ignored.is_none_or(|set| set & 1 == 1)
}
