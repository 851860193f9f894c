//! Which scenarios a command line means.

use std::fs;
use std::path::{Path, PathBuf};

use scenarios::{Catalogue, LIBRARY, Protocol, Scenario, ScenarioErrors, Setting};

/// What is wanted of every scenario, besides what its file says.
pub struct Wanted<'a> {
    /// Values that take the place of the file's.
    pub settings: Vec<Setting>,
    /// The protocol that takes the place of the file's.
    pub protocol: Option<Protocol>,
    /// The vehicles and control units there are.
    pub catalogue: &'a Catalogue,
}

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
    /// Scenarios among many whose vehicle does not speak the wanted protocol.
    pub left_out: Vec<String>,
    /// Files that say something wrong.
    pub wrong: Vec<ScenarioErrors>,
    /// Names and paths that mean nothing.
    pub unknown: Vec<String>,
}

/// Finds and checks what `words` mean: names in the library, files, folders. No word means the
/// whole library.
pub fn select(words: &[String], wanted: &Wanted<'_>) -> Selection {
    let mut selection = Selection::default();
    if words.is_empty() {
        for shipped in LIBRARY {
            let read = |settings: &[Setting]| {
                scenarios::parse(shipped.file, shipped.text, settings, wanted.catalogue)
            };
            selection.add(shipped.name.to_owned(), true, wanted, read);
        }
    }
    for word in words {
        if let Some(shipped) = scenarios::shipped(word) {
            let read = |settings: &[Setting]| {
                scenarios::parse(shipped.file, shipped.text, settings, wanted.catalogue)
            };
            selection.add(shipped.name.to_owned(), false, wanted, read);
        } else {
            selection.add_path(Path::new(word), wanted);
        }
    }
    selection
}

impl Selection {
    /// Adds a file, or every scenario in a folder.
    pub fn add_path(&mut self, path: &Path, wanted: &Wanted<'_>) {
        let files = match files_in(path) {
            Ok(files) => files,
            Err(error) => return self.unknown.push(self.no_such(path, &error.to_string())),
        };
        if files.is_empty() {
            self.unknown.push(format!("{}: no *.yaml file in this folder", path.display()));
        }
        let among_many = files.len() > 1;
        for file in files {
            let read = |settings: &[Setting]| scenarios::read(&file, settings, wanted.catalogue);
            self.add(file.display().to_string(), among_many, wanted, read);
        }
    }

    /// Adds one scenario. Among many, one whose vehicle does not speak the wanted protocol is left
    /// out; one that was named is wrong.
    fn add(
        &mut self,
        file: String,
        among_many: bool,
        wanted: &Wanted<'_>,
        read: impl Fn(&[Setting]) -> Result<Scenario, ScenarioErrors>,
    ) {
        let vehicle = read(&wanted.settings).ok().map(|scenario| scenario.vehicle);
        let spoken = vehicle.and_then(|vehicle| wanted.catalogue.vehicles.get(&vehicle));
        let is_mute = |protocol| spoken.is_some_and(|facts| !facts.protocols.contains(&protocol));
        if among_many && wanted.protocol.is_some_and(is_mute) {
            return self.left_out.push(file);
        }
        let asked = wanted.protocol.map(|protocol| format!("protocol={protocol}"));
        let asked = asked.map(|text| text.parse().expect("a path and a value"));
        match read(&wanted.settings.iter().cloned().chain(asked).collect::<Vec<_>>()) {
            Ok(scenario) => self.selected.push(Selected { file, scenario }),
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
