//! `benchcar check`: files are read and checked, nothing runs.

use std::path::PathBuf;

use crate::exit::Exit;
use crate::select::{Selection, Wanted};
use crate::{complain, complain_of, say};

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
    refusal(&selection)
}

/// Prints what is wrong with a selection, and says how the program ends because of it.
pub fn refusal(selection: &Selection) -> Exit {
    for errors in &selection.wrong {
        complain_of(errors);
    }
    for unknown in &selection.unknown {
        complain(unknown);
    }
    if !selection.wrong.is_empty() {
        Exit::BadScenario
    } else if !selection.unknown.is_empty() || selection.selected.is_empty() {
        Exit::Nothing
    } else {
        Exit::AsExpected
    }
}
