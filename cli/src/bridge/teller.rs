//! Tells what happens: to a terminal, as plain lines, as JSON, and into a file for support.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressStyle};
use node::Instant;
use serde_json::{Map, Value, json};

use super::options::TellArgs;
use super::words::Line;
use crate::display::screen;
use crate::{complain, say};

/// Seconds between two status lines in the file.
const LOGGED_EVERY: u64 = 10;

/// Where what happens is told.
pub struct Teller {
    log: Option<File>,
    json: bool,
    bar: Option<ProgressBar>,
    seconds: u64,
    bytes: (u64, u64),
    last: Instant,
}

impl Teller {
    /// Opens the file, if one is asked for, and notes in it what runs where.
    pub fn open(args: &TellArgs, role: &str) -> Result<Self, String> {
        let log = match &args.log {
            None => None,
            Some(path) => Some(File::create(path).map_err(|error| unwritable(path, &error))?),
        };
        let bar = (!args.json && Term::stderr().is_term() && Term::stdout().is_term()).then(bar);
        let (bytes, last) = ((0, 0), Instant::ZERO);
        let mut teller = Self { log, json: args.json, bar, seconds: 0, bytes, last };
        let start = json!({
            "role": role,
            "version": env!("CARGO_PKG_VERSION"),
            "os": std::env::consts::OS,
            "arch": std::env::consts::ARCH,
            "kernel": kernel(),
        });
        teller.log(&as_json(Instant::ZERO, "start", start));
        Ok(teller)
    }

    /// Returns whether a person watches a terminal.
    pub fn is_live(&self) -> bool {
        self.bar.is_some()
    }

    /// Tells that something happened.
    pub fn tell(&mut self, at: Instant, line: Line) {
        self.last = at;
        let Line { name, data, text } = line;
        let data = as_json(at, name, data);
        self.log(&data);
        if self.json {
            say(&data);
        } else {
            self.print(&text);
        }
    }

    /// Returns when something was told last.
    pub fn last(&self) -> Instant {
        self.last
    }

    /// Prints words for people, above what is drawn over.
    pub fn print(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(text)),
            None => say(text),
        };
    }

    /// Returns bits per second since the last call, a second ago, out and in.
    pub fn rates(&mut self, out: u64, into: u64) -> (u64, u64) {
        let before = std::mem::replace(&mut self.bytes, (out, into));
        (8 * out.saturating_sub(before.0), 8 * into.saturating_sub(before.1))
    }

    /// Tells how things stand, once a second.
    pub fn status(&mut self, at: Instant, data: Value, text: String) {
        self.last = at;
        self.seconds += 1;
        let data = as_json(at, "status", data);
        if self.seconds.is_multiple_of(LOGGED_EVERY) {
            self.log(&data);
        }
        if self.json {
            say(&data);
        }
        if let Some(bar) = &self.bar {
            bar.set_message(text);
            if self.seconds == 1 {
                // Not before: it draws over the line somebody is asked something on.
                bar.enable_steady_tick(Duration::from_millis(250));
            }
        }
    }

    /// Takes the drawn line away.
    pub fn close(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn log(&mut self, line: &str) {
        if let Some(file) = &mut self.log
            && let Err(error) = writeln!(file, "{line}")
        {
            complain(format_args!("warning: the log ends here: {error}"));
            self.log = None;
        }
    }
}

/// Puts time and name before the data of an event.
fn as_json(at: Instant, name: &str, data: Value) -> String {
    let mut line = Map::new();
    line.insert("at".to_owned(), json!((at.as_secs_f64() * 1000.0).round() / 1000.0));
    line.insert("event".to_owned(), json!(name));
    if let Value::Object(data) = data {
        line.extend(data);
    }
    Value::Object(line).to_string()
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, screen());
    let style = ProgressStyle::with_template("{spinner} {wide_msg}");
    bar.set_style(style.expect("the template is constant"));
    bar
}

fn kernel() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    Some(text.trim().to_owned())
}

fn unwritable(path: &Path, error: &std::io::Error) -> String {
    format!("the log {} cannot be written: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_carries_time_name_and_data() {
        let line = as_json(Instant::from_millis(1250), "link", json!({ "up": true }));
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line, json!({ "at": 1.25, "event": "link", "up": true }));
    }
}
