//! Prints, and never panics where nobody can read it.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use scenarios::ScenarioErrors;

use crate::exit::Exit;

/// Whether something that was to be printed is lost.
static LOST: AtomicBool = AtomicBool::new(false);

/// Prints to standard output; a reader that went away has what it wanted, a full disk has not.
pub fn say(text: &str) -> Exit {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}") {
        Ok(()) => Exit::AsExpected,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::AsExpected,
        Err(error) => {
            if !LOST.swap(true, Ordering::Relaxed) {
                complain(format_args!("what is printed is lost: {error}"));
            }
            Exit::Environment
        }
    }
}

/// Returns whether something that was to be said is lost.
pub fn is_lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// Prints what is wrong to standard error; the exit code tells it, too, where nobody reads that.
pub fn complain(what: impl Display) {
    on_stderr(&format!("benchcar: {what}\n"));
}

/// Prints what is wrong with a file, line by line of it.
pub fn complain_of(errors: &ScenarioErrors) {
    on_stderr(&format!("{}\n", errors.render(io::stderr().is_terminal())));
}

fn on_stderr(text: &str) {
    let _unread = io::stderr().lock().write_all(text.as_bytes());
}
