//! Where each routine exists, and what it wants.

use std::ops::RangeInclusive;

use super::{RESULTS, START, STOP};
use crate::coding::CODING_LEVEL;
use crate::engine::checks::Sessions;
use crate::flash::PROGRAMMING_LEVEL;

/// The routines of control units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Routine {
    CheckMemory,
    EraseMemory,
    Dependencies,
    Preconditions,
    CodingChecksum,
    ClearInfo,
    EnergyMode,
    ExtendedMode,
    Configuration,
    Terminal,
    ReadMasterVin,
    GenerateSvt,
    SwitchHold,
    CentralFaults,
    Routing,
    KeepAwake,
    AlignDme,
    AlignEgs,
    LearnKey,
    Lock,
    DeliveryState,
    TargetCalibration,
    EnablingCodes,
    Adaptations,
    Regeneration,
}

/// Where a routine exists, and what it wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub id: u16,
    pub routine: Routine,
    /// Whether every unit has it; others are named by profiles.
    pub common: bool,
    pub application: Sessions,
    pub bootloader: Sessions,
    /// The security level it wants.
    pub level: Option<u8>,
    controls: Controls,
    /// Fewest and most bytes of its option record.
    option: (usize, usize),
}

/// What can be asked of a routine.
#[derive(Clone, Copy, Debug)]
enum Controls {
    Start,
    StartResults,
    All,
}

impl Rule {
    pub(super) const fn allows(&self, sub: u8) -> bool {
        match self.controls {
            Controls::Start => sub == START,
            Controls::StartResults => sub == START || sub == RESULTS,
            Controls::All => sub == START || sub == STOP || sub == RESULTS,
        }
    }

    /// Returns how long the option record is; only a start has one.
    pub(super) const fn length(&self, sub: u8) -> RangeInclusive<usize> {
        if sub == START { self.option.0..=self.option.1 } else { 0..=0 }
    }
}

/// Returns the rule of a routine.
pub(super) fn find(id: u16) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// Option records of the routines that take any: target positions of the camera.
const TARGET_MAX: usize = 64;

const PROGRAMMING: Sessions = Sessions::PROGRAMMING;
const WORKSHOP: Sessions = Sessions::EXTENDED.and(Sessions::SPECIAL);
const ALL: Sessions = Sessions::ALL;
const NONE: Sessions = Sessions::NONE;

const fn common(
    id: u16,
    routine: Routine,
    (application, bootloader): (Sessions, Sessions),
    controls: Controls,
    option: (usize, usize),
) -> Rule {
    Rule { id, routine, common: true, application, bootloader, level: None, controls, option }
}

const fn special(
    id: u16,
    routine: Routine,
    application: Sessions,
    controls: Controls,
    option: (usize, usize),
) -> Rule {
    let bootloader = NONE;
    Rule { id, routine, common: false, application, bootloader, level: None, controls, option }
}

const fn locked(rule: Rule, level: u8) -> Rule {
    Rule { level: Some(level), ..rule }
}

use Controls::{All, Start, StartResults};
use Routine as R;

static RULES: [Rule; 25] = [
    locked(
        common(0x0202, R::CheckMemory, (NONE, PROGRAMMING), StartResults, (8, 8)),
        PROGRAMMING_LEVEL,
    ),
    locked(
        common(0xFF00, R::EraseMemory, (NONE, PROGRAMMING), StartResults, (6, 7)),
        PROGRAMMING_LEVEL,
    ),
    locked(
        common(0xFF01, R::Dependencies, (NONE, PROGRAMMING), StartResults, (0, 0)),
        PROGRAMMING_LEVEL,
    ),
    common(0x0203, R::Preconditions, (WORKSHOP, ALL), StartResults, (0, 0)),
    locked(
        common(0x0F01, R::CodingChecksum, (Sessions::CODING, NONE), StartResults, (0, 0)),
        CODING_LEVEL,
    ),
    common(0x0F06, R::ClearInfo, (ALL, NONE), Start, (0, 0)),
    common(0x0F0C, R::EnergyMode, (ALL, ALL), Start, (1, 1)),
    common(0x1003, R::ExtendedMode, (ALL, ALL), Start, (1, 1)),
    special(0x1011, R::Configuration, ALL, Start, (0, 0)),
    special(0x1001, R::Terminal, ALL, Start, (3, 3)),
    special(0x1007, R::ReadMasterVin, ALL, StartResults, (0, 0)),
    special(0x0207, R::GenerateSvt, ALL, StartResults, (0, 0)),
    special(0x1044, R::SwitchHold, ALL, StartResults, (2, 2)),
    special(0x4000, R::CentralFaults, ALL, Start, (1, 3)),
    special(0x4001, R::Routing, WORKSHOP, Start, (1, 1)),
    special(0x4004, R::KeepAwake, ALL, Start, (1, 1)),
    special(0x7E10, R::AlignDme, WORKSHOP, StartResults, (0, 0)),
    special(0x7E11, R::AlignEgs, WORKSHOP, StartResults, (0, 0)),
    special(0x7E12, R::LearnKey, WORKSHOP, StartResults, (1, 1)),
    special(0x7E13, R::Lock, WORKSHOP, StartResults, (0, 0)),
    special(0x7E14, R::DeliveryState, WORKSHOP, StartResults, (0, 0)),
    special(0xF001, R::TargetCalibration, WORKSHOP, All, (0, TARGET_MAX)),
    special(0x0F1F, R::EnablingCodes, ALL, Start, (1, 5)),
    special(0xF030, R::Adaptations, WORKSHOP, StartResults, (3, 3)),
    special(0x7E20, R::Regeneration, WORKSHOP, All, (0, 0)),
];
