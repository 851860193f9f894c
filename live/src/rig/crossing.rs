//! The sites, the internet between them, and the bridge under test that crosses it.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use lab::world::Wan;
use netem_rs::Impairment;
use node::Seed;
use scenarios::BridgeSetup;
use scenarios::manifest::{Attachment, Carrier, Manifest, RoleName, Roles};
use tokio::runtime::Runtime;
use tokio::select;
use tokio::time::sleep;

use super::Options;
use super::plug::Plug;
use super::stage::GLANCE;
use crate::device::{self, Device, Ground, Programs, Running, Site, Sites};
use crate::namespace::Namespace;
use crate::namespace::confinement::ITSELF;
use crate::netem::{self, Emulator, Pace, Topology};
use crate::port::Switch;
use crate::{Clock, LiveError};

/// The tester's adapter, and the port of the workshop the car is on.
pub const ADAPTER: &str = "enet0";
/// The device a role makes beside the vehicle.
const MECHANIC_TAP: &str = "tv0";
/// The port a role opens beside the tester; the tester's adapter is at the other end of its cable.
const TECHNICIAN_PORT: &str = "lan0";
/// What joins a mechanic's device with the workshop's port.
const JOIN: &str = "br0";
/// A site's way into the internet.
const WAN: &str = "wan";
const PREFIX: u8 = 24;
/// Largest IP packet everywhere a bridge says nothing else.
const FULL_MTU: u16 = 1500;
const ORDER: u64 = 1;

/// The sites and what joins them.
pub struct Crossing {
    /// Where the tester is.
    pub technician: Arc<Namespace>,
    /// The internet; `None` once it was stopped.
    pub emulator: Option<Emulator>,
    over: Over,
    /// The cable to a port that the technician's program opens.
    _patch: Option<Emulator>,
    /// What the tester's adapter and the sites' ways out are.
    pub adapters: &'static str,
}

/// What joins the sites.
enum Over {
    /// A plain wire; this shows the tester what happens at its far end.
    Wire(Switch),
    /// A bridge; none once it was stopped.
    Bridge(Option<Box<Running>>),
}

/// What a crossing is made of.
pub struct Plan<'a> {
    /// The bridge under test, and how everything is run.
    pub options: &'a Options,
    /// The internet.
    pub wan: Wan,
    /// The internet's clock.
    pub clock: Clock,
    /// What passcodes are drawn from.
    pub seed: Seed,
    /// Whether somebody asks to stop.
    pub is_stopped: &'a dyn Fn() -> bool,
}

impl Crossing {
    /// Brings up sites, internet and bridge; returns it with the plug the car goes into. `None` when
    /// somebody asked to stop before the bridge was ready.
    pub fn start(plan: Plan<'_>, runtime: &Runtime) -> Result<Option<(Self, Plug)>, LiveError> {
        let Plan { options, wan, clock, .. } = plan;
        let network = netem::Options {
            pace: options.pace,
            sightings: if options.capturing { SIGHTINGS } else { 0 },
            ..netem::Options::default()
        };
        device::takes(&options.bridge, options.setup)?;
        let technician = Arc::new(Namespace::new("technician")?);
        match &options.bridge.carrier {
            Carrier::Wire => {
                let (tester, switch) = Plug::switched_device(&technician, ADAPTER, FULL_MTU)?;
                let adapters = tester.nature();
                let (car, near) = Plug::wire()?;
                let topology = Topology::Wire { tester, car: near };
                let emulator = Some(Emulator::start(topology, wan, clock, &network)?);
                let over = Over::Wire(switch);
                Ok(Some((Self { technician, emulator, over, _patch: None, adapters }, car)))
            }
            Carrier::Programs(roles) => {
                let relay = Arc::new(Namespace::new("relay")?);
                let mechanic = Arc::new(Namespace::new("mechanic")?);
                let topology = internet([&technician, &relay, &mechanic], options.pace)?;
                let emulator = Some(Emulator::start(topology, wan, clock, &network)?);
                let car = Plug::device(&mechanic, ADAPTER, FULL_MTU)?;
                let patch = if opens_port(roles) { Some(patch(&technician, clock)?) } else { None };
                let namespaces = [&technician, &relay, &mechanic];
                let sites = sites(namespaces, plan.seed, &options.folder, options.setup);
                let programs = Programs::new(std::env::var_os("PATH").as_deref(), ITSELF.into());
                let coming = bring_up(&options.bridge, &programs, sites, plan.is_stopped);
                let Some(running) = runtime.block_on(coming)? else { return Ok(None) };
                join_ports(&running, roles, &technician, &mechanic)?;
                let over = Over::Bridge(Some(Box::new(running)));
                let adapters = car.nature();
                Ok(Some((Self { technician, emulator, over, _patch: patch, adapters }, car)))
            }
        }
    }

    /// Returns what shows the tester the link of the car, where no bridge is there to do it.
    pub fn switch(&mut self) -> Option<&mut Switch> {
        match &mut self.over {
            Over::Wire(switch) => Some(switch),
            Over::Bridge(_) => None,
        }
    }

    /// Takes the next line a program of the bridge has printed.
    pub fn poll_line(&mut self) -> Option<(RoleName, String)> {
        self.running()?.poll_line()
    }

    /// Kills the relay's program, if the bridge has one.
    pub fn kill_relay(&mut self) {
        if let Some(running) = self.running() {
            running.kill_role(RoleName::Relay);
        }
    }

    /// Starts the relay's program again.
    pub fn start_relay(&mut self) -> Result<(), LiveError> {
        match self.running() {
            Some(running) if running.has_role(RoleName::Relay) => {
                Ok(running.start_role(RoleName::Relay)?)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Names a program that ended though nobody asked it to.
    pub fn lost_program(&mut self) -> Option<String> {
        let death = self.running()?.poll_death()?;
        let said = death.last.join("\n");
        Some(format!("the {} of the bridge ended with {}; it said:\n{said}", death.role, death.how))
    }

    /// Asks every program to end.
    pub fn stop(&mut self, runtime: &Runtime) {
        if let Over::Bridge(running) = &mut self.over
            && let Some(running) = running.take()
        {
            runtime.block_on(running.stop());
        }
    }

    fn running(&mut self) -> Option<&mut Running> {
        match &mut self.over {
            Over::Wire(_) => None,
            Over::Bridge(running) => running.as_deref_mut(),
        }
    }
}

/// Starts the bridge's programs; what was started is killed when somebody asks to stop.
async fn bring_up(
    manifest: &Manifest,
    programs: &Programs,
    sites: Sites,
    is_stopped: &dyn Fn() -> bool,
) -> Result<Option<Running>, LiveError> {
    let asked = async {
        while !is_stopped() {
            sleep(GLANCE).await;
        }
    };
    select! {
        biased;
        () = asked => Ok(None),
        running = Device::start(manifest, programs, sites) => Ok(Some(running?)),
    }
}

/// Makes the devices of the endpoints usable: the tester's adapter, the workshop's port.
fn join_ports(
    running: &Running,
    roles: &Roles,
    technician: &Namespace,
    mechanic: &Namespace,
) -> Result<(), LiveError> {
    running.settle(RoleName::Technician, technician)?;
    if let Some(port) = roles.technician.port.filter(|port| port.mtu < FULL_MTU) {
        technician.mtu(ADAPTER, port.mtu)?;
    }
    Ok(running.join(RoleName::Mechanic, mechanic, JOIN, ADAPTER)?)
}

/// Joins the three sites by two legs that meet at the relay.
fn internet(
    [technician, relay, mechanic]: [&Namespace; 3],
    pace: Pace,
) -> Result<Topology<Plug>, LiveError> {
    let site = |namespace: &Namespace, address| {
        let plug = Plug::leg(namespace, WAN, FULL_MTU, pace)?;
        namespace.address(WAN, address, PREFIX)?;
        Ok::<_, LiveError>(plug)
    };
    let technicians = site(technician, TECHNICIAN_ADDRESS)?;
    let mechanics = site(mechanic, MECHANIC_ADDRESS)?;
    let leg = |name| Plug::leg(relay, name, FULL_MTU, pace);
    let relays = [leg("leg-t")?, leg("leg-m")?];
    relay.bridge(WAN, &["leg-t", "leg-m"])?;
    relay.address(WAN, RELAY_ADDRESS, PREFIX)?;
    let [towards_technician, towards_mechanic] = relays;
    Ok(Topology::Bridge {
        technician: [technicians, towards_technician],
        mechanic: [mechanics, towards_mechanic],
    })
}

/// Lays a cable from the tester's adapter to a port that the technician's program opens. Frames are
/// whole at both ends; on a veth pair the kernel would leave sums to a card that is not there.
fn patch(site: &Namespace, clock: Clock) -> Result<Emulator, LiveError> {
    let tester = Plug::device(site, ADAPTER, FULL_MTU)?;
    let car = Plug::device(site, TECHNICIAN_PORT, FULL_MTU)?;
    let nothing = Impairment::default();
    let cable = Wan::new([&nothing; 4], Seed(0));
    Emulator::start(Topology::Wire { tester, car }, cable, clock, &netem::Options::default())
}

fn sites(
    [technician, relay, mechanic]: [&Arc<Namespace>; 3],
    seed: Seed,
    folder: &Path,
    setup: BridgeSetup,
) -> Sites {
    let site = |namespace: &Arc<Namespace>, address, tap: &str, port: &str| Site {
        ground: Arc::clone(namespace) as Arc<dyn Ground>,
        address,
        tap: tap.to_owned(),
        port: port.to_owned(),
        mtu: FULL_MTU,
    };
    Sites {
        technician: site(technician, TECHNICIAN_ADDRESS, ADAPTER, TECHNICIAN_PORT),
        relay: site(relay, RELAY_ADDRESS, WAN, WAN),
        mechanic: site(mechanic, MECHANIC_ADDRESS, MECHANIC_TAP, ADAPTER),
        order: ORDER,
        passcode: format!("bench{:016x}", seed.stream("rig/passcode").next_u64()),
        setup,
        dir: folder.to_owned(),
    }
}

fn opens_port(roles: &Roles) -> bool {
    roles.technician.port.is_some_and(|port| port.by == Attachment::Port)
}

const RELAY_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const TECHNICIAN_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const MECHANIC_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 3);
/// Frames on the internet that wait for a capture.
const SIGHTINGS: usize = 1 << 16;
