//! What asks this process to end: Ctrl-C, and where there are signals SIGTERM and a closed terminal.
//!
//! Whoever starts the process may have it survive its terminal (SIGHUP): under `nohup` it goes on.

use std::future::Future;
use std::thread;

use tokio::runtime::Builder;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows::{CtrlC, ctrl_c};

use crate::LiveError;

/// Calls `act`, on a thread of its own, each time the process is interrupted or asked to end.
///
/// From the return on neither ends the process by itself.
///
/// # Errors
///
/// Fails where the system takes no handler.
pub fn on_interrupt(mut act: impl FnMut() + Send + 'static) -> Result<(), LiveError> {
    let runtime = Builder::new_current_thread().enable_io().build().map_err(refused)?;
    let mut asked = {
        let _inside = runtime.enter();
        Interrupts::new()?
    };
    let listen = move || {
        runtime.block_on(async move {
            loop {
                asked.next().await;
                act();
            }
        })
    };
    thread::Builder::new().name("interrupt".to_owned()).spawn(listen).map_err(refused)?;
    Ok(())
}

/// Completes when the process is interrupted or asked to end.
///
/// From the call on, not from the first poll, neither ends the process by itself.
pub(crate) fn interrupted() -> Result<impl Future<Output = ()>, LiveError> {
    let mut asked = Interrupts::new()?;
    Ok(async move { asked.next().await })
}

#[cfg(unix)]
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    /// `None` where the process is to survive its terminal.
    hang_up: Option<Signal>,
}

#[cfg(unix)]
impl Interrupts {
    fn new() -> Result<Self, LiveError> {
        let interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
        let terminate = signal(SignalKind::terminate()).map_err(refused)?;
        let hang_up = (!survives_its_terminal()).then(|| signal(SignalKind::hangup()));
        let hang_up = hang_up.transpose().map_err(refused)?;
        Ok(Self { interrupt, terminate, hang_up })
    }

    async fn next(&mut self) {
        let hung_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hung_up => {}
        }
    }
}

/// Returns whether SIGHUP was ignored when the process started; so where the system does not tell.
#[cfg(unix)]
fn survives_its_terminal() -> bool {
    std::fs::read_to_string("/proc/self/status").map_or(true, |status| ignores_hang_up(&status))
}

/// Reads the set of ignored signals, in hexadecimal; SIGHUP is the lowest bit.
#[cfg(unix)]
fn ignores_hang_up(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    ignored.is_none_or(|set| set & 1 == 1)
}

#[cfg(windows)]
struct Interrupts(CtrlC);

#[cfg(windows)]
impl Interrupts {
    fn new() -> Result<Self, LiveError> {
        ctrl_c().map(Self).map_err(refused)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}

fn refused(source: std::io::Error) -> LiveError {
    LiveError::System { what: "signal handler", source }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::usual("Name:\tbenchcar\nSigIgn:\t0000000000001000\nSigCgt:\t1\n", false)]
    #[case::under_nohup("SigBlk:\t0\nSigIgn:\t0000000000001001\n", true)]
    #[case::not_told("Name:\tbenchcar\n", true)]
    fn whoever_ignores_a_closed_terminal_survives_it(#[case] status: &str, #[case] expected: bool) {
        assert_eq!(ignores_hang_up(status), expected);
    }
}
