//! What a program prints, line by line, kept within bounds.

use std::collections::VecDeque;
use std::io::{PipeReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scenarios::manifest::Pattern;

/// The lines a program has printed: the first ones and the last ones.
///
/// A thread reads until the program and everything it started have closed their end. What is
/// awaited is looked for as lines arrive: it is not missed when it is none of those that are kept.
#[derive(Clone)]
pub struct Output(Arc<Shared>);

struct Shared {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Default)]
struct Lines {
    first: Vec<String>,
    last: VecDeque<String>,
    /// What nobody has taken yet; the oldest go first.
    untaken: VecDeque<String>,
    /// Lines between the first and the last that are gone.
    dropped: u64,
    /// Bytes behind the last line break.
    open: Vec<u8>,
    /// What was broken off the same line before them, up to the limit of a line.
    broken: Vec<u8>,
    /// What a line should have; gone once one has had it.
    awaited: Option<Pattern>,
    ended: bool,
}

impl Output {
    /// Reads a pipe until it ends, and looks for what is awaited.
    pub fn read_from(mut pipe: PipeReader, awaited: Option<Pattern>) -> Self {
        let lines = Mutex::new(Lines { awaited, ..Lines::default() });
        let output = Self(Arc::new(Shared { lines, changed: Condvar::new() }));
        let shared = Arc::clone(&output.0);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let read = match pipe.read(&mut buffer) {
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    Ok(0) | Err(_) => break,
                    Ok(read) => read,
                };
                locked(&shared).push(&buffer[..read]);
                shared.changed.notify_all();
            }
            locked(&shared).end();
            shared.changed.notify_all();
        });
        output
    }

    /// Returns whether any line so far has had what is awaited, the open one included.
    pub fn has_awaited(&self) -> bool {
        let mut lines = locked(&self.0);
        lines.look();
        lines.awaited.is_none()
    }

    /// Returns up to `count` of the last lines; where lines are gone, one says how many.
    pub fn last(&self, count: usize) -> Vec<String> {
        let lines = locked(&self.0);
        let gone = (lines.dropped > 0).then(|| format!("… {} lines …", lines.dropped));
        let open = (!lines.open.is_empty()).then(|| clean(&lines.open));
        let all: Vec<String> = lines
            .first
            .iter()
            .cloned()
            .chain(gone)
            .chain(lines.last.iter().cloned())
            .chain(open)
            .collect();
        all[all.len().saturating_sub(count)..].to_vec()
    }

    /// Takes the next line that was not taken before.
    pub fn poll_line(&self) -> Option<String> {
        locked(&self.0).untaken.pop_front()
    }

    /// Waits until something is printed, at most this long.
    pub fn wait_for_more(&self, at_most: Duration) {
        let lines = locked(&self.0);
        drop(self.0.changed.wait_timeout(lines, at_most));
    }

    /// Waits until the pipe has ended, at most this long.
    pub fn wait_for_end(&self, at_most: Duration) {
        let lines = locked(&self.0);
        drop(self.0.changed.wait_timeout_while(lines, at_most, |lines| !lines.ended));
    }
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' {
                self.close();
                self.broken.clear();
            } else {
                if self.open.len() == LINE_LIMIT {
                    self.broken = self.close();
                }
                self.open.push(*byte);
            }
        }
    }

    /// Keeps the open line, and returns its bytes.
    fn close(&mut self) -> Vec<u8> {
        self.look();
        let bytes = std::mem::take(&mut self.open);
        self.keep(clean(&bytes));
        bytes
    }

    /// Looks for what is awaited in the open line, and across the place where it was broken.
    fn look(&mut self) {
        let Some(awaited) = &self.awaited else { return };
        let is_in = |bytes: &[u8]| awaited.is_in(&clean(bytes));
        let is_broken = !self.broken.is_empty();
        if is_in(&self.open) || is_broken && is_in(&[&self.broken[..], &self.open].concat()) {
            self.awaited = None;
        }
    }

    fn keep(&mut self, line: String) {
        if self.untaken.len() == UNTAKEN {
            self.untaken.pop_front();
        }
        self.untaken.push_back(line.clone());
        if self.first.len() < FIRST {
            return self.first.push(line);
        }
        if self.last.len() == LAST {
            self.last.pop_front();
            self.dropped += 1;
        }
        self.last.push_back(line);
    }

    fn end(&mut self) {
        if !self.open.is_empty() {
            self.close();
        }
        self.ended = true;
    }
}

/// Text without what would move a terminal's cursor or change its colours.
fn clean(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.chars().filter(|c| !c.is_control() || *c == '\t').collect()
}

fn locked(shared: &Shared) -> MutexGuard<'_, Lines> {
    // Lines are whole after every step, even of a thread that panicked.
    shared.lines.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many lines are kept from the beginning.
const FIRST: usize = 200;
/// How many lines are kept from the end.
const LAST: usize = 300;
/// How many lines wait to be taken.
const UNTAKEN: usize = 1000;
/// The longest line, in bytes; a longer one is broken.
const LINE_LIMIT: usize = 1000;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rstest::rstest;

    use super::*;

    #[test]
    fn keeps_the_first_and_the_last_lines() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let output = Output::read_from(reader, None);
        for number in 0..10_000 {
            writeln!(writer, "line {number}").unwrap();
        }
        drop(writer);
        output.wait_for_end(Duration::from_secs(5));
        let lines = output.last(usize::MAX);
        assert_eq!(lines.len(), FIRST + 1 + LAST);
        assert_eq!((lines[0].as_str(), lines[FIRST].as_str()), ("line 0", "… 9500 lines …"));
        assert_eq!(output.last(1), ["line 9999"]);
        let taken: Vec<String> = std::iter::from_fn(|| output.poll_line()).collect();
        assert_eq!((taken.len(), taken[0].as_str()), (UNTAKEN, "line 9000"));
        assert_eq!(output.poll_line(), None);
    }

    #[test]
    fn a_line_without_end_is_broken_and_seen() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let output = Output::read_from(reader, "now re".parse().ok());
        writer.write_all(&vec![b'x'; 3 * LINE_LIMIT]).unwrap();
        writer.write_all(b"\nnow re\x1b[0mady").unwrap();
        while !output.has_awaited() {
            output.wait_for_more(Duration::from_secs(5));
        }
        drop(writer);
        output.wait_for_end(Duration::from_secs(5));
        assert_eq!(output.last(1), ["now re[0mady"]);
        assert!(output.last(usize::MAX).iter().all(|line| line.len() <= LINE_LIMIT));
    }

    #[rstest]
    #[case::among_many("line\n".repeat(300) + "ready\n" + &"line\n".repeat(1500), true)]
    #[case::where_a_line_is_broken("x".repeat(LINE_LIMIT - 3) + "ready" + &"x".repeat(9), true)]
    #[case::far_into_a_long_line("x".repeat(5 * LINE_LIMIT) + "ready" + &"x\n".repeat(600), true)]
    #[case::in_two_lines("line\n".repeat(300) + "rea\ndy\n", false)]
    #[case::in_two_lines_of_full_length("x".repeat(LINE_LIMIT - 3) + "rea\ndy\n", false)]
    fn what_is_awaited_is_not_missed(#[case] printed: String, #[case] is_seen: bool) {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let output = Output::read_from(reader, "ready".parse().ok());
        writer.write_all(printed.as_bytes()).unwrap();
        drop(writer);
        output.wait_for_end(Duration::from_secs(5));
        assert_eq!(output.has_awaited(), is_seen);
    }
}
