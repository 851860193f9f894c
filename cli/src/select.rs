//! Which scenarios a command line means.

use std::fs;
use std::path::{Path, PathBuf};

use scenarios::{Catalogue, LIBRARY, Protocol, Scenario, ScenarioErrors, Setting, Shipped};

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
            selection.add_shipped(shipped, true, wanted);
        }
    }
    for word in words {
        match scenarios::shipped(word) {
            Some(shipped) => selection.add_shipped(&shipped, false, wanted),
            None => selection.add_path(Path::new(word), wanted),
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
            match scenarios::bytes_of(&file) {
                Ok((name, bytes)) => self.add(name.clone(), &name, &bytes, among_many, wanted),
                Err(errors) => self.wrong.push(errors),
            }
        }
    }

    fn add_shipped(&mut self, shipped: &Shipped, among_many: bool, wanted: &Wanted<'_>) {
        let (name, text) = (shipped.name.to_owned(), shipped.text.as_bytes());
        self.add(name, shipped.file, text, among_many, wanted);
    }

    /// Adds one scenario; `told_as` is what mistakes in it are told under. Among many, one whose
    /// vehicle does not speak the wanted protocol is left out; one that was named is wrong.
    fn add(
        &mut self,
        file: String,
        told_as: &str,
        bytes: &[u8],
        among_many: bool,
        wanted: &Wanted<'_>,
    ) {
        let read = |settings: &[Setting]| {
            scenarios::parse_bytes(told_as, bytes, settings, wanted.catalogue)
        };
        let Some(protocol) = wanted.protocol else {
            return self.take(file, read(&wanted.settings));
        };
        let vehicle = read(&wanted.settings).ok().map(|scenario| scenario.vehicle);
        let facts = vehicle.and_then(|vehicle| wanted.catalogue.vehicles.get(&vehicle));
        if among_many && facts.is_some_and(|facts| !facts.protocols.contains(&protocol)) {
            return self.left_out.push(file);
        }
        let mut settings = wanted.settings.clone();
        settings.push(format!("protocol={protocol}").parse().expect("a path and a value"));
        self.take(file, read(&settings));
    }

    fn take(&mut self, file: String, read: Result<Scenario, ScenarioErrors>) {
        match read {
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
