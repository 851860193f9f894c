//! `benchcar check`: files are read and checked, nothing runs.

use std::io::IsTerminal;
use std::path::PathBuf;

use crate::exit::Exit;
use crate::say;
use crate::select::{Selection, Wanted};

/// Checks files and folders; every problem is printed.
pub fn check(paths: &[PathBuf]) -> Exit {
    let catalogue = lab::catalogue();
    let mut selection = Selection::default();
    let wanted = Wanted { settings: Vec::new(), protocol: None, catalogue: &catalogue };
    for path in paths {
        selection.add_path(path, &wanted);
    }
    for selected in &selection.selected {
        say(&format!("{}: ok, {}", selected.file, selected.scenario.title));
    }
    complain(&selection)
}

/// Prints what is wrong with a selection, and says how the program ends because of it.
pub fn complain(selection: &Selection) -> Exit {
    let colour = is_coloured();
    for errors in &selection.wrong {
        eprintln!("{}", errors.render(colour));
    }
    for unknown in &selection.unknown {
        eprintln!("benchcar: {unknown}");
    }
    if !selection.wrong.is_empty() {
        Exit::BadScenario
    } else if !selection.unknown.is_empty() || selection.selected.is_empty() {
        Exit::Nothing
    } else {
        Exit::AsExpected
    }
}

/// Returns whether mistakes are told in colour.
pub fn is_coloured() -> bool {
    std::io::stderr().is_terminal()
}
