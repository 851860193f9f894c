//! Every committed malformed scenario is refused, with a place inside the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::fixture::catalogue;
use crate::library::LIBRARY;
use crate::{ScenarioErrors, Setting, parse, parse_bytes};

use proptest::prelude::*;

#[test]
fn every_malformed_file_is_refused_with_a_place_inside_it() {
    let mut told = String::new();
    for (name, bytes) in files() {
        let errors = refuse(&name, &bytes);
        let lines = String::from_utf8_lossy(&bytes).lines().count().max(1);
        for error in &errors {
            let (line, column) = error.position().unwrap_or_else(|| panic!("{name}: {error}"));
            assert!((1..=lines).contains(&line), "{name}: line {line} of {lines}");
            let text = String::from_utf8_lossy(&bytes);
            let length = text.lines().nth(line - 1).unwrap_or_default().chars().count();
            assert!((1..=length.max(1)).contains(&column), "{name}: column {column} of {length}");
        }
        told += &format!("{errors}\n");
    }
    insta::assert_snapshot!(told);
}

#[test]
fn no_two_files_make_the_same_mistake() {
    let mut seen = BTreeMap::new();
    for (name, bytes) in files() {
        // The message without the name of the file: what is wrong, and where.
        let told = refuse("x", &bytes).to_string();
        if let Some(other) = seen.insert(told.clone(), name.clone()) {
            let both = (name.as_str(), other.as_str());
            assert!(ALIKE.contains(&both), "{both:?} both say {told}");
        }
    }
    assert!(files().len() >= 100);
}

#[test]
fn drawn_errors_show_the_line_and_what_would_be_right() {
    let wanted = ["network-loss-120", "step-two-keys", "several-mistakes", "yaml-bracket-open"];
    let mut drawn = String::new();
    for (name, bytes) in files() {
        if wanted.iter().any(|wanted| name == format!("{wanted}.yaml")) {
            drawn += &refuse(&name, &bytes).render(false);
        }
    }
    insta::assert_snapshot!(drawn);
}

#[test]
fn a_setting_is_told_at_its_own_place() {
    let settings = [
        "network.mechanic.loss=120%",
        "network.mechanic.los=1%",
        "steps.2.program.ecu=gearbox",
        "steps.9=scan",
        "vehicle.name=g05",
        "supply=[",
        "expect.egs.ends=bricked",
        "vci=",
    ];
    let text = LIBRARY.iter().find(|shipped| shipped.name == "8hp-tester-killed").unwrap().text;
    let mut told = String::new();
    for setting in settings {
        let parsed: Setting = setting.parse().unwrap();
        let errors = parse("car.yaml", text, &[parsed], &catalogue()).unwrap_err();
        told += &format!("{setting}\n    {}\n", errors.to_string().replace('\n', "\n    "));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_setting_takes_the_place_of_what_the_file_says() {
    let text = LIBRARY.iter().find(|shipped| shipped.name == "8hp-tester-killed").unwrap().text;
    let settings = ["network.mechanic.loss=1%", "protocol=doip", "steps.3.program.size=64KiB"];
    let settings = settings.map(|setting| setting.parse().unwrap());
    let scenario = parse("car.yaml", text, &settings, &catalogue()).unwrap();
    assert_eq!(scenario.protocol, crate::Protocol::Doip);
    assert_eq!(scenario.network.mechanic.up.loss, Some("1%".parse().unwrap()));
    assert_eq!(scenario.steps[2].to_string(), "program egs");
}

#[test]
fn a_file_larger_than_any_scenario_is_refused() {
    let bytes = vec![b' '; crate::read::LIMIT + 1];
    let errors = parse_bytes("big.yaml", &bytes, &[], &catalogue()).unwrap_err();
    assert!(errors.to_string().starts_with("big.yaml:1:1: "), "{errors}");
}

#[test]
fn a_file_that_is_not_there_is_told_by_its_name() {
    let errors = crate::read(Path::new("no/such.yaml"), &[], &catalogue()).unwrap_err();
    assert_eq!(errors.to_string(), "no/such.yaml: there is no such file");
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_mutated_scenario_never_panics(
        file in 0..LIBRARY.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), edit()), 1..6),
    ) {
        let mut bytes = LIBRARY[file].text.as_bytes().to_vec();
        for (at, edit) in edits {
            edit.apply(&mut bytes, at);
        }
        if let Err(errors) = parse_bytes("mutated.yaml", &bytes, &[], &catalogue()) {
            prop_assert!(errors.iter().all(|error| error.position().is_some()), "{errors}");
            errors.render(false);
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(errors) = parse_bytes("any.yaml", &bytes, &[], &catalogue()) {
            errors.render(true);
        }
    }

    #[test]
    fn any_setting_never_panics(path in "[a-z0-9.-]{1,20}", value in "\\PC{0,20}") {
        let Ok(setting) = Setting::new(&path, &value) else { return Ok(()) };
        let text = LIBRARY[0].text;
        if let Err(errors) = parse("car.yaml", text, &[setting], &catalogue()) {
            errors.render(false);
        }
    }
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() }
}

/// One change of a file.
#[derive(Clone, Debug)]
enum Edit {
    Insert(Vec<u8>),
    Delete(usize),
    DuplicateLine,
    DeleteLine,
    Indent(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ": ",
        "-",
        "- ",
        "\"",
        "'",
        "\n",
        "\t",
        "#",
        "&a ",
        "*a",
        "!!x ",
        "%",
        "|",
        ">",
        "?",
        "null",
        "~",
        "0",
        "-1",
        "99999999999999999999",
        ".inf",
        "ü",
        "\u{feff}",
        "<<: ",
        "..",
        "ms",
        "%",
        "egs",
        "ecu: ",
        "\r",
        "\0",
    ];
    prop_oneof![
        4 => prop::sample::select(pieces.to_vec()).prop_map(|text| Edit::Insert(text.into())),
        1 => any::<u8>().prop_map(|byte| Edit::Insert(vec![byte])),
        2 => (1..12_usize).prop_map(Edit::Delete),
        1 => Just(Edit::DuplicateLine),
        1 => Just(Edit::DeleteLine),
        1 => (1..5_usize).prop_map(Edit::Indent),
    ]
}

impl Edit {
    fn apply(self, bytes: &mut Vec<u8>, at: prop::sample::Index) {
        let at = at.index(bytes.len() + 1);
        let start = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |i| i + 1);
        let end =
            bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |i| at + i + 1);
        match self {
            Self::Insert(piece) => {
                bytes.splice(at..at, piece);
            }
            Self::Delete(count) => {
                bytes.drain(at..(at + count).min(bytes.len()));
            }
            Self::DuplicateLine => {
                let line = bytes[start..end].to_vec();
                bytes.splice(end..end, line);
            }
            Self::DeleteLine => {
                bytes.drain(start..end);
            }
            Self::Indent(count) => {
                bytes.splice(start..start, vec![b' '; count]);
            }
        }
    }
}

fn refuse(name: &str, bytes: &[u8]) -> ScenarioErrors {
    match parse_bytes(name, bytes, &[], &catalogue()) {
        Ok(_) => panic!("{name} is taken for a right scenario"),
        Err(errors) => errors,
    }
}

/// The malformed files by name, in order.
fn files() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("malformed");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let named = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(path).unwrap())
    };
    paths.into_iter().map(named).collect()
}

/// Files that are wrong in different ways and rightly told alike.
const ALIKE: &[(&str, &str)] =
    &[("text-null.yaml", "text-empty.yaml"), ("text-one-dash.yaml", "text-a-list.yaml")];
