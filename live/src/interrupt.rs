//! What asks this process to end: Ctrl-C, and SIGTERM where there are signals.
//!
//! A closed terminal (SIGHUP) is left to whoever started the process: under `nohup` it goes on.

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
struct Interrupts([Signal; 2]);

#[cfg(unix)]
impl Interrupts {
    fn new() -> Result<Self, LiveError> {
        let interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
        let terminate = signal(SignalKind::terminate()).map_err(refused)?;
        Ok(Self([interrupt, terminate]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate] = &mut self.0;
        tokio::select! {
            biased;
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
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
