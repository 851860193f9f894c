//! Our own rules: layers, lengths, names, and that every file we ship can be read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Each crate, its layer, and our crates it may use.
const LAYERS: &[(&str, u8, &[&str])] = &[
    ("wire", 0, &[]),
    ("node", 0, &[]),
    ("yaml", 0, &[]),
    ("netem-rs", 1, &["node", "yaml"]),
    ("sim-ecus", 1, &["wire", "node", "yaml"]),
    ("bridge", 1, &["node"]),
    ("record", 1, &["node"]),
    ("sim-gateway", 2, &["wire", "node", "yaml", "sim-ecus"]),
    ("sim-vci", 2, &["wire", "node"]),
    ("scenarios", 2, &["wire", "node", "yaml", "netem-rs"]),
    ("capture", 2, &["wire", "record"]),
    ("lab", 3, BELOW),
    ("report", 3, &["record"]),
    ("live", 4, BELOW),
    ("benchcar", 5, BELOW),
    ("tests", 6, BELOW),
];

/// Every crate of a lower layer.
const BELOW: &[&str] = &["*"];

const LINES_PER_FILE: usize = 500;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] =
    &["mod", "util", "utils", "common", "types", "helper", "helpers", "misc", "imp", "manager"];

#[test]
fn crates_depend_on_lower_layers_only() {
    let layers: BTreeMap<&str, (u8, &[&str])> =
        LAYERS.iter().map(|(name, layer, uses)| (*name, (*layer, *uses))).collect();
    let packages = packages();
    let ours: BTreeSet<String> = packages.iter().map(|package| package.name.clone()).collect();
    let known: BTreeSet<String> = layers.keys().map(|name| name.to_string()).collect();
    assert_eq!(ours, known, "every crate has a layer, and every layer's crates exist");
    for package in &packages {
        let (layer, uses) = layers[package.name.as_str()];
        for dependency in
            package.dependencies.iter().filter(|dependency| ours.contains(*dependency))
        {
            let allowed = if uses == BELOW {
                layers[dependency.as_str()].0 < layer
            } else {
                uses.contains(&dependency.as_str())
            };
            assert!(allowed, "{} (layer {layer}) may not use {dependency}", package.name);
        }
    }
}

#[test]
fn only_live_names_tokio() {
    for package in packages() {
        let names = package.dependencies.iter().any(|dependency| dependency.starts_with("tokio"));
        assert_eq!(names, package.name == "live", "tokio in {}", package.name);
    }
}

#[test]
fn only_yaml_names_the_yaml_reader() {
    for package in packages() {
        let names = package.dependencies.contains("serde-saphyr");
        assert_eq!(names, package.name == "yaml", "serde-saphyr in {}", package.name);
    }
}

#[test]
fn every_crate_keeps_the_workspace_lints_and_begins_with_its_sentence() {
    for package in packages() {
        let manifest = read(&package.manifest);
        assert!(manifest.contains("[lints]\nworkspace = true"), "lints of {}", package.name);
        if package.name == "tests" {
            continue;
        }
        let folder = package.manifest.parent().expect("a manifest lies in a folder");
        let root = ["src/lib.rs", "src/main.rs"].map(|file| folder.join(file));
        let root = root.iter().find(|file| file.exists()).expect("a crate has a root");
        let first = read(root).lines().next().unwrap_or_default().to_owned();
        assert_eq!(first, format!("//! {}", package.description), "{}", root.display());
    }
}

#[test]
fn files_are_short_and_their_names_say_something() {
    let sources = files("rs");
    assert!(sources.len() > 50, "only {} sources found", sources.len());
    for file in sources {
        let lines = read(&file).lines().count();
        assert!(lines <= LINES_PER_FILE, "{} has {lines} lines", file.display());
        let relative = file.strip_prefix(root()).expect("a file of ours");
        for part in relative.with_extension("").components() {
            let part = part.as_os_str().to_string_lossy().to_lowercase();
            assert!(!EMPTY_NAMES.contains(&part.as_str()), "{} has an empty name", file.display());
        }
    }
}

#[test]
fn every_benchmark_is_declared() {
    let manifests: String = packages().iter().map(|package| read(&package.manifest)).collect();
    // What lies deeper are modules of a benchmark.
    let mut benches = files_in("benches", "rs");
    benches.retain(|bench| bench.parent() == Some(&root().join("benches")));
    assert!(!benches.is_empty());
    for bench in benches {
        let name = bench.file_name().expect("a file has a name").to_string_lossy().into_owned();
        assert!(manifests.contains(&format!("benches/{name}\"")), "{name} is never built");
    }
}

#[test]
fn every_yaml_file_parses() {
    for folder in
        ["scenarios/library", "bridges", "sim-ecus/profiles", "sim-gateway/vehicles", "ci"]
    {
        let found: Vec<PathBuf> =
            ["yaml", "yml"].iter().flat_map(|kind| files_in(folder, kind)).collect();
        assert!(!found.is_empty(), "{folder} has no YAML");
        for file in found {
            let text = read(&file);
            if let Err(mistake) = yaml::Tree::parse(&text, 0) {
                panic!("{}: {}", file.display(), yaml::Error::new(&text, mistake));
            }
        }
    }
}

#[test]
fn every_file_meant_to_ship_ships() {
    let shipped = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect();
    let folders: [(&str, BTreeSet<String>); 5] = [
        ("scenarios/library", shipped(&mut scenarios::LIBRARY.iter().map(|one| one.name))),
        ("bridges", shipped(&mut scenarios::manifest::SHIPPED.iter().map(|one| one.name))),
        ("sim-ecus/profiles", shipped(&mut sim_ecus::EcuProfile::names())),
        ("sim-gateway/vehicles", shipped(&mut sim_gateway::VehicleProfile::names())),
        ("sim-gateway/dialects", shipped(&mut sim_gateway::Dialect::names())),
    ];
    for (folder, shipped) in folders {
        let stem =
            |file: &PathBuf| file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let on_disk: BTreeSet<String> = files_in(folder, "yaml").iter().filter_map(stem).collect();
        assert_eq!(on_disk, shipped, "{folder}");
    }
}

#[test]
fn the_gate_runs_what_the_readme_says() {
    let gate = read(&root().join(".ci/run"));
    let readme = read(&root().join("README.md"));
    let commands: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("    cargo "))
        .map(|command| command.split('#').next().unwrap_or_default().trim())
        .collect();
    assert!(commands.contains(&"test --workspace"), "{commands:?}");
    for command in commands {
        let runs = gate.lines().any(|line| line.trim_end().ends_with(&format!("cargo {command}")));
        assert!(runs, "the gate never runs `cargo {command}`");
    }
}

#[test]
fn scripts_can_be_run() {
    let scripts = ["peers/run", "captures", "determinism", "attach", "live", "bridges", "bridge"];
    let scripts = scripts.map(|name| format!("ci/{name}"));
    for script in scripts.iter().map(String::as_str).chain([".ci/run"]) {
        let text = read(&root().join(script));
        assert!(text.starts_with("#!"), "{script} does not say what runs it");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(root().join(script)).unwrap().permissions().mode();
            assert_eq!(mode & 0o111, 0o111, "{script} is not executable");
        }
    }
}

/// What a manifest says, as cargo reads it.
struct Package {
    name: String,
    description: String,
    manifest: PathBuf,
    dependencies: BTreeSet<String>,
}

fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs, as it runs this test");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    list(&metadata["packages"])
        .iter()
        .map(|package| Package {
            name: text(&package["name"]),
            description: text(&package["description"]),
            manifest: PathBuf::from(text(&package["manifest_path"])),
            dependencies: list(&package["dependencies"])
                .iter()
                .map(|dependency| text(&dependency["name"]))
                .collect(),
        })
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the root exists")
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn files(extension: &str) -> Vec<PathBuf> {
    files_in(".", extension)
}

fn files_in(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("a folder that can be read").path();
            let name =
                path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && (name == ".ci" || !name.starts_with('.')) {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
