//! When the faults of a scenario strike.

use node::{Instant, Seed};
use scenarios::fault::{Action, Fault};
use scenarios::trigger::{Event, LinkName, Phase, Trigger};

/// Something faults may be waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening<'a> {
    /// The step with this number begins, counted from 1.
    Step(usize),
    /// A control unit accepted a block, counted from 1 in each download.
    Block {
        /// The control unit.
        ecu: &'a str,
        /// The number of the block.
        block: u32,
    },
    /// A control unit begins or ends erasing.
    Erase {
        /// The control unit.
        ecu: &'a str,
        /// Which of both.
        phase: Phase,
    },
    /// A control unit begins or ends a reset.
    Reset {
        /// The control unit.
        ecu: &'a str,
        /// Which of both.
        phase: Phase,
    },
    /// The gateway begins or ends a reset.
    GatewayReset(Phase),
}

/// A fault that has not struck yet.
#[derive(Debug)]
struct Waiting {
    /// Number of the fault in the scenario, for its random stream.
    number: usize,
    fault: Fault,
    /// How often its event has still to happen; zero once it waits for `due` alone.
    missing: u32,
    due: Option<Instant>,
}

/// All faults of a scenario.
#[derive(Debug)]
pub struct Faults {
    waiting: Vec<Waiting>,
    /// Those that strike frames by number, each with where and from which frame on.
    of_frames: Vec<(Fault, LinkName, u64)>,
    seed: Seed,
}

impl Faults {
    /// Makes the faults of one run. Those that strike frames by number are only watched: the
    /// network knows them from the start.
    pub fn new(faults: &[Fault], seed: Seed) -> Self {
        let seed = seed.child("faults");
        let waiting = faults
            .iter()
            .enumerate()
            .filter(|(_, fault)| frame_of(fault).is_none())
            .map(|(number, fault)| Waiting::new(number, fault.clone(), seed))
            .collect();
        let of_frames = faults.iter().filter_map(|fault| {
            let Frames { link, first, .. } = frame_of(fault)?;
            Some((fault.clone(), link, first))
        });
        Self { waiting, of_frames: of_frames.collect(), seed }
    }

    /// Says that something happened; faults that waited for it become due.
    pub fn happened(&mut self, now: Instant, happening: Happening<'_>) {
        let seed = self.seed;
        for waiting in &mut self.waiting {
            if waiting.missing > 0 && matches(&waiting.fault.when, happening) {
                waiting.missing -= 1;
                if waiting.missing == 0 {
                    let after = waiting.fault.when.after.draw(seed, &waiting.purpose("after"));
                    waiting.due = Some(now + after);
                }
            }
        }
    }

    /// Says how many frames have entered each direction of the network so far.
    pub fn frames_entered(&mut self, now: Instant, entered: impl Fn(LinkName) -> u64) {
        let seed = self.seed;
        for waiting in &mut self.waiting {
            if let Event::Frame { link, frame } = waiting.fault.when.event
                && waiting.missing > 0
                && entered(link) > frame
            {
                waiting.missing = 0;
                let after = waiting.fault.when.after.draw(seed, &waiting.purpose("after"));
                waiting.due = Some(now + after);
            }
        }
    }

    /// When the next fault strikes, as far as that is known.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.waiting.iter().filter_map(|waiting| waiting.due).min()
    }

    /// Takes the next fault that strikes at `now`, with the purpose its random durations are
    /// drawn for.
    pub fn strike(&mut self, now: Instant) -> Option<(Fault, String)> {
        let index =
            self.waiting.iter().position(|waiting| waiting.due.is_some_and(|at| at <= now))?;
        let waiting = self.waiting.remove(index);
        let purpose = waiting.purpose("do");
        Some((waiting.fault, purpose))
    }

    /// The faults that have not struck, given how many frames have entered each direction.
    pub fn unstruck(&self, entered: impl Fn(LinkName) -> u64) -> Vec<&Fault> {
        let waiting = self.waiting.iter().map(|waiting| &waiting.fault);
        let of_frames = self.of_frames.iter().filter(|(_, link, first)| entered(*link) <= *first);
        waiting.chain(of_frames.map(|(fault, ..)| fault)).collect()
    }

    /// The seed random durations of faults are drawn from.
    pub fn seed(&self) -> Seed {
        self.seed
    }
}

impl Waiting {
    fn new(number: usize, fault: Fault, seed: Seed) -> Self {
        let mut waiting = Self { number, missing: fault.when.nth.max(1), fault, due: None };
        if let Event::At(time) = &waiting.fault.when.event {
            let at = time.draw(seed, &waiting.purpose("at"));
            waiting.missing = 0;
            waiting.due = Some(Instant::ZERO + at);
        }
        waiting
    }

    fn purpose(&self, what: &str) -> String {
        format!("{}/{what}", self.number + 1)
    }
}

/// What a fault does to frames it names by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strike {
    /// They are lost.
    Drop,
    /// One bit of each is flipped.
    Damage,
    /// They arrive twice.
    Duplicate,
}

/// Frames a fault names by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frames {
    /// Where.
    pub link: LinkName,
    /// The first, counted from 0.
    pub first: u64,
    /// How many.
    pub count: u32,
    /// What is done to them.
    pub strike: Strike,
}

/// The frames a fault strikes by number, if it does.
pub fn frame_of(fault: &Fault) -> Option<Frames> {
    let Event::Frame { link, frame: first } = fault.when.event else { return None };
    let struck = |count, strike| Some(Frames { link, first, count, strike });
    match &fault.action {
        Action::Drop(frames) => struck(frames.frames, Strike::Drop),
        Action::Damage(frames) => struck(frames.frames, Strike::Damage),
        Action::Duplicate(frames) => struck(frames.frames, Strike::Duplicate),
        Action::GatewayReset(_)
        | Action::Blackout(_)
        | Action::Network(_)
        | Action::TesterCrash(_)
        | Action::RelayCrash(_)
        | Action::Supply(_)
        | Action::LinkDown(_)
        | Action::Ecu(_) => None,
    }
}

fn matches(trigger: &Trigger, happening: Happening<'_>) -> bool {
    match (&trigger.event, happening) {
        (Event::Step(wanted), Happening::Step(step)) => *wanted == step,
        (Event::Block { ecu: wanted, block: number }, Happening::Block { ecu, block }) => {
            wanted == ecu && *number == block
        }
        (Event::Erase { ecu: wanted, phase: of }, Happening::Erase { ecu, phase })
        | (Event::Reset { ecu: wanted, phase: of }, Happening::Reset { ecu, phase }) => {
            wanted == ecu && *of == phase
        }
        (Event::GatewayReset(of), Happening::GatewayReset(phase)) => *of == phase,
        (
            Event::At(_)
            | Event::Step(_)
            | Event::Block { .. }
            | Event::Erase { .. }
            | Event::Reset { .. }
            | Event::GatewayReset(_)
            | Event::Frame { .. },
            _,
        ) => false,
    }
}
