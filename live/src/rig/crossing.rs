//! The sites, the internet between them, and the bridge under test that crosses it.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};

use lab::world::Wan;
use node::Seed;
use scenarios::manifest::{
    Attachment, Carrier, Placeholder, Preparation, RoleName, Roles, Template, Value,
};
use scenarios::{BridgeSetup, Manifest};

use super::Options;
use super::plug::Plug;
use super::program::{Program, command, filled};
use super::trouble::Trouble;
use crate::namespace::Namespace;
use crate::namespace::confinement::ITSELF;
use crate::netem::{self, Emulator, Topology};
use crate::{Clock, LiveError};

/// The tester's adapter, and the port of the workshop the car is on.
pub const ADAPTER: &str = "enet0";
/// The device a role makes beside the vehicle.
const MECHANIC_TAP: &str = "tv0";
/// A site's way into the internet.
const WAN: &str = "wan";
const PREFIX: u8 = 24;
/// Largest IP packet everywhere a bridge says nothing else.
const FULL_MTU: u16 = 1500;
const ORDER: u64 = 1;

/// The sites and what joins them.
pub struct Crossing {
    /// Where the tester is.
    pub technician: Namespace,
    /// The internet; `None` once it was stopped.
    pub emulator: Option<Emulator>,
    relay: Namespace,
    roles: Option<Box<Roles>>,
    values: Value,
    /// The programs that run.
    pub programs: Vec<Program>,
    mechanic: Option<Namespace>,
}

impl Crossing {
    /// Brings up sites, internet and bridge; returns it with the plug the car goes into.
    pub fn start(
        manifest: &Manifest,
        wan: Wan,
        clock: Clock,
        seed: Seed,
        folder: &Path,
        options: &Options,
    ) -> Result<(Self, Plug), LiveError> {
        let network = netem::Options {
            pace: options.pace,
            sightings: if options.capturing { SIGHTINGS } else { 0 },
            ..netem::Options::default()
        };
        manifest_takes(manifest, options.setup)?;
        let technician = Namespace::new("technician")?;
        let relay = Namespace::new("relay")?;
        let mechanic = Namespace::new("mechanic")?;
        match &manifest.carrier {
            Carrier::Wire => {
                let tester = Plug::device(&technician, ADAPTER, FULL_MTU)?;
                let (car, near) = Plug::wire()?;
                let topology = Topology::Wire { tester, car: near };
                let emulator = Emulator::start(topology, wan, clock, &network)?;
                let crossing = Self {
                    technician,
                    emulator: Some(emulator),
                    relay,
                    roles: None,
                    values: Value::new(),
                    programs: Vec::new(),
                    mechanic: None,
                };
                Ok((crossing, car))
            }
            Carrier::Programs(roles) => {
                let topology = internet([&technician, &relay, &mechanic])?;
                let emulator = Emulator::start(topology, wan, clock, &network)?;
                let car = Plug::device(&mechanic, ADAPTER, FULL_MTU)?;
                let mut crossing = Self {
                    technician,
                    emulator: Some(emulator),
                    relay,
                    roles: Some(roles.clone()),
                    values: values(seed, folder, options.setup),
                    programs: Vec::new(),
                    mechanic: Some(mechanic),
                };
                crossing.prepare(&manifest.prepare, folder)?;
                crossing.bring_up(roles)?;
                Ok((crossing, car))
            }
        }
    }

    /// Whether what joins the sites is a plain wire.
    pub fn is_wire(&self) -> bool {
        self.roles.is_none()
    }

    /// Kills the relay's program, if the bridge has one.
    pub fn kill_relay(&mut self) {
        self.programs.retain_mut(|program| {
            let is_relay = program.role == RoleName::Relay;
            if is_relay {
                program.kill();
            }
            !is_relay
        });
    }

    /// Starts the relay's program again.
    pub fn start_relay(&mut self) -> Result<(), LiveError> {
        let Some(role) = self.roles.as_ref().and_then(|roles| roles.relay.as_ref()) else {
            return Ok(());
        };
        let values = self.values_of(RoleName::Relay);
        let program = Program::start(RoleName::Relay, role, &self.relay, &values)?;
        self.programs.push(program);
        Ok(())
    }

    /// Names a program that ended though nobody asked it to.
    pub fn lost_program(&mut self) -> Option<String> {
        let mut programs = self.programs.iter_mut();
        programs.find_map(|program| {
            let status = program.ended()?;
            let said = program.last_words();
            Some(format!(
                "the {} of the bridge ended with {status}; it said:\n{said}",
                program.role
            ))
        })
    }

    /// Asks every program to end.
    pub fn stop(&mut self) {
        // The endpoints first, so that none of them reports a relay that went away.
        while let Some(program) = self.programs.pop() {
            program.stop();
        }
    }

    fn prepare(&self, preparations: &[Preparation], folder: &Path) -> Result<(), LiveError> {
        preparations.iter().try_for_each(|preparation| match preparation {
            Preparation::Run(run) => self.run_to_its_end(run),
            Preparation::File(file) => {
                let path = filled(&file.path, &self.values)?;
                let text = filled(&file.text, &self.values)?;
                if !Path::new(&path).starts_with(folder) {
                    return Err(Trouble::Preparation(format!("{path} is not below {{dir}}")).into());
                }
                let above = Path::new(&path).parent().unwrap_or(folder);
                std::fs::create_dir_all(above)
                    .and_then(|()| std::fs::write(&path, text))
                    .map_err(|error| Trouble::Preparation(format!("{path}: {error}")).into())
            }
        })
    }

    fn run_to_its_end(&self, run: &[Template]) -> Result<(), LiveError> {
        let mut command = command(run, &self.values)?;
        let told = words(&command);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output =
            child.output().map_err(|error| Trouble::Preparation(format!("{told}: {error}")))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Trouble::Preparation(format!("{told} ended with {}:\n{said}", output.status)).into())
    }

    fn bring_up(&mut self, roles: &Roles) -> Result<(), LiveError> {
        let order = [
            (RoleName::Relay, roles.relay.as_ref()),
            (RoleName::Mechanic, Some(&roles.mechanic)),
            (RoleName::Technician, Some(&roles.technician)),
        ];
        let mut later = Vec::new();
        for (name, role) in order {
            let Some(role) = role else { continue };
            let values = self.values_of(name);
            let mut program = Program::start(name, role, self.site(name), &values)?;
            if role.ready.with_peer {
                later.push((self.programs.len(), name, role));
            } else {
                program.wait_until_ready(&role.ready, self.site(name), &values)?;
            }
            self.programs.push(program);
        }
        for (place, name, role) in later {
            let values = self.values_of(name);
            let mut program = self.programs.remove(place);
            let ready = program.wait_until_ready(&role.ready, self.site(name), &values);
            self.programs.insert(place, program);
            ready?;
        }
        self.join_ports(roles)
    }

    /// Makes the devices of the endpoints usable: the tester's adapter, the workshop's port.
    fn join_ports(&self, roles: &Roles) -> Result<(), LiveError> {
        let site = &self.technician;
        if let Some(port) = roles.technician.port {
            if port.flush_addresses {
                site.flush_addresses(ADAPTER)?;
            }
            if port.mtu < FULL_MTU {
                site.mtu(ADAPTER, port.mtu)?;
            }
        }
        site.up(ADAPTER)?;
        let (Some(port), Some(site)) = (roles.mechanic.port, &self.mechanic) else { return Ok(()) };
        match port.by {
            Attachment::Port => Ok(()),
            Attachment::Tap => {
                if port.flush_addresses {
                    site.flush_addresses(MECHANIC_TAP)?;
                }
                site.bridge("br0", &[MECHANIC_TAP, ADAPTER])
            }
        }
    }

    fn site(&self, role: RoleName) -> &Namespace {
        match role {
            RoleName::Relay => &self.relay,
            RoleName::Technician => &self.technician,
            RoleName::Mechanic => {
                self.mechanic.as_ref().expect("a bridge of programs has a mechanic's site")
            }
        }
    }

    fn values_of(&self, role: RoleName) -> Value {
        let mut values = self.values.clone();
        let (own, tap) = match role {
            RoleName::Relay => (Placeholder::RelayAddress, None),
            RoleName::Technician => (Placeholder::TechnicianAddress, Some(ADAPTER)),
            RoleName::Mechanic => (Placeholder::MechanicAddress, Some(MECHANIC_TAP)),
        };
        if let Some(own) = values.get(&own).cloned() {
            values.insert(Placeholder::OwnAddress, own);
        }
        if let Some(tap) = tap {
            values.insert(Placeholder::Tap, tap.to_owned());
            values.insert(Placeholder::Port, ADAPTER.to_owned());
        }
        values
    }
}

/// Joins the three sites by two legs that meet at the relay.
fn internet([technician, relay, mechanic]: [&Namespace; 3]) -> Result<Topology<Plug>, LiveError> {
    let site = |namespace: &Namespace, address| {
        let plug = Plug::device(namespace, WAN, FULL_MTU)?;
        namespace.address(WAN, address, PREFIX)?;
        Ok::<_, LiveError>(plug)
    };
    let technicians = site(technician, TECHNICIAN_ADDRESS)?;
    let mechanics = site(mechanic, MECHANIC_ADDRESS)?;
    let relays = [Plug::device(relay, "leg-t", FULL_MTU)?, Plug::device(relay, "leg-m", FULL_MTU)?];
    relay.bridge(WAN, &["leg-t", "leg-m"])?;
    relay.address(WAN, RELAY_ADDRESS, PREFIX)?;
    let [towards_technician, towards_mechanic] = relays;
    Ok(Topology::Bridge {
        technician: [technicians, towards_technician],
        mechanic: [mechanics, towards_mechanic],
    })
}

fn values(seed: Seed, folder: &Path, setup: BridgeSetup) -> Value {
    let passcode = seed.stream("rig/passcode").next_u64();
    Value::from([
        (Placeholder::Order, ORDER.to_string()),
        (Placeholder::Passcode, format!("bench{passcode:016x}")),
        (Placeholder::RelayAddress, RELAY_ADDRESS.to_string()),
        (Placeholder::TechnicianAddress, TECHNICIAN_ADDRESS.to_string()),
        (Placeholder::MechanicAddress, MECHANIC_ADDRESS.to_string()),
        (Placeholder::Carry, setup.carry.name().to_owned()),
        (Placeholder::Guard, setup.guard.name().to_owned()),
        (Placeholder::Dir, folder.display().to_string()),
        (Placeholder::Mtu, FULL_MTU.to_string()),
        (Placeholder::Benchcar, ITSELF.to_owned()),
    ])
}

/// Refuses a bridge that cannot be told what the scenario wants of it.
fn manifest_takes(manifest: &Manifest, setup: BridgeSetup) -> Result<(), Trouble> {
    let usual = BridgeSetup::default();
    let takes = |name| {
        let mut words = manifest.roles().flat_map(|(_, role)| &role.run);
        words.any(|word| word.placeholders().any(|asked| asked == name))
    };
    let lacks = |name, wanted: &str| Trouble::Untold {
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

fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

const RELAY_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const TECHNICIAN_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const MECHANIC_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 3);
/// Frames on the internet that wait for a capture.
const SIGHTINGS: usize = 1 << 16;
