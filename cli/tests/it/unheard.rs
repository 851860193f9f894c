//! The command where nobody reads its standard error: it ends as it would have ended.
#![cfg(unix)]

use std::fs::File;
use std::io::{BufReader, pipe};
use std::process::Stdio;

use quick_junit::Report;
use rstest::rstest;

use crate::command::{Ended, benchcar, file, folder, unheard};

const QUICK: &str = "diagnosis-no-bridge";

#[rstest]
#[case::nothing_selected(4, &["check", "no-such-folder"])]
#[case::no_such_name(4, &["compare", "zzz"])]
#[case::an_image_is_no_scenario(2, &["check", "Cargo.lock"])]
#[case::a_wrong_value(2, &["run", QUICK, "--set", "network.mechanic.los=1%"])]
#[case::no_such_bridge(2, &["transparency", "--bridge", "nobody"])]
#[case::no_such_bridge_file(2, &["bridges", "nowhere.yaml"])]
#[case::no_virtual_time(3, &["transparency", "--bridge", "openvpn"])]
#[case::no_such_vehicle(2, &["vehicle", "--vehicle", "g99"])]
#[case::no_such_option(2, &["run", "--no-such-option"])]
#[case::a_file_that_cannot_be_written(3, &["run", QUICK, "--junit", "no-such-folder/x"])]
#[case::a_log(0, &["-vvv", "run", QUICK])]
#[cfg_attr(
    target_os = "linux",
    case::no_passcode(2, &["bridge", "technician", "--relay", "localhost", "--order", "1"])
)]
fn what_is_wrong_is_told_by_the_exit_code_where_nobody_reads_it(
    #[case] code: i32,
    #[case] args: &[&str],
) {
    let heard = benchcar(args);
    assert_eq!(heard.code, code, "{heard:?}");
    assert_ne!(heard.err, "", "there is something nobody reads");
    for ended in unread(args) {
        assert_eq!(ended.code, code, "{ended:?}");
    }
}

#[test]
fn what_is_left_out_keeps_nothing_from_being_run() {
    let folder = folder("left-out-unheard");
    for vehicle in ["f30", "g05"] {
        let text = format!("scenario: {vehicle}\nvehicle: {vehicle}\nsteps: [identify]\n");
        file(&folder, &format!("{vehicle}.yaml"), &text);
    }
    for ended in unread(&["run", folder.to_str().unwrap(), "--protocol", "doip"]) {
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.out.contains("1 run: 1 passed"), "{}", ended.out);
    }
}

#[test]
fn a_log_that_is_lost_costs_no_result() {
    let path = folder("a-log-that-is-lost").join("results.xml");
    for ended in unread(&["-vv", "run", QUICK, "--junit", path.to_str().unwrap()]) {
        assert_eq!(ended.code, 0, "{ended:?}");
        let report = Report::deserialize(BufReader::new(File::open(&path).unwrap())).unwrap();
        assert_eq!(report.test_suites.len(), 1);
    }
}

/// How the command ends with every standard error that nobody can read.
fn unread(args: &[&str]) -> Vec<Ended> {
    let (reader, nobody_reads) = pipe().expect("a pipe can be made");
    drop(reader);
    let mut unread = vec![Stdio::from(nobody_reads)];
    #[cfg(target_os = "linux")]
    unread.push(File::options().write(true).open("/dev/full").expect("Linux has it").into());
    unread.into_iter().map(|stderr| unheard(args, stderr)).collect()
}
