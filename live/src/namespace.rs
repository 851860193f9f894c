//! Network namespaces held by a file descriptor alone, and what is in them.
//!
//! | file | holds |
//! |---|---|
//! | `links` | veth pairs, bridges, addresses, routes, carrier, by rtnetlink |
//! | `settings` | the kernel's own settings of a namespace |
//! | `confinement` | user, mount and process namespaces for a whole run |
//! | `obstacle` | what keeps a machine from all this, with its remedy |
//!
//! Nothing is bound to the file system: when the last process, socket and descriptor of a
//! namespace is gone, so are the namespace and every device in it.

pub mod confinement;
mod links;
pub mod obstacle;
mod settings;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

pub use self::links::End;
pub use self::obstacle::Obstacle;
pub use self::settings::CongestionControl;
use crate::LiveError;

/// The network namespace of the calling thread, as the kernel shows it.
const OWN: &str = "/proc/thread-self/ns/net";

/// A network namespace; gone with its last user.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    descriptor: OwnedFd,
}

impl Namespace {
    /// Makes an empty namespace with its loopback up, IPv6 off and reverse-path checks off.
    pub fn new(name: impl Into<String>) -> Result<Self, LiveError> {
        let name = name.into();
        let descriptor = on_a_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET).map_err(Obstacle::of_namespaces)?;
            own().map_err(|source| LiveError::System { what: "network namespace", source })
        })?;
        let namespace = Self { name, descriptor };
        namespace.settle()?;
        namespace.up("lo")?;
        Ok(namespace)
    }

    /// Returns the namespace the calling thread is in.
    pub fn current() -> Result<Self, LiveError> {
        let descriptor =
            own().map_err(|source| LiveError::System { what: "network namespace", source })?;
        Ok(Self { name: "host".to_owned(), descriptor })
    }

    /// What people call it; the kernel does not know.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts the calling thread into the namespace, for good: every socket it opens from now on
    /// belongs there.
    pub fn enter(&self) -> Result<(), LiveError> {
        setns(&self.descriptor, CloneFlags::CLONE_NEWNET)
            .map_err(|errno| LiveError::System { what: "namespace to enter", source: errno.into() })
    }

    /// Runs `f` on a thread of its own inside the namespace and waits for it.
    ///
    /// # Panics
    ///
    /// When `f` does, or when the kernel does not let a namespace we made be entered.
    pub fn run<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        on_a_thread(|| {
            self.enter().expect("who made a namespace may enter it");
            f()
        })
    }

    /// Starts a program inside the namespace.
    pub fn spawn(&self, mut command: Command) -> io::Result<Child> {
        self.run(move || command.spawn())
    }
}

fn own() -> io::Result<OwnedFd> {
    File::open(OWN).map(OwnedFd::from)
}

fn on_a_thread<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| {
        scope.spawn(f).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests;
