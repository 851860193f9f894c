//! User, mount and process namespaces around a whole run, so that nothing of it outlives it.
//!
//! The program starts itself again: the outer process only waits and passes signals on, the inner
//! one is process 1 of its own process namespace. When either dies, however it dies, the kernel
//! ends every process inside, and with them go network namespaces, devices and the private folder.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getegid, geteuid};
use tokio::signal::unix::{self as signal, SignalKind};
use tokio::{runtime, select};

use super::Obstacle;
use crate::LiveError;

/// This program, even when its file has been replaced meanwhile.
pub const ITSELF: &str = "/proc/self/exe";
/// Folders every system has, nobody's output is usually in, and any of which will do.
const CANDIDATES: [&str; 5] = ["/run", "/mnt", "/media", "/srv", "/var/lib"];
/// What the outer process says once the inner one may begin.
const BEGIN: u8 = b'!';

/// How the inner process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code.
    Code(u8),
    /// Killed by a signal.
    Killed(i32),
}

/// Starts this program again, confined, with the arguments that `arguments` makes of the private
/// folder; waits for it.
///
/// The private folder is an empty one in memory that only the confined processes see; it hides no
/// path in `kept`. Must be called before the process has a second thread.
pub fn run_confined(
    kept: &[PathBuf],
    arguments: impl FnOnce(&Path) -> Vec<OsString>,
) -> Result<Ended, LiveError> {
    let refused = |source| LiveError::System { what: "signal handler", source };
    let runtime = runtime::Builder::new_current_thread().enable_io().build().map_err(refused)?;
    // Also where whoever started this process had it ignore them, as a script's background job.
    let mut signals = {
        let _guard = runtime.enter();
        Signals::new().map_err(refused)?
    };
    let folder = private_folder(kept).ok_or(LiveError::NoPrivateFolder)?;
    isolate().map_err(Obstacle::of_namespaces)?;
    make_private(&folder).map_err(Obstacle::of_namespaces)?;
    let mut child = Command::new(ITSELF)
        .args(arguments(&folder))
        .stdin(Stdio::piped())
        // Ctrl-C of a terminal reaches the outer process alone, which passes it on once.
        .process_group(0)
        .spawn()
        .map_err(|source| LiveError::System { what: "confined process", source })?;
    // Open as long as this process lives. If the other is gone already, waiting for it tells how.
    let mut pipe = child.stdin.take();
    let begun = pipe.as_mut().map(|pipe| pipe.write_all(&[BEGIN]));
    tracing::debug!(?begun, "the confined process may begin");
    let ended = runtime.block_on(wait(&mut child, &mut signals));
    drop(pipe);
    ended
}

/// Is to be called first in the process that [`run_confined`] started.
///
/// False: the outer process is gone, and this one has to go, too.
pub fn begin_inside() -> Result<bool, LiveError> {
    // If the outer process dies from here on, the kernel kills this one; if it died before, its end
    // of the pipe is closed.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(|errno| system("parent's signal", errno))?;
    prctl::set_name(c"benchcar").map_err(|errno| system("process name", errno))?;
    let mut begin = [0];
    let told = io::stdin().read(&mut begin).is_ok_and(|length| length == 1) && begin[0] == BEGIN;
    let stdin = io::stdin();
    let mut pipe = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    poll(&mut pipe, PollTimeout::ZERO).map_err(|errno| system("poll", errno))?;
    let closed = pipe[0].revents().is_none_or(|events| events.contains(PollFlags::POLLHUP));
    Ok(told && !closed)
}

/// What the outer process hears.
struct Signals {
    child: signal::Signal,
    asked: [signal::Signal; 3],
}

impl Signals {
    fn new() -> io::Result<Self> {
        let asked = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hangup] = asked.map(signal::signal);
        Ok(Self {
            child: signal::signal(SignalKind::child())?,
            asked: [interrupt?, terminate?, hangup?],
        })
    }
}

/// Waits for the inner process, and passes on what asks this one to end.
async fn wait(child: &mut Child, signals: &mut Signals) -> Result<Ended, LiveError> {
    let inner = Pid::from_raw(child.id() as i32);
    loop {
        let gone = child.try_wait().map_err(|source| LiveError::System { what: "wait", source })?;
        if let Some(status) = gone {
            return Ok(ended(status));
        }
        let [interrupt, terminate, hangup] = &mut signals.asked;
        select! {
            biased;
            _ = signals.child.recv() => continue,
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        // Process 1 of a namespace hears only what it listens for: Ctrl-C is what a run does.
        let passed_on = kill(inner, Signal::SIGINT);
        tracing::debug!(?passed_on, "asked to end");
    }
}

fn ended(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Code(code as u8),
        (None, signal) => Ended::Killed(signal.unwrap_or_default()),
    }
}

/// Gives this process namespaces of its own: as root where that is allowed, else as the root of a
/// user namespace, in which files still belong to the user.
fn isolate() -> Result<(), Errno> {
    // A network of its own, too: a user may leave a namespace only for one that is theirs.
    let wanted = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNET;
    if geteuid().is_root() && unshare(wanted).is_ok() {
        return Ok(());
    }
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | wanted)?;
    let written = fs::write("/proc/self/setgroups", "deny")
        .and_then(|()| fs::write("/proc/self/uid_map", format!("0 {user} 1")))
        .and_then(|()| fs::write("/proc/self/gid_map", format!("0 {group} 1")));
    written.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default()))
}

/// Mounts an empty folder in memory that only this mount namespace sees.
fn make_private(folder: &Path) -> Result<(), Errno> {
    const NOTHING: Option<&str> = None;
    mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("benchcar"), folder, Some("tmpfs"), flags, Some("mode=0755,size=64m"))
}

/// Picks the folder that is covered, none of which is above a path that is still needed.
fn private_folder(kept: &[PathBuf]) -> Option<PathBuf> {
    let kept: Vec<PathBuf> = kept.iter().map(|path| resolved(path)).collect();
    let mut candidates = CANDIDATES.iter().map(PathBuf::from);
    candidates.find(|folder| {
        fs::canonicalize(folder)
            .is_ok_and(|real| real.is_dir() && !kept.iter().any(|path| path.starts_with(&real)))
    })
}

/// The real path of the nearest part of `path` that exists.
fn resolved(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.ancestors().find_map(|part| fs::canonicalize(part).ok()).unwrap_or(absolute)
}

fn system(what: &'static str, errno: Errno) -> LiveError {
    LiveError::System { what, source: errno.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_private_folder_hides_nothing_that_is_needed() {
        let folder = private_folder(&[]).unwrap();
        let inside = folder.join("results/of/today");
        let other = private_folder(&[inside]).unwrap();
        assert_ne!(folder, other);
        assert_eq!(private_folder(&[PathBuf::from("/tmp/x")]).unwrap(), folder);
    }

    #[test]
    fn an_end_by_a_signal_is_told_from_an_exit_code() {
        assert_eq!(ended(ExitStatus::from_raw(3 << 8)), Ended::Code(3));
        assert_eq!(ended(ExitStatus::from_raw(9)), Ended::Killed(9));
    }
}
