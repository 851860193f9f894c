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

/// How many samples count at most.
const SAMPLES: usize = 64;

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

    /// Forgets every measurement: there is another peer, or none.
    pub fn forget(&mut self) {
        self.samples.clear();
        self.told = None;
    }

    /// Judges the window that ends now.
    pub fn assess(&self, now: Instant) -> Assessment {
        let window = self.config.window;
        let recent = || {
            let all = self.samples.iter();
            all.filter(|(at, _)| now - *at <= window).map(|(_, sample)| sample)
        };
        let mut rtts: Vec<Duration> = recent().map(|sample| sample.rtt).collect();
        rtts.sort_unstable();
        let measured = Measured {
            rtt: rtts.get(rtts.len() / 2).copied(),
            jitter: recent().next_back().map_or(Duration::ZERO, |sample| sample.jitter),
            loss_outbound: loss(recent().map(|sample| sample.outbound)),
            loss_inbound: loss(recent().map(|sample| sample.inbound)),
        };
        let programming = measured.misses(&self.config.programming);
        let diagnosis = measured.misses(&self.config.diagnosis);
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
            loss_outbound: measured.loss_outbound,
            loss_inbound: measured.loss_inbound,
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
    loss_outbound: Ratio,
    loss_inbound: Ratio,
}

impl Measured {
    fn misses(&self, limits: &Limits) -> Reasons {
        Reasons {
            unmeasured: self.rtt.is_none(),
            rtt: self.rtt.is_some_and(|rtt| rtt >= limits.rtt),
            jitter: self.jitter >= limits.jitter,
            loss_outbound: self.loss_outbound > limits.loss,
            loss_inbound: self.loss_inbound > limits.loss,
        }
    }
}

fn loss(flows: impl Iterator<Item = Flow>) -> Ratio {
    let (sent, lost) =
        flows.fold((0, 0), |(sent, lost), flow| (sent + flow.sent, lost + flow.lost));
    let ppb = u128::from(lost) * 1_000_000_000 / u128::from(sent.max(1));
    Ratio::from_ppb(u32::try_from(ppb).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn sample(rtt: u64, lost: u64) -> Sample {
        Sample {
            rtt: Duration::from_millis(rtt),
            jitter: Duration::ZERO,
            span: Duration::from_secs(1),
            outbound: Flow { sent: 100, lost, bytes: 0 },
            inbound: Flow { sent: 100, lost: 0, bytes: 0 },
        }
    }

    #[rstest]
    #[case::good(79, 0, Light::Green)]
    #[case::slow(80, 0, Light::Yellow)]
    #[case::lossy(20, 1, Light::Yellow)]
    #[case::slow_for_diagnosis(150, 0, Light::Red)]
    #[case::lossy_for_diagnosis(20, 3, Light::Red)]
    fn lights(#[case] rtt: u64, #[case] lost: u64, #[case] light: Light) {
        let mut guard = Guard::new(GuardConfig::default());
        let told = guard.sample(Instant::from_secs(1), &sample(rtt, lost));
        assert_eq!(told.map(|assessment| assessment.light), Some(light));
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

    #[test]
    fn the_window_is_bounded() {
        let mut guard = Guard::new(GuardConfig::default());
        for millis in 0..1000 {
            guard.sample(Instant::from_millis(millis), &sample(20, 0));
        }
        assert_eq!(guard.samples.len(), SAMPLES);
    }
}
