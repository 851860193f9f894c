//! Judges the way between the endpoints against limits.
//!
//! Every limit is data, because the published ones are claims: programming needs a round trip
//! below 80 ms and no loss, diagnosis one below 150 ms.

use std::collections::VecDeque;
use std::time::Duration;

use node::{Instant, Ratio};

use crate::event::{Flow, Sample};

mod framing;
pub(crate) mod gate;
mod segment;

/// What the guard does with its judgement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GuardMode {
    /// It measures, and tells nobody.
    Off,
    /// It tells.
    #[default]
    Advise,
    /// It tells, and lets no programming session begin outside the limits.
    Enforce,
}

/// Limits of one kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The round trip stays below this.
    pub rtt: Duration,
    /// Round trips differ by less than this.
    pub jitter: Duration,
    /// At most this part of the datagrams is lost, each direction by itself.
    pub loss: Ratio,
}

/// What is measured against which limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardConfig {
    /// What follows from the judgement.
    pub mode: GuardMode,
    /// Limits for programming.
    pub programming: Limits,
    /// Limits for diagnosis.
    pub diagnosis: Limits,
    /// How far back measurements count.
    pub window: Duration,
    /// How many datagrams of each direction must have been measured before nothing lost means
    /// that nothing is lost: of 150, one in 50 goes unseen once in 20 windows.
    pub packets: u64,
    /// How many of one direction must be lost before their part counts against diagnosis.
    pub losses: u64,
    /// Time between two measurements while too few datagrams pass by themselves; `None` measures
    /// no more often for it.
    pub spacing: Option<Duration>,
    /// How long after its last request a control unit still counts as being programmed.
    pub linger: Duration,
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self {
            mode: GuardMode::Advise,
            programming: Limits {
                rtt: Duration::from_millis(80),
                jitter: Duration::from_millis(40),
                loss: Ratio::ZERO,
            },
            diagnosis: Limits {
                rtt: Duration::from_millis(150),
                jitter: Duration::from_millis(150),
                loss: Ratio::from_ppb(20_000_000),
            },
            window: Duration::from_secs(30),
            packets: 150,
            losses: 3,
            spacing: Some(Duration::from_millis(100)),
            linger: Duration::from_secs(30),
        }
    }
}

/// The judgement in one colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Light {
    /// Within the limits of programming.
    Green,
    /// Within those of diagnosis only.
    Yellow,
    /// Outside both, or nothing was measured.
    Red,
}

/// What stands behind a light that is not green.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reasons {
    /// Nothing was measured within the window.
    pub unmeasured: bool,
    /// Too few datagrams passed within the window to say that none is lost.
    pub too_few: bool,
    /// The round trip takes too long.
    pub rtt: bool,
    /// Round trips differ too much.
    pub jitter: bool,
    /// Too much is lost on the way to the peer.
    pub loss_outbound: bool,
    /// Too much is lost on the way from the peer.
    pub loss_inbound: bool,
}

/// What the guard thinks of the way between the endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// In one colour.
    pub light: Light,
    /// Which limits of the next better colour are missed.
    pub reasons: Reasons,
    /// Median round trip of the window.
    pub rtt: Duration,
    /// Newest smoothed jitter.
    pub jitter: Duration,
    /// Part of what this side sent that was lost.
    pub loss_outbound: Ratio,
    /// Part of what the peer sent that was lost.
    pub loss_inbound: Ratio,
}

/// How many samples count at most: those of a window, as often as they are taken.
const SAMPLES: usize = 512;

/// Which part of the window is the latest: a little less than the time between two keep-alives.
const LATEST: u32 = 7;

/// Measurements of the window, and what was last told of them.
#[derive(Clone, Debug)]
pub struct Guard {
    config: GuardConfig,
    samples: VecDeque<(Instant, Sample)>,
    told: Option<(Light, Reasons)>,
}

impl Guard {
    /// Makes a guard that has measured nothing.
    pub fn new(config: GuardConfig) -> Self {
        Self { config, samples: VecDeque::new(), told: None }
    }

    /// Takes a measurement; returns the judgement when it is another than before.
    pub fn sample(&mut self, now: Instant, sample: &Sample) -> Option<Assessment> {
        self.samples.push_back((now, *sample));
        while let Some((at, _)) = self.samples.front()
            && (self.samples.len() > SAMPLES || now - *at > self.config.window)
        {
            self.samples.pop_front();
        }
        if self.config.mode == GuardMode::Off {
            return None;
        }
        let assessment = self.assess(now);
        let news = Some((assessment.light, assessment.reasons));
        (news != self.told).then(|| {
            self.told = news;
            assessment
        })
    }

    /// Returns how long after the last measurement the next one is wanted, when that is soon: too few
    /// datagrams of the window were measured, or few pass by themselves.
    pub fn wants_more(&self, now: Instant) -> Option<Duration> {
        let spacing = self.config.spacing.filter(|_| self.config.mode != GuardMode::Off)?;
        self.samples.back()?;
        if self.measured(now).has_fewer_than(self.config.packets) {
            return Some(spacing);
        }
        // Enough was measured. What leaves the window is made up for in time: where fewer pass now
        // than three times the window's pace, there would be too few later.
        let latest = self.within(now, self.config.window / LATEST);
        let few = latest.has_fewer_than(3 * self.config.packets / u64::from(LATEST));
        few.then_some(spacing + spacing / 2)
    }

    /// Forgets every measurement: there is another peer, or none.
    pub fn forget(&mut self) {
        self.samples.clear();
        self.told = None;
    }

    /// Judges the window that ends now.
    pub fn assess(&self, now: Instant) -> Assessment {
        let measured = self.measured(now);
        let programming = Reasons {
            too_few: measured.has_fewer_than(self.config.packets),
            ..measured.misses(&self.config.programming, 1)
        };
        let diagnosis = measured.misses(&self.config.diagnosis, self.config.losses);
        let (light, reasons) = match (programming.are_none(), diagnosis.are_none()) {
            (true, _) => (Light::Green, programming),
            (false, true) => (Light::Yellow, programming),
            (false, false) => (Light::Red, diagnosis),
        };
        Assessment {
            light,
            reasons,
            rtt: measured.rtt.unwrap_or_default(),
            jitter: measured.jitter,
            loss_outbound: measured.outbound.part(),
            loss_inbound: measured.inbound.part(),
        }
    }

    fn measured(&self, now: Instant) -> Measured {
        self.within(now, self.config.window)
    }

    fn within(&self, now: Instant, window: Duration) -> Measured {
        let recent = || {
            let all = self.samples.iter();
            all.filter(|(at, _)| now - *at <= window).map(|(_, sample)| sample)
        };
        let mut rtts: Vec<Duration> = recent().map(|sample| sample.rtt).collect();
        let middle = rtts.len() / 2;
        Measured {
            rtt: (!rtts.is_empty()).then(|| *rtts.select_nth_unstable(middle).1),
            jitter: recent().next_back().map_or(Duration::ZERO, |sample| sample.jitter),
            outbound: Passed::of(recent().map(|sample| sample.outbound)),
            inbound: Passed::of(recent().map(|sample| sample.inbound)),
        }
    }
}

impl Reasons {
    /// Returns true when there are none.
    pub fn are_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What the window says.
struct Measured {
    rtt: Option<Duration>,
    jitter: Duration,
    outbound: Passed,
    inbound: Passed,
}

/// What passed in one direction within the window.
#[derive(Clone, Copy)]
struct Passed {
    sent: u64,
    lost: u64,
}

impl Measured {
    fn misses(&self, limits: &Limits, losses: u64) -> Reasons {
        Reasons {
            unmeasured: self.rtt.is_none(),
            too_few: false,
            rtt: self.rtt.is_some_and(|rtt| rtt >= limits.rtt),
            jitter: self.jitter >= limits.jitter,
            loss_outbound: self.outbound.lost >= losses && self.outbound.part() > limits.loss,
            loss_inbound: self.inbound.lost >= losses && self.inbound.part() > limits.loss,
        }
    }

    fn has_fewer_than(&self, packets: u64) -> bool {
        self.rtt.is_some() && self.outbound.sent.min(self.inbound.sent) < packets
    }
}

impl Passed {
    fn of(flows: impl Iterator<Item = Flow>) -> Self {
        flows.fold(Self { sent: 0, lost: 0 }, |sum, flow| Self {
            sent: sum.sent + flow.sent,
            lost: sum.lost + flow.lost,
        })
    }

    fn part(self) -> Ratio {
        let ppb = u128::from(self.lost) * 1_000_000_000 / u128::from(self.sent.max(1));
        Ratio::from_ppb(u32::try_from(ppb).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn sample(rtt: u64, lost: u64) -> Sample {
        of(rtt, 150, lost)
    }

    fn of(rtt: u64, sent: u64, lost: u64) -> Sample {
        Sample {
            rtt: Duration::from_millis(rtt),
            jitter: Duration::ZERO,
            span: Duration::from_secs(1),
            outbound: Flow { sent, lost, bytes: 0 },
            inbound: Flow { sent, lost: 0, bytes: 0 },
        }
    }

    #[rstest]
    #[case::good(79, 0, Light::Green)]
    #[case::slow(80, 0, Light::Yellow)]
    #[case::lossy(20, 1, Light::Yellow)]
    #[case::slow_for_diagnosis(150, 0, Light::Red)]
    #[case::lossy_within_diagnosis(20, 3, Light::Yellow)]
    #[case::lossy_for_diagnosis(20, 4, Light::Red)]
    fn lights(#[case] rtt: u64, #[case] lost: u64, #[case] light: Light) {
        let mut guard = Guard::new(GuardConfig::default());
        let told = guard.sample(Instant::from_secs(1), &sample(rtt, lost));
        assert_eq!(told.map(|assessment| assessment.light), Some(light));
    }

    #[rstest]
    #[case::few_and_none_lost(12, 0, Light::Yellow, true)]
    #[case::one_of_few(12, 1, Light::Yellow, true)]
    #[case::two_of_few(12, 2, Light::Yellow, true)]
    #[case::many_of_few(12, 3, Light::Red, false)]
    #[case::one_short(149, 0, Light::Yellow, true)]
    #[case::enough(150, 0, Light::Green, false)]
    fn few_datagrams_are_no_proof(
        #[case] sent: u64,
        #[case] lost: u64,
        #[case] light: Light,
        #[case] too_few: bool,
    ) {
        let mut guard = Guard::new(GuardConfig::default());
        let told = guard.sample(Instant::from_secs(1), &of(20, sent, lost)).expect("it is news");
        assert_eq!((told.light, told.reasons.too_few), (light, too_few));
    }

    #[rstest]
    #[case::idle(GuardMode::Enforce, 2, true)]
    #[case::few(GuardMode::Enforce, 149, true)]
    #[case::busy(GuardMode::Enforce, 150, false)]
    #[case::advising(GuardMode::Advise, 2, true)]
    #[case::off(GuardMode::Off, 2, false)]
    fn more_is_wanted_while_few_pass(
        #[case] mode: GuardMode,
        #[case] sent: u64,
        #[case] wanted: bool,
    ) {
        let mut guard = Guard::new(GuardConfig { mode, ..GuardConfig::default() });
        guard.sample(Instant::from_secs(1), &of(20, sent, 0));
        assert_eq!(guard.wants_more(Instant::from_secs(1)).is_some(), wanted);
        guard.config.spacing = None;
        assert_eq!(guard.wants_more(Instant::from_secs(1)), None);
    }

    #[test]
    fn only_changes_are_told_and_old_measurements_do_not_count() {
        let mut guard = Guard::new(GuardConfig::default());
        assert!(guard.assess(Instant::ZERO).reasons.unmeasured);
        assert!(guard.sample(Instant::from_secs(1), &sample(20, 1)).is_some());
        assert!(guard.sample(Instant::from_secs(2), &sample(20, 0)).is_none());
        let told = guard.sample(Instant::from_secs(32), &sample(20, 0));
        assert_eq!(told.map(|assessment| assessment.light), Some(Light::Green));
        assert_eq!(guard.assess(Instant::from_secs(90)).light, Light::Red);
    }

    #[rstest]
    #[case::off(GuardMode::Off, false)]
    #[case::advise(GuardMode::Advise, true)]
    #[case::enforce(GuardMode::Enforce, true)]
    fn one_that_is_off_says_nothing(#[case] mode: GuardMode, #[case] tells: bool) {
        let mut guard = Guard::new(GuardConfig { mode, ..GuardConfig::default() });
        assert_eq!(guard.sample(Instant::from_secs(1), &sample(20, 1)).is_some(), tells);
        assert_eq!(guard.assess(Instant::from_secs(1)).light, Light::Yellow);
    }

    /// A scan, and then a tester that keeps its sessions alive.
    #[rstest]
    fn a_line_that_grows_quiet_stays_measured(#[values(0, 1, 3, 6)] packets_per_second: u64) {
        let mut guard = Guard::new(GuardConfig::default());
        let mut now = Instant::from_secs(1);
        guard.sample(now, &of(20, 600, 0));
        while now < Instant::from_secs(120) {
            let wait = guard.wants_more(now).unwrap_or(Duration::from_secs(5));
            now += wait;
            let millis = u64::try_from(wait.as_millis()).unwrap();
            guard.sample(now, &of(20, 1 + packets_per_second * millis / 1_000, 0));
            assert_eq!(guard.assess(now).light, Light::Green, "{now}");
        }
    }

    #[test]
    fn the_window_is_bounded() {
        let mut guard = Guard::new(GuardConfig::default());
        for millis in 0..2000 {
            guard.sample(Instant::from_millis(millis), &sample(20, 0));
        }
        assert_eq!(guard.samples.len(), SAMPLES);
    }
}
