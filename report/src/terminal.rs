//! One line per run, a block per failure, totals.

use std::time::Duration;

use owo_colors::{OwoColorize, Style};
use record::{Failure, FailureKind, LastExchange, Summary, Verdict};

use crate::layout::{cut, pad, wrap};
use crate::time::spoken;

/// How runs are told in a terminal, or in a file that catches what a terminal would show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Whether colours and emphasis may be used.
    pub colour: bool,
    /// Columns to stay within; nothing is cut or wrapped where there are none.
    pub width: Option<usize>,
    /// Whether each line names its seed, as it should when a scenario runs more than once.
    pub seeds: bool,
}

impl Terminal {
    /// Returns the line of one run, without a line feed.
    pub fn line(&self, summary: &Summary) -> String {
        let verdict = self.verdict(summary.verdict);
        let name = self.name(summary);
        let link = pad(&format!("{}/{}", summary.protocol, summary.vci), LINK_COLUMNS);
        let time = format!("{:>7}", spoken(summary.virtual_s));
        let (ends, resets) = (ends(summary), resets(summary.gateway_resets));
        let line = if self.is_narrow() {
            let told = [ends, resets].into_iter().filter(|text| !text.is_empty());
            let told = cut(&told.collect::<Vec<_>>().join(", "), NARROW_ENDS_COLUMNS);
            format!("{verdict} {name}  {link}  {}  {told}", self.dim(&time))
        } else {
            let time = self.dim(&format!("{time} in {:>6}", spoken(summary.wall_s)));
            let columns = self.width.map(|width| width - WIDE_COLUMNS - self.name_columns());
            let ends = columns.map_or(ends.clone(), |columns| cut(&ends, columns));
            format!("{verdict} {name}  {link}  {time}  {resets:8}  {ends}")
        };
        line.trim_end().to_owned()
    }

    /// Returns what went wrong in one run, with line feeds; empty when nothing did.
    pub fn failure(&self, summary: &Summary) -> String {
        let mut block = Block { columns: self.width, text: String::new() };
        if let Some(gap) = gap(summary) {
            self.item(&mut block, "incomplete", &gap);
        }
        if summary.verdict == Verdict::Pass && summary.failures.is_empty() {
            return block.text;
        }
        for failure in &summary.failures {
            self.item(&mut block, &label(failure), &sentence(summary, failure));
        }
        if summary.partial {
            self.item(&mut block, "interrupted", "the run was not played to its end");
        }
        if let Some(exchange) = &summary.last_exchange {
            self.exchange(&mut block, exchange);
        }
        block.line(&self.heading("repeat"), &summary.repeat);
        block.text
    }

    /// Returns the last line: how many runs ended how, and what time they took.
    ///
    /// `elapsed` is the time that passed on the wall while all runs ran, perhaps several at once.
    pub fn totals(&self, summaries: &[Summary], elapsed: Duration) -> String {
        let count = |verdict| summaries.iter().filter(|run| run.verdict == verdict).count();
        let counts = [
            (Verdict::Pass, "passed", count(Verdict::Pass)),
            (Verdict::Fail, "failed", count(Verdict::Fail)),
            (Verdict::Error, "not judged", count(Verdict::Error)),
            (Verdict::Void, "void", count(Verdict::Void)),
        ];
        let told: Vec<_> = counts
            .into_iter()
            .filter(|(verdict, _, count)| *count > 0 || *verdict == Verdict::Pass)
            .map(|(verdict, words, count)| {
                self.paint(&format!("{count} {words}"), verdict_style(verdict))
            })
            .collect();
        let virtual_s: f64 = summaries.iter().map(|run| run.virtual_s).sum();
        let elapsed = record::seconds(elapsed);
        let runs = if summaries.len() == 1 { "run" } else { "runs" };
        let time = format!("{} in {}", spoken(virtual_s), spoken(elapsed));
        let time = self.dim(&format!("{time}{}", speed(virtual_s, elapsed)));
        format!("{} {runs}: {}  {time}", summaries.len(), told.join(", "))
    }

    /// Adds a heading with a text beside it.
    fn item(&self, block: &mut Block, heading: &str, text: &str) {
        let mut heading = self.heading(heading);
        for line in wrap(text, block.room(HEADING_COLUMNS)) {
            block.line(&heading, &line);
            heading = " ".repeat(HEADING_COLUMNS);
        }
    }

    fn exchange(&self, block: &mut Block, exchange: &LastExchange) {
        let at = spoken(exchange.at_s);
        let took = spoken(exchange.latency_ms / 1e3);
        let summary = format!("the last, with {} at {at}, over after {took}", exchange.ecu);
        self.item(block, "exchange", &summary);
        self.message(block, '>', Some(&exchange.request), &exchange.request_words);
        self.message(block, '<', exchange.response.as_deref(), &exchange.response_words);
    }

    /// Adds a message in hex and, beneath it, in words.
    fn message(&self, block: &mut Block, direction: char, hex: Option<&str>, words: &str) {
        let indent = " ".repeat(HEADING_COLUMNS);
        let room = block.room(HEADING_COLUMNS + 2);
        let mut mark = direction;
        if let Some(hex) = hex {
            block.line(&indent, &format!("{mark} {}", cut(hex, room)));
            mark = ' ';
        }
        for line in wrap(words, room) {
            block.line(&indent, &format!("{mark} {}", self.dim(&line)));
            mark = ' ';
        }
    }

    fn name(&self, summary: &Summary) -> String {
        let columns = self.name_columns();
        let seed = if self.seeds { format!(" #{}", summary.seed) } else { String::new() };
        let room = match self.width {
            Some(_) => columns.saturating_sub(seed.chars().count()),
            None => usize::MAX,
        };
        let scenario = summary.scenario.replace(char::is_control, " ");
        pad(&(cut(&scenario, room) + &seed), columns)
    }

    /// The name gets what the other columns leave, within bounds.
    fn name_columns(&self) -> usize {
        let width = self.width.unwrap_or(usize::MAX);
        let others = match self.is_narrow() {
            true => NARROW_COLUMNS + NARROW_ENDS_COLUMNS,
            false => WIDE_COLUMNS + WIDE_ENDS_COLUMNS,
        };
        width.saturating_sub(others).min(NAME_COLUMNS)
    }

    fn is_narrow(&self) -> bool {
        self.width.is_some_and(|width| width < NARROW)
    }

    fn heading(&self, text: &str) -> String {
        format!("  {}", self.paint(&pad(text, HEADING_COLUMNS - 2), Style::new().bold()))
    }

    fn verdict(&self, verdict: Verdict) -> String {
        let word = match verdict {
            Verdict::Pass => "PASS ",
            Verdict::Fail => "FAIL ",
            Verdict::Error => "ERROR",
            Verdict::Void => "VOID ",
        };
        self.paint(word, verdict_style(verdict).bold())
    }

    fn dim(&self, text: &str) -> String {
        self.paint(text, Style::new().dimmed())
    }

    fn paint(&self, text: &str, style: Style) -> String {
        if self.colour { text.style(style).to_string() } else { text.to_owned() }
    }
}

/// Text that grows line by line within a width.
struct Block {
    columns: Option<usize>,
    text: String,
}

impl Block {
    fn line(&mut self, before: &str, text: &str) {
        self.text.push_str(before);
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// Columns left after an indent.
    fn room(&self, indent: usize) -> usize {
        self.columns.map_or(usize::MAX, |columns| columns.saturating_sub(indent))
    }
}

fn verdict_style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => Style::new().green(),
        Verdict::Fail => Style::new().red(),
        Verdict::Error | Verdict::Void => Style::new().yellow(),
    }
}

fn label(failure: &Failure) -> String {
    let kind = match failure.kind {
        FailureKind::Step => "step",
        FailureKind::Expectation => "expectation",
        FailureKind::Threshold => "threshold",
        FailureKind::Error => "error",
    };
    match failure.step {
        Some(number) => format!("{kind} {number}"),
        None => kind.to_owned(),
    }
}

/// Names the step a failure belongs to, then says what happened.
fn sentence(summary: &Summary, failure: &Failure) -> String {
    let step = summary.steps.iter().find(|step| Some(step.index) == failure.step);
    step.map_or(failure.message.clone(), |step| format!("{}: {}", step.name, failure.message))
}

fn resets(count: u32) -> String {
    match count {
        0 => String::new(),
        1 => "1 reset".to_owned(),
        count => format!("{count} resets"),
    }
}

/// What a record or a capture lacks, where the machine was too slow to keep it.
fn gap(summary: &Summary) -> Option<String> {
    let timeliness = summary.timeliness.as_ref()?;
    let (fates, frames) = (timeliness.missed_fates, timeliness.missed_frames);
    (fates + frames > 0).then(|| {
        format!(
            "{frames} frames are missing in the capture, {fates} losses or delays in the record"
        )
    })
}

/// Names control units whose state changed; untouched ones only when there are no others.
fn ends(summary: &Summary) -> String {
    let touched: Vec<_> = summary
        .ends
        .iter()
        .filter(|(_, state)| *state != UNTOUCHED)
        .map(|(ecu, state)| format!("{ecu} {state}"))
        .collect();
    match (touched.is_empty(), summary.ends.is_empty()) {
        (false, _) => touched.join(", "),
        (true, false) => format!("all {UNTOUCHED}"),
        (true, true) => String::new(),
    }
}

fn speed(virtual_s: f64, elapsed_s: f64) -> String {
    let times = virtual_s / elapsed_s;
    if times.is_finite() && times >= 2.0 { format!(", {times:.0}×") } else { String::new() }
}

/// The end state that is not worth a mention beside others.
const UNTOUCHED: &str = "untouched";

/// Columns of the widest heading (`expectation 12`) with the indent before and the gap behind it.
const HEADING_COLUMNS: usize = 2 + 14 + 2;

const NAME_COLUMNS: usize = 56;
const LINK_COLUMNS: usize = 15;

/// Below this width, wall time is left out and resets stand behind the ends.
const NARROW: usize = 100;
/// Verdict, link, virtual time, and the gaps between.
const NARROW_COLUMNS: usize = 5 + 1 + 2 + LINK_COLUMNS + 2 + 7 + 2;
const NARROW_ENDS_COLUMNS: usize = 18;
/// The same with wall time and resets.
const WIDE_COLUMNS: usize = NARROW_COLUMNS + 10 + 8 + 2;
const WIDE_ENDS_COLUMNS: usize = 18;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::tests::{errored, failed, passed};

    #[rstest]
    #[case::plain("plain", None, false)]
    #[case::wide("wide", Some(140), false)]
    #[case::narrow("narrow", Some(80), true)]
    fn runs_are_told(#[case] name: &str, #[case] width: Option<usize>, #[case] seeds: bool) {
        let terminal = Terminal { colour: false, width, seeds };
        insta::assert_snapshot!(format!("told_{name}"), told(&terminal));
    }

    #[test]
    fn colours_are_only_paint() {
        let plain = Terminal { colour: false, width: Some(140), seeds: false };
        let coloured = told(&Terminal { colour: true, ..plain });
        assert_eq!(without_escapes(&coloured), told(&plain));
        insta::assert_snapshot!(coloured.replace('\u{1b}', "␛"));
    }

    #[rstest]
    fn no_line_is_wider_than_the_terminal(#[values(72, 80, 99, 100, 120, 200)] width: usize) {
        let terminal = Terminal { colour: false, width: Some(width), seeds: true };
        let text = told(&terminal);
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("repeat "));
        for line in lines {
            assert!(line.chars().count() <= width, "{line}");
        }
    }

    #[test]
    fn a_run_that_passed_has_no_failure() {
        let terminal = Terminal { colour: true, width: None, seeds: false };
        assert_eq!(terminal.failure(&passed()), "");
    }

    #[test]
    fn a_run_that_passed_tells_what_its_capture_lacks() {
        let terminal = Terminal { colour: false, width: None, seeds: false };
        let timeliness = record::Timeliness { missed_frames: 7, ..Default::default() };
        let text = terminal.failure(&Summary { timeliness: Some(timeliness), ..passed() });
        let told = "  incomplete      7 frames are missing in the capture, 0 losses or delays in the \
                    record\n";
        assert_eq!(text, told);
    }

    #[test]
    fn a_title_cannot_break_the_line() {
        let terminal = Terminal { colour: false, width: None, seeds: false };
        let line = terminal.line(&Summary { scenario: "a\nb\u{1b}[31m".into(), ..passed() });
        assert!(line.starts_with("PASS  a b [31m  "), "{line}");
    }

    #[test]
    fn one_run_is_not_runs() {
        let terminal = Terminal { colour: false, width: None, seeds: false };
        let totals = terminal.totals(&[passed()], Duration::from_millis(500));
        assert_eq!(totals, "1 run: 1 passed  12m 34s in 500ms, 1509×");
        let totals = terminal.totals(&[], Duration::ZERO);
        assert_eq!(totals, "0 runs: 0 passed  0ms in 0ms");
    }

    fn told(terminal: &Terminal) -> String {
        let runs = [passed(), failed(), errored()];
        let told = runs.iter().map(|run| terminal.line(run) + "\n" + &terminal.failure(run));
        let totals = terminal.totals(&runs, Duration::from_millis(620));
        told.collect::<String>() + &totals + "\n"
    }

    fn without_escapes(text: &str) -> String {
        let mut parts = text.split('\u{1b}');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |plain, part| {
            plain + part.split_once('m').expect("an escape ends with m").1
        })
    }
}
