//! One program of a bridge under test, in the namespace of its site.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use node::{Duration, Instant};
use scenarios::manifest::{Ready, Role, RoleName, Signal as Asked, Value};

use super::trouble::Trouble;
use crate::namespace::Namespace;
use crate::{Clock, LiveError};

/// Lines that wait to be heard; a program that prints more waits itself.
const LINES_WAITING: usize = 1024;
/// Lines kept to tell what a program said last.
const LINES_KEPT: usize = 12;
/// Longest line that is heard, in bytes; the rest of it is a line of its own.
const LINE_LIMIT: u64 = 4096;
/// How often what cannot be waited for (a port, a device) is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A program that runs.
pub struct Program {
    /// Which part it plays.
    pub role: RoleName,
    child: Child,
    lines: Receiver<String>,
    last: VecDeque<String>,
    unheard: VecDeque<String>,
    log_is_ready: bool,
    stop: Asked,
    grace: Duration,
}

impl Program {
    /// Starts a role.
    pub fn start(
        name: RoleName,
        role: &Role,
        namespace: &Namespace,
        values: &Value,
    ) -> Result<Self, LiveError> {
        let mut command = command(&role.run, values)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = namespace.spawn(command).map_err(|source| Trouble::NotStarted {
            role: name,
            program,
            source,
        })?;
        let (sender, lines) = sync_channel(LINES_WAITING);
        listen(child.stdout.take(), &sender);
        listen(child.stderr.take(), &sender);
        Ok(Self {
            role: name,
            child,
            lines,
            last: VecDeque::new(),
            unheard: VecDeque::new(),
            log_is_ready: role.ready.log.is_none(),
            stop: role.stop.signal,
            grace: role.stop.grace.0,
        })
    }

    /// Waits until it is ready.
    pub fn wait_until_ready(
        &mut self,
        ready: &Ready,
        namespace: &Namespace,
        values: &Value,
    ) -> Result<(), LiveError> {
        let clock = Clock::start();
        let device = ready.device.as_ref().map(|device| filled(device, values)).transpose()?;
        loop {
            self.hear_until_ready(ready);
            if let Some(status) = self.ended() {
                return Err(self.trouble(format!("ended with {status} before it was ready")));
            }
            let is_there = self.log_is_ready
                && device.as_ref().is_none_or(|device| namespace.has(device))
                && ready.udp.is_none_or(|port| is_open(namespace, "udp", port))
                && ready.tcp.is_none_or(|port| is_open(namespace, "tcp", port));
            if is_there {
                return Ok(());
            }
            if clock.now() >= Instant::ZERO + ready.within.0 {
                let within = ready.within;
                return Err(self.trouble(format!("was not ready within {within}")));
            }
        }
    }

    /// Takes the next line it printed.
    pub fn poll_line(&mut self) -> Option<String> {
        if let Ok(line) = self.lines.try_recv() {
            self.keep(&line);
            self.unheard.push_back(line);
        }
        self.unheard.pop_front()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Kills it without asking, and waits until it is gone.
    pub fn kill(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            tracing::debug!(%error, role = %self.role, "was gone already");
        }
    }

    /// Asks it to end, and kills it when it does not.
    pub fn stop(mut self) {
        let asked = match self.stop {
            Asked::Term => Signal::SIGTERM,
            Asked::Int => Signal::SIGINT,
            Asked::Hup => Signal::SIGHUP,
            Asked::Quit => Signal::SIGQUIT,
            Asked::Kill => Signal::SIGKILL,
        };
        let sent = kill(Pid::from_raw(self.child.id() as i32), asked);
        tracing::debug!(role = %self.role, ?sent, "asked to end");
        let clock = Clock::start();
        while self.ended().is_none() && clock.now() < Instant::ZERO + self.grace {
            // Its output closes when it ends, which is the quickest way to hear of it.
            drop(self.lines.recv_timeout(LOOK_AGAIN));
        }
        self.kill();
    }

    /// What it said last, for people.
    pub fn last_words(&self) -> String {
        self.last.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    fn hear_until_ready(&mut self, ready: &Ready) {
        match self.lines.recv_timeout(LOOK_AGAIN) {
            Ok(line) => {
                self.log_is_ready |= ready.log.as_ref().is_some_and(|log| log.is_in(&line));
                self.keep(&line);
                self.unheard.push_back(line);
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }

    fn keep(&mut self, line: &str) {
        if self.last.len() == LINES_KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
    }

    fn trouble(&self, what: String) -> LiveError {
        Trouble::Program { role: self.role, what, said: self.last_words() }.into()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Makes a command of templates.
pub fn command(
    run: &[scenarios::manifest::Template],
    values: &Value,
) -> Result<Command, LiveError> {
    let words: Vec<String> =
        run.iter().map(|word| filled(word, values)).collect::<Result<_, _>>()?;
    let Some((program, arguments)) = words.split_first() else {
        return Err(Trouble::Empty.into());
    };
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

/// Fills a template.
pub fn filled(
    template: &scenarios::manifest::Template,
    values: &Value,
) -> Result<String, LiveError> {
    template.fill(values).map_err(|missing| Trouble::NoValue(missing.name()).into())
}

/// Hears what a program prints, on a thread of its own, for a pipe cannot be asked without waiting.
fn listen(pipe: Option<impl Read + Send + 'static>, lines: &SyncSender<String>) {
    let Some(pipe) = pipe else { return };
    let lines = lines.clone();
    thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        while let Ok(Some(line)) = next_line(&mut reader) {
            if lines.send(line).is_err() {
                // Nobody hears any more; the program must not be stopped by a full pipe.
                drop(io::copy(&mut reader, &mut io::sink()));
                break;
            }
        }
    });
}

fn next_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let read = reader.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line)?;
    Ok((read > 0).then(|| String::from_utf8_lossy(&line).trim_end().to_owned()))
}

/// Whether a port is open in a namespace, by the kernel's own table.
fn is_open(namespace: &Namespace, transport: &str, port: u16) -> bool {
    let table = namespace.run(|| {
        std::fs::read_to_string(format!("/proc/thread-self/net/{transport}")).unwrap_or_default()
    });
    let wanted = format!(":{port:04X}");
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let local = fields.next().unwrap_or_default();
        let state = fields.nth(1).unwrap_or_default();
        local.ends_with(&wanted) && (transport == "udp" || state == LISTENING)
    })
}

/// The state of a listening socket in the kernel's table.
const LISTENING: &str = "0A";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_end_is_heard_in_pieces() {
        let mut reader = BufReader::new(io::repeat(b'x').take(LINE_LIMIT + 10));
        assert_eq!(next_line(&mut reader).unwrap().unwrap().len() as u64, LINE_LIMIT);
        assert_eq!(next_line(&mut reader).unwrap().unwrap().len(), 10);
        assert_eq!(next_line(&mut reader).unwrap(), None);
    }
}
