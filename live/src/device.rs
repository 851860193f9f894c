//! A bridge under test: the programs its manifest names, started, watched and stopped.
//!
//! | file | holds |
//! |---|---|
//! | `build` | which programs are installed, their version and digest |
//! | `site` | where each role runs, and what its placeholders stand for |
//! | `prepare` | what is made ready before anything starts |
//! | `program` | one running program: its end, its signals |
//! | `output` | what it prints, kept within bounds |
//! | `joint` | what joins a bridge's device with the port of its site |
//! | `examine` | the transparency checks on real programs |
//! | `ready` | how one can tell that it is ready |
//! | `error` | why a bridge cannot be run, and what helps |

pub mod build;
pub mod error;
pub mod examine;
mod joint;
pub mod output;
mod prepare;
mod program;
mod ready;
pub mod site;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use scenarios::BridgeSetup;
use scenarios::manifest::{Attachment, Carrier, Manifest, Placeholder, Role, RoleName};

pub use build::{Build, Programs};
pub use error::DeviceError;
pub use examine::{ExamineError, examine};
use program::Program;
pub use site::{Ground, Here, Site, Sites};

/// Starts bridges.
pub struct Device;

/// A bridge whose programs run; they are killed when it is dropped.
pub struct Running {
    manifest: Manifest,
    programs: Programs,
    sites: Sites,
    roles: BTreeMap<RoleName, Program>,
}

/// A program that ended without being asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// Its role.
    pub role: RoleName,
    /// How it ended, such as `exit status: 1`.
    pub how: String,
    /// The last lines it printed.
    pub last: Vec<String>,
}

impl Device {
    /// Prepares and starts every role, relay first, and waits until each is ready.
    ///
    /// # Errors
    ///
    /// Says which program is missing, ended, or did not become ready in time; what was started is
    /// killed.
    pub async fn start(
        manifest: &Manifest,
        programs: &Programs,
        sites: Sites,
    ) -> Result<Running, DeviceError> {
        programs.check(manifest)?;
        has_taps(manifest)?;
        prepare::prepare(manifest, programs, &sites).await?;
        let mut running = Running {
            manifest: manifest.clone(),
            programs: programs.clone(),
            sites,
            roles: BTreeMap::new(),
        };
        let names: Vec<RoleName> = manifest.roles().map(|(name, _)| name).collect();
        for name in &names {
            running.start_role(*name)?;
            if !running.waits_for_peer(*name) {
                running.wait_ready(*name).await?;
            }
        }
        for name in names {
            if running.waits_for_peer(name) {
                running.wait_ready(name).await?;
            }
        }
        Ok(running)
    }
}

impl Running {
    /// Starts a role that does not run, such as a relay that was killed; does not wait for it.
    ///
    /// # Errors
    ///
    /// When the program cannot be started.
    pub fn start_role(&mut self, name: RoleName) -> Result<(), DeviceError> {
        let role = role_of(&self.manifest, name).ok_or(DeviceError::NoRole(name))?;
        let program = Program::start(name, role, &self.programs, &self.sites)?;
        self.roles.insert(name, program);
        Ok(())
    }

    /// Waits until a role is ready.
    ///
    /// # Errors
    ///
    /// When it ends, or is not ready within the time its manifest gives.
    pub async fn wait_ready(&mut self, name: RoleName) -> Result<(), DeviceError> {
        let role = role_of(&self.manifest, name).ok_or(DeviceError::NoRole(name))?;
        let values = self.sites.values(name, &self.programs);
        let program = self.roles.get_mut(&name).ok_or(DeviceError::NoRole(name))?;
        ready::wait(program, &role.ready, &values, self.sites.of(name).ground.as_ref()).await
    }

    /// Kills a role without asking it; does nothing when it does not run.
    pub fn kill_role(&mut self, name: RoleName) {
        self.roles.remove(&name);
    }

    /// Returns the process of a role that runs.
    pub fn process(&self, name: RoleName) -> Option<u32> {
        self.roles.get(&name).map(Program::id)
    }

    /// Returns a role that ended without being asked, once.
    pub fn poll_death(&mut self) -> Option<Death> {
        let (name, how) =
            self.roles.iter_mut().find_map(|(name, program)| Some((*name, program.poll_end()?)))?;
        let program = self.roles.remove(&name)?;
        Some(Death { role: name, how, last: program.output().last(LAST_LINES) })
    }

    /// Takes the next line a role has printed.
    pub fn poll_line(&mut self) -> Option<(RoleName, String)> {
        self.roles.iter().find_map(|(name, program)| Some((*name, program.output().poll_line()?)))
    }

    /// Returns what a role has printed so far, within bounds.
    pub fn printed(&self, name: RoleName) -> Vec<String> {
        self.roles.get(&name).map(|program| program.output().last(usize::MAX)).unwrap_or_default()
    }

    /// Asks every role to end, the technician first, and kills who takes too long.
    pub async fn stop(mut self) {
        for name in [RoleName::Technician, RoleName::Mechanic, RoleName::Relay] {
            let stop = role_of(&self.manifest, name).map(|role| role.stop);
            if let (Some(stop), Some(mut program)) = (stop, self.roles.remove(&name)) {
                program.stop(stop).await;
            }
        }
    }

    /// Returns whether the bridge has such a role, whether it runs or not.
    pub fn has_role(&self, name: RoleName) -> bool {
        role_of(&self.manifest, name).is_some()
    }

    /// Returns the manifest it was started from.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns where its roles run.
    pub fn sites(&self) -> &Sites {
        &self.sites
    }

    fn waits_for_peer(&self, name: RoleName) -> bool {
        role_of(&self.manifest, name).is_some_and(|role| role.ready.with_peer)
    }
}

fn role_of(manifest: &Manifest, name: RoleName) -> Option<&Role> {
    let Carrier::Programs(roles) = &manifest.carrier else { return None };
    match name {
        RoleName::Technician => Some(&roles.technician),
        RoleName::Mechanic => Some(&roles.mechanic),
        RoleName::Relay => roles.relay.as_ref(),
    }
}

/// Refuses a bridge that cannot be told what the scenario wants of it; a wire is one. Asked before
/// anything is made for a run.
pub fn takes(manifest: &Manifest, setup: BridgeSetup) -> Result<(), DeviceError> {
    let usual = BridgeSetup::default();
    let takes = |name| {
        let mut words = manifest.roles().flat_map(|(_, role)| &role.run);
        words.any(|word| word.placeholders().any(|asked| asked == name))
    };
    let lacks = |name, wanted: &str| DeviceError::Untold {
        bridge: manifest.name.clone(),
        name,
        wanted: wanted.to_owned(),
    };
    if setup.carry != usual.carry && !takes(Placeholder::Carry) {
        return Err(lacks("carry", setup.carry.name()));
    }
    if setup.guard != usual.guard && !takes(Placeholder::Guard) {
        return Err(lacks("guard", setup.guard.name()));
    }
    Ok(())
}

/// Refuses a bridge of other people's that makes TAP devices where there are none; our own does
/// without.
fn has_taps(manifest: &Manifest) -> Result<(), DeviceError> {
    let ours = |role: &Role| {
        let mut placeholders = role.run.iter().take(1).flat_map(|word| word.placeholders());
        placeholders.any(|placeholder| placeholder == Placeholder::Benchcar)
    };
    let makes = |role: &Role| role.port.is_some_and(|port| port.by == Attachment::Tap);
    if !manifest.roles().any(|(_, role)| makes(role) && !ours(role)) {
        return Ok(());
    }
    crate::port::tap::are_there().map_err(|(source, remedy)| DeviceError::NoTap {
        bridge: manifest.name.clone(),
        remedy,
        source,
    })
}

/// How many lines of a program that ended are told.
const LAST_LINES: usize = 10;
