//! The command.
//!
//! | file | holds |
//! |---|---|
//! | `args` | what can be written on the command line |
//! | `select` | which scenarios that means |
//! | `run` | running them, several at once, and telling how they ended |
//! | `compare` | the same runs on both clocks, side by side |
//! | `files` | the record and the capture of one run |
//! | `display` | progress on a terminal |
//! | `bridges`, `transparency` | bridges under test, and what of a wire is left with them |
//! | `bridge` | relay, mechanic and technician (Linux) |
//! | `check`, `list`, `vehicle` | the other commands |
//! | `print` | what is printed, and what cannot be |
//! | `exit` | exit codes |

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod args;
#[cfg(target_os = "linux")]
mod bridge;
mod bridges;
mod check;
mod compare;
mod display;
mod exit;
mod files;
mod list;
mod print;
mod run;
mod select;
mod transparency;
mod vehicle;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::Parser;
use tracing::level_filters::LevelFilter;

use args::{Cli, Command};
use exit::Exit;
use print::{complain, complain_of, say};

fn main() -> ExitCode {
    let cli = Cli::parse();
    tell_on_stderr(cli.verbose);
    let exit = match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Check { paths } => check::check(&paths),
        Command::List => list::list(),
        Command::Schema { bridge } => schema(bridge),
        Command::Bridges { files, json } => bridges::bridges(&files, json),
        Command::Transparency(args) => transparency::transparency(&args),
        Command::Vehicle(args) => vehicle::vehicle(&args),
        #[cfg(target_os = "linux")]
        Command::Bridge { role } => bridge::bridge(&role),
    };
    match exit {
        Exit::AsExpected if print::is_lost() => Exit::Environment.into(),
        exit => exit.into(),
    }
}

fn schema(of_bridges: bool) -> Exit {
    say(if of_bridges { scenarios::manifest::schema::schema() } else { scenarios::schema() })
}

fn tell_on_stderr(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .without_time()
        // It would print them where it just could not.
        .log_internal_errors(false)
        .init();
}
