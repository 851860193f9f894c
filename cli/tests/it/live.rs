//! `benchcar run --live`: judged, confined, and gone without a trace.
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use record::{Engine, Record, Summary, Verdict};
use rstest::rstest;

use crate::command::{Ended, benchcar, ended, file, folder, signal, start, wait_for};

/// Nothing is asked of the car, so that little time passes.
const MOMENT: &str = "
scenario: A moment
vehicle: g05
bridge: none
steps: [{ wait: 100ms }]
";

/// A network in which frames have a time to leave at, and so can be late.
const SLOW: &str = "network: { mechanic: { rtt: 20ms } }";

/// Lasts until it is ended.
const LONG: &str = "
scenario: A long wait
vehicle: g05
bridge: none
steps: [{ wait: 1h }]
";

/// A machine that tests many things at once is late; that is not the question here.
const PATIENT: [&str; 2] = ["--lateness-limit", "10s"];

/// Whether this machine cannot run anything live; said aloud.
fn is_skipped(ended: &Ended) -> bool {
    let skipped = ended.code == 3;
    if skipped {
        println!("SKIPPED: runs in real time, because {}", ended.err.trim());
    }
    skipped
}

#[test]
fn a_moment_in_real_time_is_judged_and_told_how_to_repeat() {
    let folder = folder("live-moment");
    let path = file(&folder, "moment.yaml", MOMENT);
    let ended = benchcar(&[&["run", "--live", "--json", &path], &PATIENT[..]].concat());
    if is_skipped(&ended) {
        return;
    }
    assert_eq!(ended.code, 0, "{ended:?}");
    let summary: Summary = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((summary.engine, summary.verdict), (Engine::Live, Verdict::Pass));
    assert!(summary.repeat.ends_with(" --live"), "{}", summary.repeat);
}

#[test]
fn a_machine_that_is_too_slow_shows_nothing() {
    let folder = folder("live-void");
    let text = MOMENT.replace("100ms", "2s").replace("bridge: none", SLOW);
    let path = file(&folder, "moment.yaml", &text);
    let limit = ["--bridge", "wire", "--lateness-limit", "0s"];
    let ended = benchcar(&[&["run", "--live", "--json", &path], &limit[..]].concat());
    if is_skipped(&ended) && ended.out.is_empty() {
        return;
    }
    assert_eq!(ended.code, 3, "{ended:?}");
    let summary: Summary = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(summary.verdict, Verdict::Void);
    assert!(summary.failures[0].message.contains("too late to judge by"), "{summary:?}");
}

#[rstest]
#[case::outer("outer")]
#[case::inner("inner")]
fn a_killed_run_leaves_its_record_and_nothing_else(#[case] who: &str) {
    let folder = folder(&format!("live-killed-{who}"));
    let path = file(&folder, "long.yaml", LONG);
    let moment = file(&folder, "moment.yaml", MOMENT);
    if is_skipped(&benchcar(&[&["run", "--live", &moment], &PATIENT[..]].concat())) {
        return;
    }
    let records = folder.join("records");
    let mut child = start(&["run", "--live", &path, "--record", records.to_str().unwrap()]);
    let outer = child.id();
    let partial = records.join("long-seed1.partial.ndjson");
    wait_for("line", || fs::read_to_string(&partial).ok().filter(|text| text.lines().count() > 1));
    let children = fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).unwrap();
    let inner: u32 = children.trim().parse().expect("one confined process");
    signal(if who == "outer" { outer } else { inner }, "KILL");
    wait_for("end", || (!is_alive(inner)).then_some(()));
    if who == "inner" {
        let ended = ended(child);
        assert_eq!(ended.code, 137, "{ended:?}");
        assert!(ended.err.contains("*.partial.*"), "{}", ended.err);
    } else {
        child.wait().unwrap();
    }
    assert!(Record::read(BufReader::new(File::open(&partial).unwrap())).unwrap().is_partial());
    assert_eq!(fs::read_dir(&records).unwrap().count(), 1);
}

#[rstest]
#[case::ctrl_c("INT")]
#[case::asked_to_end("TERM")]
fn an_interrupted_run_ends_soon_and_keeps_a_partial_record(#[case] asked: &str) {
    let folder = folder(&format!("live-{asked}"));
    let path = file(&folder, "long.yaml", LONG);
    let records = folder.join("records");
    let child = start(&["run", "--live", &path, "--record", records.to_str().unwrap()]);
    let partial = records.join("long-seed1.partial.ndjson");
    let whole = records.join("long-seed1.ndjson");
    let began = || fs::read_to_string(&partial).ok().filter(|text| text.lines().count() > 1);
    let begun = wait_for("line, or end", || began().or_else(|| is_over(child.id())));
    if !begun.is_empty() {
        signal(child.id(), asked);
    }
    let ended = ended(child);
    if is_skipped(&ended) {
        return;
    }
    assert_eq!(ended.code, 130, "{ended:?}");
    assert!(Record::read(BufReader::new(File::open(&whole).unwrap())).unwrap().is_partial());
}

/// Nothing, said once a process has ended.
fn is_over(process: u32) -> Option<String> {
    (!is_alive(process)).then(String::new)
}

/// Whether a process is there and more than a name that waits to be asked for.
fn is_alive(process: u32) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}
