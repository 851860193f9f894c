//! `benchcar compare`: the same scenarios in virtual time and in real time, side by side.

mod vary;

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use record::{Summary, Verdict};
use report::{Agreement, Pair};
use scenarios::{Manifest, Setting};

use crate::args::{CompareArgs, LiveArgs, RunArgs};
use crate::check::refusal;
use crate::display::Display;
use crate::exit::Exit;
use crate::run::job::{self, Job};
use crate::run::queue::{self, Trouble};
use crate::run::{confine, stop_on_ctrl_c};
use crate::select::{Wanted, select};
use crate::{complain, complain_of, say};
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
    let plan = match plan(args) {
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
    let (live, trouble) = live(args, &plan.live, &display, &stop);
    let pairs = pairs(plan, simulated, live);
    if let Some(trouble) = trouble {
        complain(&trouble);
        tell_partial(args, pairs);
        return Exit::Environment;
    }
    if stop.load(Ordering::Relaxed) {
        complain("interrupted");
        tell_partial(args, pairs);
        return Exit::Interrupted;
    }
    finish(args, pairs)
}

/// Reads everything that can be wrong before anything is run.
fn plan(args: &CompareArgs) -> Result<Plan, Exit> {
    let wrong = |error: &dyn std::fmt::Display| {
        complain(error);
        Exit::BadScenario
    };
    let fixed: Result<Vec<Setting>, _> = args.set.iter().map(|text| text.parse()).collect();
    let fixed = fixed.map_err(|error| wrong(&error))?;
    let bridge = args.bridge.as_deref().map(Manifest::find).transpose();
    let bridge = bridge.map_err(|errors| {
        complain_of(&errors);
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
            match refusal(&selection) {
                Exit::AsExpected => {
                    let run = run_args(args, &choice, live);
                    Ok(job::jobs(selection.selected, &run, bridge.as_ref()))
                }
                complaint => Err(complaint),
            }
        };
        let simulated = jobs(args.live(false, plan.live.len()))?;
        let live = jobs(args.live(true, plan.live.len()))?;
        for (simulated, live) in simulated.into_iter().zip(live) {
            // Selected twice, it is run once.
            if plan.live.iter().all(|job| job.label.repeat != live.label.repeat) {
                plan.settings.push(choice.name.clone());
                plan.simulated.push(simulated);
                plan.live.push(live);
            }
        }
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
///
/// Returns what was run by the command that repeats it, and what kept the rest from being run.
fn live(
    args: &CompareArgs,
    jobs: &[Job],
    display: &Display,
    stop: &AtomicBool,
) -> (BTreeMap<String, Summary>, Option<Trouble>) {
    let workers = args.jobs.map_or(1, usize::from);
    let tell = |summary: &Summary| tell(args, display, summary);
    let (summaries, mut trouble) = queue::work(jobs, workers, display, stop, tell);
    let mut found = by_repeat(summaries);
    for _ in 0..args.again {
        let is_void = |job: &&Job| {
            found.get(&job.label.repeat).is_some_and(|summary| summary.verdict == Verdict::Void)
        };
        let void: Vec<Job> = jobs.iter().filter(is_void).cloned().collect();
        if void.is_empty() || trouble.is_some() || stop.load(Ordering::Relaxed) {
            break;
        }
        let again;
        // What was void among many may pass among few.
        let fewer = workers.div_ceil(4);
        (again, trouble) = queue::work(&void, fewer, display, stop, tell);
        found.extend(by_repeat(again));
    }
    (found, trouble)
}

fn by_repeat(summaries: Vec<Summary>) -> BTreeMap<String, Summary> {
    summaries.into_iter().map(|summary| (summary.repeat.clone(), summary)).collect()
}

/// Puts beside each other what belongs together; what was not run on both clocks is left out.
fn pairs(plan: Plan, simulated: Vec<Summary>, mut live: BTreeMap<String, Summary>) -> Vec<Pair> {
    let mut simulated = by_repeat(simulated);
    let planned = plan.settings.into_iter().zip(&plan.simulated).zip(&plan.live);
    let pair = |((setting, virtual_job), live_job): ((String, &Job), &Job)| {
        Some(Pair {
            setting,
            live: live.remove(&live_job.label.repeat)?,
            simulated: simulated.remove(&virtual_job.label.repeat)?,
        })
    };
    planned.filter_map(pair).collect()
}

fn tell(args: &CompareArgs, display: &Display, summary: &Summary) {
    if args.json {
        return display.print(&report::json_line(summary));
    }
    let Summary { file, seed, verdict, virtual_s, .. } = summary;
    display.print(&format!("{:5} {virtual_s:8.2} s  {file} seed {seed}", verdict.as_str()));
}

fn finish(args: &CompareArgs, pairs: Vec<Pair>) -> Exit {
    let agreement = agreement(pairs);
    let table = agreement.markdown();
    if !args.json {
        say(&table);
    }
    if let Some(path) = &args.markdown
        && let Err(error) = fs::write(path, page(args, &table))
    {
        complain(format_args!("{} cannot be written: {error}", path.display()));
        return Exit::Environment;
    }
    let holds = agreement.holds(f64::from(args.tolerance) / 100.0);
    if holds { Exit::AsExpected } else { Exit::Failed }
}

/// Prints what was run before the end; a page that stands is not given up for it.
fn tell_partial(args: &CompareArgs, pairs: Vec<Pair>) {
    if !pairs.is_empty() && !args.json {
        say(&agreement(pairs).markdown());
        complain("partial: the table holds what was run before");
    }
    if let Some(path) = &args.markdown {
        complain(format_args!("{} is as it was", path.display()));
    }
}

fn agreement(pairs: Vec<Pair>) -> Agreement {
    let mut agreement = Agreement::default();
    for pair in pairs {
        agreement.add(pair);
    }
    agreement
}

/// A page that says how it was made.
fn page(args: &CompareArgs, table: &str) -> String {
    let mut command = "benchcar compare".to_owned();
    let mut add = |words: &str, value: &str| command += &format!("{words} {}", job::quoted(value));
    args.scenarios.iter().for_each(|scenario| add("", scenario));
    add(" --seed", &args.seed.to_string());
    add(" --seeds", &args.seeds.to_string());
    args.set.iter().for_each(|setting| add(" --set", setting));
    args.vary.iter().for_each(|vary| add(" --vary", &vary.to_string()));
    args.bridge.iter().for_each(|bridge| add(" --bridge", bridge));
    args.jobs.iter().for_each(|jobs| add(" --jobs", &jobs.to_string()));
    add(" --pace", &args.pace.to_string());
    add(" --lateness-limit", &args.lateness_limit.to_string());
    add(" --again", &args.again.to_string());
    add(" --tolerance", &args.tolerance.to_string());
    format!(
        "# Agreement of virtual and real time\n\nMade by `{command}`. A pair agrees when verdict, \
         end states, gateway resets and what was missed are the same on both clocks.\n\n{table}"
    )
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    const ARGS: &str = "benchcar compare discovery-and-scan-hsfz discovery-and-scan-hsfz --seeds 2 \
                        --confined /nowhere --vary network.mechanic.loss=0%/1%/2%";

    fn planned() -> Plan {
        let Command::Compare(args) = Cli::parse_from(ARGS.split_whitespace()).command else {
            panic!("not what was asked for");
        };
        plan(&args).expect("the scenario is in the library")
    }

    #[test]
    fn no_two_runs_share_a_folder_and_what_is_selected_twice_is_run_once() {
        let plan = planned();
        assert_eq!(plan.live.len(), 6);
        let folders = plan.live.iter().map(|job| &job.live.as_ref().unwrap().folder);
        assert_eq!(folders.collect::<BTreeSet<_>>().len(), 6);
    }

    #[test]
    fn a_run_that_is_missing_moves_no_other_beside_a_stranger() {
        let plan = planned();
        let stop = AtomicBool::new(false);
        let display = Display::new(true);
        let (simulated, _) = queue::work(&plan.simulated, 2, &display, &stop, |_| {});
        let twins = simulated.iter().zip(&plan.live);
        let live: Vec<_> = twins
            .map(|(twin, job)| Summary { repeat: job.label.repeat.clone(), ..twin.clone() })
            .collect();
        let mut live = by_repeat(live);
        live.remove(&plan.live[2].label.repeat).expect("it was run");
        let found = pairs(plan, simulated, live);
        let sides = found.iter().map(|pair| (&pair.live.digest, &pair.simulated.digest));
        assert!(sides.clone().count() == 5 && sides.clone().all(|(live, twin)| live == twin));
        assert_eq!(sides.map(|(live, _)| live).collect::<BTreeSet<_>>().len(), 5);
    }
}
