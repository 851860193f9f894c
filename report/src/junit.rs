//! The XML that CI systems read.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use record::{Summary, Verdict};
use thiserror::Error;

use crate::terminal::Terminal;

/// Why there is no XML.
#[derive(Debug, Error)]
#[error("put the results into XML: {0}")]
pub struct JunitError(#[from] quick_junit::SerializeError);

/// Returns JUnit XML: one suite per scenario file, one case per run.
///
/// `time` is what a run took on the wall, as CI systems expect; the length of the run on its own
/// clock and everything that identifies it are properties.
pub fn junit(summaries: &[Summary]) -> Result<String, JunitError> {
    let mut report = Report::new("benchcar");
    let mut files: Vec<&str> = Vec::new();
    for summary in summaries {
        if !files.contains(&summary.file.as_str()) {
            files.push(&summary.file);
        }
    }
    for file in files {
        let runs: Vec<_> = summaries.iter().filter(|summary| summary.file == file).collect();
        report.add_test_suite(suite(file, &runs));
    }
    report.set_time(seconds(summaries.iter().map(|summary| summary.wall_s).sum()));
    Ok(report.to_string()?)
}

fn suite(file: &str, runs: &[&Summary]) -> TestSuite {
    let mut suite = TestSuite::new(file);
    suite.add_test_cases(runs.iter().map(|run| case(run)));
    suite.set_time(seconds(runs.iter().map(|run| run.wall_s).sum()));
    suite
}

fn case(run: &Summary) -> TestCase {
    let name = format!("{} [{} {} #{}]", run.scenario, run.protocol, run.vci, run.seed);
    let mut case = TestCase::new(name, status(run));
    case.set_classname(run.file.as_str());
    case.set_time(seconds(run.wall_s));
    let mut properties = vec![
        ("seed".to_owned(), run.seed.to_string()),
        ("engine".to_owned(), run.engine.as_str().to_owned()),
        ("protocol".to_owned(), run.protocol.clone()),
        ("vci".to_owned(), run.vci.clone()),
        ("virtual_s".to_owned(), run.virtual_s.to_string()),
        ("gateway_resets".to_owned(), run.gateway_resets.to_string()),
        ("frames".to_owned(), run.frames.to_string()),
        ("digest".to_owned(), run.digest.clone()),
        ("repeat".to_owned(), run.repeat.clone()),
    ];
    properties.extend(run.ends.iter().map(|(ecu, state)| (format!("ends.{ecu}"), state.clone())));
    for (name, value) in properties {
        case.add_property((name, value));
    }
    case
}

fn status(run: &Summary) -> TestCaseStatus {
    let kind = match run.verdict {
        Verdict::Pass => return TestCaseStatus::success(),
        Verdict::Fail => NonSuccessKind::Failure,
        Verdict::Error | Verdict::Void => NonSuccessKind::Error,
    };
    let mut status = TestCaseStatus::non_success(kind);
    if let Some(first) = run.failures.first() {
        let others = run.failures.len() - 1;
        let more = if others == 0 { String::new() } else { format!(" (and {others} more)") };
        status.set_message(format!("{}{more}", first.message));
    }
    let plain = Terminal { colour: false, width: None, seeds: false };
    status.set_description(plain.failure(run));
    status
}

/// Nothing that was measured is negative or endless; if it were, no time is better than none.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{errored, failed, passed};

    #[test]
    fn runs_are_cases_of_their_file() {
        let again = Summary { seed: 8, ..passed() };
        let xml = junit(&[passed(), failed(), errored(), again]).unwrap();
        insta::assert_snapshot!(xml);
    }

    #[test]
    fn what_xml_cannot_hold_is_left_out() {
        let scenario = "a \u{1b}[31m<b> & \u{0}\"c\"".to_owned();
        let xml = junit(&[Summary { scenario, ..passed() }]).unwrap();
        assert!(xml.contains("a &lt;b&gt; &amp; &quot;c&quot; [hsfz"), "{xml}");
    }

    #[test]
    fn a_time_that_makes_no_sense_is_none() {
        for wall_s in [f64::NAN, -1.0, f64::INFINITY] {
            let xml = junit(&[Summary { wall_s, ..passed() }]).unwrap();
            assert!(xml.contains("time=\"0.000\""), "{xml}");
        }
    }
}
