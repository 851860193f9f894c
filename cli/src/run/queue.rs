//! Runs side by side, one thread each; their ends are told in the order they were asked for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use lab::world::Sighting;
use lab::{Progress, Watch};
use live::Clock;
use record::Summary;

use super::Job;
use crate::display::{Display, Row};
use crate::files::{FileError, Files};

/// Runs every job with `workers` threads; `tell` hears of each in the order of `jobs`.
///
/// Returns what was run, and the first file that could not be written. Jobs not begun when `stop`
/// is set are left out.
pub fn work(
    jobs: &[Job],
    workers: usize,
    display: &Display,
    stop: &AtomicBool,
    tell: impl Fn(&Summary),
) -> (Vec<Summary>, Option<FileError>) {
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::channel();
    let mut told = Vec::new();
    let mut trouble = None;
    thread::scope(|scope| {
        for _ in 0..workers.min(jobs.len()) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(index) else { break };
                    if sender.send((index, one(job, display, stop))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        for (index, (summary, error)) in results {
            trouble = trouble.take().or(error);
            waiting.insert(index, summary);
            while let Some(summary) = waiting.remove(&told.len()) {
                tell(&summary);
                told.push(summary);
            }
        }
    });
    (told, trouble)
}

fn one(job: &Job, display: &Display, stop: &AtomicBool) -> (Summary, Option<FileError>) {
    let header = lab::header(&job.bench, job.seed, &job.label);
    let (record, pcap) = (job.record.as_deref(), job.pcap.as_deref());
    let (files, mut trouble) = match Files::begin(record, pcap, &job.stem, &header) {
        Ok(files) => (files, None),
        Err(error) => (Files::default(), Some(error)),
    };
    let row = display.row(&job.stem);
    let mut watcher = Watcher { files, row, stop };
    let clock = Clock::start();
    let mut summary = lab::run(&job.bench, job.seed, &job.label, &mut watcher);
    summary.wall_s = clock.now().as_secs_f64();
    if let Err(error) = watcher.files.finish(&summary) {
        trouble.get_or_insert(error);
    }
    (summary, trouble)
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
