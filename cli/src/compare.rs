//! `benchcar compare`: the same scenarios in virtual time and in real time, side by side.

mod vary;

use std::fs;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};

use record::{Summary, Verdict};
use report::{Agreement, Pair};
use scenarios::{Manifest, Setting};

use crate::args::{CompareArgs, LiveArgs, RunArgs};
use crate::check::complain;
use crate::display::Display;
use crate::exit::Exit;
use crate::run::job::{self, Job};
use crate::run::queue::{self, Trouble};
use crate::run::{confine, stop_on_ctrl_c};
use crate::say;
use crate::select::{Wanted, select};
pub use vary::Vary;
use vary::{Choice, choices};

/// Every run that is to be made, twice; equal places belong together.
#[derive(Default)]
struct Plan {
    settings: Vec<String>,
    simulated: Vec<Job>,
    live: Vec<Job>,
}

/// Runs what the arguments select on both clocks and tells how far they agree.
pub fn compare(args: &CompareArgs) -> Exit {
    let mut plan = match plan(args) {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    let inputs = args.scenarios.iter().chain(&args.bridge).map(Into::into);
    let kept: Vec<_> = args.markdown.iter().cloned().chain(inputs).collect();
    if let Some(exit) = confine::confine(args.confined.is_some(), &kept) {
        return exit;
    }
    let stop = stop_on_ctrl_c();
    let display = Display::new(args.json);
    let (simulated, _) = queue::work(&plan.simulated, processors(), &display, &stop, |_| {});
    match live(args, &mut plan, &display, &stop) {
        Ok(live) => finish(args, plan.settings, simulated, live, stop.load(Ordering::Relaxed)),
        Err(trouble) => {
            eprintln!("benchcar: {trouble}");
            Exit::Environment
        }
    }
}

/// Reads everything that can be wrong before anything is run.
fn plan(args: &CompareArgs) -> Result<Plan, Exit> {
    let wrong = |error: &dyn std::fmt::Display| {
        eprintln!("benchcar: {error}");
        Exit::BadScenario
    };
    let fixed: Result<Vec<Setting>, _> = args.set.iter().map(|text| text.parse()).collect();
    let fixed = fixed.map_err(|error| wrong(&error))?;
    let bridge = args.bridge.as_deref().map(Manifest::find).transpose();
    let bridge = bridge.map_err(|errors| {
        eprintln!("{}", errors.render(std::io::stderr().is_terminal()));
        Exit::BadScenario
    })?;
    let catalogue = lab::catalogue();
    let mut plan = Plan::default();
    for choice in choices(&args.vary).map_err(|error| wrong(&error))? {
        let settings: Vec<Setting> = fixed.iter().chain(&choice.settings).cloned().collect();
        let jobs = |live: LiveArgs| {
            let settings = settings.clone();
            let wanted = Wanted { settings, protocol: None, catalogue: &catalogue };
            let selection = select(&args.scenarios, &wanted);
            match complain(&selection) {
                Exit::AsExpected => {
                    let run = run_args(args, &choice, live);
                    Ok(job::jobs(selection.selected, &run, bridge.as_ref()))
                }
                complaint => Err(complaint),
            }
        };
        let simulated = jobs(args.live(false))?;
        let live = jobs(args.live(true))?;
        plan.settings.extend(vec![choice.name.clone(); live.len()]);
        plan.simulated.extend(simulated);
        plan.live.extend(live);
    }
    Ok(plan)
}

/// What `benchcar run` would be told for one choice.
fn run_args(args: &CompareArgs, choice: &Choice, live: LiveArgs) -> RunArgs {
    RunArgs {
        scenarios: args.scenarios.clone(),
        seed: args.seed,
        repeat: args.seeds,
        set: args.set.iter().chain(&choice.words).cloned().collect(),
        live,
        jobs: None,
        protocol: None,
        json: false,
        junit: None,
        record: None,
        pcap: None,
    }
}

/// Makes the runs in real time; those that are void are made again as often as allowed.
fn live(
    args: &CompareArgs,
    plan: &mut Plan,
    display: &Display,
    stop: &AtomicBool,
) -> Result<Vec<Summary>, Trouble> {
    let workers = args.jobs.map_or(1, usize::from);
    let tell = |summary: &Summary| tell(args, display, summary);
    let (mut summaries, trouble) = queue::work(&plan.live, workers, display, stop, tell);
    trouble.map_or(Ok(()), Err)?;
    for _ in 0..args.again {
        let void = |summary: &&mut Summary| summary.verdict == Verdict::Void;
        let void: Vec<&mut Summary> = summaries.iter_mut().filter(void).collect();
        let jobs: Vec<Job> = plan
            .live
            .iter()
            .filter(|job| void.iter().any(|summary| summary.repeat == job.label.repeat))
            .cloned()
            .collect();
        if jobs.is_empty() || stop.load(Ordering::Relaxed) {
            break;
        }
        let (again, trouble) = queue::work(&jobs, 1, display, stop, tell);
        trouble.map_or(Ok(()), Err)?;
        for (summary, again) in void.into_iter().zip(again) {
            *summary = again;
        }
    }
    Ok(summaries)
}

fn tell(args: &CompareArgs, display: &Display, summary: &Summary) {
    if args.json {
        return display.print(&report::json_line(summary));
    }
    let Summary { file, seed, verdict, virtual_s, .. } = summary;
    display.print(&format!("{:5} {virtual_s:8.2} s  {file} seed {seed}", verdict.as_str()));
}

fn finish(
    args: &CompareArgs,
    settings: Vec<String>,
    simulated: Vec<Summary>,
    live: Vec<Summary>,
    interrupted: bool,
) -> Exit {
    let mut agreement = Agreement::default();
    for ((setting, simulated), live) in settings.into_iter().zip(simulated).zip(live) {
        agreement.add(Pair { setting, simulated, live });
    }
    let table = agreement.markdown();
    if !args.json {
        say(&table);
    }
    if let Some(path) = &args.markdown
        && let Err(error) = fs::write(path, page(args, &table))
    {
        eprintln!("benchcar: {} cannot be written: {error}", path.display());
        return Exit::Environment;
    }
    if interrupted {
        eprintln!("benchcar: interrupted; the table holds what was run so far");
        return Exit::Interrupted;
    }
    let holds = agreement.holds(f64::from(args.tolerance) / 100.0);
    if holds { Exit::AsExpected } else { Exit::Failed }
}

/// A page that says how it was made.
fn page(args: &CompareArgs, table: &str) -> String {
    let mut command = format!("benchcar compare {}", args.scenarios.join(" "));
    command += &format!(" --seeds {}", args.seeds);
    for setting in &args.set {
        command += &format!(" --set {setting}");
    }
    for vary in &args.vary {
        command += &format!(" --vary '{vary}'");
    }
    if let Some(bridge) = &args.bridge {
        command += &format!(" --bridge {bridge}");
    }
    format!(
        "# Agreement of virtual and real time\n\nMade by `{command}`. A pair agrees when verdict \
         and end states are the same on both clocks.\n\n{table}"
    )
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
