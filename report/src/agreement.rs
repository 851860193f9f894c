//! The same runs on both clocks, side by side: verdicts, completion times, reasons.

use std::collections::BTreeSet;
use std::fmt::Write;

use record::{Failure, FailureKind, Summary, Verdict};

use crate::time::spoken;

/// One scenario and seed, in virtual time and live.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The settings that were varied, such as `loss=1%`; empty when nothing was.
    pub setting: String,
    /// The run in virtual time.
    pub simulated: Summary,
    /// The run in real time.
    pub live: Summary,
}

/// How far the two clocks agree.
#[derive(Clone, Debug, Default)]
pub struct Agreement {
    pairs: Vec<Pair>,
}

/// All seeds of one scenario under one setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The scenario's file, or its name in the library.
    pub file: String,
    /// See [`Pair::setting`].
    pub setting: String,
    /// How many pairs were judged on both clocks.
    pub judged: usize,
    /// How many of them were judged alike.
    pub agreed: usize,
    /// How many live runs were void or could not be judged.
    pub unjudged: usize,
    /// Median completion time in virtual time, in seconds.
    pub simulated_s: f64,
    /// Median completion time live, in seconds.
    pub live_s: f64,
    /// Median over the pairs of live by virtual completion time.
    pub ratio: f64,
    /// Smallest and largest of these ratios.
    pub range: (f64, f64),
}

impl Pair {
    /// Returns whether both clocks came to a judgement.
    pub fn is_judged(&self) -> bool {
        is_judged(&self.simulated) && is_judged(&self.live)
    }

    /// Returns whether verdict, end states, gateway resets and what was missed are the same on both
    /// clocks.
    pub fn agrees(&self) -> bool {
        let (simulated, live) = (&self.simulated, &self.live);
        simulated.verdict == live.verdict
            && simulated.ends == live.ends
            && simulated.gateway_resets == live.gateway_resets
            && missed(simulated) == missed(live)
    }

    /// Returns why the pair differs, most telling first; nothing when it does not.
    pub fn reasons(&self) -> Vec<String> {
        let (simulated, live) = (&self.simulated, &self.live);
        let mut reasons = Vec::new();
        if simulated.verdict != live.verdict {
            let words = (simulated.verdict.as_str(), live.verdict.as_str());
            reasons.push(format!("verdict {} in virtual time, {} live", words.0, words.1));
        }
        for (ecu, end) in &simulated.ends {
            let other = live.ends.get(ecu).map_or("absent", String::as_str);
            if other != end {
                reasons.push(format!("{ecu} ends {end} in virtual time, {other} live"));
            }
        }
        if simulated.gateway_resets != live.gateway_resets {
            let counts = (simulated.gateway_resets, live.gateway_resets);
            reasons.push(format!("{} gateway resets in virtual time, {} live", counts.0, counts.1));
        }
        reasons.extend(self.first_step_apart());
        if reasons.is_empty() && missed(simulated) == missed(live) {
            return reasons;
        }
        for (clock, run) in [("in virtual time", simulated), ("live", live)] {
            reasons.extend(run.failures.iter().map(|f| format!("{clock}: {}", f.message)));
        }
        reasons
    }

    /// The first step that ended otherwise.
    fn first_step_apart(&self) -> Option<String> {
        let steps = self.simulated.steps.iter().zip(&self.live.steps);
        let (simulated, live) = steps.into_iter().find(|(a, b)| a.outcome != b.outcome)?;
        let why = live.why.as_ref().or(simulated.why.as_ref());
        let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
        let words = (simulated.outcome.as_str(), live.outcome.as_str());
        let (index, name) = (simulated.index, &simulated.name);
        Some(format!("step {index} ({name}) {} in virtual time, {} live{why}", words.0, words.1))
    }

    /// The step whose time differs most, in seconds of live above virtual.
    fn slowest_step(&self) -> Option<(String, f64)> {
        let steps = self.simulated.steps.iter().zip(&self.live.steps);
        let apart = steps.map(|(a, b)| (a.name.clone(), b.virtual_s - a.virtual_s));
        apart.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
    }
}

impl Row {
    /// The cells of time; nothing in them where no pair was judged.
    fn times(&self) -> String {
        if self.judged == 0 {
            return "– | – | – | – |".to_owned();
        }
        let (simulated, live) = (spoken(self.simulated_s), spoken(self.live_s));
        let (least, most) = self.range;
        format!("{simulated} | {live} | {:.3} | {least:.3}–{most:.3} |", self.ratio)
    }
}

impl Agreement {
    /// Adds a pair.
    pub fn add(&mut self, pair: Pair) {
        self.pairs.push(pair);
    }

    /// Returns whether every live run was judged, and judged alike, and the median of all ratios
    /// is within `tolerance` of one.
    pub fn holds(&self, tolerance: f64) -> bool {
        !self.pairs.is_empty()
            && self.pairs.iter().all(|pair| pair.is_judged() && pair.agrees())
            && (self.ratio() - 1.0).abs() <= tolerance
    }

    /// Median over all judged pairs of live by virtual completion time; not a number without any.
    pub fn ratio(&self) -> f64 {
        median(self.pairs.iter().filter(|pair| pair.is_judged()).map(ratio).collect())
    }

    /// Returns one row per scenario and setting, in the order they were added.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<(String, String, Vec<&Pair>)> = Vec::new();
        for pair in &self.pairs {
            let (file, setting) = (&pair.simulated.file, &pair.setting);
            match rows.iter_mut().find(|row| row.0 == *file && row.1 == *setting) {
                Some(row) => row.2.push(pair),
                None => rows.push((file.clone(), setting.clone(), vec![pair])),
            }
        }
        rows.into_iter().map(|(file, setting, pairs)| row(file, setting, &pairs)).collect()
    }

    /// Returns the totals in one sentence.
    pub fn totals(&self) -> String {
        let judged: Vec<_> = self.pairs.iter().filter(|pair| pair.is_judged()).collect();
        let differ = judged.iter().filter(|pair| !pair.agrees()).count();
        let unjudged = self.pairs.len() - judged.len();
        format!(
            "{} pairs: {differ} judged differently, {unjudged} not judged live; median completion \
             time live / virtual {:.4}",
            self.pairs.len(),
            self.ratio(),
        )
    }

    /// Returns the table as Markdown, with the reasons for every difference beneath.
    pub fn markdown(&self) -> String {
        let mut text = String::from(
            "| scenario | setting | agreed | virtual | live | live / virtual | range |\n\
             |---|---|---|---|---|---|---|\n",
        );
        for row in self.rows() {
            let void = if row.unjudged == 0 {
                String::new()
            } else {
                format!(", {} not judged", row.unjudged)
            };
            let Row { file, setting, agreed, judged, .. } = &row;
            write!(text, "| {file} | {setting} | {agreed} of {judged}{void} | ")
                .expect("text takes everything");
            text.push_str(&row.times());
            text.push('\n');
        }
        writeln!(text, "\n{}.", self.totals()).expect("text takes everything");
        self.tell_differences(&mut text);
        text
    }

    fn tell_differences(&self, text: &mut String) {
        let differing = self.pairs.iter().filter(|pair| !pair.reasons().is_empty());
        for (index, pair) in differing.enumerate() {
            if index == 0 {
                text.push_str("\nDifferences:\n\n");
            }
            let Summary { file, seed, repeat, .. } = &pair.live;
            writeln!(text, "* {file} {} seed {seed} (`{repeat}`)", pair.setting)
                .expect("text takes everything");
            for reason in pair.reasons() {
                writeln!(text, "  * {reason}").expect("text takes everything");
            }
        }
        let slow = self.pairs.iter().filter(|pair| pair.is_judged());
        let slowest = slow.max_by(|a, b| (ratio(a) - 1.0).abs().total_cmp(&(ratio(b) - 1.0).abs()));
        if let Some(pair) = slowest
            && let Some((step, apart)) = pair.slowest_step()
        {
            let Summary { file, seed, .. } = &pair.live;
            let (factor, setting) = (ratio(pair), &pair.setting);
            writeln!(
                text,
                "\nFurthest apart in time: {file} {setting} seed {seed}, factor {factor:.3}; most of \
                 it in step `{step}`, {apart:+.2} s.",
            )
            .expect("text takes everything");
        }
    }
}

fn row(file: String, setting: String, pairs: &[&Pair]) -> Row {
    let judged: Vec<_> = pairs.iter().filter(|pair| pair.is_judged()).collect();
    let ratios: Vec<f64> = judged.iter().map(|pair| ratio(pair)).collect();
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Row {
        file,
        setting,
        judged: judged.len(),
        agreed: judged.iter().filter(|pair| pair.agrees()).count(),
        unjudged: pairs.len() - judged.len(),
        simulated_s: median(judged.iter().map(|pair| pair.simulated.completed_s).collect()),
        live_s: median(judged.iter().map(|pair| pair.live.completed_s).collect()),
        ratio: median(ratios),
        range: (least, most),
    }
}

fn is_judged(run: &Summary) -> bool {
    matches!(run.verdict, Verdict::Pass | Verdict::Fail) && !run.partial
}

/// What a run was expected to do and did not, whatever it did instead: figures differ by clock.
fn missed(run: &Summary) -> BTreeSet<(FailureKind, Option<usize>, &str)> {
    let missed = run.failures.iter().map(|Failure { kind, step, message }| {
        let expected =
            message.split_once(", found ").map_or(&message[..], |(expected, _)| expected);
        (*kind, *step, expected)
    });
    missed.collect()
}

fn ratio(pair: &Pair) -> f64 {
    pair.live.completed_s / pair.simulated.completed_s
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use record::Engine;
    use rstest::rstest;

    use super::*;
    use crate::tests::{failed, passed};

    fn pair(simulated: Summary, live: Summary) -> Pair {
        let live = Summary { engine: Engine::Live, ..live };
        Pair { setting: "loss=1%".into(), simulated, live }
    }

    fn timed(seconds: f64) -> Summary {
        Summary { completed_s: seconds, ..passed() }
    }

    fn of(pairs: impl IntoIterator<Item = Pair>) -> Agreement {
        let mut agreement = Agreement::default();
        pairs.into_iter().for_each(|pair| agreement.add(pair));
        agreement
    }

    #[test]
    fn equal_runs_agree_and_have_nothing_to_explain() {
        let pair = pair(passed(), passed());
        assert!(pair.agrees());
        assert_eq!(pair.reasons(), Vec::<String>::new());
    }

    #[test]
    fn another_end_state_is_a_difference_even_under_the_same_verdict() {
        let mut live = passed();
        live.ends.insert("egs".into(), "stranded".into());
        let pair = pair(passed(), live);
        assert!(!pair.agrees());
        assert_eq!(pair.reasons()[0], "egs ends programmed in virtual time, stranded live");
    }

    fn missing(kind: FailureKind, message: &str) -> Summary {
        let failure = Failure { kind, step: None, message: message.to_owned() };
        Summary { verdict: Verdict::Fail, failures: vec![failure], ..passed() }
    }

    #[rstest]
    #[case::by_how_much("expected a < 400ms, found 412ms", "expected a < 400ms, found 460ms", true)]
    #[case::another("expected a < 400ms, found 412ms", "expected b < 400ms, found 412ms", false)]
    fn runs_that_fail_agree_when_they_miss_the_same(
        #[case] simulated: &str,
        #[case] live: &str,
        #[case] agrees: bool,
    ) {
        let missing = |message| missing(FailureKind::Threshold, message);
        let pair = pair(missing(simulated), missing(live));
        assert_eq!((pair.agrees(), pair.reasons().is_empty()), (agrees, agrees));
    }

    #[test]
    fn another_number_of_gateway_resets_is_a_difference() {
        let live = Summary { gateway_resets: 7, ..passed() };
        assert!(!pair(passed(), live).agrees());
    }

    #[test]
    fn a_row_without_a_judged_pair_tells_no_times() {
        let unjudged = Summary { verdict: Verdict::Void, ..passed() };
        let text = of([pair(passed(), unjudged)]).markdown();
        assert!(text.contains("| 0 of 0, 1 not judged | – | – | – | – |"), "{text}");
    }

    #[test]
    fn reasons_name_verdict_resets_and_the_first_step_apart() {
        let reasons = pair(passed(), failed()).reasons();
        assert_eq!(reasons[0], "verdict pass in virtual time, fail live");
        assert!(reasons.iter().any(|r| r.contains("2 gateway resets in virtual time, 1 live")));
        assert!(reasons.iter().any(|r| r.starts_with("live: ")), "{reasons:?}");
    }

    #[rstest]
    #[case::none(&[], false)]
    #[case::within(&[1.04, 1.0, 1.06], true)]
    #[case::too_slow(&[1.06, 1.0, 1.06], false)]
    #[case::too_fast(&[0.94, 0.94, 1.0], false)]
    fn holds_while_the_median_is_within_the_tolerance(
        #[case] ratios: &[f64],
        #[case] expected: bool,
    ) {
        let pairs = ratios.iter().map(|ratio| pair(timed(100.0), timed(100.0 * ratio)));
        assert_eq!(of(pairs).holds(0.05), expected);
    }

    #[test]
    fn one_run_judged_differently_breaks_it() {
        let pairs = [pair(passed(), passed()), pair(passed(), failed())];
        assert!(!of(pairs).holds(0.05));
    }

    #[test]
    fn a_run_that_was_not_judged_is_neither_alike_nor_different() {
        let unjudged = Summary { verdict: Verdict::Error, ..passed() };
        let agreement = of([pair(passed(), passed()), pair(passed(), unjudged)]);
        let row = &agreement.rows()[0];
        assert_eq!((row.judged, row.agreed, row.unjudged), (1, 1, 1));
        assert!(!agreement.holds(0.05));
        assert!(agreement.totals().contains("0 judged differently, 1 not judged live"));
    }

    #[test]
    fn a_row_is_a_scenario_under_a_setting() {
        let other = Pair { setting: "loss=0%".into(), ..pair(timed(10.0), timed(11.0)) };
        let agreement = of([pair(timed(10.0), timed(10.0)), other, pair(timed(10.0), timed(12.0))]);
        let rows = agreement.rows();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].judged, rows[0].range), (2, (1.0, 1.2)));
        assert!((rows[0].ratio - 1.1).abs() < 1e-9);
    }

    #[test]
    fn the_table_names_the_command_of_what_differs() {
        let text = of([pair(passed(), failed())]).markdown();
        assert!(text.contains("| w1-hsfz-icom.yaml | loss=1% | 0 of 1 |"), "{text}");
        assert!(text.contains("`benchcar run killed.yaml --seed 7 --protocol doip`"), "{text}");
    }
}
