//! How long a frame is on the way.

use crate::impairment::Distribution;

/// A delay in nanoseconds and how it varies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delay {
    /// The middle.
    pub nanos: u64,
    /// Half the width, or the standard deviation.
    pub jitter: u64,
    /// The shape.
    pub distribution: Distribution,
}

impl Delay {
    /// Returns the delay in nanoseconds that a uniform draw stands for, never below zero.
    pub fn of(&self, draw: u64) -> u64 {
        match self.distribution {
            Distribution::Uniform => self.uniform(draw),
            Distribution::Normal => self.normal(draw),
            Distribution::Pareto => self.pareto(draw),
        }
    }

    fn uniform(&self, draw: u64) -> u64 {
        let jitter = self.jitter.min(JITTER_MAX);
        let above_lowest = ((u128::from(draw) * u128::from(jitter * 2 + 1)) >> 64) as u64;
        self.nanos.saturating_add(above_lowest).saturating_sub(jitter)
    }

    fn pareto(&self, draw: u64) -> u64 {
        let away = heavy_tail(draw) * self.jitter as f64;
        if away < 0.0 {
            self.nanos.saturating_sub(-away as u64)
        } else {
            self.nanos.saturating_add(away as u64)
        }
    }

    fn normal(&self, draw: u64) -> u64 {
        let away = (deviation(draw) * self.jitter as f64) as u64;
        if draw & SIDE == 0 {
            self.nanos.saturating_sub(away)
        } else {
            self.nanos.saturating_add(away)
        }
    }
}

/// Returns how many standard deviations away from the middle a draw lies, at most [`CUT`].
///
/// The tail probability is taken from the upper bits of the draw, [`SIDE`] says on which side.
/// The quantile is the rational approximation 26.2.23 of Abramowitz and Stegun, Handbook of
/// Mathematical Functions, whose error is below 4.5e-4. Only IEEE additions, multiplications and
/// divisions and the software `log` and `sqrt` of libm are used: every machine finds the same.
fn deviation(draw: u64) -> f64 {
    let tail = ((draw >> 12) + 1) as f64 / (1u64 << 53) as f64;
    let t = libm::sqrt(-2.0 * libm::log(tail));
    let numerator = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let denominator = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    (t - numerator / denominator).clamp(0.0, CUT)
}

/// Returns how many standard deviations away from the mean a draw from a Pareto distribution of
/// shape 3 lies: from -0.577 up to [`PARETO_CUT`].
///
/// With the least value 1, its mean is 3/2, its variance 3/4, and a share `tail` of all values lies
/// above the inverse cube root of `tail`. The software `cbrt` and `sqrt` of libm make every machine
/// find the same.
fn heavy_tail(draw: u64) -> f64 {
    let tail = ((draw >> 11) + 1) as f64 / (1u64 << 53) as f64;
    let away = (1.0 / libm::cbrt(tail) - 1.5) / libm::sqrt(0.75);
    away.min(PARETO_CUT)
}

/// Where the Pareto distribution is cut off, in standard deviations.
const PARETO_CUT: f64 = 20.0;

/// The bit of a draw that says on which side of the middle the delay lies.
const SIDE: u64 = 1;

/// Half the width of the widest uniform distribution: 146 years.
const JITTER_MAX: u64 = 1 << 62;

/// Where the normal distribution is cut off, in standard deviations.
pub const CUT: f64 = 4.0;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::lowest(0, 13_000_000)]
    #[case::middle(1 << 63, 15_000_000)]
    #[case::highest(u64::MAX, 17_000_000)]
    fn uniform_covers_both_ends(#[case] draw: u64, #[case] nanos: u64) {
        assert_eq!(delay(Distribution::Uniform).of(draw), nanos);
    }

    #[rstest]
    #[case::middle(u64::MAX, 0.0)]
    #[case::one_sigma(tail(0.158_655_254), 1.0)]
    #[case::two_sigma(tail(0.022_750_132), 2.0)]
    #[case::three_sigma(tail(0.001_349_898), 3.0)]
    #[case::cut_off(0, CUT)]
    fn normal_follows_the_quantiles(#[case] draw: u64, #[case] sigmas: f64) {
        assert!((deviation(draw) - sigmas).abs() < 4.5e-4, "{}", deviation(draw));
    }

    #[rstest]
    #[case::below(tail(0.158_655_254) & !SIDE, 13)]
    #[case::above(tail(0.158_655_254) | SIDE, 17)]
    fn normal_has_two_sides(#[case] draw: u64, #[case] millis: u64) {
        let nanos = delay(Distribution::Normal).of(draw);
        assert!(nanos.abs_diff(millis * 1_000_000) < 1_000, "{nanos}");
    }

    #[rstest]
    #[case::least(u64::MAX, -0.577_350)]
    #[case::median(1 << 63, -0.277_219)]
    #[case::one_in_a_hundred(whole_tail(0.01), 3.627_594)]
    #[case::one_in_a_thousand(whole_tail(0.001), 9.814_955)]
    #[case::cut_off(0, PARETO_CUT)]
    fn pareto_follows_the_quantiles(#[case] draw: u64, #[case] sigmas: f64) {
        assert!((heavy_tail(draw) - sigmas).abs() < 1e-5, "{}", heavy_tail(draw));
    }

    #[test]
    fn pareto_draws_are_pinned() {
        let draws = [0, 1, 0x0123_4567_89AB_CDEF, 1 << 63, u64::MAX - 1, u64::MAX];
        let delays = draws.map(|draw| delay(Distribution::Pareto).of(draw));
        insta::assert_debug_snapshot!(delays);
    }

    #[test]
    fn normal_draws_are_pinned() {
        let draws = [0, 1, 0x0123_4567_89AB_CDEF, 1 << 63, u64::MAX - 1, u64::MAX];
        let delays = draws.map(|draw| delay(Distribution::Normal).of(draw));
        insta::assert_debug_snapshot!(delays);
    }

    #[test]
    fn a_delay_is_never_negative_nor_wraps() {
        let jitter = u64::MAX;
        for distribution in [Distribution::Uniform, Distribution::Normal] {
            for draw in [0, 1, u64::MAX - 1, u64::MAX] {
                let low = Delay { nanos: 0, jitter, distribution }.of(draw & !SIDE);
                let high = Delay { nanos: u64::MAX, jitter: 1, distribution }.of(draw | SIDE);
                assert!(low < u64::MAX);
                assert!(high >= u64::MAX - 1);
            }
        }
    }

    #[test]
    fn a_pareto_delay_is_never_negative_nor_wraps() {
        let distribution = Distribution::Pareto;
        let jitter = u64::MAX;
        assert_eq!(Delay { nanos: 1_000, jitter, distribution }.of(u64::MAX), 0);
        assert_eq!(Delay { nanos: 1_000, jitter, distribution }.of(0), u64::MAX);
    }

    fn delay(distribution: Distribution) -> Delay {
        Delay { nanos: 15_000_000, jitter: 2_000_000, distribution }
    }

    /// The draw whose tail probability is `probability`.
    fn whole_tail(probability: f64) -> u64 {
        ((probability * (1u64 << 53) as f64) as u64) << 11
    }

    /// The draw whose tail probability on one side is `probability`.
    fn tail(probability: f64) -> u64 {
        ((probability * (1u64 << 53) as f64) as u64) << 12
    }
}
