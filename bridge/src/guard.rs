//! Judges the way between the endpoints against limits.
//!
//! Every limit is data, because the published ones are claims: programming needs a round trip
//! below 80 ms and no loss, diagnosis one below 150 ms.

use std::time::Duration;

use node::Ratio;

/// What the guard does with its judgement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GuardMode {
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
