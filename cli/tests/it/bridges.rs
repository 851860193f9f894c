//! `benchcar bridges`, `benchcar transparency` and the schema of manifests.

use rstest::rstest;
use serde_json::Value;

use crate::command::{benchcar, file, folder};

const SHIPPED: [&str; 5] = ["reference", "openvpn", "n2n", "tinc", "wire"];

#[test]
fn every_shipped_bridge_is_listed_with_what_it_claims() {
    let ended = benchcar(&["bridges"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let names: Vec<&str> = ended
        .out
        .lines()
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| Some(line.split_once(':')?.0))
        .collect();
    assert_eq!(names, SHIPPED);
    assert!(ended.out.contains("  unsupported: link-state, full-size-frames, guard\n"));
}

#[test]
fn a_bridge_of_a_file_is_listed_with_its_remedy() {
    let folder = folder("bridge-listed");
    let text = "bridge: vendor\ninstalled: { programs: [no-such-tunneld], remedy: ask the vendor \
                }\nroles:\n  technician: { run: [no-such-tunneld], port: { by: tap }, ready: { log: \
                up } }\n  mechanic: { run: [no-such-tunneld], port: { by: tap }, ready: { log: up } \
                }\n";
    let path = file(&folder, "vendor.yaml", text);
    let listed = benchcar(&["bridges", "--json", &path]);
    assert_eq!(listed.code, 0, "{listed:?}");
    let last: Value = serde_json::from_str(listed.out.lines().last().unwrap()).unwrap();
    assert_eq!((&last["bridge"], &last["installed"]), (&"vendor".into(), &false.into()));
    assert_eq!(last["remedy"], "ask the vendor");
    let ours: Value = serde_json::from_str(listed.out.lines().next().unwrap()).unwrap();
    assert_eq!((&ours["bridge"], &ours["installed"]), (&"reference".into(), &true.into()));
    assert_eq!(ours["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(ours["digest"].as_str().map(str::len), Some("sha256:".len() + 64));

    // Without it installed, or without the right to namespaces, the machine cannot run it.
    let run = benchcar(&["transparency", "--live", "--bridge", &path]);
    assert_eq!(run.code, 3, "{run:?}");
    assert_eq!(run.out, "");
}

#[test]
fn what_is_run_and_not_there_is_told_with_where_it_was_looked_for() {
    let folder = folder("bridge-missing");
    let role = "{ run: [no-such-tunneld], port: { by: tap }, ready: { log: up } }";
    let text = format!(
        "bridge: vendor\ninstalled: {{ files: [agent.py] }}\nroles:\n  technician: {role}\n  \
         mechanic: {role}\n"
    );
    let path = file(&folder, "vendor.yaml", &text);
    let listed = benchcar(&["bridges", &path]);
    assert_eq!(listed.code, 0, "{listed:?}");
    let told = listed.out.split("\n\n").last().unwrap();
    assert!(told.starts_with("vendor: NOT INSTALLED: get what is not found below\n"), "{told}");
    let program = "\n  no-such-tunneld: not found, no program of that name is in /";
    assert!(told.contains(program), "{told}");
    assert!(told.contains("\n  agent.py: not found, no file can be seen at /"), "{told}");
}

#[rstest]
#[case::in_a_list(&["bridges"])]
#[case::to_be_checked(&["transparency", "--bridge"])]
fn a_malformed_manifest_is_told_with_file_line_and_column(#[case] command: &[&str]) {
    let folder = folder(&format!("bridge-malformed-{}", command.len()));
    let path = file(&folder, "vendor.yaml", "bridge: x\nwire: true\ncapabilities: [relai]\n");
    let ended = benchcar(&[command, &[path.as_str()]].concat());
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains(&format!("{path}:3:16")), "{}", ended.err);
    assert!(ended.err.contains("did you mean `relay`"), "{}", ended.err);
}

#[rstest]
#[case::wire("wire", ["unsupported"; 3])]
#[case::reference("reference", ["pass", "pass", "not-run"])]
fn the_checks_run_in_virtual_time_and_repeat(#[case] bridge: &str, #[case] grades: [&str; 3]) {
    let [relay_loss, encryption, guard] = grades;
    let arguments = ["transparency", "--bridge", bridge, "--json", "--seed", "3"];
    let ended = benchcar(&arguments);
    assert_eq!(ended.code, 0, "{ended:?}");
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    let rows = told["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 25);
    for row in rows {
        let wanted = match row["check"].as_str().unwrap() {
            "relay loss" => relay_loss,
            "encryption" => encryption,
            "guard" => guard,
            _ => "pass",
        };
        assert_eq!(row["grade"], wanted, "{row}");
        // That nothing can be read has nothing to show.
        let shows = wanted == "pass" && row["check"] != "encryption";
        assert_eq!(!row["evidence"].as_array().unwrap().is_empty(), shows, "{row}");
    }
    assert_eq!(benchcar(&arguments).out, ended.out);
}

#[test]
fn a_shortened_idle_time_and_the_bytes_are_in_the_markdown() {
    let arguments = ["transparency", "--bridge", "wire", "--markdown", "--idle", "7s"];
    let ended = benchcar(&arguments);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.contains("| idle | pass | after 7 s (shortened from 10 min"));
    assert!(ended.out.contains("ARP who has 169.254.77.1? tell 169.254.201.1 | ffffffffffff02bc"));
}

#[rstest]
#[case::no_such_bridge("opnvpn", 2, "did you mean `openvpn`?")]
#[case::no_virtual_time("openvpn", 3, "Add --live")]
fn what_cannot_be_checked_is_told(#[case] bridge: &str, #[case] code: i32, #[case] told: &str) {
    let ended = benchcar(&["transparency", "--bridge", bridge]);
    assert_eq!(ended.code, code, "{ended:?}");
    assert!(ended.err.contains(told), "{}", ended.err);
}

#[test]
fn the_schema_of_manifests_is_the_committed_one() {
    let ended = benchcar(&["schema", "--bridge"]);
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../schema/bridge.schema.json");
    assert_eq!(ended.out, std::fs::read_to_string(committed).unwrap());
}
