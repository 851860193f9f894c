//! The sequence of checks: two Ethernet ports, deeds, time; no IO.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use node::{Duration, Frame, Instant, Node, PortInput};
use scenarios::manifest::Capability;

use super::check::{Check, Numbers, Round, Scene, Until, Verdict};
use super::checks::all;
use super::row::{Grade, Row};
use super::trace::{Trace, What};

/// One of the two ports the bridge joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Where the tester would be.
    Technician,
    /// Where the car would be.
    Vehicle,
}

impl End {
    /// The other port.
    pub const fn other(self) -> Self {
        match self {
            Self::Technician => Self::Vehicle,
            Self::Vehicle => Self::Technician,
        }
    }

    /// The word in rows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Technician => "technician",
            Self::Vehicle => "vehicle",
        }
    }
}

/// Something that happened at a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which port.
    pub end: End,
    /// What.
    pub input: PortInput,
}

/// What the machine asks of its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Sends a frame into a port.
    Send(End, Frame),
    /// Switches the carrier of the vehicle's port.
    Link(bool),
    /// Kills the relay (false), or starts it again (true).
    Relay(bool),
}

/// What is asked for, and what the bridge claims.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the bridge claims to do.
    pub claims: BTreeSet<Capability>,
    /// The largest IP packet it says it carries, in bytes.
    pub mtu: u16,
    /// Whether there is a relay.
    pub relay: bool,
    /// How long a frame takes from one site to the other without the bridge.
    pub way: Duration,
    /// Whether the carrier of the vehicle's port can be switched here.
    pub link: bool,
    /// How long nothing is sent in the check of idleness.
    pub idle: Duration,
    /// Checks that cannot be made here, and why: what the control does not pass either.
    pub excused: BTreeMap<String, String>,
}

/// How long nothing is sent in the check of idleness, unless somebody shortens it.
pub const IDLE: Duration = Duration::from_secs(600);

impl Options {
    /// Returns whether the bridge claims to do something.
    pub fn claims(&self, capability: Capability) -> bool {
        self.claims.contains(&capability)
    }

    /// Returns how bad it is not to do something: against a claim it is a failure.
    pub fn lack_of(&self, capability: Capability, unclaimed: Grade) -> Grade {
        if self.claims(capability) { Grade::Fail } else { unclaimed }
    }
}

/// Carries out all checks, one after the other.
pub struct Checks {
    options: Options,
    checks: VecDeque<Box<dyn Check>>,
    /// The first entry of the trace that belongs to the check that runs.
    first: usize,
    rounds: usize,
    stimuli: VecDeque<(Instant, Deed)>,
    until: Until,
    /// The first entry of the trace that belongs to the round.
    began: usize,
    deadline: Option<Instant>,
    numbers: Numbers,
    trace: Trace,
    output: VecDeque<Deed>,
    rows: Vec<Row>,
}

impl Checks {
    /// Makes the machine; the first check begins with the first `handle_timeout`.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            checks: all(),
            first: 0,
            rounds: 0,
            stimuli: VecDeque::new(),
            until: Until::Over,
            began: 0,
            deadline: Some(Instant::ZERO),
            numbers: Numbers::default(),
            trace: Trace::default(),
            output: VecDeque::new(),
            rows: Vec::new(),
        }
    }

    /// Returns whether every check has been made.
    pub fn is_done(&self) -> bool {
        self.checks.is_empty()
    }

    /// Returns the rows so far.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Returns the name of the check that runs.
    pub fn current(&self) -> Option<&'static str> {
        self.checks.front().map(|check| check.name())
    }

    /// Ends the checks: those that were not made are rows all the same.
    pub fn give_up(&mut self, why: &str) {
        for check in std::mem::take(&mut self.checks) {
            let verdict = Verdict::new(Grade::NotRun, why, Vec::new());
            self.rows.push(row(&self.trace, check.name(), verdict));
        }
        self.deadline = None;
        self.stimuli.clear();
    }

    /// Ends the checks because the bridge ended without being asked: the check that runs has
    /// failed, what came out so far is judged, and what was not tried is a row all the same.
    pub fn ended(&mut self, now: Instant, how: &str) {
        let Some(check) = self.checks.pop_front() else { return };
        self.trace.note(now, End::Technician, What::Ended(how.to_owned()));
        let shown: Vec<usize> =
            self.trace.since(self.first).rev().take(LAST).map(|(index, _)| index).collect();
        self.rows.push(row(&self.trace, check.name(), Verdict::new(Grade::Fail, how, shown)));
        for mut check in std::mem::take(&mut self.checks) {
            let (name, excuse) = (check.name(), excuse(check.as_ref(), &self.options));
            let verdict = match excuse {
                Some(excuse) => excuse,
                None if check.is_of_whole() => self.judge(now, check.as_mut()),
                None => Verdict::new(Grade::NotRun, how, Vec::new()),
            };
            self.rows.push(row(&self.trace, name, verdict));
        }
        self.deadline = None;
        self.stimuli.clear();
    }

    /// Takes a frame into account that is carried between the sites, on the internet.
    pub fn overhear(&mut self, now: Instant, frame: &Frame) {
        self.trace.overhear(now, frame);
    }

    /// Judges by what has happened so far.
    fn judge(&mut self, now: Instant, check: &mut dyn Check) -> Verdict {
        check.judge(&Scene {
            now,
            number: self.rounds,
            first: self.first,
            trace: &self.trace,
            options: &self.options,
            numbers: &mut self.numbers,
        })
    }

    /// Does what is due, and goes on to the next round and the next check.
    fn advance(&mut self, now: Instant) {
        loop {
            while let Some((at, deed)) = self.stimuli.pop_front_if(|(at, _)| *at <= now) {
                self.perform(now, deed);
                self.put_off(now - at);
            }
            if self.checks.is_empty() || !self.is_round_over(now) {
                return;
            }
            self.next_round(now);
        }
    }

    /// Puts off what is still to be done, so that a driver that was late makes no burst of it: what
    /// a burst loses is not the bridge's fault.
    fn put_off(&mut self, late: Duration) {
        if late.is_zero() {
            return;
        }
        self.stimuli.iter_mut().for_each(|(at, _)| *at += late);
        self.deadline.iter_mut().for_each(|at| *at += late);
    }

    fn perform(&mut self, now: Instant, deed: Deed) {
        let (end, what) = match &deed {
            Deed::Send(end, frame) => (*end, What::Sent(frame.clone())),
            Deed::Link(up) => (End::Vehicle, What::LinkSet(*up)),
            Deed::Relay(up) => (End::Technician, What::Relay(*up)),
        };
        self.trace.note(now, end, what);
        self.output.push_back(deed);
    }

    fn is_round_over(&self, now: Instant) -> bool {
        if self.deadline.is_none_or(|at| at <= now) {
            return true;
        }
        self.stimuli.is_empty()
            && match self.until {
                Until::Over => false,
                Until::Arrived => self.trace.missing(self.began).is_empty(),
            }
    }

    fn next_round(&mut self, now: Instant) {
        let Some(check) = self.checks.front_mut() else { return };
        let excuse = excuse(check.as_ref(), &self.options);
        let mut scene = Scene {
            now,
            number: self.rounds,
            first: self.first,
            trace: &self.trace,
            options: &self.options,
            numbers: &mut self.numbers,
        };
        let round = if excuse.is_some() { None } else { check.round(&mut scene) };
        let Some(Round { stimuli, until, patience }) = round else {
            let is_empty = !check.is_of_whole() && scene.trace.sent(scene.first).next().is_none();
            let verdict = excuse.unwrap_or_else(|| check.judge(&scene).unless(is_empty));
            let name = check.name();
            return self.finish(now, name, verdict);
        };
        let last = stimuli.last().map_or(Duration::ZERO, |(after, _)| *after);
        self.stimuli = stimuli.into_iter().map(|(after, deed)| (now + after, deed)).collect();
        self.until = until;
        self.deadline = Some(now + last + patience);
        self.began = self.trace.len();
        self.rounds += 1;
    }

    fn finish(&mut self, now: Instant, name: &'static str, verdict: Verdict) {
        let nothing_passes = self.rows.is_empty() && verdict.grade == Grade::Fail;
        self.rows.push(row(&self.trace, name, verdict));
        self.checks.pop_front();
        self.first = self.trace.len();
        self.rounds = 0;
        self.deadline = (!self.checks.is_empty()).then_some(now);
        if nothing_passes {
            self.give_up("nothing passes, so there is nothing to check");
        }
    }
}

impl Verdict {
    /// Takes back that the bridge passed a check in which nothing was sent.
    fn unless(self, is_empty: bool) -> Self {
        match self.grade {
            Grade::Pass if is_empty => Self::new(Grade::NotRun, "nothing was sent", self.shown),
            Grade::Pass | Grade::Finding | Grade::Fail | Grade::Unsupported | Grade::NotRun => self,
        }
    }
}

/// Says why a check need not be tried.
fn excuse(check: &dyn Check, options: &Options) -> Option<Verdict> {
    match options.excused.get(check.name()) {
        Some(why) => Some(Verdict::new(Grade::NotRun, why.as_str(), Vec::new())),
        None => check.excuse(options),
    }
}

fn row(trace: &Trace, check: &'static str, verdict: Verdict) -> Row {
    let Verdict { grade, words, shown } = verdict;
    Row { check, grade, words, evidence: trace.captures(&shown) }
}

impl Node for Checks {
    type In = Seen;
    type Out = Deed;

    fn handle_input(&mut self, now: Instant, Seen { end, input }: Seen) {
        match input {
            PortInput::Frame(frame) => self.trace.note_seen(now, end, frame),
            PortInput::Link(up) => self.trace.note(now, end, What::LinkSeen(up)),
        }
        self.advance(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        let due = self.poll_timeout().is_some_and(|at| at <= now);
        if due {
            self.advance(now);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let stimulus = self.stimuli.front().map(|(at, _)| *at);
        stimulus.into_iter().chain(self.deadline).min()
    }

    fn poll_output(&mut self) -> Option<Deed> {
        self.output.pop_front()
    }
}

/// How many of the last things that happened show how the bridge ended.
const LAST: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes without having done anything.
    struct Careless;

    impl Check for Careless {
        fn name(&self) -> &'static str {
            "careless"
        }

        fn round(&mut self, _: &mut Scene<'_>) -> Option<Round> {
            None
        }

        fn judge(&self, _: &Scene<'_>) -> Verdict {
            Verdict::new(Grade::Pass, "all is well", Vec::new())
        }
    }

    #[test]
    fn nobody_passes_a_check_in_which_nothing_was_sent() {
        let mut checks = Checks::new(options());
        checks.checks = VecDeque::from([Box::new(Careless) as Box<dyn Check>]);
        checks.handle_timeout(Instant::ZERO);
        assert_eq!(checks.rows()[0].grade, Grade::NotRun);
    }

    fn options() -> Options {
        Options {
            claims: BTreeSet::new(),
            mtu: 1500,
            relay: false,
            way: Duration::ZERO,
            link: true,
            idle: IDLE,
            excused: BTreeMap::new(),
        }
    }

    #[test]
    fn a_driver_that_is_late_makes_no_burst() {
        let mut checks = Checks::new(options());
        let at = [0, 1, 2].map(Instant::from_millis);
        checks.stimuli = at.map(|at| (at, Deed::Relay(true))).into();
        checks.deadline = Some(Instant::from_millis(20));
        checks.handle_timeout(Instant::from_millis(10));
        assert_eq!(std::iter::from_fn(|| checks.poll_output()).count(), 1);
        let left: Vec<Instant> = checks.stimuli.iter().map(|(at, _)| *at).collect();
        assert_eq!(left, [11, 12].map(Instant::from_millis));
        assert_eq!(checks.deadline, Some(Instant::from_millis(30)));
    }
}
