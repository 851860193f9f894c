//! Where each role runs, and what its placeholders stand for.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;

use scenarios::BridgeSetup;
use scenarios::manifest::{Placeholder, RoleName, Value};

use super::Programs;
use crate::namespace::Namespace;

/// Where a program runs: this network namespace, or another.
pub trait Ground: Send + Sync {
    /// Starts a program there.
    ///
    /// # Errors
    ///
    /// What the system said.
    fn spawn(&self, command: Command) -> io::Result<Child>;

    /// Returns one of the kernel's tables of the network there, such as `udp` or `dev`.
    fn table(&self, name: &str) -> String;
}

/// Where this program itself runs.
pub struct Here;

impl Ground for Here {
    fn spawn(&self, mut command: Command) -> io::Result<Child> {
        command.spawn()
    }

    fn table(&self, name: &str) -> String {
        // Of the thread, not of the process: a thread may be in a namespace of its own.
        fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap_or_default()
    }
}

impl Ground for Namespace {
    fn spawn(&self, command: Command) -> io::Result<Child> {
        Self::spawn(self, command)
    }

    fn table(&self, name: &str) -> String {
        self.run(|| Here.table(name))
    }
}

/// Where one role runs.
#[derive(Clone)]
pub struct Site {
    /// Where its program is started.
    pub ground: Arc<dyn Ground>,
    /// Its address on the internet.
    pub address: Ipv4Addr,
    /// The TAP device it is to create, if its manifest says so.
    pub tap: String,
    /// The Ethernet port it is to open, if its manifest says so.
    pub port: String,
    /// Largest IP packet of that port, in bytes.
    pub mtu: u16,
}

/// Where all roles run, and what joins them.
#[derive(Clone)]
pub struct Sites {
    /// Beside the tester.
    pub technician: Site,
    /// Somewhere on the internet.
    pub relay: Site,
    /// Beside the vehicle.
    pub mechanic: Site,
    /// The number of the order.
    pub order: u64,
    /// Its passcode.
    pub passcode: String,
    /// How the bridge is set.
    pub setup: BridgeSetup,
    /// An empty folder for configuration and keys, removed by whoever made it.
    pub dir: PathBuf,
}

impl Sites {
    /// Returns the site of a role.
    pub fn of(&self, role: RoleName) -> &Site {
        match role {
            RoleName::Technician => &self.technician,
            RoleName::Relay => &self.relay,
            RoleName::Mechanic => &self.mechanic,
        }
    }

    /// Returns what placeholders stand for before any role is started.
    pub(super) fn common(&self, programs: &Programs) -> Value {
        Value::from([
            (Placeholder::Order, self.order.to_string()),
            (Placeholder::Passcode, self.passcode.clone()),
            (Placeholder::RelayAddress, self.relay.address.to_string()),
            (Placeholder::TechnicianAddress, self.technician.address.to_string()),
            (Placeholder::MechanicAddress, self.mechanic.address.to_string()),
            (Placeholder::Carry, self.setup.carry.name().to_owned()),
            (Placeholder::Guard, self.setup.guard.name().to_owned()),
            (Placeholder::Dir, self.dir.display().to_string()),
            (Placeholder::Benchcar, programs.benchcar().display().to_string()),
        ])
    }

    /// Returns what placeholders stand for in one role.
    pub(super) fn values(&self, role: RoleName, programs: &Programs) -> Value {
        let site = self.of(role);
        let mut values = self.common(programs);
        values.extend([
            (Placeholder::OwnAddress, site.address.to_string()),
            (Placeholder::Tap, site.tap.clone()),
            (Placeholder::Port, site.port.clone()),
            (Placeholder::Mtu, site.mtu.to_string()),
        ]);
        values
    }
}
