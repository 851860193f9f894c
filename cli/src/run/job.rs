//! One scenario with one seed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use lab::{Bench, Label};
use node::Seed;

use crate::args::RunArgs;
use crate::select::Selected;

/// One run that is to be made.
#[derive(Clone)]
pub struct Job {
    /// The scenario made ready, shared by its runs.
    pub bench: Arc<Bench>,
    /// The seed.
    pub seed: Seed,
    /// What the run is called.
    pub label: Label,
    /// Where the record goes.
    pub record: Option<PathBuf>,
    /// Where the capture goes.
    pub pcap: Option<PathBuf>,
    /// The name of its files without extension.
    pub stem: String,
    /// What differs in real time; nothing in virtual time.
    pub live: Option<live::rig::Options>,
}

/// Returns every run the arguments ask for: scenario by scenario, seed by seed.
pub fn jobs(
    selected: Vec<Selected>,
    args: &RunArgs,
    bridge: Option<&scenarios::Manifest>,
) -> Vec<Job> {
    let mut jobs = Vec::new();
    let mut taken = BTreeMap::new();
    for Selected { file, scenario } in selected {
        let name = free_name(&mut taken, &scenario.name);
        let bench = Arc::new(Bench::new(scenario));
        for seed in (0..args.repeat).map(|offset| args.seed.wrapping_add(offset)) {
            jobs.push(Job {
                live: args.live.confined.as_ref().map(|folder| {
                    options(args, &bench, bridge, folder.join(format!("run{}", jobs.len())))
                }),
                bench: Arc::clone(&bench),
                seed: Seed(seed),
                label: Label {
                    file: file.clone(),
                    repeat: repeat(&file, seed, args),
                    program: format!("benchcar {}", env!("CARGO_PKG_VERSION")),
                },
                record: args.record.clone(),
                pcap: args.pcap.clone(),
                stem: format!("{name}-seed{seed}"),
            });
        }
    }
    jobs
}

/// Returns how a run in real time differs; `folder` is its own.
fn options(
    args: &RunArgs,
    bench: &Bench,
    bridge: Option<&scenarios::Manifest>,
    folder: PathBuf,
) -> live::rig::Options {
    let said = match bench.scenario().bridge {
        scenarios::Bridge::Reference(_) => "reference",
        scenarios::Bridge::None => "wire",
    };
    let shipped = || scenarios::Manifest::named(said).expect("both are shipped, as a test shows");
    live::rig::Options {
        bridge: bridge.cloned().unwrap_or_else(shipped),
        setup: bench.scenario().bridge.setup().unwrap_or_default(),
        pace: args.live.pace,
        lateness_limit: args.live.lateness_limit.0,
        congestion_control: args.live.congestion_control.clone(),
        capturing: args.pcap.is_some(),
        folder,
    }
}

/// Returns a name for files that no other scenario of this command has: scenarios in different
/// folders may be called alike.
fn free_name(taken: &mut BTreeMap<String, u32>, name: &str) -> String {
    let mut free = name.to_owned();
    while taken.contains_key(&free) {
        let count = taken.entry(name.to_owned()).or_default();
        *count += 1;
        free = format!("{name}-{count}");
    }
    taken.insert(free.clone(), 1);
    free
}

/// Returns the command that makes one run again.
fn repeat(file: &str, seed: u64, args: &RunArgs) -> String {
    let mut command = format!("benchcar run {} --seed {seed}", quoted(file));
    if let Some(protocol) = args.protocol {
        command += &format!(" --protocol {}", protocol.as_str());
    }
    for setting in &args.set {
        command += &format!(" --set {}", quoted(setting));
    }
    if args.live.live {
        command += " --live";
    }
    if let Some(bridge) = &args.live.bridge {
        command += &format!(" --bridge {}", quoted(bridge));
    }
    command
}

/// Quotes a word for a shell where that is needed.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=%:,+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_called_alike_keep_files_of_their_own() {
        let mut taken = BTreeMap::new();
        let names = ["car", "car", "car-2", "car"].map(|name| free_name(&mut taken, name));
        assert_eq!(names, ["car", "car-2", "car-2-2", "car-3"]);
    }

    #[test]
    fn both_kinds_of_crossing_a_scenario_names_are_shipped() {
        for name in ["reference", "wire"] {
            assert!(scenarios::Manifest::named(name).is_some(), "{name}");
        }
    }

    #[test]
    fn words_a_shell_would_take_apart_are_quoted() {
        assert_eq!(quoted("network.mechanic.loss=1%"), "network.mechanic.loss=1%");
        assert_eq!(quoted("my file.yaml"), "'my file.yaml'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
