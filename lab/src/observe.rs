//! What a run was seen to do: events of the parties, turned into lines of the record and into what
//! the judge needs.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use node::Instant;
use record::summary::seconds;
use record::{Event, LastExchange, Latencies, Line, StepSummary};
use scenarios::Outcome;
use scenarios::tester::{Connection, Exchange, TesterEvent};

use crate::watch::{Progress, Watch};

/// Longest request or answer kept in hex, in bytes.
const HEX_KEPT: usize = 32;
/// Exchanges kept that were refused or not answered.
const TROUBLES_KEPT: usize = 32;

/// Everything the judge and the summary need of a run.
#[derive(Debug, Default)]
pub struct Observed {
    /// The steps that were begun or skipped, in order.
    pub steps: Vec<StepSummary>,
    /// Latencies of requests, by name.
    pub latencies: Latencies,
    /// The last exchange with a control unit that the tester was told of.
    pub last_exchange: Option<Exchange>,
    /// The exchange the first step that did not end well broke off at.
    pub broke_off_at: Option<Exchange>,
    /// The latest exchanges that were refused or not answered.
    troubles: VecDeque<Exchange>,
    /// When the tester was done, or gave up.
    pub finished: Option<Instant>,
    names: BTreeMap<u8, String>,
    begun: Option<(usize, String, Instant)>,
    work: Option<(u64, u64, &'static str)>,
    step_names: Vec<String>,
}

impl Observed {
    /// Begins to observe; `names` are the control units by address, `steps` the steps in words.
    pub fn new(names: BTreeMap<u8, String>, steps: Vec<String>) -> Self {
        Self { names, step_names: steps, ..Self::default() }
    }

    /// Takes an event of the tester.
    pub fn tester(&mut self, now: Instant, event: TesterEvent, watch: &mut dyn Watch) {
        match event {
            TesterEvent::StepStarted { index, name } => {
                self.begun = Some((index, name.clone(), now));
                self.work = None;
                note(watch, now, || Event::StepStarted { step: index, name });
            }
            TesterEvent::Progress { done, total, unit, .. } => {
                self.work = Some((done, total, unit));
            }
            TesterEvent::Image { ecu, name } => {
                let text = format!("programs {name} into {}", self.name_of(ecu));
                note(watch, now, || Event::Note { party: "tester".into(), text });
            }
            TesterEvent::Exchange(exchange) => self.exchange(now, exchange, watch),
            TesterEvent::Connection(connection) => {
                let state = connection_in_words(&connection);
                note(watch, now, || Event::Connection { party: "tester".into(), state });
            }
            TesterEvent::StepFinished { index, outcome, why } => {
                self.step_finished(now, index, outcome, why, watch);
            }
            TesterEvent::Note(text) => {
                note(watch, now, || Event::Note { party: "tester".into(), text });
            }
            TesterEvent::Finished => self.finished = Some(now),
        }
        watch.progress(&self.progress(now));
    }

    /// Notes that the run ends in the step under way, if one is.
    pub fn interrupted(&mut self, now: Instant) {
        if let Some((index, name, since)) = self.begun.take() {
            let (outcome, virtual_s) = (record::Outcome::Interrupted, seconds(now - since));
            self.steps.push(StepSummary { index, name, outcome, why: None, virtual_s });
        }
    }

    /// Notes a step that was never begun.
    pub fn skipped(&mut self, index: usize) {
        let name = self.step_names.get(index.saturating_sub(1)).cloned().unwrap_or_default();
        let outcome = record::Outcome::Skipped;
        self.steps.push(StepSummary { index, name, outcome, why: None, virtual_s: 0.0 });
    }

    /// The number of the step under way, counted from 1; zero before the first.
    pub fn step(&self) -> usize {
        self.begun.as_ref().map_or(self.steps.len(), |(index, ..)| *index)
    }

    /// Where the run stands.
    pub fn progress(&self, now: Instant) -> Progress<'_> {
        let name = self.begun.as_ref().map_or("", |(_, name, _)| name.as_str());
        Progress { now, step: self.step(), steps: self.step_names.len(), name, work: self.work }
    }

    /// The control unit with this address, or its number in hex.
    pub fn name_of(&self, address: u8) -> String {
        self.names.get(&address).cloned().unwrap_or_else(|| format!("{address:02X}"))
    }

    fn exchange(&mut self, now: Instant, exchange: Exchange, watch: &mut dyn Watch) {
        if exchange.is_measured {
            self.latencies.add(exchange.name, exchange.latency);
        }
        note(watch, now, || {
            Event::Exchange(record::Exchange {
                ecu: self.name_of(exchange.ecu),
                functional: exchange.functional,
                request: record::hex(&exchange.request, HEX_KEPT),
                response: exchange.response.as_deref().map(|bytes| record::hex(bytes, HEX_KEPT)),
                sent: exchange.sent.as_nanos(),
                latency: exchange.latency.as_nanos() as u64,
                pending: exchange.pending,
                resent: exchange.resent,
            })
        });
        if exchange.name != "tester-present" {
            if is_trouble(&exchange) {
                if self.troubles.len() == TROUBLES_KEPT {
                    self.troubles.pop_front();
                }
                self.troubles.push_back(exchange.clone());
            }
            self.last_exchange = Some(exchange);
        }
    }

    /// The exchange a step that began at `since` broke off at: the latest trouble that `why`
    /// speaks of, before what the tester cleaned up afterwards.
    fn trouble(&self, since: Instant, why: &str) -> Option<Exchange> {
        let mut troubles = self.troubles.iter().rev().filter(|exchange| exchange.sent >= since);
        let named =
            troubles.clone().find(|exchange| why.contains(&wire::uds::describe(&exchange.request)));
        named.or_else(|| troubles.next()).or(self.last_exchange.as_ref()).cloned()
    }

    fn step_finished(
        &mut self,
        now: Instant,
        index: usize,
        outcome: Outcome,
        why: Option<String>,
        watch: &mut dyn Watch,
    ) {
        let begun = self.begun.take().filter(|(begun, ..)| *begun == index);
        let took = begun.as_ref().map_or(Duration::ZERO, |(_, _, at)| now - *at);
        if outcome != Outcome::Done && self.broke_off_at.is_none() {
            let since = begun.as_ref().map_or(now, |(_, _, at)| *at);
            self.broke_off_at = self.trouble(since, why.as_deref().unwrap_or_default());
        }
        let outcome = in_record(outcome);
        self.steps.push(StepSummary {
            index,
            name: self.step_names.get(index.saturating_sub(1)).cloned().unwrap_or_default(),
            outcome,
            why: why.clone(),
            virtual_s: seconds(took),
        });
        self.work = None;
        note(watch, now, || Event::StepFinished { step: index, outcome, why });
    }

    /// An exchange in hex and in words.
    pub fn in_words(&self, exchange: &Exchange) -> LastExchange {
        let response_words = match &exchange.response {
            Some(bytes) => wire::uds::describe(bytes),
            None => "no answer".to_owned(),
        };
        LastExchange {
            ecu: self.name_of(exchange.ecu),
            at_s: exchange.sent.as_secs_f64(),
            request: record::hex(&exchange.request, HEX_KEPT),
            request_words: wire::uds::describe(&exchange.request),
            response: exchange.response.as_deref().map(|bytes| record::hex(bytes, HEX_KEPT)),
            response_words,
            latency_ms: exchange.latency.as_nanos() as f64 / 1e6,
        }
    }
}

/// Whether a request that wanted an answer was refused or got none.
fn is_trouble(exchange: &Exchange) -> bool {
    match &exchange.response {
        Some(answer) => answer.first() == Some(&wire::uds::NEGATIVE_RESPONSE),
        None => !exchange.functional,
    }
}

/// Writes a line, when anybody wants it.
pub fn note(watch: &mut dyn Watch, now: Instant, event: impl FnOnce() -> Event) {
    if watch.wants_lines() {
        watch.line(Line::new(now, event()));
    }
}

/// An outcome as the record names it.
pub fn in_record(outcome: Outcome) -> record::Outcome {
    match outcome {
        Outcome::Done => record::Outcome::Done,
        Outcome::Failed => record::Outcome::Failed,
        Outcome::Crashed => record::Outcome::Crashed,
        Outcome::Skipped => record::Outcome::Skipped,
    }
}

fn connection_in_words(connection: &Connection) -> String {
    match connection {
        Connection::Found { peer, vin: Some(vin) } => format!("found {vin} at {peer}"),
        Connection::Found { peer, vin: None } => format!("found a car at {peer}"),
        Connection::Up { peer } => format!("connected to {peer}"),
        Connection::Down { why } => format!("lost: {why}"),
    }
}
