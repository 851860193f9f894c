//! The gateway's reset as a sequence of steps, each with its own time.
//!
//! Reply → stack gone → link down → booting → starting (address acquisition; nothing listens yet,
//! or everything is refused) → ready. The machine says which step begins when; the gateway acts
//! on it.

use std::time::Duration;

use node::{Instant, StackLoss};
use serde::Deserialize;

use crate::quantity;

/// How long each step of a gateway reset takes, and what peers see of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ResetTimes {
    /// From the cause to the loss of the stack: the time the positive reply has to leave.
    #[serde(deserialize_with = "quantity::duration")]
    pub reply: Duration,
    /// How the stack goes.
    #[serde(deserialize_with = "stack_loss")]
    pub stack: StackLoss,
    /// From the loss of the stack to the loss of link.
    #[serde(deserialize_with = "quantity::duration")]
    pub stack_gone: Duration,
    /// How long there is no link; zero keeps the link up throughout.
    #[serde(deserialize_with = "quantity::duration")]
    pub link_down: Duration,
    /// How long there is link but no stack: nobody answers, not even ARP.
    #[serde(deserialize_with = "quantity::duration")]
    pub booting: Duration,
    /// Whether a new address is chosen afterwards, or the old one tried first.
    pub new_address: bool,
    /// From the return of the stack to serving testers.
    #[serde(deserialize_with = "quantity::duration")]
    pub starting: Duration,
    /// What testers meet while starting.
    pub while_starting: WhileStarting,
}

/// What testers meet between the return of the stack and the first service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhileStarting {
    /// Nothing listens: connects are refused, datagrams lost.
    Refuse,
    /// Everything listens, diagnosis answers that it is not ready (HSFZ 0045, DoIP code 08).
    NotReady,
}

/// Steps of a reset that differ from the vehicle's own times; `None` keeps the vehicle's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResetOverride {
    /// See [`ResetTimes::reply`].
    pub reply: Option<Duration>,
    /// See [`ResetTimes::stack`].
    pub stack: Option<StackLoss>,
    /// See [`ResetTimes::stack_gone`].
    pub stack_gone: Option<Duration>,
    /// See [`ResetTimes::link_down`].
    pub link_down: Option<Duration>,
    /// See [`ResetTimes::booting`].
    pub booting: Option<Duration>,
    /// See [`ResetTimes::new_address`].
    pub new_address: Option<bool>,
    /// See [`ResetTimes::starting`].
    pub starting: Option<Duration>,
    /// See [`ResetTimes::while_starting`].
    pub while_starting: Option<WhileStarting>,
}

/// Why the gateway resets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResetCause {
    /// The gateway unit restarted: `11 01`, the end of its flash, or S3 in the bootloader.
    Restart,
    /// The gateway unit jumped into its bootloader: `10 02`.
    Bootloader,
    /// The unit whose housing the gateway shares restarted.
    Housing,
    /// The supply fell below what the gateway needs.
    Brownout,
    /// A scenario asked for it.
    Fault,
    /// The gateway unit broke for good: the sequence ends without link.
    Died,
}

/// A step of the sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResetPhase {
    /// The reply leaves; everything still works.
    Reply,
    /// The stack is gone, the link is still there.
    StackGone,
    /// There is no link.
    LinkDown,
    /// There is link, and no stack.
    Booting,
    /// The stack is back and acquires an address; testers are refused.
    Starting,
    /// Testers are served; announcements follow as soon as there is an address.
    Ready,
}

/// Walks through one reset at a time.
#[derive(Clone, Debug)]
pub(crate) struct ResetMachine {
    state: State,
    /// Whether the gateway broke for good: nothing follows the loss of link.
    dead: bool,
}

#[derive(Clone, Debug)]
enum State {
    Ready,
    Running(Run),
}

#[derive(Clone, Debug)]
struct Run {
    cause: ResetCause,
    times: ResetTimes,
    phase: ResetPhase,
    /// When the phase ends; `None` while the supply is gone.
    ends: Option<Instant>,
    /// When the reset began.
    since: Instant,
    /// Whether `phase` has yet to be told.
    fresh: bool,
}

impl ResetTimes {
    /// Returns these times with the given ones in their place.
    pub fn with(&self, change: &ResetOverride) -> Self {
        Self {
            reply: change.reply.unwrap_or(self.reply),
            stack: change.stack.unwrap_or(self.stack),
            stack_gone: change.stack_gone.unwrap_or(self.stack_gone),
            link_down: change.link_down.unwrap_or(self.link_down),
            booting: change.booting.unwrap_or(self.booting),
            new_address: change.new_address.unwrap_or(self.new_address),
            starting: change.starting.unwrap_or(self.starting),
            while_starting: change.while_starting.unwrap_or(self.while_starting),
        }
    }

    /// Returns the time from the cause to the first service, without address acquisition.
    pub fn total(&self) -> Duration {
        self.reply + self.stack_gone + self.link_down + self.booting + self.starting
    }

    fn of(&self, phase: ResetPhase) -> Duration {
        match phase {
            ResetPhase::Reply => self.reply,
            ResetPhase::StackGone => self.stack_gone,
            ResetPhase::LinkDown => self.link_down,
            ResetPhase::Booting => self.booting,
            ResetPhase::Starting => self.starting,
            ResetPhase::Ready => Duration::ZERO,
        }
    }
}

impl Default for ResetTimes {
    /// A restart as `uds-and-bmw-ecus.md` §7.4 infers it: 10 s in all, the link gone for four.
    fn default() -> Self {
        Self {
            reply: Duration::from_millis(20),
            stack: StackLoss::Silent,
            stack_gone: Duration::from_millis(80),
            link_down: Duration::from_millis(4_000),
            booting: Duration::from_millis(5_000),
            new_address: false,
            starting: Duration::from_millis(900),
            while_starting: WhileStarting::Refuse,
        }
    }
}

impl ResetMachine {
    pub(crate) fn new() -> Self {
        Self { state: State::Ready, dead: false }
    }

    /// Begins a reset. One that runs already is begun anew without its reply; without power
    /// nothing can be reset, and false is returned.
    pub(crate) fn begin(&mut self, now: Instant, cause: ResetCause, times: ResetTimes) -> bool {
        let phase = match &self.state {
            State::Ready => ResetPhase::Reply,
            State::Running(run) if run.ends.is_none() => return false,
            State::Running(run) if run.phase == ResetPhase::Reply => ResetPhase::Reply,
            State::Running(_) => ResetPhase::StackGone,
        };
        let ends = Some(now + times.of(phase));
        self.state = State::Running(Run { cause, times, phase, ends, since: now, fresh: true });
        true
    }

    /// Takes the power away: the sequence stops after the link is gone.
    pub(crate) fn power_off(&mut self, now: Instant, times: ResetTimes) {
        let (cause, phase) = (ResetCause::Brownout, ResetPhase::LinkDown);
        self.state =
            State::Running(Run { cause, times, phase, ends: None, since: now, fresh: true });
    }

    /// Ends everything once the link is gone; a reply that is leaving still leaves.
    pub(crate) fn die(&mut self, now: Instant, times: ResetTimes) {
        self.dead = true;
        match &mut self.state {
            State::Running(run) if run.phase == ResetPhase::LinkDown => run.ends = None,
            State::Running(run) if run.phase < ResetPhase::LinkDown => {}
            State::Running(_) | State::Ready => {
                self.begin(now, ResetCause::Died, times);
            }
        }
    }

    /// Gives the power back: the link returns and the gateway boots, unless it is dead.
    pub(crate) fn power_on(&mut self, now: Instant) {
        let State::Running(run) = &mut self.state else { return };
        if run.ends.is_none() && !self.dead {
            run.ends = Some(now);
        }
    }

    /// Returns the next step that begins at `now`, with when it began.
    pub(crate) fn step(&mut self, now: Instant) -> Option<(ResetCause, ResetPhase)> {
        let State::Running(run) = &mut self.state else { return None };
        if !std::mem::take(&mut run.fresh) {
            let ends = run.ends.filter(|ends| *ends <= now)?;
            run.phase = run.phase.next(run.times.link_down.is_zero() && !self.dead);
            let is_last = self.dead && run.phase == ResetPhase::LinkDown;
            run.ends = (!is_last).then(|| ends + run.times.of(run.phase));
        }
        let step = (run.cause, run.phase);
        if run.phase == ResetPhase::Ready {
            self.state = State::Ready;
        }
        Some(step)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Ready => None,
            State::Running(run) if run.fresh => Some(run.since),
            State::Running(run) => run.ends,
        }
    }

    /// Returns the step a reset is in.
    pub(crate) fn phase(&self) -> ResetPhase {
        match &self.state {
            State::Ready => ResetPhase::Ready,
            State::Running(run) => run.phase,
        }
    }

    /// Returns whether the power is gone, or the gateway.
    pub(crate) fn is_dark(&self) -> bool {
        matches!(&self.state, State::Running(run) if run.ends.is_none())
    }

    /// Returns the running reset's times.
    pub(crate) fn times(&self) -> Option<&ResetTimes> {
        match &self.state {
            State::Ready => None,
            State::Running(run) => Some(&run.times),
        }
    }
}

impl ResetPhase {
    fn next(self, keeps_link: bool) -> Self {
        match self {
            Self::Reply => Self::StackGone,
            Self::StackGone if keeps_link => Self::Booting,
            Self::StackGone => Self::LinkDown,
            Self::LinkDown => Self::Booting,
            Self::Booting => Self::Starting,
            Self::Starting | Self::Ready => Self::Ready,
        }
    }
}

fn stack_loss<'de, D: serde::Deserializer<'de>>(from: D) -> Result<StackLoss, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Word {
        Silent,
        Reset,
        Finish,
    }
    Ok(match Word::deserialize(from)? {
        Word::Silent => StackLoss::Silent,
        Word::Reset => StackLoss::Reset,
        Word::Finish => StackLoss::Finish,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_walks_through_every_step_at_its_time() {
        let mut machine = ResetMachine::new();
        machine.begin(Instant::from_secs(1), ResetCause::Restart, ResetTimes::default());
        insta::assert_snapshot!(walk(&mut machine, Instant::from_secs(1)), @r"
        +1.000000000s Reply
        +1.020000000s StackGone
        +1.100000000s LinkDown
        +5.100000000s Booting
        +10.100000000s Starting
        +11.000000000s Ready
        ");
    }

    #[test]
    fn a_reset_without_link_loss_skips_that_step() {
        let mut machine = ResetMachine::new();
        let times = ResetTimes { link_down: Duration::ZERO, ..ResetTimes::default() };
        machine.begin(Instant::ZERO, ResetCause::Bootloader, times);
        insta::assert_snapshot!(walk(&mut machine, Instant::ZERO), @r"
        +0.000000000s Reply
        +0.020000000s StackGone
        +0.100000000s Booting
        +5.100000000s Starting
        +6.000000000s Ready
        ");
    }

    #[test]
    fn a_brownout_stays_dark_until_the_power_returns() {
        let mut machine = ResetMachine::new();
        machine.power_off(Instant::ZERO, ResetTimes::default());
        assert_eq!(walk(&mut machine, Instant::ZERO), "+0.000000000s LinkDown\n");
        machine.power_on(Instant::from_secs(30));
        insta::assert_snapshot!(walk(&mut machine, Instant::from_secs(30)), @r"
        +30.000000000s Booting
        +35.000000000s Starting
        +35.900000000s Ready
        ");
    }

    #[test]
    fn a_gateway_that_dies_lets_its_reply_leave_and_stays_dark() {
        let mut machine = ResetMachine::new();
        let times = ResetTimes { link_down: Duration::ZERO, ..ResetTimes::default() };
        machine.begin(Instant::ZERO, ResetCause::Restart, times.clone());
        machine.die(Instant::ZERO, times);
        insta::assert_snapshot!(walk(&mut machine, Instant::ZERO), @r"
        +0.000000000s Reply
        +0.020000000s StackGone
        +0.100000000s LinkDown
        ");
        machine.power_on(Instant::from_secs(1));
        assert!(machine.is_dark());
        assert!(!machine.begin(Instant::from_secs(1), ResetCause::Fault, ResetTimes::default()));
    }

    #[test]
    fn a_second_cause_while_booting_starts_over_without_a_reply() {
        let mut machine = ResetMachine::new();
        machine.begin(Instant::ZERO, ResetCause::Restart, ResetTimes::default());
        while machine.step(Instant::from_secs(6)).is_some() {}
        machine.begin(Instant::from_secs(6), ResetCause::Fault, ResetTimes::default());
        let step = machine.step(Instant::from_secs(6));
        assert_eq!(step, Some((ResetCause::Fault, ResetPhase::StackGone)));
    }

    #[test]
    fn an_override_changes_only_what_it_names() {
        let change = ResetOverride {
            link_down: Some(Duration::from_secs(6)),
            stack: Some(StackLoss::Reset),
            ..ResetOverride::default()
        };
        let times = ResetTimes::default().with(&change);
        assert_eq!(times.link_down, Duration::from_secs(6));
        assert_eq!(times.stack, StackLoss::Reset);
        assert_eq!(times.booting, ResetTimes::default().booting);
    }

    fn walk(machine: &mut ResetMachine, mut now: Instant) -> String {
        let mut text = String::new();
        loop {
            while let Some((_, phase)) = machine.step(now) {
                text.push_str(&format!("{now} {phase:?}\n"));
            }
            let Some(next) = machine.poll_timeout() else { return text };
            assert!(next > now, "the machine left a deadline that is due");
            now = next;
        }
    }
}
