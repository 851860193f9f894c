//! Pairing of parts, abstract: which slot is empty, set or locked (`uds-and-bmw-ecus.md` §9).
//!
//! Identifiers and numbers here are invented; they mean nothing to a real control unit.

use std::collections::BTreeMap;
use std::time::Duration;

use node::{Instant, Seed};

use crate::interface::{Condition, Partner, Slot};

/// How long the return to delivery state takes.
const RETURN: Duration = Duration::from_secs(4);
/// How long learning a key takes.
const LEARN: Duration = Duration::from_secs(3);
/// How long an absent key is waited for.
const LEARN_TIMEOUT: Duration = Duration::from_secs(30);

/// State of one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bolt {
    Empty,
    Set,
    Locked,
}

impl Bolt {
    const fn code(self) -> u8 {
        match self {
            Self::Empty => 0,
            Self::Set => 1,
            Self::Locked => 2,
        }
    }
}

/// Whether the unit may do its part in this vehicle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    Granted,
    /// It belongs to another vehicle, or its partner does.
    Denied,
}

/// A pairing routine is not allowed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAllowed;

/// Something that takes its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    None,
    /// A key is learned, or not found.
    Learning {
        end: Instant,
        found: bool,
    },
    /// Learning a key is over.
    Learned {
        found: bool,
    },
    /// The slots are emptied.
    Returning {
        start: Instant,
    },
}

/// The pairing of one control unit; it survives restarts.
#[derive(Clone, Debug)]
pub(crate) struct Pairing {
    id: [u8; 16],
    /// Whether it is that of another vehicle.
    foreign: bool,
    /// In the order of identifier 7E00: engine, transmission, keys.
    bolts: [Bolt; 3],
    partners: BTreeMap<Slot, Partner>,
    task: Task,
}

impl Pairing {
    pub(crate) fn new(condition: Condition, seed: Seed) -> Self {
        let (bolts, foreign) = match condition {
            Condition::Factory | Condition::HalfFlashed => ([Bolt::Locked; 3], false),
            Condition::Virgin | Condition::Uncoded => ([Bolt::Empty; 3], false),
            Condition::Used => ([Bolt::Locked; 3], true),
        };
        let mut id = [0; 16];
        seed.stream(if foreign { "pairing/foreign" } else { "pairing" }).fill(&mut id);
        Self { id, foreign, bolts, partners: BTreeMap::new(), task: Task::None }
    }

    /// Identifier 7E00.
    pub(crate) fn status(&self, now: Instant) -> [u8; 3] {
        let mut bolts = self.bolts;
        if self.learned(now) == Some(true) {
            bolts[place(Slot::Keys)] = Bolt::Set;
        }
        bolts.map(Bolt::code)
    }

    /// Identifier 7E01.
    pub(crate) fn id(&self) -> [u8; 16] {
        self.id
    }

    pub(crate) fn set_partner(&mut self, slot: Slot, partner: Partner) {
        self.partners.insert(slot, partner);
    }

    /// Returns whether slots are locked to another vehicle.
    pub(crate) fn is_locked_elsewhere(&self) -> bool {
        self.foreign && self.bolts.contains(&Bolt::Locked)
    }

    pub(crate) fn release(&self) -> Release {
        let partner = self.partners.values().any(|partner| *partner == Partner::Foreign);
        if self.is_locked_elsewhere() || partner { Release::Denied } else { Release::Granted }
    }

    /// Routines 7E10 and 7E11: aligns a control unit, which locks its slot.
    pub(crate) fn align(&mut self, slot: Slot) -> Result<(), NotAllowed> {
        if self.is_locked_elsewhere() || self.partner(slot) != Partner::Fitting {
            return Err(NotAllowed);
        }
        *self.bolt(slot) = Bolt::Locked;
        Ok(())
    }

    /// Routine 7E12: learns a key; locked slots take no more.
    pub(crate) fn begin_learning(&mut self, now: Instant) -> Result<(), NotAllowed> {
        self.settle(now);
        if *self.bolt(Slot::Keys) == Bolt::Locked {
            return Err(NotAllowed);
        }
        let found = self.partner(Slot::Keys) == Partner::Fitting;
        let end = now + if found { LEARN } else { LEARN_TIMEOUT };
        self.task = Task::Learning { end, found };
        Ok(())
    }

    /// Result of routine 7E12: 00 learned, 01 running, 02 no key found; `None` when not started.
    pub(crate) fn learning_result(&mut self, now: Instant) -> Option<u8> {
        self.settle(now);
        match self.task {
            Task::Learning { .. } => Some(0x01),
            Task::Learned { found: true } => Some(0x00),
            Task::Learned { found: false } => Some(0x02),
            Task::None | Task::Returning { .. } => None,
        }
    }

    /// Ends the learning of a key whose time is over, once: its slot may be locked later.
    fn settle(&mut self, now: Instant) {
        let Some(found) = self.learned(now) else {
            return;
        };
        self.task = Task::Learned { found };
        if found {
            *self.bolt(Slot::Keys) = Bolt::Set;
        }
    }

    /// Keeps what was learned until a restart, and gives up what is still being learned.
    pub(crate) fn restart(&mut self, now: Instant) {
        self.settle(now);
        if matches!(self.task, Task::Learning { .. }) {
            self.task = Task::None;
        }
    }

    /// Returns whether a key was found by a task that is over and not settled yet.
    fn learned(&self, now: Instant) -> Option<bool> {
        match self.task {
            Task::Learning { end, found } if end <= now => Some(found),
            Task::Learning { .. } | Task::Learned { .. } | Task::None | Task::Returning { .. } => {
                None
            }
        }
    }

    /// Routine 7E13: locks every slot that is set.
    pub(crate) fn lock(&mut self, now: Instant) {
        self.settle(now);
        for bolt in &mut self.bolts {
            if *bolt == Bolt::Set {
                *bolt = Bolt::Locked;
            }
        }
    }

    /// Routine 7E14: returns to delivery state, which nothing locked does.
    pub(crate) fn begin_return(&mut self, now: Instant) -> Result<(), NotAllowed> {
        if self.bolts.contains(&Bolt::Locked) {
            return Err(NotAllowed);
        }
        self.task = Task::Returning { start: now };
        self.bolts = [Bolt::Empty; 3];
        Ok(())
    }

    /// Progress of routine 7E14 from 0 to 100; `None` when not started.
    pub(crate) fn return_progress(&self, now: Instant) -> Option<u8> {
        let Task::Returning { start } = self.task else {
            return None;
        };
        let percent = (now - start).as_millis() * 100 / RETURN.as_millis();
        Some(u8::try_from(percent).unwrap_or(100).min(100))
    }

    fn partner(&self, slot: Slot) -> Partner {
        self.partners.get(&slot).copied().unwrap_or(Partner::Fitting)
    }

    fn bolt(&mut self, slot: Slot) -> &mut Bolt {
        &mut self.bolts[place(slot)]
    }
}

/// Returns where a slot stands in identifier 7E00.
const fn place(slot: Slot) -> usize {
    match slot {
        Slot::Dme => 0,
        Slot::Egs => 1,
        Slot::Keys => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairing(condition: Condition) -> Pairing {
        Pairing::new(condition, Seed(1))
    }

    #[test]
    fn a_new_part_is_aligned_learned_and_locked() {
        let mut pairing = pairing(Condition::Virgin);
        assert_eq!(pairing.status(Instant::ZERO), [0, 0, 0]);
        assert_eq!(pairing.align(Slot::Dme), Ok(()));
        assert_eq!(pairing.align(Slot::Egs), Ok(()));
        assert_eq!(pairing.begin_learning(Instant::ZERO), Ok(()));
        assert_eq!(pairing.learning_result(Instant::from_secs(1)), Some(1));
        assert_eq!(pairing.learning_result(Instant::from_secs(3)), Some(0));
        assert_eq!(pairing.status(Instant::from_secs(3)), [2, 2, 1]);
        pairing.lock(Instant::from_secs(4));
        assert_eq!(pairing.status(Instant::from_secs(4)), [2, 2, 2]);
        assert_eq!(pairing.begin_learning(Instant::from_secs(5)), Err(NotAllowed));
        assert_eq!(pairing.begin_return(Instant::from_secs(5)), Err(NotAllowed));
    }

    #[test]
    fn a_used_part_belongs_to_its_car() {
        let mut used = pairing(Condition::Used);
        assert_eq!((used.status(Instant::ZERO), used.release()), ([2, 2, 2], Release::Denied));
        assert_eq!(used.align(Slot::Dme), Err(NotAllowed));
        assert_ne!(used.id(), pairing(Condition::Factory).id());
    }

    #[test]
    fn an_absent_or_foreign_partner_is_not_aligned() {
        for partner in [Partner::Absent, Partner::Foreign] {
            let mut pairing = pairing(Condition::Virgin);
            pairing.set_partner(Slot::Egs, partner);
            assert_eq!(pairing.align(Slot::Egs), Err(NotAllowed));
        }
    }

    #[test]
    fn a_key_that_is_not_there_is_given_up_after_thirty_seconds() {
        let mut pairing = pairing(Condition::Virgin);
        assert_eq!(pairing.learning_result(Instant::ZERO), None);
        pairing.set_partner(Slot::Keys, Partner::Absent);
        assert_eq!(pairing.begin_learning(Instant::ZERO), Ok(()));
        assert_eq!(pairing.learning_result(Instant::from_secs(29)), Some(1));
        assert_eq!(pairing.learning_result(Instant::from_secs(30)), Some(2));
        assert_eq!(pairing.status(Instant::from_secs(30)), [0, 0, 0]);
    }

    #[test]
    fn a_learned_key_counts_without_anybody_asking() {
        let mut pairing = pairing(Condition::Virgin);
        assert_eq!(pairing.begin_learning(Instant::ZERO), Ok(()));
        assert_eq!(pairing.status(Instant::from_millis(2_999)), [0, 0, 0]);
        assert_eq!(pairing.status(Instant::from_secs(3)), [0, 0, 1]);
        pairing.set_partner(Slot::Keys, Partner::Absent);
        assert_eq!(pairing.begin_learning(Instant::from_secs(4)), Ok(()));
        assert_eq!(pairing.learning_result(Instant::from_secs(40)), Some(2));
        assert_eq!(pairing.status(Instant::from_secs(40)), [0, 0, 1]);
    }

    #[test]
    fn asking_for_a_learned_key_does_not_unlock_it() {
        let mut pairing = pairing(Condition::Virgin);
        assert_eq!(pairing.begin_learning(Instant::ZERO), Ok(()));
        pairing.lock(Instant::from_secs(3));
        assert_eq!(pairing.learning_result(Instant::from_secs(4)), Some(0));
        assert_eq!(pairing.status(Instant::from_secs(5)), [0, 0, 2]);
        assert_eq!(pairing.begin_return(Instant::from_secs(5)), Err(NotAllowed));
    }

    #[test]
    fn the_return_to_delivery_state_tells_its_progress() {
        let mut pairing = pairing(Condition::Virgin);
        assert_eq!(pairing.return_progress(Instant::ZERO), None);
        assert_eq!(pairing.begin_return(Instant::ZERO), Ok(()));
        assert_eq!(pairing.return_progress(Instant::from_secs(1)), Some(25));
        assert_eq!(pairing.return_progress(Instant::from_secs(9)), Some(100));
    }
}
