//! What a link promises, for any impairment, any seed and any arrival of frames.

use std::time::Duration;

use node::{Instant, Node, Ratio, Seed};
use proptest::prelude::*;

use super::*;
use crate::impairment::{Blackout, Burst, Change, Distribution};
use crate::preset::Preset;
use crate::units::{BitRate, ByteSize, DurationText, Percent};

mod statistics;

#[test]
fn the_fates_of_a_seed_are_pinned() {
    let impairment = Impairment {
        preset: Some(Preset::GarageWifi),
        loss: some(100),
        duplicate: some(100),
        corrupt: some(100),
        reorder: some(100),
        ..Impairment::default()
    };
    let mut link = link(&impairment, 1);
    let fates: Vec<_> = (0..40).map(|i| link.push(ms_at(i), frame(i, 100)).to_string()).collect();
    insta::assert_snapshot!(fates.join("\n"));
}

#[test]
fn a_drop_list_loses_exactly_its_frames() {
    let impairment = Impairment { drop: Some(vec![40, 12, 12]), ..Impairment::default() };
    let lost = losses(100, &impairment, 1);
    assert_eq!(indices(&lost), [12, 40]);
}

#[test]
fn a_blackout_loses_what_comes_in_it_and_nothing_else() {
    let blackout = Blackout { from: ms(10), lasts: ms(5) };
    let impairment = Impairment { blackout: Some(vec![blackout]), ..Impairment::default() };
    let lost: Vec<_> = losses(30, &impairment, 1);
    assert_eq!(indices(&lost), [10, 11, 12, 13, 14]);
}

#[test]
fn a_full_queue_loses_what_comes_last_and_counts_it() {
    let impairment = Impairment {
        rate: BitRate::from_bits_per_second(8_000),
        queue: Some(ByteSize(30)),
        ..Impairment::default()
    };
    let mut link = link(&impairment, 1);
    let fates: Vec<_> = (0..5).map(|i| link.push(Instant::ZERO, frame(i, 10)).outcome).collect();
    let lost = FateOutcome::Lost(LossReason::Queue);
    assert_eq!(fates[3..], [lost, lost]);
    assert_eq!(link.counters().lost_queue, 2);
    assert_eq!(drained(&mut link), [(ms_at(10), 0), (ms_at(20), 1), (ms_at(30), 2)]);
}

#[test]
fn a_frame_longer_than_the_mtu_is_lost_before_it_queues() {
    let impairment = Impairment {
        rate: BitRate::from_bits_per_second(8_000),
        mtu: Some(ByteSize(100)),
        ..Impairment::default()
    };
    let mut link = link(&impairment, 1);
    let lens = [114, 115, 114];
    for (i, len) in (0..).zip(lens) {
        link.push(Instant::ZERO, frame(i, len));
    }
    assert_eq!(link.counters().lost_too_long, 1);
    assert_eq!(drained(&mut link), [(ms_at(114), 0), (ms_at(228), 2)]);
}

#[test]
fn a_frame_held_back_is_overtaken_by_the_next() {
    let change = Impairment { reorder: some(0), ..Impairment::default() };
    let impairment = Impairment { reorder: some(1_000), delay: some_ms(5), ..change.clone() };
    let mut link = link(&impairment, 1);
    link.push(ms_at(0), frame(0, 1));
    link.change(ms_at(1), &change);
    link.push(ms_at(1), frame(1, 1));
    assert_eq!(drained(&mut link), [(ms_at(6), 1), (ms_at(15), 0)]);
}

#[test]
fn a_damaged_frame_differs_in_one_bit() {
    let impairment = Impairment { corrupt: some(1_000), ..Impairment::default() };
    let mut link = Link::new(&impairment, Seed(1));
    link.push(Instant::ZERO, bytes::Bytes::from_static(&[0; 64]));
    let (_, frame) = link.poll_delivery().unwrap();
    assert_eq!(frame.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
}

#[test]
fn a_damaged_frame_is_lost_where_the_link_layer_discards_it() {
    let impairment = Impairment { corrupt: some(1_000), ..Impairment::default() };
    let mut link = Link::new(&impairment, Seed(1));
    let fate = link.push(Instant::ZERO, Checked);
    assert_eq!(fate.outcome, FateOutcome::Lost(LossReason::Damaged));
    assert_eq!(link.poll_output().map(|_| ()), None);
}

#[test]
fn a_frame_pushed_twice_has_one_number() {
    let impairment = Impairment { drop: Some(vec![2]), ..Impairment::default() };
    let mut link = link(&impairment, 1);
    link.push_twice(ms_at(0), frame(0, 1));
    let fates = [1, 2].map(|number| link.push(ms_at(0), frame(number, 1)).outcome);
    assert_eq!(fates[1], FateOutcome::Lost(LossReason::List));
    assert_eq!(drained(&mut link), [(ms_at(0), 0), (ms_at(0), 0), (ms_at(0), 1)]);
}

#[test]
fn a_schedule_changes_what_it_names_when_it_says() {
    let set = |delay| Impairment { delay, ..Impairment::default() };
    let impairment = Impairment {
        drop: Some(vec![3]),
        schedule: vec![
            Change { at: ms(2), set: set(some_ms(100)) },
            Change { at: ms(4), set: set(some_ms(200)) },
        ],
        ..set(some_ms(1))
    };
    let mut link = link(&impairment, 1);
    let fates: Vec<_> = (0..6).map(|i| link.push(ms_at(i), frame(i, 1)).to_string()).collect();
    insta::assert_snapshot!(fates.join("\n"), @"
    frame 0 delivered at +0.001000000s
    frame 1 delivered at +0.002000000s
    frame 2 delivered at +0.102000000s
    frame 3 lost (list)
    frame 4 delivered at +0.204000000s
    frame 5 delivered at +0.205000000s
    ");
    assert_eq!(link.impairment().schedule, []);
}

#[test]
fn setting_replaces_everything_and_leaves_frames_on_their_way() {
    let mut link = link(&Impairment { delay: some_ms(50), ..Impairment::default() }, 1);
    link.push(ms_at(0), frame(0, 1));
    link.set(ms_at(1), &Impairment { loss: some(1_000), ..Impairment::default() });
    link.push(ms_at(1), frame(1, 1));
    link.set(ms_at(2), &Impairment { keep_order: Some(false), ..Impairment::default() });
    link.push(ms_at(2), frame(2, 1));
    assert_eq!(drained(&mut link), [(ms_at(2), 2), (ms_at(50), 0)]);
}

#[test]
fn order_is_kept_when_the_delay_falls() {
    let mut link = link(&Impairment { delay: some_ms(50), ..Impairment::default() }, 1);
    link.push(ms_at(0), frame(0, 1));
    link.set(ms_at(1), &Impairment::default());
    link.push(ms_at(1), frame(1, 1));
    assert_eq!(drained(&mut link), [(ms_at(50), 0), (ms_at(50), 1)]);
}

#[test]
fn the_fate_of_the_last_frame_is_told_once() {
    let mut link = link(&Impairment::default(), 1);
    let fate = link.push(ms_at(3), frame(0, 1));
    assert_eq!(link.poll_fate(), Some(fate));
    assert_eq!(link.poll_fate(), None);
}

proptest! {
    #[test]
    fn every_frame_comes_out_as_its_fate_says(
        impairment in impairment(), seed: u64, arrivals in arrivals(),
    ) {
        let run = Run::of(&impairment, seed, &arrivals);
        let mut told = Vec::new();
        for fate in &run.fates {
            if let FateOutcome::Delivered { due, duplicated, .. } = fate.outcome {
                told.extend(std::iter::repeat_n((due, fate.index), 1 + usize::from(duplicated)));
            }
        }
        told.sort();
        prop_assert_eq!(&told, &run.out_sorted());
        prop_assert_eq!(run.counters.entered, arrivals.len() as u64);
        let copies = run.counters.delivered + run.counters.duplicated;
        prop_assert_eq!(copies, run.out.len() as u64);
        prop_assert_eq!(run.counters.lost() + run.counters.delivered, run.counters.entered);
    }

    #[test]
    fn no_frame_is_early(impairment in impairment(), seed: u64, arrivals in arrivals()) {
        let parameters = Parameters::new(&impairment);
        let width = match parameters.delay.distribution {
            Distribution::Uniform => parameters.delay.jitter,
            Distribution::Normal => 4 * parameters.delay.jitter,
            Distribution::Pareto => parameters.delay.jitter,
        };
        let shortest = parameters.delay.nanos.saturating_sub(width);
        let serialise = parameters.rate.map_or(0, |rate| rate.nanos_for(LEN as u64));
        for fate in Run::of(&impairment, seed, &arrivals).fates {
            if let FateOutcome::Delivered { due, held_back, .. } = fate.outcome {
                let held = if held_back { parameters.reorder_by } else { Duration::ZERO };
                let earliest = Duration::from_nanos(shortest + serialise) + held;
                prop_assert!(due >= fate.at + earliest, "{}", fate);
            }
        }
    }

    #[test]
    fn order_is_kept_where_promised(
        impairment in impairment(), seed: u64, arrivals in arrivals(),
    ) {
        let impairment = Impairment { keep_order: None, reorder: None, ..impairment };
        let run = Run::of(&impairment, seed, &arrivals);
        let order: Vec<_> = run.out.iter().map(|(_, index)| *index).collect();
        prop_assert!(order.is_sorted(), "{:?}", order);
    }

    #[test]
    fn chance_does_not_look_at_the_time(
        impairment in impairment(), seed: u64, early in arrivals(), late in arrivals(),
    ) {
        let timeless = Impairment {
            keep_order: Some(false),
            rate: None,
            queue: None,
            blackout: None,
            ..impairment
        };
        let frames = early.len().min(late.len());
        let early = Run::of(&timeless, seed, &early[..frames]);
        let late = Run::of(&timeless, seed, &late[..frames]);
        prop_assert_eq!(early.decisions(), late.decisions());
    }

    #[test]
    fn one_purpose_does_not_change_what_another_decides(
        impairment in impairment(), seed: u64, arrivals in arrivals(),
    ) {
        let queue = Some(ByteSize(1 << 40));
        let all = Impairment { queue, blackout: None, ..impairment };
        let with_all = Run::of(&all, seed, &arrivals);
        let losses = Impairment {
            loss: all.loss,
            burst: all.burst,
            drop: all.drop.clone(),
            ..Impairment::default()
        };
        prop_assert_eq!(with_all.losses(), Run::of(&losses, seed, &arrivals).losses());
        let damage = Impairment { corrupt: all.corrupt, ..losses };
        prop_assert_eq!(with_all.marks(), Run::of(&damage, seed, &arrivals).marks());
    }

    #[test]
    fn a_drop_list_changes_nothing_for_other_frames(
        impairment in impairment(), seed: u64, arrivals in arrivals(),
    ) {
        let list = impairment.drop.clone().unwrap_or_default();
        let timeless = Impairment { rate: None, ..impairment };
        let others = |losses: Vec<Option<LossReason>>| -> Vec<_> {
            (0..).zip(losses).filter(|(index, _)| !list.contains(index)).collect()
        };
        let with_list = Run::of(&timeless, seed, &arrivals).losses();
        let without = Impairment { drop: None, ..timeless };
        prop_assert_eq!(others(with_list), others(Run::of(&without, seed, &arrivals).losses()));
    }

    #[test]
    fn the_contract_holds_after_every_frame(
        impairment in impairment(), seed: u64, arrivals in arrivals(),
    ) {
        let mut link = link(&impairment, seed);
        let mut now = Instant::ZERO;
        for (i, gap) in (0..).zip(&arrivals) {
            now += Duration::from_micros(*gap);
            link.handle_input(now, frame(i, LEN));
            while link.poll_output().is_some() {}
            let due = link.poll_timeout();
            prop_assert!(due.is_none_or(|due| due > now));
            link.handle_timeout(now);
            prop_assert!(link.poll_output().is_none());
            prop_assert_eq!(link.poll_timeout(), due);
        }
    }
}

/// One run of a link, driven as the contract says.
struct Run {
    fates: Vec<Fate>,
    out: Vec<(Instant, u64)>,
    counters: Counters,
}

impl Run {
    fn of(impairment: &Impairment, seed: u64, gaps_us: &[u64]) -> Self {
        let mut link = link(impairment, seed);
        let (mut fates, mut out, mut now) = (Vec::new(), Vec::new(), Instant::ZERO);
        for (i, gap) in (0..).zip(gaps_us) {
            now += Duration::from_micros(*gap);
            while let Some(due) = link.poll_timeout().filter(|due| *due < now) {
                link.handle_timeout(due);
                out.extend(released(&mut link, due));
            }
            fates.push(link.push(now, frame(i, LEN)));
            out.extend(released(&mut link, now));
        }
        out.extend(drained(&mut link));
        Self { fates, out, counters: link.counters() }
    }

    fn out_sorted(&self) -> Vec<(Instant, u64)> {
        let mut out = self.out.clone();
        out.sort();
        out
    }

    /// Of each frame: how long it was on its way and how it was marked, or why it was lost.
    fn decisions(&self) -> Vec<Result<(Duration, bool, bool, bool), LossReason>> {
        let decision = |fate: &Fate| match fate.outcome {
            FateOutcome::Delivered { due, damaged, duplicated, held_back } => {
                Ok((due - fate.at, damaged, duplicated, held_back))
            }
            FateOutcome::Lost(reason) => Err(reason),
        };
        self.fates.iter().map(decision).collect()
    }

    fn losses(&self) -> Vec<Option<LossReason>> {
        let decisions = self.decisions().into_iter();
        decisions.map(Result::err).collect()
    }

    fn marks(&self) -> Vec<Option<bool>> {
        let decisions = self.decisions().into_iter();
        decisions.map(|decision| decision.ok().map(|(_, damaged, _, _)| damaged)).collect()
    }
}

fn impairment() -> impl Strategy<Value = Impairment> {
    let delay = (0u64..50, 0u64..50, any::<bool>(), any::<Option<bool>>());
    let losses = (share(), prop::option::of((share(), share(), share(), share())));
    let list = prop::collection::vec(0u64..60, 0..5);
    let rate = prop::option::of(1_000u64..10_000_000);
    let chances = (share(), share(), share(), 0u64..30);
    let blackout = (0u64..100, 0u64..20);
    (delay, losses, list, rate, chances, blackout).prop_map(
        |((delay, jitter, normal, keep_order), (loss, burst), list, rate, chances, blackout)| {
            let (duplicate, corrupt, reorder, reorder_by) = chances;
            Impairment {
                delay: some_ms(delay.max(jitter)),
                jitter: some_ms(jitter),
                distribution: normal.then_some(Distribution::Normal),
                keep_order,
                loss: Some(loss),
                burst: burst.map(|(p, r, loss_in_bad, loss_in_good)| Burst {
                    p,
                    r,
                    loss_in_bad,
                    loss_in_good,
                }),
                drop: Some(list),
                rate: rate.and_then(BitRate::from_bits_per_second),
                duplicate: Some(duplicate),
                corrupt: Some(corrupt),
                reorder: Some(reorder),
                reorder_by: some_ms(reorder_by),
                blackout: Some(vec![Blackout { from: ms(blackout.0), lasts: ms(blackout.1) }]),
                ..Impairment::default()
            }
        },
    )
}

/// Never and always as often as anything between.
fn share() -> impl Strategy<Value = Percent> {
    prop_oneof![Just(0), Just(1_000), 0u32..1_000].prop_map(percent)
}

/// Gaps between frames in microseconds.
fn arrivals() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(prop_oneof![Just(0), 0u64..10_000], 1..60)
}

/// Of each frame, one per millisecond: whether it was lost.
fn losses(frames: u64, impairment: &Impairment, seed: u64) -> Vec<bool> {
    let mut link = link(impairment, seed);
    let lost = |i| {
        let fate = link.push(ms_at(i), frame(i, 1));
        while link.poll_output().is_some() {}
        matches!(fate.outcome, FateOutcome::Lost(_))
    };
    (0..frames).map(lost).collect()
}

fn indices(losses: &[bool]) -> Vec<usize> {
    losses.iter().enumerate().filter(|(_, lost)| **lost).map(|(index, _)| index).collect()
}

fn released(link: &mut Link<Numbered>, now: Instant) -> Vec<(Instant, u64)> {
    std::iter::from_fn(|| link.poll_output()).map(|frame| (now, frame.number)).collect()
}

fn drained(link: &mut Link<Numbered>) -> Vec<(Instant, u64)> {
    let mut out = released(link, link.now);
    while let Some(due) = link.poll_timeout() {
        link.handle_timeout(due);
        out.extend(released(link, due));
    }
    out
}

fn link(impairment: &Impairment, seed: u64) -> Link<Numbered> {
    Link::new(impairment, Seed(seed))
}

fn percent(per_thousand: u32) -> Percent {
    Percent(Ratio::from_ppb(per_thousand * 1_000_000))
}

fn some(per_thousand: u32) -> Option<Percent> {
    Some(percent(per_thousand))
}

fn ms(millis: u64) -> DurationText {
    DurationText(Duration::from_millis(millis))
}

fn some_ms(millis: u64) -> Option<DurationText> {
    Some(ms(millis))
}

fn ms_at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// A frame that knows its number; damage passes.
#[derive(Clone, Debug)]
struct Numbered {
    number: u64,
    len: usize,
}

fn frame(number: u64, len: usize) -> Numbered {
    Numbered { number, len }
}

impl Payload for Numbered {
    fn len(&self) -> usize {
        self.len
    }

    fn damage(&mut self, _: u64) -> Damage {
        Damage::Passed
    }
}

/// A frame whose link layer finds damage.
#[derive(Clone, Debug)]
struct Checked;

impl Payload for Checked {
    fn len(&self) -> usize {
        64
    }

    fn damage(&mut self, _: u64) -> Damage {
        Damage::Discarded
    }
}

const LEN: usize = 100;
