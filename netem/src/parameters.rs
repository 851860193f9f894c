//! An impairment made ready for use: presets filled in, text turned into numbers.

use std::time::Duration;

use node::{Instant, Ratio};

use crate::delay::Delay;
use crate::impairment::{Burst, Impairment};
use crate::units::{BitRate, Percent};

/// What is in force on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    pub delay: Delay,
    pub keep_order: bool,
    pub loss: Ratio,
    pub burst: Option<BurstModel>,
    /// Ascending.
    pub drop: Vec<u64>,
    pub rate: Option<BitRate>,
    /// Bytes.
    pub queue: u64,
    /// Bytes of a frame, its Ethernet header included.
    pub longest: Option<u64>,
    pub duplicate: Ratio,
    pub corrupt: Ratio,
    pub reorder: Ratio,
    pub reorder_by: Duration,
    pub blackouts: Vec<(Instant, Instant)>,
}

/// The Gilbert–Elliott model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BurstModel {
    pub good_to_bad: Ratio,
    pub bad_to_good: Ratio,
    pub loss_in_bad: Ratio,
    pub loss_in_good: Ratio,
}

impl Parameters {
    /// Makes an impairment ready for use.
    pub fn new(impairment: &Impairment) -> Self {
        let impairment = impairment.resolved();
        let ratio = |percent: Option<Percent>| percent.unwrap_or_default().0;
        let mut drop = impairment.drop.unwrap_or_default();
        drop.sort_unstable();
        let blackouts = impairment.blackout.unwrap_or_default();
        Self {
            delay: Delay {
                nanos: impairment.delay.unwrap_or_default().as_nanos(),
                jitter: impairment.jitter.unwrap_or_default().as_nanos(),
                distribution: impairment.distribution.unwrap_or_default(),
            },
            keep_order: impairment.keep_order.unwrap_or(true),
            loss: ratio(impairment.loss),
            burst: impairment.burst.as_ref().map(BurstModel::new),
            drop,
            rate: impairment.rate,
            queue: impairment.queue.map_or(QUEUE, |size| size.0),
            longest: impairment.mtu.map(|mtu| mtu.0.saturating_add(ETHERNET_HEADER)),
            duplicate: ratio(impairment.duplicate),
            corrupt: ratio(impairment.corrupt),
            reorder: ratio(impairment.reorder),
            reorder_by: impairment.reorder_by.map_or(REORDER_BY, Duration::from),
            blackouts: blackouts
                .iter()
                .map(|blackout| Instant::ZERO + blackout.from.0)
                .zip(&blackouts)
                .map(|(from, blackout)| (from, from + blackout.lasts.0))
                .collect(),
        }
    }

    /// Returns whether nothing passes at `now`.
    pub fn is_black(&self, now: Instant) -> bool {
        self.blackouts.iter().any(|(from, until)| (*from..*until).contains(&now))
    }
}

impl BurstModel {
    fn new(burst: &Burst) -> Self {
        Self {
            good_to_bad: burst.p.0,
            bad_to_good: burst.r.0,
            loss_in_bad: burst.loss_in_bad.0,
            loss_in_good: burst.loss_in_good.0,
        }
    }
}

/// Bytes that may wait where a rate is given and no queue.
const QUEUE: u64 = 256 << 10;

/// Bytes before the payload of an Ethernet frame, which its MTU does not count.
const ETHERNET_HEADER: u64 = 14;

/// How long a frame is held back where nothing is said.
const REORDER_BY: Duration = Duration::from_millis(10);
