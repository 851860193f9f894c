//! The loop on its own thread: takes frames in, lets them out when they are due.

use std::io;
use std::thread::JoinHandle;

use lab::world::{Wan, Way};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use node::{Duration, Frame, Instant};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tracing::{debug, warn};

use super::ahead::Ahead;
use super::desk::{Back, Command, Seen};
use super::topology::{Exit, Plan};
use super::waiting::{Ready, Waiter};
use super::{End, Histogram, LostEnd, Options, Pace, Report, Topology};
use crate::Clock;

/// Starts the thread.
pub fn spawn<E: End + 'static>(
    topology: Topology<E>,
    wan: Wan,
    clock: Clock,
    options: &Options,
    desk: Back,
) -> io::Result<JoinHandle<Report>> {
    let Plan { mut ends, exits } = topology.plan();
    let waiter = Waiter::new(options)?;
    waiter.add(&desk.bell, BELL)?;
    for (number, (end, _)) in (0..).zip(&mut ends) {
        if let Err(error) = end.note_arrivals() {
            debug!(number, %error, "a frame arrives when it is read");
        }
        waiter.add(end.descriptor(), number)?;
    }
    let mut engine = Engine {
        arrived: vec![Instant::ZERO; ends.len()],
        ends,
        exits,
        wan,
        clock,
        waiter,
        desk,
        ahead: Ahead::default(),
        lateness: Histogram::default(),
        report: Report::default(),
    };
    let options = options.clone();
    std::thread::Builder::new().name("netem".to_owned()).spawn(move || {
        engine.prepare_thread(&options);
        if let Err(error) = engine.run() {
            warn!(%error, "the network emulator ended by itself");
            engine.report.failure = Some(error);
        }
        engine.report()
    })
}

struct Engine<E> {
    ends: Vec<(E, Way)>,
    /// When the last frame of each end arrived.
    arrived: Vec<Instant>,
    exits: [Exit; 4],
    wan: Wan,
    clock: Clock,
    waiter: Waiter,
    desk: Back,
    ahead: Ahead,
    lateness: Histogram,
    report: Report,
}

impl<E: End> Engine<E> {
    /// Asks for exact timers and, for a thread that sleeps, a real-time priority, so that a busy
    /// machine does not make frames late; neither is needed, both are worth having.
    fn prepare_thread(&mut self, options: &Options) {
        if let Some(processor) = options.processor
            && let Err(error) = keep_to(processor)
        {
            warn!(processor, %error, "the network emulator runs on any processor");
        }
        if let Err(error) = nix::sys::prctl::set_timerslack(1) {
            debug!(%error, "timers stay as exact as the system makes them");
        }
        if options.pace == Pace::Spin {
            return;
        }
        let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
        match set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy) {
            Ok(()) => {
                self.report.real_time = true;
                self.waiter.share_processor();
            }
            Err(error) => debug!(?error, "the thread keeps its ordinary priority"),
        }
    }

    fn run(&mut self) -> io::Result<()> {
        loop {
            let until = self.wan.poll_timeout().map(|due| self.ahead.of(due));
            self.waiter.wait(&self.clock, until)?;
            self.deliver(self.clock.now());
            for place in 0..self.waiter.ready().len() {
                let ready = self.waiter.ready()[place];
                if ready.number != BELL {
                    self.receive(ready);
                } else if self.obey() == Next::Stop {
                    return Ok(());
                }
            }
        }
    }

    /// Takes what has arrived at one end, and lets out meanwhile what becomes due.
    fn receive(&mut self, ready: Ready) {
        let number = ready.number as usize;
        for taken in 0..BURST {
            match self.ends[number].0.receive() {
                Ok(Some(frame)) => {
                    let now = self.clock.now();
                    let at = self.arrival(number, now);
                    self.enter(self.ends[number].1, at, frame);
                    self.deliver(now);
                }
                Ok(None) if ready.broken && taken == 0 && self.is_broken(number) => {
                    self.lose(number, io::ErrorKind::BrokenPipe.into());
                    return;
                }
                Ok(None) => return,
                Err(source) => {
                    self.lose(number, source);
                    return;
                }
            }
        }
    }

    /// When the frame just read had arrived: never before the one ahead of it.
    fn arrival(&mut self, number: usize, now: Instant) -> Instant {
        let waited = self.ends[number].0.waited();
        let since_start = now.saturating_since(Instant::ZERO);
        let at = Instant::ZERO + since_start.checked_sub(waited).unwrap_or(Duration::ZERO);
        let last = &mut self.arrived[number];
        *last = at.max(*last);
        *last
    }

    /// Whether a port is still in an error once what it had to tell was taken: one that was only
    /// switched off is not.
    fn is_broken(&self, number: usize) -> bool {
        let descriptor = self.ends[number].0.descriptor();
        let mut asked = [PollFd::new(descriptor, PollFlags::empty())];
        let answered = poll(&mut asked, PollTimeout::ZERO).is_ok();
        let errors = PollFlags::POLLERR | PollFlags::POLLHUP;
        !answered || asked[0].revents().is_none_or(|events| events.intersects(errors))
    }

    fn enter(&mut self, way: Way, at: Instant, frame: Frame) {
        let bytes = frame.len();
        let is_watched = self.desk.is_watched();
        let mut seen = None;
        let look = |frame: &Frame| seen = is_watched.then(|| frame.clone());
        let fate = self.wan.enter(way, at, frame, look);
        if let Some(frame) = seen {
            self.desk.show(Seen { way, at, frame, fate });
        }
        self.desk.entered(way, bytes, fate);
    }

    /// Lets out what is at the far end when it is due, let go at `now`; sending takes time, so later
    /// frames look at the clock anew.
    fn deliver(&mut self, mut now: Instant) {
        let ahead = self.ahead.by();
        while let Some((due, way, frame)) = self.wan.pop_due(now + ahead) {
            match self.exits[way as usize] {
                Exit::Way(next) => self.enter(next, due, frame),
                Exit::End(number) => {
                    let begun = self.clock.now();
                    self.lateness.record(begun + ahead - due);
                    if self.ends[number].0.send(&frame).is_err() {
                        self.report.refused += 1;
                    }
                    now = self.clock.now();
                    self.ahead.note(now - begun);
                }
            }
        }
    }

    fn lose(&mut self, end: usize, source: io::Error) {
        warn!(end, error = %source, "a port of the network emulator is gone");
        if let Err(error) = self.waiter.remove(self.ends[end].0.descriptor()) {
            debug!(%error, "the port's descriptor was gone as well");
        }
        self.report.lost.push(LostEnd { end, source });
    }

    fn obey(&mut self) -> Next {
        self.desk.bell.hush();
        while let Ok(command) = self.desk.commands.try_recv() {
            let now = self.clock.now();
            match command {
                Command::Change(way, change) => self.wan.change(way, now, &change),
                Command::BlackOut(way, lasts) => self.wan.black_out(way, now, lasts),
                Command::Intervene(way, first, count, what) => {
                    self.wan.intervene(way, first, count, what);
                }
                Command::Count(answer) => {
                    let counters = Way::ALL.map(|way| self.wan.counters(way));
                    if answer.try_send(counters).is_err() {
                        debug!("whoever asked for the counters is gone");
                    }
                }
                Command::Stop => return Next::Stop,
            }
        }
        Next::GoOn
    }

    fn report(self) -> Report {
        Report {
            lateness: self.lateness.summary(),
            links: Way::ALL.map(|way| self.wan.counters(way)),
            in_flight: Way::ALL.iter().map(|way| self.wan.in_flight(*way) as u64).sum(),
            fates_missed: self.desk.fates_missed,
            sightings_missed: self.desk.sightings_missed,
            ..self.report
        }
    }
}

fn keep_to(processor: usize) -> nix::Result<()> {
    let mut only = CpuSet::new();
    only.set(processor)?;
    sched_setaffinity(Pid::from_raw(0), &only)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
}

/// The number of the bell among the descriptors; far beyond those of the ends.
const BELL: u64 = u64::MAX;

/// Frames taken from one end before the others have their turn.
const BURST: usize = 32;
