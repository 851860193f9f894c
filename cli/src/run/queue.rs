//! Runs side by side, one thread each; their ends are told in the order they were asked for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use lab::world::Sighting;
use lab::{Progress, Watch};
use live::rig::Rig;
use live::{Clock, LiveError};
use record::{Engine, Header, Summary};

use super::Job;
use crate::display::{Display, Row};
use crate::files::{FileError, Files, Keeping};

/// What kept a run from being made, or from being kept.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// This machine cannot run it in real time.
    #[error("{0}\n{remedy}", remedy = .0.remedy())]
    Live(#[from] LiveError),
}

/// Runs every job with `workers` threads; `tell` hears of each in the order of `jobs`.
///
/// Returns what was run, and the first trouble there was. Jobs not begun when `stop` is set, or
/// after this machine could not run one, are left out.
pub fn work(
    jobs: &[Job],
    workers: usize,
    display: &Display,
    stop: &AtomicBool,
    tell: impl Fn(&Summary),
) -> (Vec<Summary>, Option<Trouble>) {
    let next = AtomicUsize::new(0);
    let hopeless = AtomicBool::new(false);
    let (sender, results) = mpsc::channel();
    let mut told = Vec::new();
    let mut trouble = None;
    thread::scope(|scope| {
        for _ in 0..workers.min(jobs.len()) {
            let (sender, next, hopeless) = (sender.clone(), &next, &hopeless);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) && !hopeless.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(index) else { break };
                    let made = one(job, display, stop);
                    hopeless.fetch_or(matches!(made.1, Some(Trouble::Live(_))), Ordering::Relaxed);
                    if sender.send((index, made)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        let mut turn = 0;
        for (index, (summary, error)) in results {
            trouble = trouble.take().or(error);
            waiting.insert(index, summary);
            while let Some(summary) = waiting.remove(&turn) {
                turn += 1;
                let Some(summary) = summary else { continue };
                tell(&summary);
                told.push(summary);
            }
        }
    });
    (told, trouble)
}

fn one(job: &Job, display: &Display, stop: &AtomicBool) -> (Option<Summary>, Option<Trouble>) {
    let clock = Clock::start();
    let (bench, seed, label) = (&job.bench, job.seed, &job.label);
    let Some(options) = &job.live else {
        let header = lab::header(bench, seed, label);
        return kept(job, &header, display, stop, &clock, |watcher| {
            lab::run(bench, seed, label, watcher)
        });
    };
    match Rig::start(bench, seed, options.clone(), &|| stop.load(Ordering::Relaxed)) {
        Ok(Some(mut rig)) => {
            let header = lab::header_on(&rig, bench, seed, label);
            kept(job, &header, display, stop, &clock, |watcher| {
                lab::run_on(&mut rig, bench, seed, label, watcher)
            })
        }
        Ok(None) => {
            let (header, summary) = lab::not_begun(bench, seed, label, Engine::Live);
            kept(job, &header, display, stop, &clock, |_| summary)
        }
        Err(error) => (None, Some(error.into())),
    }
}

/// Runs `play` with whoever keeps its files and shows how far it is.
fn kept(
    job: &Job,
    header: &Header,
    display: &Display,
    stop: &AtomicBool,
    clock: &Clock,
    play: impl FnOnce(&mut Watcher<'_>) -> Summary,
) -> (Option<Summary>, Option<Trouble>) {
    let keeping = if job.live.is_some() { Keeping::LineByLine } else { Keeping::InBlocks };
    let (record, pcap) = (job.record.as_deref(), job.pcap.as_deref());
    let (files, mut trouble) = match Files::begin(record, pcap, &job.stem, header, keeping) {
        Ok(files) => (files, None),
        Err(error) => (Files::default(), Some(error)),
    };
    let row = display.row(&job.stem);
    let mut watcher = Watcher { files, row, stop };
    let mut summary = play(&mut watcher);
    summary.wall_s = clock.now().as_secs_f64();
    if let Err(error) = watcher.files.finish(&summary) {
        trouble.get_or_insert(error);
    }
    (Some(summary), trouble.map(Trouble::from))
}

/// Keeps files, shows progress, hears Ctrl-C.
struct Watcher<'a> {
    files: Files,
    row: Row,
    stop: &'a AtomicBool,
}

impl Watch for Watcher<'_> {
    fn wants_lines(&self) -> bool {
        self.files.keeps_lines()
    }

    fn wants_sightings(&self) -> bool {
        self.files.keeps_frames()
    }

    fn line(&mut self, line: record::Line) {
        self.files.line(&line);
    }

    fn sighting(&mut self, sighting: Sighting) {
        self.files.frame(&sighting);
    }

    fn progress(&mut self, progress: &Progress<'_>) {
        self.row.show(progress);
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
