//! Reading a scenario: text, settings, tree, types, checks; every mistake with its place.

use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use yaml::{Mistake, Span, Tree, Value, decode};

use crate::catalogue::Catalogue;
use crate::check;
use crate::error::{ScenarioError, ScenarioErrors, SourceText};
use crate::scenario::Scenario;
use crate::setting::Setting;

/// Reads and checks a scenario file.
///
/// # Errors
///
/// Returns every mistake that can be told apart, in the order of the file.
pub fn read(
    path: &Path,
    settings: &[Setting],
    catalogue: &Catalogue,
) -> Result<Scenario, ScenarioErrors> {
    let (file, bytes) = bytes_of(path)?;
    parse_bytes(&file, &bytes, settings, catalogue)
}

/// Reads a scenario's file, once, and returns the name it is told under and its bytes: at most one
/// more than [`LIMIT`].
///
/// # Errors
///
/// Says why a file cannot be read, and that a folder is none.
pub fn bytes_of(path: &Path) -> Result<(String, Vec<u8>), ScenarioErrors> {
    stored(path, "scenario")
}

/// The same for a file that should be a `subject`.
pub(crate) fn stored(path: &Path, subject: &str) -> Result<(String, Vec<u8>), ScenarioErrors> {
    let file = path.display().to_string();
    let failed = |error: std::io::Error| ScenarioError::about(&file, io_message(&error));
    if path.is_dir() {
        return Err(
            ScenarioError::about(&file, format!("this is a folder, not a {subject}")).into()
        );
    }
    let bytes = yaml::file::bytes_of(path).map_err(failed)?;
    Ok((file, bytes))
}

/// Reads and checks a scenario from bytes; `file` is the name errors are told under.
///
/// # Errors
///
/// Returns every mistake that can be told apart, in the order of the file.
pub fn parse_bytes(
    file: &str,
    bytes: &[u8],
    settings: &[Setting],
    catalogue: &Catalogue,
) -> Result<Scenario, ScenarioErrors> {
    parse(file, text_of(file, bytes, "scenario")?, settings, catalogue)
}

/// Takes bytes as text, within the limit.
pub(crate) fn text_of<'b>(
    file: &str,
    bytes: &'b [u8],
    subject: &str,
) -> Result<&'b str, ScenarioErrors> {
    if bytes.len() > LIMIT {
        let text = String::from_utf8_lossy(&bytes[..200]).into_owned();
        let source = Arc::new(SourceText { name: file.to_owned(), text });
        let message = format!("this file is larger than any {subject}: {LIMIT} bytes at most");
        return Err(ScenarioError::at(&source, 0..1, message, None).into());
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let source = Arc::new(SourceText { name: file.to_owned(), text });
        let start = error.valid_up_to();
        let help = Some("save the file as UTF-8".to_owned());
        let message = format!("the byte {:02X} is not UTF-8", bytes[start]);
        ScenarioError::at(&source, start..start + 1, message, help).into()
    })
}

/// Reads and checks a scenario from text; `file` is the name errors are told under.
///
/// # Errors
///
/// Returns every mistake that can be told apart, in the order of the file.
pub fn parse(
    file: &str,
    text: &str,
    settings: &[Setting],
    catalogue: &Catalogue,
) -> Result<Scenario, ScenarioErrors> {
    let mut reader = Reader::new("scenario", file, text, settings);
    let scenario = reader.tree(settings).and_then(|tree| {
        let name = Path::new(file).file_stem().unwrap_or_default().to_string_lossy();
        check::scenario(&mut reader, &tree, &name, catalogue)
    });
    match (reader.into_errors(), scenario) {
        (Some(errors), _) => Err(errors),
        (None, Some(scenario)) => Ok(scenario),
        (None, None) => unreachable!("a scenario that is not there was refused with an error"),
    }
}

/// Collects mistakes while a scenario is read.
pub(crate) struct Reader {
    /// The file, then the settings.
    sources: Vec<Arc<SourceText>>,
    /// What the file should be, such as `scenario`: also the key it begins with.
    subject: &'static str,
    /// With the number of the text each is in.
    errors: Vec<(usize, ScenarioError)>,
}

impl Reader {
    pub fn new(subject: &'static str, file: &str, text: &str, settings: &[Setting]) -> Self {
        let text = yaml::file::without_mark(text);
        let source = |name: &str, text: &str| {
            Arc::new(SourceText { name: name.to_owned(), text: text.to_owned() })
        };
        let settings =
            settings.iter().map(|setting| source(&format!("{file} --set"), setting.as_str()));
        let sources = std::iter::once(source(file, text)).chain(settings).collect();
        Self { sources, subject, errors: Vec::new() }
    }

    /// Reads the file into a tree and puts the settings into it.
    pub fn tree(&mut self, settings: &[Setting]) -> Option<Tree> {
        let text = Arc::clone(&self.sources[0]);
        if text.text.trim().is_empty() {
            self.nothing_here(&Span { text: 0, bytes: 0..0 });
            return None;
        }
        let mut tree = match Tree::parse(&text.text, 0) {
            Ok(tree) => tree,
            Err(error) => {
                self.refuse(error);
                return None;
            }
        };
        for (number, setting) in settings.iter().enumerate() {
            if let Err(error) = setting.apply(&mut tree, number + 1) {
                self.refuse(error);
            }
        }
        Some(tree)
    }

    fn refuse(&mut self, mistake: Mistake) {
        let Mistake { message, help, span } = mistake;
        let error = ScenarioError::at(&self.sources[span.text], span.bytes, message, help);
        self.errors.push((span.text, error));
    }

    /// Notes that the file is empty.
    pub fn nothing_here(&mut self, span: &Span) {
        let subject = self.subject;
        let message = format!("there is no {subject} in this file");
        self.fail(span, message, format!("begin with `{subject}: …`"));
    }

    /// Notes a mistake.
    pub fn fail(&mut self, span: &Span, message: impl Into<String>, help: impl Into<String>) {
        let (message, help) = (message.into(), help.into());
        let help = (!help.is_empty()).then_some(help);
        self.refuse(Mistake { message, help, span: span.clone() });
    }

    /// Turns one node into a type, or notes why not.
    pub fn decode<T: DeserializeOwned>(&mut self, tree: &Tree) -> Option<T> {
        match decode(tree) {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(error);
                None
            }
        }
    }

    /// Turns what is below a key into a type; none when it is absent or wrong.
    pub fn section<T: DeserializeOwned>(&mut self, tree: &Tree, key: &str) -> Option<T> {
        let below = tree.get(key)?;
        self.decode(below)
    }

    /// Turns each element below a key into a type, so that every wrong one is told.
    pub fn list<T: DeserializeOwned>(&mut self, tree: &Tree, key: &str) -> Vec<Option<T>> {
        let Some(below) = tree.get(key) else {
            return Vec::new();
        };
        match &below.value {
            Value::List(items) => items.iter().map(|item| self.decode(item)).collect(),
            Value::Null | Value::Scalar { .. } | Value::Map(_) => {
                let message = format!("`{key}` holds {}", below.describe());
                let help = format!("write a list: `{key}:` and `- …` lines");
                self.fail(&below.span, message, help);
                Vec::new()
            }
        }
    }

    pub fn into_errors(mut self) -> Option<ScenarioErrors> {
        self.errors.sort_by_key(|(text, error)| (*text, error.start()));
        ScenarioErrors::from_list(self.errors.into_iter().map(|(_, error)| error).collect())
    }
}

fn io_message(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "this file may not be read".to_owned(),
        _ => format!("this file cannot be read: {error}"),
    }
}

/// The most bytes a scenario file may have.
pub const LIMIT: usize = yaml::file::LIMIT;
