//! Plays scenarios in the lab and keeps everything there is to see.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use lab::world::Sighting;
use lab::{Bench, Label, Watch};
use node::{Duration, Instant, Seed};
use record::{Event, Exchange, FrameFate, Line, Outcome, Summary};
use report::Terminal;
use scenarios::{LIBRARY, Shipped};
use serde_json::Value;

/// What a run is watched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// The lines of its record.
    pub lines: bool,
    /// The frames of its capture.
    pub frames: bool,
}

/// One run and everything that was seen of it.
#[derive(Default)]
pub struct Played {
    wants: Wants,
    /// The lines of the record.
    pub lines: Vec<Line>,
    /// The frames of the capture.
    pub sightings: Vec<Sighting>,
}

/// A world written down in a test: a run of it, recorded.
pub struct World {
    /// How it ended.
    pub summary: Summary,
    /// What happened.
    pub lines: Vec<Line>,
}

/// The usual world of these tests; what a test has to say follows it.
const USUAL: &str = "\
scenario: A world of its own
vehicle: g05
supply: { battery: 12.6V, charger: 14.2V }
network: { technician: { rtt: 20ms }, mechanic: { rtt: 20ms } }
";

/// A control unit is exchanged, with a short image.
pub const SHORT_EXCHANGE: &str = "
ecus: { egs: { state: virgin } }
steps:
  - identify
  - program: { ecu: egs, image: 8hp.swfl, size: 128KiB }
  - code: { ecu: egs }
  - clear-faults
expect: { egs: { ends: programmed, faults: none } }
";

impl Watch for Played {
    fn wants_lines(&self) -> bool {
        self.wants.lines
    }

    fn wants_sightings(&self) -> bool {
        self.wants.frames
    }

    fn line(&mut self, line: Line) {
        self.lines.push(line);
    }

    fn sighting(&mut self, sighting: Sighting) {
        self.sightings.push(sighting);
    }
}

/// Makes a shipped scenario ready.
pub fn shipped(shipped: &Shipped) -> Bench {
    bench(shipped.name, shipped.file, shipped.text, &[])
}

/// One run of every shipped scenario from seed 1, in the order of the library, that nobody
/// watched; made once for all tests.
pub fn first_runs() -> &'static [Summary] {
    static RUNS: LazyLock<Vec<Summary>> = LazyLock::new(|| {
        let runs = LIBRARY.iter().map(|scenario| play(&shipped(scenario), 1, Wants::default()).0);
        runs.collect()
    });
    &RUNS
}

/// Runs from a seed and watches as told.
pub fn play(bench: &Bench, seed: u64, wants: Wants) -> (Summary, Played) {
    let name = &bench.scenario().name;
    let label = Label {
        file: name.clone(),
        repeat: format!("benchcar run {name} --seed {seed}"),
        program: "tests".to_owned(),
    };
    let mut played = Played { wants, ..Played::default() };
    let summary = lab::run(bench, Seed(seed), &label, &mut played);
    (summary, played)
}

/// Plays a world from seed 1: `text` follows the usual world, `settings` change it as
/// `benchcar run --set` does.
pub fn world(text: &str, settings: &[&str]) -> World {
    let bench = bench("world", "world.yaml", &format!("{USUAL}{text}"), settings);
    let (summary, played) = play(&bench, 1, Wants { lines: true, frames: false });
    World { summary, lines: played.lines }
}

/// Plays a world from seed 1 and keeps its frames.
pub fn captured(text: &str, settings: &[&str]) -> (World, Vec<Sighting>) {
    let bench = bench("world", "world.yaml", &format!("{USUAL}{text}"), settings);
    let (summary, played) = play(&bench, 1, Wants { lines: true, frames: true });
    (World { summary, lines: played.lines }, played.sightings)
}

/// What a person would be shown of a run, with the command that repeats it.
pub fn told(summary: &Summary) -> String {
    let terminal = Terminal { colour: false, width: None, seeds: true };
    format!("{}\n{}", terminal.line(summary), terminal.failure(summary))
}

fn bench(name: &str, file: &str, text: &str, settings: &[&str]) -> Bench {
    let settings: Vec<_> =
        settings.iter().map(|text| text.parse().expect("a setting of a test")).collect();
    let scenario = scenarios::parse(file, text, &settings, &lab::catalogue())
        .unwrap_or_else(|errors| panic!("{name}: {errors}"));
    Bench::new(scenario)
}

impl World {
    /// Says that everything was as the world expects.
    #[track_caller]
    pub fn passes(&self) {
        assert!(self.summary.failures.is_empty(), "{}", told(&self.summary));
    }

    /// How a step ended, counted from 1.
    pub fn outcome(&self, step: usize) -> Outcome {
        self.summary.steps[step - 1].outcome
    }

    /// Why a step did not end well; empty when it did.
    pub fn why(&self, step: usize) -> &str {
        self.summary.steps[step - 1].why.as_deref().unwrap_or_default()
    }

    /// When the only fault of the world struck.
    #[track_caller]
    pub fn struck(&self) -> Instant {
        let faults = self.lines.iter().filter(|line| matches!(line.event, Event::Fault { .. }));
        let [fault] = faults.collect::<Vec<_>>()[..] else { panic!("one fault strikes") };
        fault.at()
    }

    /// What a control unit did: when, and its figures.
    pub fn did(&self, unit: &str, deed: &str) -> Vec<(Instant, &BTreeMap<String, Value>)> {
        let entries = self.lines.iter().filter_map(|line| match &line.event {
            Event::Ecu { ecu, what, details } if ecu == unit && what == deed => {
                Some((line.at(), details))
            }
            _ => None,
        });
        entries.collect()
    }

    /// The exchanges with a control unit whose request begins like this, in hex.
    pub fn exchanges(&self, unit: &str, request: &str) -> Vec<&Exchange> {
        let exchanges = self.lines.iter().filter_map(|line| match &line.event {
            Event::Exchange(exchange) => Some(exchange),
            _ => None,
        });
        exchanges.filter(|one| one.ecu == unit && one.request.starts_with(request)).collect()
    }

    /// Frames that were not plainly delivered: when, on which link, their number, their fate.
    pub fn frames(&self) -> Vec<(Instant, &str, u64, &FrameFate)> {
        let frames = self.lines.iter().filter_map(|line| match &line.event {
            Event::Frame { link, index, fate, .. } => {
                Some((line.at(), link.as_str(), *index, fate))
            }
            _ => None,
        });
        frames.collect()
    }

    /// What a party said, and when.
    pub fn said(&self, who: &str) -> Vec<(Instant, &str)> {
        let notes = self.lines.iter().filter_map(|line| match &line.event {
            Event::Note { party, text } if party == who => Some((line.at(), text.as_str())),
            _ => None,
        });
        notes.collect()
    }

    /// The changes of carrier at the vehicle's port.
    pub fn carrier(&self) -> Vec<(Instant, bool)> {
        let changes = self.lines.iter().filter_map(|line| match &line.event {
            Event::Carrier { up, .. } => Some((line.at(), *up)),
            _ => None,
        });
        changes.collect()
    }

    /// What became of the tester's connections, in words.
    pub fn connections(&self) -> Vec<&str> {
        let states = self.lines.iter().filter_map(|line| match &line.event {
            Event::Connection { state, .. } => Some(state.as_str()),
            _ => None,
        });
        states.collect()
    }

    /// The carrier as the technician's computer saw it after the bridge was joined.
    pub fn carrier_at_the_tester(&self) -> Vec<bool> {
        let said = self.said("technician").into_iter();
        said.filter_map(|(_, text)| match text {
            "Link { up: true }" => Some(true),
            "Link { up: false }" => Some(false),
            _ => None,
        })
        .collect()
    }
}

/// The length of an exchange as the tester saw it.
pub fn latency(exchange: &Exchange) -> Duration {
    Duration::from_nanos(exchange.latency)
}
