//! One scenario with one seed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use lab::{Bench, Label};
use node::Seed;

use crate::args::RunArgs;
use crate::select::Selected;

/// One run that is to be made.
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
}

/// Returns every run the arguments ask for: scenario by scenario, seed by seed.
pub fn jobs(selected: Vec<Selected>, args: &RunArgs) -> Vec<Job> {
    let mut jobs = Vec::new();
    let mut taken = BTreeMap::new();
    for Selected { file, scenario } in selected {
        let name = free_name(&mut taken, &scenario.name);
        let bench = Arc::new(Bench::new(scenario));
        for seed in (0..args.repeat).map(|offset| args.seed.wrapping_add(offset)) {
            jobs.push(Job {
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
    command
}

/// Quotes a word for a shell where that is needed.
fn quoted(word: &str) -> String {
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
    fn words_a_shell_would_take_apart_are_quoted() {
        assert_eq!(quoted("network.mechanic.loss=1%"), "network.mechanic.loss=1%");
        assert_eq!(quoted("my file.yaml"), "'my file.yaml'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
