//! `benchcar check`, `list`, `schema`, and a command line that means nothing.

use scenarios::LIBRARY;
use serde_json::Value;

use crate::command::{benchcar, file, folder};

#[test]
fn a_malformed_file_is_told_with_file_line_and_column() {
    let folder = folder("malformed");
    let text =
        "scenario: Wrong\nvehicle: g05\nnetwork:\n  mechanic: { los: 1% }\nsteps: [identify]\n";
    let path = file(&folder, "wrong.yaml", text);
    let ended = benchcar(&["check", &path]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains(&format!("{path}:4:15")), "{}", ended.err);
    assert!(ended.err.contains("did you mean `loss`"), "{}", ended.err);
    assert!(!ended.err.contains('\u{1b}'), "no colours where no terminal is");
}

#[test]
fn every_malformed_file_of_the_project_is_refused() {
    let ended = benchcar(&["check", "scenarios/malformed"]);
    assert_eq!(ended.code, 2);
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/malformed");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let place = format!("scenarios/malformed/{name}:");
        assert!(ended.err.contains(&place), "{name} is not told");
    }
    assert_eq!(ended.out, "", "none of them is right");
}

#[test]
fn the_library_is_right() {
    let ended = benchcar(&["check", "scenarios/library"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(ended.out.lines().count(), LIBRARY.len());
    assert!(ended.out.lines().all(|line| line.contains(": ok, ")), "{}", ended.out);
}

#[test]
fn a_missing_file_ends_with_4() {
    let ended = benchcar(&["check", "no/such/file.yaml"]);
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.err.contains("no/such/file.yaml"), "{}", ended.err);
}

#[test]
fn the_list_names_every_scenario_and_every_vehicle() {
    let ended = benchcar(&["list"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    for scenario in LIBRARY {
        assert!(ended.out.contains(&format!("  {} ", scenario.name)), "{}", scenario.name);
    }
    for (vehicle, facts) in lab::catalogue().vehicles {
        let line = ended.out.lines().find(|line| line.starts_with(&format!("  {vehicle} ")));
        let line = line.unwrap_or_else(|| panic!("{vehicle} is not listed"));
        for unit in facts.ecus.keys() {
            assert!(line.contains(unit.as_str()), "{unit} of {vehicle} in {line}");
        }
    }
}

#[test]
fn the_schema_is_json_that_describes_the_keys_of_a_scenario() {
    let ended = benchcar(&["schema"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let schema: Value = serde_json::from_str(&ended.out).unwrap();
    assert!(schema["$schema"].as_str().is_some_and(|url| url.contains("json-schema.org")));
    for key in ["scenario", "vehicle", "network", "faults", "steps", "expect", "thresholds"] {
        assert!(schema["properties"][key].is_object(), "{key} is not described");
    }
}

#[test]
fn a_command_line_that_means_nothing_ends_with_2_and_the_usage() {
    for args in [&["fly"][..], &["run", "--sed", "1"], &["run", "--seed", "one"], &[]] {
        let ended = benchcar(args);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.err.contains("Usage:") || ended.err.contains("--help"), "{}", ended.err);
    }
}

#[test]
fn a_reader_that_goes_away_is_no_bug() {
    let ended = crate::command::shell("benchcar list | head -n 1");
    assert_eq!(ended.out.lines().count(), 1);
    assert_eq!(ended.err, "");
}
