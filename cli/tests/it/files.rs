//! What `benchcar run` leaves behind: records, captures, JUnit XML.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use capture::Capture;
use quick_junit::{NonSuccessKind, Report, TestCaseStatus};
use record::{Event, FrameFate, Record, Verdict};

use crate::command::{benchcar, file, folder};

const LOSSY: [&str; 4] = ["run", "discovery-and-scan-hsfz", "--set", "network.mechanic.loss=10%"];

#[test]
fn every_run_has_a_case_in_the_junit_file() {
    let folder = folder("junit");
    let path = folder.join("results.xml");
    let args = ["run", "diagnosis-no-bridge", "discovery-and-scan-doip", "--repeat", "2"];
    let limit = ["--set", "expect.duration=< 20s", "--junit", path.to_str().unwrap()];
    let ended = benchcar(&[&args[..], &limit].concat());
    assert_eq!(ended.code, 1, "{ended:?}");
    let report = Report::deserialize_from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let told: Vec<_> = report
        .test_suites
        .iter()
        .flat_map(|suite| suite.test_cases.iter().map(|case| (suite.name.to_string(), case)))
        .map(|(suite, case)| (suite, is_failure(&case.status)))
        .collect();
    let expected = [("diagnosis-no-bridge", true), ("discovery-and-scan-doip", false)];
    let expected = expected.map(|(suite, failed)| vec![(suite.to_owned(), failed); 2]).concat();
    assert_eq!(told, expected);
}

#[test]
fn records_and_captures_of_a_lossy_run_agree() {
    let folder = folder("records-and-captures");
    let (records, captures) = (folder.join("new/records"), folder.join("captures"));
    let keep = ["--record", records.to_str().unwrap(), "--pcap", captures.to_str().unwrap()];
    let ended = benchcar(&[&LOSSY[..], &keep].concat());
    assert_eq!(ended.code, 0, "{ended:?}");
    let record = read(&records.join("discovery-and-scan-hsfz-seed1.ndjson"));
    assert!(!record.is_partial());
    assert_eq!(record.summary.as_ref().unwrap().verdict, Verdict::Pass);
    let lost = record
        .lines
        .iter()
        .filter(|line| matches!(&line.event, Event::Frame { fate: FrameFate::Lost(_), .. }));
    let lost: Vec<_> = lost.map(record::Line::at).collect();
    assert!(lost.len() > 5, "only {} frames lost", lost.len());

    let path = captures.join("discovery-and-scan-hsfz-seed1.pcapng");
    let capture = Capture::read(BufReader::new(File::open(path).unwrap())).unwrap();
    assert_eq!(capture.interfaces, ["tester", "wan-technician", "wan-mechanic", "vehicle"]);
    for interface in &capture.interfaces {
        assert!(capture.frames_of(interface).count() > 20, "{interface} saw nothing");
    }
    let commented = capture.frames.iter().filter(|frame| frame.comment.is_some());
    let commented: Vec<_> = commented.collect();
    for frame in &commented {
        assert_eq!(capture.interfaces[frame.interface], "wan-mechanic");
        let comment = frame.comment.as_deref().unwrap();
        assert!(comment.contains("lost (random)"), "{comment}");
    }
    let commented: Vec<_> = commented.iter().map(|frame| frame.at).collect();
    assert_eq!(commented, lost, "the same frames, at the same times");
}

#[test]
fn a_folder_that_cannot_be_made_ends_with_3_before_anything_runs() {
    let folder = folder("a-folder-that-cannot-be-made");
    let path = file(&folder, "a-file", "");
    for option in ["--record", "--pcap"] {
        let ended = benchcar(&["run", "diagnosis-no-bridge", option, &format!("{path}/records")]);
        assert_eq!(ended.code, 3, "{ended:?}");
        assert!(ended.err.contains("cannot write"), "{}", ended.err);
        assert!(ended.err.contains("a-file/records"), "{}", ended.err);
        assert_eq!(ended.out, "");
    }
}

#[test]
fn a_failed_run_says_more_than_a_junit_file_that_cannot_be_written() {
    let path = folder("a-failed-run").join("no-folder").join("junit.xml");
    let fails = ["--set", "expect.duration=< 1s", "--junit", path.to_str().unwrap()];
    let ended = benchcar(&[&["run", "diagnosis-no-bridge"], &fails[..]].concat());
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("junit.xml"), "{}", ended.err);
}

#[test]
fn a_junit_file_that_cannot_be_written_ends_with_3() {
    let folder = folder("a-junit-file-that-cannot-be-written");
    let path = folder.join("missing/results.xml");
    let ended = benchcar(&["run", "diagnosis-no-bridge", "--junit", path.to_str().unwrap()]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.err.contains("results.xml"), "{}", ended.err);
}

fn read(path: &Path) -> Record {
    let file = File::open(path).expect("the record is there");
    Record::read(BufReader::new(file)).expect("the record reads back")
}

fn is_failure(status: &TestCaseStatus) -> bool {
    match status {
        TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, .. } => true,
        TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, .. }
        | TestCaseStatus::Success { .. }
        | TestCaseStatus::Skipped { .. } => false,
    }
}
