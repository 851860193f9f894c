//! Which scenarios a command line means.

use std::fs;
use std::path::{Path, PathBuf};

use scenarios::{Catalogue, LIBRARY, Scenario, ScenarioErrors, Setting, Shipped};

/// A scenario and where it came from.
pub struct Selected {
    /// The file, or the name in the library.
    pub file: String,
    /// What it says.
    pub scenario: Scenario,
}

/// Everything that was selected, and everything that is wrong with what was not.
#[derive(Default)]
pub struct Selection {
    /// Scenarios that can run.
    pub selected: Vec<Selected>,
    /// Files that say something wrong.
    pub wrong: Vec<ScenarioErrors>,
    /// Names and paths that mean nothing.
    pub unknown: Vec<String>,
}

/// Finds and checks what `wanted` means: names in the library, files, folders. Nothing wanted
/// means the whole library.
pub fn select(wanted: &[String], settings: &[Setting], catalogue: &Catalogue) -> Selection {
    let mut selection = Selection::default();
    if wanted.is_empty() {
        for shipped in LIBRARY {
            selection.add(shipped, settings, catalogue);
        }
    }
    for word in wanted {
        if let Some(shipped) = scenarios::shipped(word) {
            selection.add(&shipped, settings, catalogue);
        } else {
            selection.add_path(Path::new(word), settings, catalogue);
        }
    }
    selection
}

impl Selection {
    /// Adds a file, or every scenario in a folder.
    pub fn add_path(&mut self, path: &Path, settings: &[Setting], catalogue: &Catalogue) {
        let files = match files_in(path) {
            Ok(files) => files,
            Err(error) => return self.unknown.push(self.no_such(path, &error.to_string())),
        };
        if files.is_empty() {
            self.unknown.push(format!("{}: no *.yaml file in this folder", path.display()));
        }
        for file in files {
            let name = file.display().to_string();
            match scenarios::read(&file, settings, catalogue) {
                Ok(scenario) => self.selected.push(Selected { file: name, scenario }),
                Err(errors) => self.wrong.push(errors),
            }
        }
    }

    fn add(&mut self, shipped: &Shipped, settings: &[Setting], catalogue: &Catalogue) {
        match scenarios::parse(shipped.file, shipped.text, settings, catalogue) {
            Ok(scenario) => {
                let file = shipped.name.to_owned();
                self.selected.push(Selected { file, scenario });
            }
            Err(errors) => self.wrong.push(errors),
        }
    }

    fn no_such(&self, path: &Path, error: &str) -> String {
        let word = path.display().to_string();
        let near = LIBRARY.iter().map(|shipped| shipped.name).max_by(|a, b| {
            strsim::jaro_winkler(a, &word).total_cmp(&strsim::jaro_winkler(b, &word))
        });
        match near {
            Some(near) if strsim::jaro_winkler(near, &word) > 0.7 => {
                format!("{word}: {error}; did you mean the library's `{near}`?")
            }
            _ => format!("{word}: {error}; `benchcar list` prints the library"),
        }
    }
}

fn files_in(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        let is_yaml = matches!(file.extension().and_then(|e| e.to_str()), Some("yaml" | "yml"));
        // A pipe in a folder would be waited for; one that is named is somebody's wish.
        let is_stored = |about: fs::Metadata| about.is_file() || about.is_dir();
        if is_yaml && fs::metadata(&file).map_or(true, is_stored) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}
