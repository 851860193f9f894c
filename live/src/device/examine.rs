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
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use lab::transparency::{Checks, Deed, End, Grade, Options, Row, Seen};
use node::{Frame, Node, PortInput};
use scenarios::BridgeSetup;
use scenarios::manifest::{Attachment, Carrier, Manifest, RoleName};
use tokio::time::sleep;

use super::{Death, Device, DeviceError, Programs, Running, Site, Sites};
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
        relay: manifest.roles().any(|(name, _)| name == RoleName::Relay),
        // The sites are joined by nothing but this machine.
        way: Duration::ZERO,
        link: true,
        idle,
        excused: excused.collect::<BTreeMap<_, _>>(),
    }
}

impl From<Death> for DeviceError {
    fn from(Death { role, how, last }: Death) -> Self {
        Self::Ended { role, how, last }
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
            [(&technician, LEGS[0], TECHNICIAN), (&mechanic, LEGS[1], MECHANIC)]
        {
            site.veth("eth0", VethEnd { namespace: &relay, name: port }, MTU)?;
            site.address("eth0", address, PREFIX)?;
        }
        relay.bridge("inet", &LEGS)?;
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
                let mut running = Device::start(manifest, programs, self.sites(dir)).await?;
                if let Err(error) = self.join(&running) {
                    // A device that cannot be joined is mostly gone with its program.
                    sleep(WATCH).await;
                    let ended = running.poll_death().map(DeviceError::from);
                    return Err(ended.unwrap_or(error).into());
                }
                (Some(running), if opens { FAR } else { TAP })
            }
        };
        let carrier = self.technician.run(|| Port::raw(device))?;
        let [near, far] = LEGS.map(|leg| self.relay.run(|| Port::raw(leg)));
        let legs = [near?, far?];
        let Self { technician, relay, mechanic, vehicle, tester, car } = self;
        let _sites = [technician, relay, mechanic];
        Ok(Scene { tester, car, carrier, legs, _sites, vehicle, running, clock: Clock::start() })
    }

    fn join(&self, running: &Running) -> Result<(), DeviceError> {
        running.join(RoleName::Mechanic, &self.mechanic, JOIN, "car0")?;
        running.join(RoleName::Technician, &self.technician, JOIN, "tester")
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

/// What happens around a bridge.
enum Happened {
    /// Something at either port.
    Seen(Seen),
    /// A frame was carried between the sites.
    Overheard(Frame),
    /// The device the bridge made cannot be asked for its carrier any more.
    DeviceGone(io::Error),
}

/// Both ports, the bridge between them, and the clock.
struct Scene {
    tester: Port,
    car: Port,
    /// Where a tester would see carrier; its frames are those of `tester` once more.
    carrier: Port,
    /// Where what either site sends into the internet can be overheard.
    legs: [Port; 2],
    /// Kept, as a namespace nobody holds takes its ports with it.
    _sites: [Arc<Namespace>; 3],
    vehicle: Arc<Namespace>,
    running: Option<Running>,
    clock: Clock,
}

impl Scene {
    async fn run(&mut self, options: Options) -> Result<Vec<Row>, ExamineError> {
        let mut checks = Checks::new(options);
        loop {
            if let Some(how) = self.poll_end() {
                checks.ended(self.clock.now(), &how);
            }
            checks.handle_timeout(self.clock.now());
            while let Some(deed) = checks.poll_output() {
                self.perform(deed)?;
            }
            if checks.is_done() {
                return Ok(checks.rows().to_vec());
            }
            let due = checks.poll_timeout().map_or(WATCH, |at| self.clock.until(at).min(WATCH));
            match self.next(due).await? {
                Some(Happened::Seen(seen)) => checks.handle_input(self.clock.now(), seen),
                Some(Happened::Overheard(frame)) => checks.overhear(self.clock.now(), &frame),
                Some(Happened::DeviceGone(error)) => {
                    let how = self.end_after(error).await?;
                    checks.ended(self.clock.now(), &how);
                }
                None => {}
            }
        }
    }

    /// Returns how a program of the bridge ended without being asked, and what it said last.
    fn poll_end(&mut self) -> Option<String> {
        let death = self.running.as_mut()?.poll_death()?;
        let last = death.last.join(" | ");
        Some(format!("the {} ended ({}); it said: {last}", death.role, death.how))
    }

    /// Says why the bridge's device is gone: its program has mostly ended, which is told a little
    /// later than that its devices vanish.
    async fn end_after(&mut self, error: io::Error) -> Result<String, LiveError> {
        if self.running.is_none() {
            return Err(LiveError::System { what: "frame", source: error });
        }
        let deadline = self.clock.now() + END_WITHIN;
        while self.clock.now() < deadline {
            if let Some(how) = self.poll_end() {
                return Ok(how);
            }
            sleep(END_ASKED).await;
        }
        Ok(format!("the technician's device is gone though its program runs: {error}"))
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
    async fn next(&mut self, at_most: Duration) -> Result<Option<Happened>, LiveError> {
        let mut alarm = std::pin::pin!(sleep(at_most));
        let (tester, car, carrier) = (&mut self.tester, &mut self.car, &mut self.carrier);
        let legs = &mut self.legs;
        poll_fn(|cx| {
            loop {
                let Poll::Ready(input) = tester.poll(cx) else { break };
                if let input @ PortInput::Frame(_) = input? {
                    let seen = Seen { end: End::Technician, input };
                    return Poll::Ready(Ok(Some(Happened::Seen(seen))));
                }
            }
            loop {
                let Poll::Ready(input) = car.poll(cx) else { break };
                if let input @ PortInput::Frame(_) = input? {
                    let seen = Seen { end: End::Vehicle, input };
                    return Poll::Ready(Ok(Some(Happened::Seen(seen))));
                }
            }
            loop {
                let Poll::Ready(input) = carrier.poll(cx) else { break };
                match input {
                    Ok(input @ PortInput::Link(_)) => {
                        let seen = Seen { end: End::Technician, input };
                        return Poll::Ready(Ok(Some(Happened::Seen(seen))));
                    }
                    Ok(PortInput::Frame(_)) => {}
                    Err(gone) => return Poll::Ready(Ok(Some(Happened::DeviceGone(gone)))),
                }
            }
            for leg in &mut *legs {
                while let Poll::Ready(input) = leg.poll(cx) {
                    if let PortInput::Frame(frame) = input? {
                        return Poll::Ready(Ok(Some(Happened::Overheard(frame))));
                    }
                }
            }
            alarm.as_mut().poll(cx).map(|()| Ok(None))
        })
        .await
        .map_err(|source: io::Error| LiveError::System { what: "frame", source })
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
/// The internet's ends of both sites' ports.
const LEGS: [&str; 2] = ["wan-t", "wan-m"];
/// How long after its device a program may be gone, and how often it is asked.
const END_WITHIN: Duration = Duration::from_secs(2);
const END_ASKED: Duration = Duration::from_millis(10);
/// How often is looked whether the programs still run.
const WATCH: Duration = Duration::from_millis(200);
