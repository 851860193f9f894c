//! Whether a run ended as its scenario expects, judged from the vehicle's memory and ledgers.

use std::collections::BTreeMap;
use std::time::Duration;

use netem_rs::DurationText;
use node::{Instant, Ratio};
use record::{Event, Failure, FailureKind};
use scenarios::expect::FaultsExpected;
use scenarios::threshold::{Limit, Quantile};
use scenarios::{EndState, Scenario};

use crate::missed::Missed;
use crate::observe::{Observed, in_record, note};
use crate::watch::Watch;

/// What was found of one control unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The end state as scenarios name it.
    pub ends: String,
    /// The faults in its memory, as numbers of three bytes.
    pub faults: Vec<u32>,
    /// How often an erase began.
    pub erases: u64,
    /// How many blocks came that were already written.
    pub repeated_blocks: u64,
}

/// Everything the judge looks at.
pub struct Evidence<'a> {
    /// What was seen of the tester.
    pub observed: &'a Observed,
    /// The control units, by name.
    pub ecus: &'a BTreeMap<String, Found>,
    /// How often the gateway reset.
    pub gateway_resets: u32,
    /// What was planned and never seen.
    pub missed: Vec<Missed>,
    /// When the run ended.
    pub now: Instant,
}

/// Collects what was not as expected.
struct Judge<'a> {
    now: Instant,
    watch: &'a mut dyn Watch,
    failures: Vec<Failure>,
}

/// Judges a run; returns what was not as expected, nothing when all was.
pub fn judge(scenario: &Scenario, evidence: &Evidence<'_>, watch: &mut dyn Watch) -> Vec<Failure> {
    let mut judge = Judge { now: evidence.now, watch, failures: Vec::new() };
    judge.steps(scenario, evidence);
    judge.faults(evidence);
    judge.ecus(scenario, evidence);
    judge.run(scenario, evidence);
    judge.thresholds(scenario, evidence);
    judge.failures
}

impl Judge<'_> {
    fn steps(&mut self, scenario: &Scenario, evidence: &Evidence<'_>) {
        for step in &evidence.observed.steps {
            let expected = in_record(scenario.expect.of_step(step.index));
            let why = step.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            let found = format!("{}{why}", step.outcome.as_str());
            let name = format!("step {} ({}) {}", step.index, step.name, expected.as_str());
            let met = step.outcome == expected;
            // What was never begun because an earlier step failed says nothing new.
            if step.outcome == record::Outcome::Skipped && !self.failures.is_empty() {
                continue;
            }
            self.expect(FailureKind::Step, Some(step.index), name, found, met);
        }
    }

    /// What a scenario says of what never happened is not shown by its run.
    fn faults(&mut self, evidence: &Evidence<'_>) {
        // After a step that failed, what was to happen later says nothing new.
        if !self.failures.is_empty() {
            return;
        }
        for Missed { what, instead } in &evidence.missed {
            self.expect(FailureKind::Expectation, None, what.clone(), instead.clone(), false);
        }
    }

    fn ecus(&mut self, scenario: &Scenario, evidence: &Evidence<'_>) {
        for (name, found) in evidence.ecus {
            let expected = scenario.expect.of(name);
            let (what, met) = ends_met(expected.ends, &found.ends);
            let what = format!("{name} ends {what}");
            self.expect(FailureKind::Expectation, None, what, found.ends.clone(), met);
            if let Some(faults) = expected.faults {
                let (what, met) = faults_met(&faults, &found.faults);
                let what = format!("{name} has {what}");
                let held = in_words(&found.faults);
                self.expect(FailureKind::Expectation, None, what, held, met);
            }
            let counts = [
                ("erases", expected.erases, found.erases),
                ("repeated blocks", expected.repeated_blocks, found.repeated_blocks),
            ];
            for (what, bound, count) in counts {
                let Some(bound) = bound else { continue };
                let (what, met) = (format!("{name} has {what} {bound}"), bound.holds(&count));
                self.expect(FailureKind::Expectation, None, what, count.to_string(), met);
            }
        }
    }

    fn run(&mut self, scenario: &Scenario, evidence: &Evidence<'_>) {
        if let Some(bound) = &scenario.expect.gateway_resets {
            let resets = u64::from(evidence.gateway_resets);
            let what = format!("gateway resets {bound}");
            let met = bound.holds(&resets);
            self.expect(FailureKind::Expectation, None, what, resets.to_string(), met);
        }
        if let Some(bound) = &scenario.expect.duration {
            let end = evidence.observed.finished.unwrap_or(evidence.now);
            let took = DurationText(end - Instant::ZERO);
            let what = format!("duration {bound}");
            let found = format!("{:.3} s", end.as_secs_f64());
            self.expect(FailureKind::Expectation, None, what, found, bound.holds(&took));
        }
    }

    fn thresholds(&mut self, scenario: &Scenario, evidence: &Evidence<'_>) {
        let latencies = &evidence.observed.latencies;
        for threshold in &scenario.thresholds {
            let name = threshold.latency;
            let (found, met) = match &threshold.limit {
                Limit::Count(bound) => {
                    let count = latencies.count(name) as u64;
                    (count.to_string(), bound.holds(&count))
                }
                Limit::Time(quantile, bound) => match latencies.quantile(name, share(*quantile)) {
                    Some(latency) => (milliseconds(latency), bound.holds(&DurationText(latency))),
                    None => ("no such exchange".to_owned(), false),
                },
            };
            self.expect(FailureKind::Threshold, None, threshold.to_string(), found, met);
        }
    }

    fn expect(
        &mut self,
        kind: FailureKind,
        step: Option<usize>,
        expected: String,
        found: String,
        met: bool,
    ) {
        if !met {
            let message = format!("expected {expected}, found {found}");
            self.failures.push(Failure { kind, step, message });
        }
        note(self.watch, self.now, || Event::Expectation { expected, found, met });
    }
}

/// An end that was not asked about may be any but one that costs the unit.
fn ends_met(expected: Option<EndState>, found: &str) -> (String, bool) {
    let costly = [EndState::Stranded, EndState::Dead, EndState::CorruptAccepted];
    match expected {
        Some(ends) => (ends.to_string(), ends.to_string() == found),
        None => {
            let met = costly.iter().all(|end| end.to_string() != found);
            (format!("neither {}, {} nor {}", costly[0], costly[1], costly[2]), met)
        }
    }
}

fn faults_met(expected: &FaultsExpected, held: &[u32]) -> (String, bool) {
    match expected {
        FaultsExpected::None => ("no faults".to_owned(), held.is_empty()),
        FaultsExpected::Some => ("faults".to_owned(), !held.is_empty()),
        FaultsExpected::Exactly(numbers) => {
            let mut wanted: Vec<u32> = numbers.iter().map(|number| number.0).collect();
            wanted.sort_unstable();
            let mut held = held.to_vec();
            held.sort_unstable();
            (in_words(&wanted), wanted == held)
        }
    }
}

fn in_words(faults: &[u32]) -> String {
    if faults.is_empty() {
        return "no faults".to_owned();
    }
    let numbers: Vec<String> = faults.iter().map(|number| format!("{number:06X}")).collect();
    format!("faults {}", numbers.join(" "))
}

fn share(quantile: Quantile) -> Ratio {
    match quantile {
        Quantile::P50 => Ratio::from_ppb(500_000_000),
        Quantile::P99 => Ratio::from_ppb(990_000_000),
        Quantile::Max => Ratio::ONE,
    }
}

fn milliseconds(latency: Duration) -> String {
    format!("{:.3} ms", latency.as_nanos() as f64 / 1e6)
}
