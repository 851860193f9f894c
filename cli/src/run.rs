//! `benchcar run`: scenarios and seeds, several at once, told in order.

pub mod confine;
pub mod job;
pub mod queue;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use live::Clock;
use record::{Summary, Verdict};
use report::Terminal;
use scenarios::{Manifest, Protocol, Setting, SettingError};

use crate::args::RunArgs;
use crate::check::refusal;
use crate::display::Display;
use crate::exit::Exit;
use crate::files::{self, FileError};
use crate::select::{Wanted, select};
use crate::{complain, complain_of, say};
use job::Job;
use queue::Trouble;

/// Runs what the arguments select and says how it ended.
pub fn run(args: &RunArgs) -> Exit {
    let catalogue = lab::catalogue();
    let settings = match settings(args) {
        Ok(settings) => settings,
        Err(error) => {
            complain(&error);
            return Exit::BadScenario;
        }
    };
    let protocol = args.protocol.map(Protocol::from);
    let wanted = Wanted { settings, protocol, catalogue: &catalogue };
    let selection = select(&args.scenarios, &wanted);
    if let (Some(protocol), [_, ..]) = (protocol, &selection.left_out[..]) {
        let names = selection.left_out.join(", ");
        complain(format_args!("left out, because their vehicles do not speak {protocol}: {names}"));
    }
    let complaint = refusal(&selection);
    if complaint != Exit::AsExpected {
        return complaint;
    }
    let bridge = match args.live.bridge.as_deref().map(Manifest::find).transpose() {
        Ok(bridge) => bridge,
        Err(errors) => {
            complain_of(&errors);
            return Exit::BadScenario;
        }
    };
    if args.live.live
        && let Some(exit) = confine::confine(args.live.confined.is_some(), &args.kept())
    {
        return exit;
    }
    for folder in [&args.record, &args.pcap].into_iter().flatten() {
        if let Err(error) = files::make_folder(folder) {
            return no_file(&error);
        }
    }
    let stop = stop_on_ctrl_c();
    let clock = Clock::start();
    let jobs = job::jobs(selection.selected, args, bridge.as_ref());
    let display = Display::new(args.json);
    let terminal = terminal(args);
    let tell = |summary: &Summary| tell(args, &terminal, &display, summary);
    let (summaries, trouble) = queue::work(&jobs, workers(args), &display, &stop, tell);
    if !args.json {
        say(&terminal.totals(&summaries, clock.now() - node::Instant::ZERO));
    }
    ending(args, &summaries, trouble, stop.load(Ordering::Relaxed))
}

fn settings(args: &RunArgs) -> Result<Vec<Setting>, SettingError> {
    args.set.iter().map(|text| text.parse()).collect()
}

fn tell(args: &RunArgs, terminal: &Terminal, display: &Display, summary: &Summary) {
    if args.json {
        return display.print(&report::json_line(summary));
    }
    display.print(&terminal.line(summary));
    let failure = terminal.failure(summary);
    if !failure.is_empty() {
        display.print(failure.trim_end());
    }
}

fn ending(args: &RunArgs, summaries: &[Summary], trouble: Option<Trouble>, stopped: bool) -> Exit {
    let mut exits = Vec::from_iter(summaries.iter().map(|summary| match summary.verdict {
        Verdict::Pass => Exit::AsExpected,
        Verdict::Void => Exit::Environment,
        Verdict::Fail | Verdict::Error => Exit::Failed,
    }));
    let unwritten = args.junit.as_ref().and_then(|path| write_junit(path, summaries).err());
    for trouble in unwritten.into_iter().chain(trouble.map(|trouble| trouble.to_string())) {
        complain(&trouble);
        exits.push(Exit::Environment);
    }
    if stopped {
        complain("interrupted; what was found so far is kept and marked as partial");
        return Exit::Interrupted;
    }
    // What failed says more than what shows nothing.
    let rank = |exit: &Exit| {
        [Exit::AsExpected, Exit::Environment, Exit::Failed].iter().position(|known| known == exit)
    };
    exits.into_iter().max_by_key(rank).unwrap_or(Exit::AsExpected)
}

fn write_junit(path: &Path, summaries: &[Summary]) -> Result<(), String> {
    let xml = report::junit(summaries).map_err(|error| error.to_string())?;
    files::write(path, &xml).map_err(|error| error.to_string())
}

fn no_file(error: &FileError) -> Exit {
    complain(error);
    Exit::Environment
}

fn terminal(args: &RunArgs) -> Terminal {
    let out = console::Term::stdout();
    let width = out.is_term().then(|| out.size_checked()).flatten();
    let width = width.map(|(_, columns)| usize::from(columns));
    let colour = out.is_term() && std::env::var_os("NO_COLOR").is_none();
    Terminal { colour, width, seeds: args.repeat > 1 }
}

fn workers(args: &RunArgs) -> usize {
    if args.live.live {
        return args.jobs.map_or(1, usize::from);
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    args.jobs.map_or(processors, usize::from)
}

/// The first Ctrl-C or SIGTERM asks runs to stop; the second ends the program.
pub fn stop_on_ctrl_c() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let set = live::on_interrupt(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    if let Err(error) = set {
        tracing::warn!(%error, "Ctrl-C will not be handled");
    }
    stop
}
