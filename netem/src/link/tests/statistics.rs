//! Measured shares, bursts and spreads against what the models say.

use rstest::rstest;

use super::*;

#[rstest]
#[case::rare(1)]
#[case::some(30)]
#[case::half(500)]
#[case::most(950)]
fn random_loss_stays_inside_its_confidence_interval(
    #[case] per_thousand: u32,
    #[values(1, 2, 3, 4, 5)] seed: u64,
) {
    let impairment = Impairment { loss: some(per_thousand), ..Impairment::default() };
    let counters = counters_after(FRAMES, &impairment, seed);
    assert_eq!(counters.lost_random, counters.lost());
    assert_share(counters.lost(), per_thousand);
}

#[rstest]
fn what_else_happens_by_chance_stays_inside_its_confidence_interval(
    #[values(1, 20, 500)] per_thousand: u32,
    #[values(1, 2, 3)] seed: u64,
) {
    let share = some(per_thousand);
    let impairment =
        Impairment { duplicate: share, corrupt: share, reorder: share, ..Impairment::default() };
    let counters = counters_after(FRAMES, &impairment, seed);
    assert_share(counters.duplicated, per_thousand);
    assert_share(counters.damaged, per_thousand);
    assert_share(counters.held_back, per_thousand);
}

#[rstest]
#[case::short_bursts(10, 500)]
#[case::long_bursts(2, 50)]
#[case::single_frames(100, 1_000)]
fn bursts_have_the_mean_length_and_share_of_the_model(
    #[case] p: u32,
    #[case] r: u32,
    #[values(1, 2, 3, 4, 5)] seed: u64,
) {
    let lengths = burst_lengths(&losses(FRAMES, &bursts(p, r, 1_000, 0), seed));
    let (count, lost) = (lengths.len() as f64, lengths.iter().sum::<u64>() as f64);
    let (p, r) = (f64::from(p) / 1e3, f64::from(r) / 1e3);
    let deviation = ((1.0 - r).sqrt() / r) / count.sqrt();
    let mean = lost / count;
    assert!((mean - 1.0 / r).abs() <= SIGMAS * deviation, "mean {mean}, expected {}", 1.0 / r);
    let share = lost / FRAMES as f64;
    let expected = p / (p + r);
    let deviation = (expected * (1.0 - expected) * (2.0 - p - r) / (p + r) / FRAMES as f64).sqrt();
    assert!((share - expected).abs() <= SIGMAS * deviation, "share {share}, not {expected}");
}

#[test]
fn the_two_states_have_a_loss_rate_each() {
    let good_only = counters_after(FRAMES, &bursts(0, 1_000, 1_000, 40), 1);
    assert_share(good_only.lost_burst, 40);
    let bad_only = counters_after(FRAMES, &bursts(1_000, 0, 700, 0), 1);
    assert_share(bad_only.lost_burst, 700);
}

#[rstest]
#[case::uniform(Distribution::Uniform, 2.0 / 3f64.sqrt(), 2.0)]
#[case::normal(Distribution::Normal, 2.0, 8.0)]
fn jitter_has_the_spread_of_its_distribution(
    #[case] distribution: Distribution,
    #[case] deviation_ms: f64,
    #[case] extreme_ms: f64,
) {
    let impairment = Impairment {
        delay: some_ms(15),
        jitter: some_ms(2),
        distribution: Some(distribution),
        keep_order: Some(false),
        ..Impairment::default()
    };
    let away: Vec<f64> =
        delays(FRAMES, &impairment, 1).into_iter().map(|nanos| nanos / 1e6 - 15.0).collect();
    let count = away.len() as f64;
    let mean = away.iter().sum::<f64>() / count;
    let deviation = (away.iter().map(|ms| ms * ms).sum::<f64>() / count).sqrt();
    assert!(mean.abs() < SIGMAS * deviation_ms / count.sqrt(), "mean {mean}");
    assert!((deviation / deviation_ms - 1.0).abs() < 0.01, "deviation {deviation}");
    let furthest = away.iter().fold(0.0, |far: f64, ms| far.max(ms.abs()));
    assert!((0.9 * extreme_ms..=extreme_ms).contains(&furthest), "furthest {furthest}");
}

/// Asserts that a count out of [`FRAMES`] fits the share it was drawn with.
fn assert_share(count: u64, per_thousand: u32) {
    let share = f64::from(per_thousand) / 1e3;
    let expected = FRAMES as f64 * share;
    let deviation = (expected * (1.0 - share)).sqrt();
    let away = (count as f64 - expected).abs();
    assert!(away <= SIGMAS * deviation, "{count} is {} sigmas away", away / deviation);
}

fn counters_after(frames: u64, impairment: &Impairment, seed: u64) -> Counters {
    let mut link = link(impairment, seed);
    for i in 0..frames {
        link.push(ms_at(i), frame(i, 1));
        while link.poll_output().is_some() {}
    }
    link.counters()
}

/// Delays in nanoseconds.
fn delays(frames: u64, impairment: &Impairment, seed: u64) -> Vec<f64> {
    let mut link = link(impairment, seed);
    let delay = |i| match link.push(ms_at(i), frame(i, 1)).outcome {
        FateOutcome::Delivered { due, .. } => Some((due - ms_at(i)).as_nanos() as f64),
        FateOutcome::Lost(_) => None,
    };
    (0..frames).filter_map(delay).collect()
}

fn burst_lengths(losses: &[bool]) -> Vec<u64> {
    let bursts = losses.chunk_by(|a, b| a == b).filter(|burst| burst[0]);
    bursts.map(|burst| burst.len() as u64).collect()
}

fn bursts(p: u32, r: u32, bad: u32, good: u32) -> Impairment {
    let burst = Burst {
        p: percent(p),
        r: percent(r),
        loss_in_bad: percent(bad),
        loss_in_good: percent(good),
    };
    Impairment { burst: Some(burst), ..Impairment::default() }
}

const FRAMES: u64 = 100_000;

/// Once in 390 million runs chance alone goes further than this.
const SIGMAS: f64 = 6.0;
