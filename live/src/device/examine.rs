//! The transparency checks on real programs: namespaces, ports, and a clock.
//!
//! ```text
//! technician's site                     internet                      workshop       car
//! tester (ours) ─ join ─ tap of the bridge ─ eth0 ─ inet ─ eth0 ─ tap ─ join ─ car0 ─ car1 ─ join ─ car (ours)
//! ```
//!
//! Our own ends are TAP devices. Carrier is read where a tester would see it: at the bridge's device.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use lab::transparency::{Checks, Deed, End, Grade, Options, Row, Seen};
use node::{Node, PortInput};
use scenarios::BridgeSetup;
use scenarios::manifest::{Attachment, Capability, Carrier, Manifest, RoleName};
use tokio::time::sleep;

use super::{Device, DeviceError, Programs, Running, Site, Sites};
use crate::namespace::{End as VethEnd, Namespace};
use crate::port::Port;
use crate::{Clock, LiveError};

/// Why a bridge could not be examined (exit code 3).
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// The bridge could not be run.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// This machine cannot make the network around it.
    #[error(transparent)]
    Live(#[from] LiveError),
}

impl ExamineError {
    /// Returns what a user can do about it, as a sentence.
    pub fn remedy(&self) -> String {
        match self {
            Self::Device(error) => error.remedy(),
            Self::Live(error) => error.remedy(),
        }
    }
}

/// Makes every check of one bridge; `dir` is an empty folder for its configuration and keys.
///
/// What the plain wire does not pass here either is not held against the bridge: run it first, and
/// hand its rows over as `control`.
///
/// # Errors
///
/// When the bridge or the network around it cannot be had.
pub fn examine(
    manifest: &Manifest,
    programs: &Programs,
    dir: &Path,
    idle: Duration,
    control: &[Row],
) -> Result<Vec<Row>, ExamineError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| LiveError::System { what: "poller", source })?;
    let network = Network::new(manifest)?;
    runtime.block_on(async {
        let mut scene = network.start(manifest, programs, dir).await?;
        let rows = scene.run(options(manifest, idle, control)).await?;
        if let Some(running) = scene.running.take() {
            running.stop().await;
        }
        Ok(rows)
    })
}

fn options(manifest: &Manifest, idle: Duration, control: &[Row]) -> Options {
    let mtus = manifest.roles().filter_map(|(_, role)| Some(role.port?.mtu));
    let failed = control
        .iter()
        .filter(|row| matches!(row.grade, Grade::Fail | Grade::Finding | Grade::NotRun));
    let excused = failed.map(|row| {
        let why = format!("a plain wire does not do this on this machine either: {}", row.words);
        (row.check.to_owned(), why)
    });
    Options {
        claims: manifest.capabilities.clone(),
        mtu: mtus.min().unwrap_or(1500),
        relay: manifest.roles().any(|(name, _)| name == RoleName::Relay)
            && manifest.claims(Capability::Relay),
        link: true,
        idle,
        excused: excused.collect::<BTreeMap<_, _>>(),
    }
}

/// Four sites and what joins them.
struct Network {
    technician: Arc<Namespace>,
    relay: Arc<Namespace>,
    mechanic: Arc<Namespace>,
    vehicle: Arc<Namespace>,
    tester: Port,
    car: Port,
}

impl Network {
    fn new(manifest: &Manifest) -> Result<Self, LiveError> {
        let site = |name: &str| Namespace::new(name).map(Arc::new);
        let (technician, relay) = (site("technician")?, site("relay")?);
        let (mechanic, vehicle) = (site("mechanic")?, site("vehicle")?);
        for (site, port, address) in
            [(&technician, "wan-t", TECHNICIAN), (&mechanic, "wan-m", MECHANIC)]
        {
            site.veth("eth0", VethEnd { namespace: &relay, name: port }, MTU)?;
            site.address("eth0", address, PREFIX)?;
        }
        relay.bridge("inet", &["wan-t", "wan-m"])?;
        relay.up("inet")?;
        relay.address("inet", RELAY, PREFIX)?;
        let tester = technician.run(|| Port::tap("tester", MTU))?;
        let car = vehicle.run(|| Port::tap("car", MTU))?;
        let (near, far) = match manifest.carrier {
            Carrier::Wire => (&technician, WIRE),
            Carrier::Programs(_) => (&mechanic, "car0"),
        };
        near.veth(far, VethEnd { namespace: &vehicle, name: "car1" }, MTU)?;
        vehicle.bridge(JOIN, &["car1", "car"])?;
        vehicle.up(JOIN)?;
        Ok(Self { technician, relay, mechanic, vehicle, tester, car })
    }

    async fn start(
        self,
        manifest: &Manifest,
        programs: &Programs,
        dir: &Path,
    ) -> Result<Scene, ExamineError> {
        let (running, device) = match &manifest.carrier {
            Carrier::Wire => {
                self.join_tester(WIRE)?;
                (None, WIRE)
            }
            Carrier::Programs(roles) => {
                let opens = roles.technician.port.is_some_and(|port| port.by == Attachment::Port);
                if opens {
                    let far = VethEnd { namespace: &self.technician, name: FAR };
                    self.technician.veth(NEAR, far, MTU)?;
                    self.join_tester(FAR)?;
                }
                let running = Device::start(manifest, programs, self.sites(dir)).await?;
                running.join(RoleName::Mechanic, &self.mechanic, JOIN, "car0")?;
                running.join(RoleName::Technician, &self.technician, JOIN, "tester")?;
                (Some(running), if opens { FAR } else { TAP })
            }
        };
        let carrier = self.technician.run(|| Port::raw(device))?;
        let Self { tester, car, vehicle, .. } = self;
        Ok(Scene { tester, car, carrier, vehicle, running, clock: Clock::start() })
    }

    fn join_tester(&self, port: &str) -> Result<(), LiveError> {
        self.technician.bridge(JOIN, &[port, "tester"])?;
        self.technician.up(JOIN)
    }

    fn sites(&self, dir: &Path) -> Sites {
        let site = |namespace: &Arc<Namespace>, address, port: &str| Site {
            ground: Arc::clone(namespace) as Arc<dyn super::Ground>,
            address,
            tap: TAP.to_owned(),
            port: port.to_owned(),
            mtu: MTU,
        };
        Sites {
            technician: site(&self.technician, TECHNICIAN, NEAR),
            relay: site(&self.relay, RELAY, "inet"),
            mechanic: site(&self.mechanic, MECHANIC, "car0"),
            order: 4711,
            passcode: "transparent-4711".to_owned(),
            setup: BridgeSetup::default(),
            dir: dir.to_owned(),
        }
    }
}

/// Both ports, the bridge between them, and the clock.
struct Scene {
    tester: Port,
    car: Port,
    /// Where a tester would see carrier; its frames are those of `tester` once more.
    carrier: Port,
    vehicle: Arc<Namespace>,
    running: Option<Running>,
    clock: Clock,
}

impl Scene {
    async fn run(&mut self, options: Options) -> Result<Vec<Row>, ExamineError> {
        let mut checks = Checks::new(options);
        loop {
            checks.handle_timeout(self.clock.now());
            while let Some(deed) = checks.poll_output() {
                self.perform(deed)?;
            }
            if checks.is_done() {
                return Ok(checks.rows().to_vec());
            }
            if let Some(death) = self.running.as_mut().and_then(Running::poll_death) {
                let last = death.last.join(" | ");
                let why = format!("the {} ended ({}); it said: {last}", death.role, death.how);
                checks.give_up(&why);
                continue;
            }
            let due = checks.poll_timeout().map_or(WATCH, |at| self.clock.until(at).min(WATCH));
            if let Some(seen) = self.next(due).await? {
                checks.handle_input(self.clock.now(), seen);
            }
        }
    }

    fn perform(&mut self, deed: Deed) -> Result<(), ExamineError> {
        let system = |source| LiveError::System { what: "frame", source };
        match deed {
            Deed::Send(End::Technician, frame) => self.tester.send(&frame).map_err(system)?,
            Deed::Send(End::Vehicle, frame) => self.car.send(&frame).map_err(system)?,
            Deed::Link(true) => self.vehicle.up("car1")?,
            Deed::Link(false) => self.vehicle.down("car1")?,
            Deed::Relay(up) => {
                if let Some(running) = &mut self.running {
                    if up {
                        running.start_role(RoleName::Relay)?;
                    } else {
                        running.kill_role(RoleName::Relay);
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits for what happens next at either port, at most this long.
    async fn next(&mut self, at_most: Duration) -> Result<Option<Seen>, LiveError> {
        let mut alarm = std::pin::pin!(sleep(at_most));
        let (tester, car, carrier) = (&mut self.tester, &mut self.car, &mut self.carrier);
        poll_fn(|cx| {
            loop {
                let Poll::Ready(input) = tester.poll(cx) else { break };
                if let frame @ PortInput::Frame(_) = input? {
                    return Poll::Ready(Ok(Some(Seen { end: End::Technician, input: frame })));
                }
            }
            loop {
                let Poll::Ready(input) = car.poll(cx) else { break };
                if let frame @ PortInput::Frame(_) = input? {
                    return Poll::Ready(Ok(Some(Seen { end: End::Vehicle, input: frame })));
                }
            }
            loop {
                let Poll::Ready(input) = carrier.poll(cx) else { break };
                if let link @ PortInput::Link(_) = input? {
                    return Poll::Ready(Ok(Some(Seen { end: End::Technician, input: link })));
                }
            }
            alarm.as_mut().poll(cx).map(|()| Ok(None))
        })
        .await
        .map_err(|source: std::io::Error| LiveError::System { what: "frame", source })
    }
}

const TECHNICIAN: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const RELAY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const MECHANIC: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 3);
const PREFIX: u8 = 24;
const MTU: u16 = 1500;
/// The device a bridge makes.
const TAP: &str = "tv0";
/// The technician's end of the plain wire.
const WIRE: &str = "wire0";
/// What joins our own end with the bridge's.
const JOIN: &str = "join";
/// The port a technician's program may open, and its other end.
const NEAR: &str = "lan0";
const FAR: &str = "lan1";
/// How often is looked whether the programs still run.
const WATCH: Duration = Duration::from_millis(200);
