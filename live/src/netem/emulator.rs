//! The handle: starts the thread, intervenes while it runs, ends it.

use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use lab::world::{Intervention, Met, Sighting, Wan, Way};
use netem_rs::{Counters, Impairment};
use node::Duration;

use super::desk::{Command, Front, desk};
use super::{End, Options, Report, Topology};
use crate::{Clock, LiveError};

/// A network between ports, in real time, on a thread of its own.
///
/// What it does to a frame is what virtual time does: the same [`Wan`], made from the same
/// impairments and the same seed, decides by direction and index. Dropping the handle ends it.
#[derive(Debug)]
pub struct Emulator {
    front: Front,
    thread: Option<JoinHandle<Report>>,
}

impl Emulator {
    /// Starts carrying frames; from now on nobody else may read from the ports.
    ///
    /// `clock` is that of the run, so that schedules, blackouts and fates speak of its time.
    pub fn start<E: End + 'static>(
        topology: Topology<E>,
        wan: Wan,
        clock: Clock,
        options: &Options,
    ) -> Result<Self, LiveError> {
        let refused = |source| LiveError::System { what: "network emulator", source };
        let (front, back) = desk(options).map_err(refused)?;
        let thread = spawn(topology, wan, clock, options, back).map_err(refused)?;
        Ok(Self { front, thread: Some(thread) })
    }

    /// Changes what `change` names in one direction, from now on; see [`Wan::change`].
    pub fn change(&self, way: Way, change: &Impairment) {
        self.front.ask(Command::Change(way, Box::new(change.clone())));
    }

    /// Loses everything that enters one direction from now on, for a while.
    pub fn black_out(&self, way: Way, lasts: Duration) {
        self.front.ask(Command::BlackOut(way, lasts));
    }

    /// Does something to `count` frames of one direction, from number `first` on.
    pub fn intervene(&self, way: Way, first: u64, count: u32, what: Intervention) {
        self.front.ask(Command::Intervene(way, first, count, what));
    }

    /// Returns how many frames have entered one direction so far.
    pub fn entered(&self, way: Way) -> u64 {
        self.front.entered(way)
    }

    /// Returns the fates so far, in the order of [`Way::ALL`]; what was asked before is done.
    ///
    /// `None` when the thread has ended by itself.
    pub fn counters(&self) -> Option<[Counters; 4]> {
        let (answer, counters) = sync_channel(1);
        self.front.ask(Command::Count(answer));
        counters.recv().ok()
    }

    /// Takes the next frame that was not plainly delivered.
    pub fn poll_fate(&self) -> Option<Met> {
        self.front.fates.try_recv().ok()
    }

    /// Takes the next frame that entered, where [`Options::sightings`] asks for them.
    pub fn poll_sighting(&self) -> Option<Sighting> {
        self.front.sightings.try_recv().ok().map(Sighting::from)
    }

    /// Returns whether the thread has ended by itself; its report says why.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends it; frames still on their way are forgotten.
    pub fn stop(mut self) -> Report {
        match self.end() {
            Some(Ok(report)) => report,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => unreachable!("the thread is there until stop or drop, and both come once"),
        }
    }

    fn end(&mut self) -> Option<std::thread::Result<Report>> {
        let thread = self.thread.take()?;
        self.front.ask(Command::Stop);
        Some(thread.join())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some(Err(_)) = self.end() {
            tracing::error!("the network emulator's thread had panicked");
        }
    }
}

#[cfg(target_os = "linux")]
use super::engine::spawn;

/// Never reached with a desk: there is no bell on this system, so making the desk has failed.
#[cfg(not(target_os = "linux"))]
fn spawn<E: End>(
    _: Topology<E>,
    _: Wan,
    _: Clock,
    _: &Options,
    _: super::desk::Back,
) -> std::io::Result<JoinHandle<Report>> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
