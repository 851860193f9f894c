//! What a check is: rounds of stimuli, then a judgement.

use node::{Duration, Frame, Instant};

use super::machine::{Deed, End, Options};
use super::row::Grade;
use super::trace::Trace;

/// One check: says what is done, round by round, and judges what came of it.
pub trait Check {
    /// What is checked; names its row.
    fn name(&self) -> &'static str;

    /// Says why it need not be tried here.
    fn excuse(&self, _options: &Options) -> Option<Verdict> {
        None
    }

    /// Returns what is done next; none when there is enough to judge.
    fn round(&mut self, scene: &mut Scene<'_>) -> Option<Round>;

    /// Whether everything that happened is judged, in whichever check, and nothing is done for it.
    fn is_of_whole(&self) -> bool {
        false
    }

    /// Judges what happened since the check began.
    fn judge(&self, scene: &Scene<'_>) -> Verdict;
}

/// What a check knows when it is asked.
pub struct Scene<'a> {
    /// The time it is.
    pub now: Instant,
    /// Which round is asked for; the first is 0.
    pub number: usize,
    /// The first entry of the trace that belongs to the check.
    pub first: usize,
    /// Everything that happened.
    pub trace: &'a Trace,
    /// What was asked for, and what the bridge claims.
    pub options: &'a Options,
    /// Numbers for frames, none twice.
    pub numbers: &'a mut Numbers,
}

/// Numbers for frames.
#[derive(Debug, Default)]
pub struct Numbers(u32);

impl Numbers {
    /// Returns a number that was never returned before.
    pub fn draw(&mut self) -> u32 {
        self.0 += 1;
        self.0
    }
}

/// What is done in one go.
pub struct Round {
    /// Deeds and when they are done, from the beginning of the round, in the order of time.
    pub stimuli: Vec<(Duration, Deed)>,
    /// What ends the round before its time.
    pub until: Until,
    /// How long the round lasts after its last deed, at most.
    pub patience: Duration,
}

/// What ends a round before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Nothing.
    Over,
    /// Every frame of the round has come out.
    Arrived,
}

/// What a check found.
pub struct Verdict {
    /// How well the bridge stands in for a wire.
    pub grade: Grade,
    /// What was seen, as a sentence.
    pub words: String,
    /// Entries of the trace that show it.
    pub shown: Vec<usize>,
}

impl Verdict {
    /// Makes a verdict.
    pub fn new(grade: Grade, words: impl Into<String>, shown: Vec<usize>) -> Self {
        Self { grade, words: words.into(), shown }
    }
}

impl Round {
    /// Sends frames one after the other and waits until each has come out.
    pub fn of_frames(frames: Vec<(End, Frame)>, spacing: Duration, patience: Duration) -> Self {
        let stimuli = frames.into_iter().zip(0u32..);
        let stimuli =
            stimuli.map(|((end, frame), number)| (spacing * number, Deed::Send(end, frame)));
        Self { stimuli: stimuli.collect(), until: Until::Arrived, patience }
    }
}

/// Prints a time for people, to a tenth of a millisecond.
pub fn milliseconds(time: Duration) -> String {
    let tenths = time.as_micros() / 100;
    format!("{}.{} ms", tenths / 10, tenths % 10)
}
