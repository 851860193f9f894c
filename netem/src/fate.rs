//! What became of one frame, and counts of all.

use std::fmt;

use node::Instant;

/// What became of one frame. Known the moment the frame enters the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// Number of the frame in its direction, counted from 0.
    pub index: u64,
    /// When it entered the link.
    pub at: Instant,
    /// What became of it.
    pub outcome: FateOutcome,
}

impl Fate {
    /// Returns whether the frame is delivered once, in turn and as it was.
    pub fn is_plain(&self) -> bool {
        match self.outcome {
            FateOutcome::Delivered { damaged, duplicated, held_back, .. } => {
                !damaged && !duplicated && !held_back
            }
            FateOutcome::Lost(_) => false,
        }
    }
}

/// For people and packet comments: `frame 12 lost (burst)`.
impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frame {} ", self.index)?;
        match self.outcome {
            FateOutcome::Lost(reason) => write!(f, "lost ({reason})"),
            FateOutcome::Delivered { due, damaged, duplicated, held_back } => {
                write!(f, "delivered at {due}")?;
                let marks =
                    [(damaged, "damaged"), (duplicated, "duplicated"), (held_back, "held back")];
                marks
                    .into_iter()
                    .filter(|(happened, _)| *happened)
                    .try_for_each(|(_, mark)| write!(f, ", {mark}"))
            }
        }
    }
}

/// What can become of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FateOutcome {
    /// It comes out of the link.
    Delivered {
        /// When it should come out; a driver that is late does not make later frames later.
        due: Instant,
        /// Whether one of its bits was flipped.
        damaged: bool,
        /// Whether it comes out twice, the second time right after the first.
        duplicated: bool,
        /// Whether it was held back, so that later ones could overtake it.
        held_back: bool,
    },
    /// It does not come out.
    Lost(LossReason),
}

/// Why a frame was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LossReason {
    /// The drop list names it.
    List,
    /// The Gilbert–Elliott model lost it.
    Burst,
    /// Random loss.
    Random,
    /// It came during a blackout.
    Blackout,
    /// It was longer than the path carries.
    TooLong,
    /// The queue before the bottleneck was full.
    Queue,
    /// It was damaged, and its link layer discards damaged frames.
    Damaged,
}

impl LossReason {
    /// Returns the word used in records and captures.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Burst => "burst",
            Self::Random => "random",
            Self::Blackout => "blackout",
            Self::TooLong => "too long",
            Self::Queue => "queue",
            Self::Damaged => "damaged",
        }
    }
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many frames met which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames that entered the link.
    pub entered: u64,
    /// Frames that come out, duplicates not counted.
    pub delivered: u64,
    /// Frames that come out twice.
    pub duplicated: u64,
    /// Frames that come out damaged.
    pub damaged: u64,
    /// Frames that come out later than their turn.
    pub held_back: u64,
    /// Frames the drop list named.
    pub lost_list: u64,
    /// Frames the Gilbert–Elliott model lost.
    pub lost_burst: u64,
    /// Frames lost at random.
    pub lost_random: u64,
    /// Frames that came during a blackout.
    pub lost_blackout: u64,
    /// Frames longer than the path carries.
    pub lost_too_long: u64,
    /// Frames the full queue refused.
    pub lost_queue: u64,
    /// Frames discarded because they were damaged.
    pub lost_damaged: u64,
}

impl Counters {
    /// Returns how many frames were lost, for whatever reason.
    pub fn lost(&self) -> u64 {
        self.entered - self.delivered
    }

    pub(crate) fn count(&mut self, outcome: FateOutcome) {
        self.entered += 1;
        match outcome {
            FateOutcome::Delivered { damaged, duplicated, held_back, .. } => {
                self.delivered += 1;
                self.damaged += u64::from(damaged);
                self.duplicated += u64::from(duplicated);
                self.held_back += u64::from(held_back);
            }
            FateOutcome::Lost(reason) => *self.losses(reason) += 1,
        }
    }

    fn losses(&mut self, reason: LossReason) -> &mut u64 {
        match reason {
            LossReason::List => &mut self.lost_list,
            LossReason::Burst => &mut self.lost_burst,
            LossReason::Random => &mut self.lost_random,
            LossReason::Blackout => &mut self.lost_blackout,
            LossReason::TooLong => &mut self.lost_too_long,
            LossReason::Queue => &mut self.lost_queue,
            LossReason::Damaged => &mut self.lost_damaged,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::lost(FateOutcome::Lost(LossReason::Burst), "frame 12 lost (burst)", false)]
    #[case::plain(delivered(false, false), "frame 12 delivered at +0.015000000s", true)]
    #[case::marked(
        delivered(true, true),
        "frame 12 delivered at +0.015000000s, damaged, held back",
        false
    )]
    fn says_what_became_of_a_frame(
        #[case] outcome: FateOutcome,
        #[case] text: &str,
        #[case] plain: bool,
    ) {
        let fate = Fate { index: 12, at: Instant::ZERO, outcome };
        assert_eq!(fate.to_string(), text);
        assert_eq!(fate.is_plain(), plain);
    }

    fn delivered(damaged: bool, held_back: bool) -> FateOutcome {
        let due = Instant::from_millis(15);
        FateOutcome::Delivered { due, damaged, duplicated: false, held_back }
    }
}
