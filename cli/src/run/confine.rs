//! A live run confined, so that nothing of it outlives it.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use live::namespace::confinement::{Ended, begin_inside, run_confined};

use crate::complain;
use crate::exit::Exit;

/// Confines this process: the outer one waits for the inner one and returns how that ended; the
/// inner one goes on (`None`).
///
/// None of the paths `kept`, nor the working directory, is hidden from the inner one.
pub fn confine(is_inner: bool, kept: &[PathBuf]) -> Option<Exit> {
    let confined = if is_inner {
        begin_inside().map(|begins| (!begins).then_some(Exit::Interrupted))
    } else {
        let kept: Vec<PathBuf> = kept.iter().cloned().chain([PathBuf::from(".")]).collect();
        run_confined(&kept, again).map(|ended| Some(exit(ended)))
    };
    confined.unwrap_or_else(|error| {
        complain(format_args!("{error}\n{}", error.remedy()));
        Some(Exit::Environment)
    })
}

/// The arguments of this process, and the private folder.
fn again(folder: &Path) -> Vec<OsString> {
    let mut confined = OsString::from("--confined=");
    confined.push(folder);
    env::args_os().skip(1).chain([confined]).collect()
}

fn exit(ended: Ended) -> Exit {
    match ended {
        Ended::Code(code) => Exit::As(code),
        Ended::Killed(signal) => {
            complain(format_args!(
                "the run was killed (signal {signal}); what was recorded so far is kept \
                 as *.partial.*"
            ));
            Exit::As(128u8.saturating_add(signal as u8))
        }
    }
}
