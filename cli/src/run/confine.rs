//! A live run confined, so that nothing of it outlives it.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use live::namespace::confinement::{Ended, begin_inside, run_confined};

use crate::args::RunArgs;
use crate::exit::Exit;

/// Confines this process: the outer one waits for the inner one and returns how that ended; the
/// inner one goes on (`None`).
pub fn confine(args: &RunArgs) -> Option<Exit> {
    let confined = match &args.live.confined {
        Some(_) => begin_inside().map(|begins| (!begins).then_some(Exit::Interrupted)),
        None => run_confined(&kept(args), again).map(|ended| Some(exit(ended))),
    };
    confined.unwrap_or_else(|error| {
        eprintln!("benchcar: {error}\n{}", error.remedy());
        Some(Exit::Environment)
    })
}

/// Every path the arguments name: none may be hidden.
fn kept(args: &RunArgs) -> Vec<PathBuf> {
    let outputs = [&args.record, &args.pcap, &args.junit].into_iter().flatten().cloned();
    let inputs = args.scenarios.iter().chain(&args.live.bridge).map(PathBuf::from);
    outputs.chain(inputs).chain([PathBuf::from(".")]).collect()
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
            eprintln!(
                "benchcar: the run was killed (signal {signal}); what was recorded so far is kept \
                 as *.partial.*"
            );
            Exit::As(128u8.saturating_add(signal as u8))
        }
    }
}
