//! One run: a bench, a seed, a verdict.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use netem_rs::{Fate, FateOutcome};
use node::{Instant, Seed};
use record::summary::seconds;
use record::{Engine, Event, Failure, FailureKind, FrameFate, Header, Summary, Verdict};
use scenarios::fault::Action;
use scenarios::tester::TesterEvent;
use scenarios::trigger::Phase;
use sim_ecus::{EcuEvent, LedgerKind};
use sim_gateway::{ResetPhase, VehicleEvent};

use wire::uds::Dtc;

use crate::bench::{Bench, TIME_LIMIT};
use crate::deeds::{Later, strike};
use crate::faults::{Faults, Happening};
use crate::judge::{Evidence, Found, judge};
use crate::missed::Witness;
use crate::observe::{Observed, note};
use crate::stage::Stage;
use crate::watch::{Nobody, Watch};
use crate::world::{Met, Way};

/// How long the car is left alone after the tester is done, so that what was begun shows its end:
/// longer than S3 and the restart that follows it.
const AFTERMATH: Duration = Duration::from_secs(30);
/// Steps of the world a run may take: far beyond any scenario, reached only by a party gone mad.
const STEP_LIMIT: u64 = 500_000_000;

/// What a run is called in its record, besides its scenario.
#[derive(Clone, Debug)]
pub struct Label {
    /// The scenario's file, or its name in the library.
    pub file: String,
    /// The command that repeats the run.
    pub repeat: String,
    /// The program and its version.
    pub program: String,
}

/// Returns the first line of the record of a run in virtual time.
pub fn header(bench: &Bench, seed: Seed, label: &Label) -> Header {
    headed(bench, seed, label, Engine::Virtual, BTreeMap::new())
}

/// Returns the first line of the record of a run on this stage.
pub fn header_on(stage: &impl Stage, bench: &Bench, seed: Seed, label: &Label) -> Header {
    headed(bench, seed, label, stage.engine(), stage.facts())
}

fn headed(
    bench: &Bench,
    seed: Seed,
    label: &Label,
    engine: Engine,
    facts: BTreeMap<String, serde_json::Value>,
) -> Header {
    let scenario = bench.scenario();
    let mut world = described(bench, seed);
    world.extend(facts);
    Header {
        format: record::FORMAT,
        program: label.program.clone(),
        scenario: scenario.title.clone(),
        file: label.file.clone(),
        seed: seed.0,
        engine,
        protocol: scenario.protocol.to_string(),
        vci: scenario.vci.to_string(),
        vehicle: scenario.vehicle.clone(),
        world,
    }
}

/// What else the world was built from.
fn described(bench: &Bench, seed: Seed) -> BTreeMap<String, serde_json::Value> {
    let scenario = bench.scenario();
    let mut world = BTreeMap::new();
    for (way, impairment) in Way::ALL.into_iter().zip(bench.impairments(seed)) {
        let value = serde_json::to_value(impairment).expect("an impairment is plain data");
        world.insert(format!("network.{}", way.name()), value);
    }
    let words = |texts: Vec<String>| serde_json::Value::from(texts);
    world.insert("faults".into(), words(scenario.faults.iter().map(|f| f.to_string()).collect()));
    world.insert("steps".into(), words(scenario.steps.iter().map(|s| s.to_string()).collect()));
    world.insert("tester-tcp".into(), bench.tester_tcp().name.into());
    world
}

/// Runs a scenario from a seed in virtual time and judges it.
pub fn run(bench: &Bench, seed: Seed, label: &Label, watch: &mut dyn Watch) -> Summary {
    let mut world = bench.world(seed, watch.wants_sightings());
    run_on(&mut world, bench, seed, label, watch)
}

/// Runs a scenario on a stage made for it and judges it.
pub fn run_on<S: Stage>(
    stage: &mut S,
    bench: &Bench,
    seed: Seed,
    label: &Label,
    watch: &mut dyn Watch,
) -> Summary {
    let mut run = Run::new(stage, bench, seed, watch);
    let ending = run.play();
    run.summary(label, &ending)
}

/// Returns header and summary of a run that was asked to stop before its world was there.
pub fn not_begun(bench: &Bench, seed: Seed, label: &Label, engine: Engine) -> (Header, Summary) {
    let (mut world, mut nobody) = (bench.world(seed, false), Nobody);
    let run = Run::new(&mut world, bench, seed, &mut nobody);
    let summary = run.summary(label, &Ending::Stopped);
    let summary = Summary { engine, frames: 0, digest: String::new(), ..summary };
    (headed(bench, seed, label, engine, BTreeMap::new()), summary)
}

/// How a run came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ending {
    /// The tester was done, or gave up.
    Finished,
    /// Somebody asked to stop.
    Stopped,
    /// The run cannot go on.
    Broken(String),
    /// It came to its end, but shows nothing.
    Void(String),
}

struct Run<'a, S> {
    stage: &'a mut S,
    bench: &'a Bench,
    seed: Seed,
    faults: Faults,
    later: Vec<(Instant, Later)>,
    witness: Witness,
    observed: Observed,
    /// The image the tester last said it programs into a control unit, in this step, by name.
    meant: BTreeMap<String, String>,
    /// The image for which each control unit last began an erase: what its memory is judged against,
    /// as far as the image reaches; the rest by its own checksums.
    erased_for: BTreeMap<String, String>,
    watch: &'a mut dyn Watch,
}

impl<'a, S: Stage> Run<'a, S> {
    fn new(stage: &'a mut S, bench: &'a Bench, seed: Seed, watch: &'a mut dyn Watch) -> Self {
        let scenario = bench.scenario();
        let steps = scenario.steps.iter().map(ToString::to_string).collect();
        let names = bench.goods().iter().map(|(name, goods)| (goods.tester.address, name.clone()));
        Self {
            stage,
            bench,
            seed,
            faults: Faults::new(&scenario.faults, seed),
            later: Vec::new(),
            witness: Witness::default(),
            observed: Observed::new(names.collect(), steps),
            meant: BTreeMap::new(),
            erased_for: BTreeMap::new(),
            watch,
        }
    }

    fn play(&mut self) -> Ending {
        let mut steps = 0u64;
        loop {
            self.listen();
            if let Some(why) = self.stage.failure() {
                return Ending::Broken(why);
            }
            let next = [self.stage.poll_timeout(), self.faults.poll_timeout(), self.next_later()]
                .into_iter()
                .flatten()
                .min();
            let end = self.observed.finished.map(|at| at + AFTERMATH);
            let Some(next) = next.filter(|next| end.is_none_or(|end| *next <= end)) else {
                return match end {
                    Some(_) => self.stage.void().map_or(Ending::Finished, Ending::Void),
                    None => Ending::Broken("nothing is left to happen".to_owned()),
                };
            };
            steps += 1;
            if next > TIME_LIMIT || steps > STEP_LIMIT {
                return Ending::Broken(format!("no end in sight at {next} after {steps} steps"));
            }
            if steps.is_multiple_of(S::ASK_EVERY) {
                self.watch.progress(&self.observed.progress(next));
                if self.watch.is_stopped() {
                    return Ending::Stopped;
                }
            }
            self.stage.advance(next);
            self.strike(self.stage.now());
        }
    }

    /// Hears what the parties have to tell, until nobody has anything more.
    fn listen(&mut self) {
        let now = self.stage.now();
        while let Some(event) = self.stage.poll_tester() {
            match &event {
                TesterEvent::StepStarted { index, .. } => {
                    self.meant.clear();
                    self.faults.happened(now, Happening::Step(*index));
                }
                TesterEvent::Image { ecu, name } => {
                    self.meant.insert(self.observed.name_of(*ecu), name.clone());
                }
                TesterEvent::Finished => {
                    self.witness.finished(self.stage);
                    self.stage.leave_alone();
                }
                TesterEvent::Progress { .. }
                | TesterEvent::Exchange(_)
                | TesterEvent::Connection(_)
                | TesterEvent::StepFinished { .. }
                | TesterEvent::Note(_) => {}
            }
            self.observed.tester(now, event, self.watch);
        }
        while let Some(event) = self.stage.poll_vehicle() {
            self.vehicle_event(now, &event);
        }
        let watch = &mut *self.watch;
        self.stage.poll_between(&mut |party, event| note(watch, now, || said(party, event)));
        while let Some(met) = self.stage.poll_fate() {
            note(self.watch, now, || frame_line(&met));
        }
        while let Some(sighting) = self.stage.poll_sighting() {
            self.watch.sighting(sighting);
        }
    }

    fn vehicle_event(&mut self, now: Instant, event: &VehicleEvent) {
        match event {
            VehicleEvent::Ecu { name, event } => {
                if let Some(happening) = happening(name, event) {
                    if let Happening::Erase { phase: Phase::Begins, .. } = happening {
                        match self.meant.get(name) {
                            Some(image) => self.erased_for.insert(name.clone(), image.clone()),
                            None => self.erased_for.remove(name),
                        };
                    }
                    self.faults.happened(now, happening);
                }
                note(self.watch, now, || ecu_line(name, event));
            }
            VehicleEvent::GatewayReset { cause, phase } => {
                match phase {
                    ResetPhase::Reply => {
                        self.faults.happened(now, Happening::GatewayReset(Phase::Begins));
                    }
                    ResetPhase::Ready => {
                        self.faults.happened(now, Happening::GatewayReset(Phase::Ends));
                    }
                    ResetPhase::StackGone
                    | ResetPhase::LinkDown
                    | ResetPhase::Booting
                    | ResetPhase::Starting => {}
                }
                let (cause, phase) = (format!("{cause:?}"), format!("{phase:?}"));
                note(self.watch, now, || Event::GatewayReset { cause, phase });
            }
            VehicleEvent::Link { up } => {
                note(self.watch, now, || Event::Carrier { port: "vehicle".into(), up: *up });
            }
            VehicleEvent::Supply { millivolts } => {
                self.stage.set_voltage(*millivolts);
                note(self.watch, now, || Event::Supply { millivolts: *millivolts });
            }
        }
    }

    /// Lets every fault strike that is due.
    fn strike(&mut self, now: Instant) {
        let stage = &*self.stage;
        self.faults.frames_entered(now, |link| stage.entered(crate::deeds::way(link)));
        while let Some(index) = self.later.iter().position(|(at, _)| *at <= now) {
            match self.later.remove(index).1 {
                Later::RelayRestart => self.stage.start_relay(),
            }
        }
        while let Some((fault, purpose)) = self.faults.strike(now) {
            let text = fault.to_string();
            note(self.watch, now, || Event::Fault { fault: text });
            let seed = self.faults.seed();
            let is_done = self.observed.finished.is_some();
            self.witness.struck(&fault, seed, &purpose, is_done);
            if matches!(fault.action, Action::RelayCrash(_)) {
                // What an earlier crash had in store for the relay is over.
                self.later.retain(|(_, later)| *later != Later::RelayRestart);
            }
            self.later.extend(strike(self.stage, &fault.action, seed, &purpose));
        }
    }

    fn next_later(&self) -> Option<Instant> {
        self.later.iter().map(|(at, _)| *at).min()
    }

    fn summary(mut self, label: &Label, ending: &Ending) -> Summary {
        let ecus = self.found();
        let gateway_resets = self.stage.vehicle().resets();
        let now = self.stage.now();
        self.skip_the_rest();
        let mut failures = match ending {
            Ending::Finished => {
                let observed = &self.observed;
                let done = observed.finished.unwrap_or(now);
                let world = (self.bench, self.seed);
                let missed = self.witness.missed(self.stage, world, &self.faults, done);
                let evidence = Evidence { observed, ecus: &ecus, gateway_resets, missed, now };
                judge(self.bench.scenario(), &evidence, self.watch)
            }
            Ending::Stopped => vec![error("interrupted before its end".to_owned())],
            Ending::Broken(why) | Ending::Void(why) => vec![error(why.clone())],
        };
        failures.sort_by_key(|failure| failure.kind);
        let verdict = match ending {
            Ending::Finished if failures.is_empty() => Verdict::Pass,
            Ending::Finished => Verdict::Fail,
            Ending::Stopped | Ending::Broken(_) => Verdict::Error,
            Ending::Void(_) => Verdict::Void,
        };
        let header = header_on(self.stage, self.bench, self.seed, label);
        let failed = verdict != Verdict::Pass;
        let observed = &self.observed;
        let last = observed.broke_off_at.as_ref().filter(|_| failed);
        let last = last.or(observed.last_exchange.as_ref());
        Summary {
            scenario: header.scenario,
            file: header.file,
            seed: header.seed,
            engine: header.engine,
            protocol: header.protocol,
            vci: header.vci,
            verdict,
            ends: ecus.into_iter().map(|(name, found)| (name, found.ends)).collect(),
            gateway_resets,
            virtual_s: seconds(now - Instant::ZERO),
            completed_s: seconds(self.observed.finished.unwrap_or(now) - Instant::ZERO),
            wall_s: 0.0,
            frames: self.stage.frames(),
            digest: self.stage.digest(),
            repeat: label.repeat.clone(),
            failures,
            last_exchange: last.map(|exchange| observed.in_words(exchange)),
            latencies: observed.latencies.summarise(),
            partial: matches!(ending, Ending::Stopped | Ending::Broken(_)),
            timeliness: self.stage.timeliness(),
            steps: self.observed.steps,
        }
    }

    fn found(&self) -> BTreeMap<String, Found> {
        let units = self.stage.vehicle().ecus().map(|ecu| {
            let goods = self.bench.goods().get(ecu.name());
            let name = self.erased_for.get(ecu.name());
            let sent = goods.zip(name).and_then(|(goods, name)| goods.images.get(name));
            let found = Found {
                erases: ecu.erases(),
                repeated_blocks: ecu.repeated_blocks(),
                ends: ecu.end_state(sent).to_string(),
                faults: ecu.fault_memory().into_iter().map(number).collect(),
            };
            (ecu.name().to_owned(), found)
        });
        units.collect()
    }

    /// Names the step the run ended in, and those that were never begun.
    fn skip_the_rest(&mut self) {
        self.observed.interrupted(self.stage.now());
        let begun = self.observed.steps.len();
        for index in begun + 1..=self.bench.scenario().steps.len() {
            self.observed.skipped(index);
        }
    }
}

fn number(dtc: Dtc) -> u32 {
    let [high, middle, low] = dtc.0;
    u32::from_be_bytes([0, high, middle, low])
}

fn error(message: String) -> Failure {
    Failure { kind: FailureKind::Error, step: None, message }
}

fn said(party: &str, event: &dyn std::fmt::Debug) -> Event {
    Event::Note { party: party.to_owned(), text: format!("{event:?}") }
}

fn happening<'a>(ecu: &'a str, event: &EcuEvent) -> Option<Happening<'a>> {
    match event {
        EcuEvent::Ledger(entry) => match entry.kind {
            LedgerKind::EraseStarted { .. } => Some(Happening::Erase { ecu, phase: Phase::Begins }),
            LedgerKind::EraseFinished { .. } => Some(Happening::Erase { ecu, phase: Phase::Ends }),
            LedgerKind::Block { index, repeated: false, .. } => {
                Some(Happening::Block { ecu, block: index })
            }
            _ => None,
        },
        EcuEvent::Restarting { .. } => Some(Happening::Reset { ecu, phase: Phase::Begins }),
        EcuEvent::Running { .. } => Some(Happening::Reset { ecu, phase: Phase::Ends }),
        EcuEvent::SwitchHold { .. } | EcuEvent::EnergyMode(_) | EcuEvent::Died => None,
    }
}

fn ecu_line(name: &str, event: &EcuEvent) -> Event {
    let mut details = BTreeMap::new();
    let what = match event {
        EcuEvent::Ledger(entry) => {
            if let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(entry.kind) {
                details.extend(fields);
            }
            match details.remove("kind") {
                Some(serde_json::Value::String(kind)) => kind,
                _ => "ledger".to_owned(),
            }
        }
        EcuEvent::Restarting { kind, silent_for } => {
            details.insert("why".into(), format!("{kind:?}").into());
            details.insert("silent-s".into(), seconds(*silent_for).into());
            "restarting".to_owned()
        }
        EcuEvent::Running { bootloader } => {
            details.insert("bootloader".into(), (*bootloader).into());
            "running".to_owned()
        }
        EcuEvent::SwitchHold { port, hold } => {
            details.insert("port".into(), (*port).into());
            details.insert("hold-s".into(), seconds(*hold).into());
            "switch-hold".to_owned()
        }
        EcuEvent::EnergyMode(mode) => {
            details.insert("mode".into(), (*mode).into());
            "energy-mode".to_owned()
        }
        EcuEvent::Died => "died".to_owned(),
    };
    Event::Ecu { ecu: name.to_owned(), what, details }
}

fn frame_line(met: &Met) -> Event {
    let Fate { index, outcome, .. } = met.fate;
    let fate = match outcome {
        FateOutcome::Lost(reason) => FrameFate::Lost(reason.as_str().to_owned()),
        FateOutcome::Delivered { damaged: true, .. } => FrameFate::Damaged,
        FateOutcome::Delivered { duplicated: true, .. } => FrameFate::Duplicated,
        FateOutcome::Delivered { .. } => FrameFate::HeldBack,
    };
    Event::Frame { link: met.way.name().to_owned(), index, bytes: met.bytes as u64, fate }
}
