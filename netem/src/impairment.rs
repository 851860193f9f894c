//! What a scenario says of one direction of a link.

#[cfg(any(test, feature = "schema"))]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::preset::Preset;
use crate::units::{BitRate, ByteSize, DurationText, Percent};

/// What one direction of a link does to frames. What is not named does not happen.
///
/// A frame passes the models in this order: drop list, burst, loss, blackout, MTU, queue and rate,
/// corruption, delay with jitter, reordering, duplication. What is lost takes no place in the
/// queue. The parameters of the moment a frame enters decide about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Impairment {
    /// Named figures to start from; every other key overrides the preset's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// Time every frame spends on the way, such as `15ms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<DurationText>,
    /// How much the delay varies: half the width when uniform, else the standard
    /// deviation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<DurationText>,
    /// How the delay varies; uniform where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution: Option<Distribution>,
    /// Whether jitter may never let a frame overtake another; true where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_order: Option<bool>,
    /// Share of frames lost at random, each for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<Percent>,
    /// Loss in bursts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<Burst>,
    /// Exactly these frames are lost, by their number in this direction, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<Vec<u64>>,
    /// How fast frames leave, such as `10Mbit/s`; at once where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<BitRate>,
    /// Bytes that may wait for their turn; what comes on top is lost. `256KiB` where a rate is
    /// given and nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<ByteSize>,
    /// Largest payload of an Ethernet frame that passes, such as `1400B`: longer frames are lost
    /// without a word, as on a path that drops what it may not fragment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<ByteSize>,
    /// Share of frames that arrive twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate: Option<Percent>,
    /// Share of frames in which one bit is flipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrupt: Option<Percent>,
    /// Share of frames that are held back, so that later ones overtake them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reorder: Option<Percent>,
    /// How long such a frame is held back; `10ms` where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reorder_by: Option<DurationText>,
    /// Times during which every frame that enters is lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blackout: Option<Vec<Blackout>>,
    /// Changes of all this in the course of the run, earliest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schedule: Vec<Change>,
}

/// How the delay varies around its middle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Every delay from `delay - jitter` to `delay + jitter` is as likely as the other.
    #[default]
    Uniform,
    /// Normal, cut off at four standard deviations and at zero.
    Normal,
    /// Pareto of shape 3: never much below the middle, now and then far above it. Cut off at
    /// twenty standard deviations.
    Pareto,
}

/// Loss in bursts: the Gilbert–Elliott model, a good and a bad state with a loss rate each.
///
/// The link begins good. With each frame it first changes state or not, then the frame is lost or
/// not. With `loss-in-bad` at 100 % the mean burst is `1 / r` frames long, and the share of frames
/// lost is `p / (p + r)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Burst {
    /// Chance per frame to go from good to bad.
    pub p: Percent,
    /// Chance per frame to go from bad to good.
    pub r: Percent,
    /// Share of frames lost in the bad state, 1 − h in the literature.
    #[serde(default = "all")]
    pub loss_in_bad: Percent,
    /// Share of frames lost in the good state, 1 − k in the literature.
    #[serde(default = "none")]
    pub loss_in_good: Percent,
}

/// A time during which nothing passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Blackout {
    /// When it begins, from the beginning of the run.
    pub from: DurationText,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: DurationText,
}

/// A change of a link's parameters in the course of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(any(test, feature = "schema"), derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Change {
    /// When, from the beginning of the run.
    pub at: DurationText,
    /// What changes. Keys not named stay as they are, unless a preset is named: it replaces all.
    pub set: Impairment,
}

/// Why an impairment makes no sense, though each of its values does.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ImpairmentError {
    /// Frames would leave before they came.
    #[error("jitter {jitter} is larger than the delay {delay}: write `jitter: {delay}` or less")]
    JitterBeyondDelay {
        /// The jitter.
        jitter: DurationText,
        /// The delay.
        delay: DurationText,
    },
    /// Nothing fills the queue.
    #[error("a queue needs a rate: add `rate: 10Mbit/s` or take the queue away")]
    QueueWithoutRate,
    /// Nothing is distributed.
    #[error("a distribution needs a jitter: add `jitter: 2ms` or take the distribution away")]
    DistributionWithoutJitter,
    /// Nothing is held back.
    #[error("reorder-by needs a share: add `reorder: 1%` or take reorder-by away")]
    ReorderByWithoutReorder,
    /// Changes are out of order.
    #[error("the changes of a schedule are not in order: {at} comes after {before}")]
    ScheduleOutOfOrder {
        /// The change that comes too late in the list.
        at: DurationText,
        /// The one before it.
        before: DurationText,
    },
    /// A change has changes of its own.
    #[error("a change cannot have a schedule of its own: put its changes into the outer one")]
    NestedSchedule,
}

impl ImpairmentError {
    /// Returns the key the error is about, for a position in the file.
    pub fn key(&self) -> &'static str {
        match self {
            Self::JitterBeyondDelay { .. } => "jitter",
            Self::QueueWithoutRate => "queue",
            Self::DistributionWithoutJitter => "distribution",
            Self::ReorderByWithoutReorder => "reorder-by",
            Self::ScheduleOutOfOrder { .. } | Self::NestedSchedule => "schedule",
        }
    }
}

impl Impairment {
    /// Returns the same with the preset's figures filled in where nothing else is said.
    pub fn resolved(&self) -> Self {
        match self.preset {
            Some(preset) => self.keys_over(&preset.impairment()),
            None => self.clone(),
        }
    }

    /// Returns what is in force after this is laid over `before`.
    ///
    /// Keys not named stay as they were, unless this names a preset: then nothing of `before`
    /// stays. The schedule of `before` stays when this has none.
    pub fn over(&self, before: &Self) -> Self {
        let schedule = if self.schedule.is_empty() { &before.schedule } else { &self.schedule };
        let laid = match self.preset {
            Some(_) => self.resolved(),
            None => self.keys_over(before),
        };
        Self { schedule: schedule.clone(), ..laid }
    }

    /// Checks that the values fit together, also after each change of the schedule.
    pub fn check(&self) -> Result<(), ImpairmentError> {
        let mut in_force = self.resolved();
        in_force.check_values()?;
        let mut before = None;
        for change in &self.schedule {
            if !change.set.schedule.is_empty() {
                return Err(ImpairmentError::NestedSchedule);
            }
            if let Some(before) = before.filter(|before| *before > change.at) {
                return Err(ImpairmentError::ScheduleOutOfOrder { at: change.at, before });
            }
            before = Some(change.at);
            in_force = change.set.over(&in_force);
            in_force.check_values()?;
        }
        Ok(())
    }

    fn check_values(&self) -> Result<(), ImpairmentError> {
        let (jitter, delay) = (self.jitter.unwrap_or_default(), self.delay.unwrap_or_default());
        if jitter > delay {
            return Err(ImpairmentError::JitterBeyondDelay { jitter, delay });
        }
        if self.queue.is_some() && self.rate.is_none() {
            return Err(ImpairmentError::QueueWithoutRate);
        }
        if self.distribution.is_some() && self.jitter.is_none() {
            return Err(ImpairmentError::DistributionWithoutJitter);
        }
        if self.reorder_by.is_some() && self.reorder.is_none() {
            return Err(ImpairmentError::ReorderByWithoutReorder);
        }
        Ok(())
    }

    fn keys_over(&self, base: &Self) -> Self {
        Self {
            preset: self.preset.or(base.preset),
            delay: self.delay.or(base.delay),
            jitter: self.jitter.or(base.jitter),
            distribution: self.distribution.or(base.distribution),
            keep_order: self.keep_order.or(base.keep_order),
            loss: self.loss.or(base.loss),
            burst: self.burst.or(base.burst),
            drop: self.drop.clone().or_else(|| base.drop.clone()),
            rate: self.rate.or(base.rate),
            queue: self.queue.or(base.queue),
            mtu: self.mtu.or(base.mtu),
            duplicate: self.duplicate.or(base.duplicate),
            corrupt: self.corrupt.or(base.corrupt),
            reorder: self.reorder.or(base.reorder),
            reorder_by: self.reorder_by.or(base.reorder_by),
            blackout: self.blackout.clone().or_else(|| base.blackout.clone()),
            schedule: self.schedule.clone(),
        }
    }
}

fn all() -> Percent {
    Percent::ALL
}

fn none() -> Percent {
    Percent::ZERO
}

#[cfg(test)]
mod tests;
