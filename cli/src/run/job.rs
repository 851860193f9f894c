//! One scenario with one seed.

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
    for Selected { file, scenario } in selected {
        let name = scenario.name.clone();
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
    fn words_a_shell_would_take_apart_are_quoted() {
        assert_eq!(quoted("network.mechanic.loss=1%"), "network.mechanic.loss=1%");
        assert_eq!(quoted("my file.yaml"), "'my file.yaml'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
