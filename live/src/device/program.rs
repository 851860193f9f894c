//! One running program of a bridge: its end, its signals.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{self, killpg};
use nix::unistd::Pid;
use scenarios::manifest::{Role, RoleName, Signal, Stop};

use super::output::Output;
use super::prepare::fill;
use super::{DeviceError, Programs, Sites};

/// A program and everything it starts, in a process group of its own; killed when dropped.
pub(super) struct Program {
    name: RoleName,
    child: Child,
    output: Output,
}

impl Program {
    /// Starts the program of a role where the role is.
    pub fn start(
        name: RoleName,
        role: &Role,
        programs: &Programs,
        sites: &Sites,
    ) -> Result<Self, DeviceError> {
        use std::os::unix::process::CommandExt;
        let values = sites.values(name, programs);
        let words = role.run.iter().map(|word| fill(word, &values));
        let words: Vec<String> = words.collect::<Result<_, _>>()?;
        let program = words.first().cloned().unwrap_or_default();
        let failed = |source| DeviceError::NotStarted { program: program.clone(), source };
        let file = programs
            .find(&program)
            .map_err(|sought| DeviceError::NotThere { program: program.clone(), sought })?;
        let (reader, writer) = std::io::pipe().map_err(failed)?;
        let mut command = Command::new(file);
        command
            .args(words.get(1..).unwrap_or_default())
            .current_dir(&sites.dir)
            .stdin(Stdio::null())
            .stdout(writer.try_clone().map_err(failed)?)
            .stderr(writer)
            .process_group(0);
        let child = sites.of(name).ground.spawn(command).map_err(failed)?;
        tracing::info!(role = %name, process = child.id(), ?words, "started");
        Ok(Self { name, child, output: Output::read_from(reader, role.ready.log.clone()) })
    }

    /// Returns its role.
    pub fn name(&self) -> RoleName {
        self.name
    }

    /// Returns its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns what it prints.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// Returns how it ended, when it has.
    pub fn poll_end(&mut self) -> Option<String> {
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(status.to_string()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// Asks it to end, and kills it when it takes too long.
    pub async fn stop(&mut self, stop: Stop) {
        self.signal(match stop.signal {
            Signal::Term => signal::Signal::SIGTERM,
            Signal::Int => signal::Signal::SIGINT,
            Signal::Hup => signal::Signal::SIGHUP,
            Signal::Quit => signal::Signal::SIGQUIT,
            Signal::Kill => signal::Signal::SIGKILL,
        });
        let deadline = Instant::now() + stop.grace.0;
        while self.poll_end().is_none() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn signal(&self, signal: signal::Signal) {
        let Ok(group) = i32::try_from(self.child.id()) else { return };
        // A group that is gone has nobody left to be told.
        let _ = killpg(Pid::from_raw(group), signal);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.signal(signal::Signal::SIGKILL);
        // What was killed is reaped here, so that no process of ours stays behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
