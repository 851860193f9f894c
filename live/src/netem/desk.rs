//! What the handle and the engine's thread tell each other without waiting for each other.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use lab::world::{Intervention, Met, Sighting, Way};
use netem_rs::{Counters, Fate, Impairment};
use node::{Duration, Frame, Instant};

use super::Options;
use super::bell::Bell;

/// What the engine is asked to do.
#[derive(Debug)]
pub enum Command {
    /// Change what is in force in one direction.
    Change(Way, Box<Impairment>),
    /// Lose everything that enters one direction for a while.
    BlackOut(Way, Duration),
    /// Do something to frames by their number.
    Intervene(Way, u64, u32, Intervention),
    /// Tell the fates of every direction.
    Count(SyncSender<[Counters; 4]>),
    /// End.
    Stop,
}

/// A frame that entered one direction, for a capture.
#[derive(Debug)]
pub struct Seen {
    /// The direction.
    pub way: Way,
    /// When it entered.
    pub at: Instant,
    /// Its bytes as they entered.
    pub frame: Frame,
    /// What becomes of it.
    pub fate: Fate,
}

impl From<Seen> for Sighting {
    fn from(seen: Seen) -> Self {
        Self::entered(seen.way, seen.at, seen.frame, seen.fate)
    }
}

/// The handle's side.
#[derive(Debug)]
pub struct Front {
    commands: SyncSender<Command>,
    bell: Bell,
    entered: Arc<[AtomicU64; 4]>,
    /// Unusual fates, oldest first.
    pub fates: Receiver<Met>,
    /// Frames that entered, oldest first.
    pub sightings: Receiver<Seen>,
}

/// The engine's side.
#[derive(Debug)]
pub struct Back {
    /// What to do.
    pub commands: Receiver<Command>,
    /// Rings when there is something to do.
    pub bell: Bell,
    entered: Arc<[AtomicU64; 4]>,
    fates: SyncSender<Met>,
    sightings: Option<SyncSender<Seen>>,
    /// Unusual fates there was no room for.
    pub fates_missed: u64,
    /// Sightings there was no room for.
    pub sightings_missed: u64,
}

/// Makes both sides.
pub fn desk(options: &Options) -> io::Result<(Front, Back)> {
    let bell = Bell::new()?;
    let (command, commands) = sync_channel(COMMANDS);
    let (fate, fates) = sync_channel(options.fates.max(1));
    let (sighting, sightings) = sync_channel(options.sightings.max(1));
    let entered = Arc::<[AtomicU64; 4]>::default();
    let back = Back {
        commands,
        bell: bell.clone(),
        entered: entered.clone(),
        fates: fate,
        sightings: (options.sightings > 0).then_some(sighting),
        fates_missed: 0,
        sightings_missed: 0,
    };
    Ok((Front { commands: command, bell, entered, fates, sightings }, back))
}

impl Front {
    /// Asks for something; waits only when very much was asked for at once.
    ///
    /// Asking a thread that has ended asks nobody; its report says why it has.
    pub fn ask(&self, command: Command) {
        if self.commands.send(command).is_ok() {
            self.bell.ring();
        }
    }

    /// Returns how many frames have entered one direction so far.
    pub fn entered(&self, way: Way) -> u64 {
        self.entered[way as usize].load(Ordering::Relaxed)
    }
}

impl Back {
    /// Returns whether anybody captures.
    pub fn is_watched(&self) -> bool {
        self.sightings.is_some()
    }

    /// Tells that a frame of `bytes` bytes entered one direction.
    pub fn entered(&mut self, way: Way, bytes: usize, fate: Fate) {
        self.entered[way as usize].store(fate.index + 1, Ordering::Relaxed);
        if !fate.is_plain() && is_full(self.fates.try_send(Met { way, bytes, fate })) {
            self.fates_missed += 1;
        }
    }

    /// Shows a frame to whoever captures.
    pub fn show(&mut self, seen: Seen) {
        if let Some(sightings) = &self.sightings
            && is_full(sightings.try_send(seen))
        {
            self.sightings_missed += 1;
        }
    }
}

/// A handle that is gone misses nothing.
fn is_full<T>(sent: Result<(), TrySendError<T>>) -> bool {
    matches!(sent, Err(TrySendError::Full(_)))
}

/// Commands that may wait to be carried out.
const COMMANDS: usize = 256;
