//! A whole scenario in real time: kernel TCP for the tester, any bridge under test, the car's own
//! TCP/IP at the end.
//!
//! | file | holds |
//! |---|---|
//! | `stage` | what [`lab`] asks of a world, answered by this one |
//! | `crossing` | the sites, the internet between them, the bridge under test |
//! | `plug` | ends of cables that this process holds |
//!
//! One thread runs the tester, the car and what is plugged into it. It sits in the technician's
//! namespace, so that every socket of the tester is born there. The internet has a thread of its
//! own, the bridge under test its own processes.

mod crossing;
mod plug;
mod stage;

use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};

use lab::Bench;
use node::{Duration, Instant, Node, PortInput, PortOutput, Seed, SocketEvent};
use scenarios::tester::Tester;
use scenarios::{BridgeSetup, Manifest};
use sim_gateway::Gateway;
use tokio::runtime::{self, Runtime};

use crate::car::Car;
use crate::namespace::Namespace;
use crate::netem::{Histogram, Pace, Report};
use crate::{Alarm, Clock, Driver, LiveError, Place};
use crossing::{ADAPTER, Crossing, Plan};
use plug::{CarrierWatch, Plug};

/// How a run in real time differs from the usual one.
#[derive(Clone, Debug)]
pub struct Options {
    /// The bridge under test.
    pub bridge: Manifest,
    /// What the scenario wants of it.
    pub setup: BridgeSetup,
    /// How the emulator waits.
    pub pace: Pace,
    /// A run in which more than one frame of a hundred left the emulator later than this shows
    /// nothing.
    pub lateness_limit: Duration,
    /// The congestion control of the tester's kernel.
    pub congestion_control: String,
    /// Whether frames are kept for a capture.
    pub capturing: bool,
    /// A folder that is gone with this process, for what programs need on disk.
    pub folder: PathBuf,
}

/// A world in real time.
pub struct Rig {
    /// Lent out while it runs the rest.
    runtime: Option<Runtime>,
    options: Options,
    /// Starts when everything is up: that is when a run begins.
    clock: Clock,
    /// How much longer the internet's clock runs: as long as the bridge took to come up.
    head_start: Duration,
    alarm: Alarm,
    tester: Option<Driver<Tester>>,
    place: Place,
    /// When the tester's computer comes back, once it was killed.
    back_at: Option<Instant>,
    carrier: CarrierWatch,
    car: Car<Gateway>,
    plug: Plug,
    crossing: Crossing,
    /// Where this thread was before.
    home: Namespace,
    congestion_control: String,
    /// When the tester was done.
    alone_since: Option<Instant>,
    /// What came of the internet, once it has ended.
    network: Option<Report>,
    /// How late this thread was, which runs tester and car.
    lateness: Histogram,
    /// When this thread asked to be woken.
    awaited: Option<Instant>,
    failure: Option<String>,
    now: Instant,
}

impl Rig {
    /// Builds the world of one run; the calling thread belongs to it until it is dropped.
    ///
    /// `None` when somebody asked to stop while the bridge under test came up; nothing is left of it.
    pub fn start(
        bench: &Bench,
        seed: Seed,
        options: Options,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Option<Self>, LiveError> {
        std::fs::create_dir_all(&options.folder)
            .map_err(|source| LiveError::System { what: "folder of its own", source })?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| LiveError::System { what: "poller", source })?;
        let network_clock = Clock::start();
        let wan = bench.wan(seed);
        let plan = Plan { options: &options, wan, clock: network_clock, seed, is_stopped };
        let Some((crossing, plug)) = Crossing::start(plan, &runtime)? else {
            // A command that prepares something would be waited for otherwise.
            runtime.shutdown_background();
            remove(&options.folder);
            return Ok(None);
        };
        let place = Place { address: address(seed), prefix: PREFIX, port_offset: 0 };
        let site = &crossing.technician;
        let congestion_control = site.pin_congestion_control(&options.congestion_control)?;
        site.address(ADAPTER, place.address, place.prefix)?;
        let home = Namespace::current()?;
        site.enter()?;
        let (alarm, carrier, tester) = {
            let _guard = runtime.enter();
            let mut tester = Driver::start(place, bench.tester(seed))?;
            if congestion_control.per_socket {
                tester.set_congestion_control(&congestion_control.name);
            }
            (Alarm::new()?, CarrierWatch::new(ADAPTER)?, tester)
        };
        let mut car = Car::new(bench.vehicle(seed), bench.vci(seed), options.capturing);
        // The workshop's port is there from the start.
        car.handle_input(Instant::ZERO, PortInput::Link(true));
        Ok(Some(Self {
            runtime: Some(runtime),
            head_start: network_clock.now() - Instant::ZERO,
            clock: Clock::start(),
            alarm,
            tester: Some(tester),
            place,
            back_at: None,
            carrier,
            car,
            plug,
            crossing,
            home,
            congestion_control: congestion_control.name,
            alone_since: None,
            network: None,
            lateness: Histogram::default(),
            awaited: None,
            failure: None,
            now: Instant::ZERO,
            options,
        }))
    }

    /// Goes on until `until`, or until something happened before.
    fn go_on(&mut self, until: Instant) {
        if self.is_leaping() {
            self.clock.skip_to(until);
            self.now = self.now.max(until);
            self.car.act(self.now);
            while self.car.poll_output().is_some() {}
            return;
        }
        let runtime = self.runtime.take().expect("it was put back after its last use");
        runtime.block_on(poll_fn(|cx| self.poll(cx, until)));
        self.runtime = Some(runtime);
    }

    fn poll(&mut self, cx: &mut Context<'_>, until: Instant) -> Poll<()> {
        loop {
            self.now = self.clock.now();
            self.note_lateness();
            let acted = self.act(cx);
            if acted || self.now >= until || self.failure.is_some() {
                return Poll::Ready(());
            }
            let deadline = self.deadline().map_or(until, |at| at.min(until));
            self.awaited = Some(deadline);
            if self.alarm.poll(cx, &self.clock, deadline).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// When something is due for the tester's computer or the car.
    fn deadline(&self) -> Option<Instant> {
        let tester = self.tester.as_ref().and_then(Driver::deadline);
        [self.car.poll_timeout(), tester, self.back_at].into_iter().flatten().min()
    }

    /// Measures how late this thread comes to what is due.
    fn note_lateness(&mut self) {
        let due = self.awaited.take().into_iter().chain(self.deadline()).min();
        if let Some(due) = due.filter(|due| *due <= self.now) {
            self.lateness.record(self.now - due);
        }
    }

    /// Lets everybody do what is to be done now; returns whether that was anything.
    fn act(&mut self, cx: &mut Context<'_>) -> bool {
        let now = self.now;
        // What is overdue comes before what arrives.
        let mut acted = self.come_back(now) | self.car.act(now);
        for _ in 0..BURST {
            let Poll::Ready(input) = self.plug.poll(cx) else { break };
            match input {
                Ok(input) => self.car.handle_input(now, input),
                Err(error) => self.fail(&format!("the workshop's port: {error}")),
            }
            acted = true;
        }
        acted |= self.car.act(now);
        acted |= self.carry_to_workshop();
        if let Poll::Ready(up) = self.carrier.poll(cx) {
            acted = true;
            match up {
                Ok(up) => self.tell_link(up),
                Err(error) => self.fail(&format!("the tester's adapter: {error}")),
            }
        }
        if let Some(tester) = &mut self.tester {
            match tester.turn(cx, now) {
                Ok(turned) => acted |= turned,
                Err(error) => self.fail(&format!("the tester: {error}")),
            }
        }
        acted
    }

    /// Carries what left the car towards the workshop; returns whether there was anything.
    fn carry_to_workshop(&mut self) -> bool {
        let mut carried = false;
        while let Some(output) = self.car.poll_output() {
            carried = true;
            match output {
                PortOutput::Frame(frame) => self.plug.put(&frame),
                PortOutput::Link(up) => {
                    // A wire shows the tester what happens at its far end; a bridge is asked to.
                    let switched = match self.crossing.switch() {
                        Some(switch) => switch.set(up).map(drop),
                        None => self.plug.set_carrier(up),
                    };
                    if let Err(error) = switched {
                        self.fail(&error.to_string());
                    }
                }
            }
        }
        carried
    }

    fn tell_link(&mut self, up: bool) {
        let event = if up { SocketEvent::LinkUp } else { SocketEvent::LinkDown };
        if let Some(tester) = &mut self.tester
            && let Err(error) = tester.hear(self.now, event)
        {
            self.fail(&error.to_string());
        }
    }

    /// Gives the tester's computer its address back, when it is time.
    fn come_back(&mut self, now: Instant) -> bool {
        if self.back_at.is_none_or(|at| at > now) {
            return false;
        }
        self.back_at = None;
        let Place { address, prefix, .. } = self.place;
        if let Err(error) = self.crossing.technician.address(ADAPTER, address, prefix) {
            self.fail(&error.to_string());
        }
        true
    }

    /// Whether only the car is left to be watched, so that time may go faster than the clock.
    fn is_leaping(&self) -> bool {
        self.alone_since.is_some_and(|since| self.now >= since + GRACE)
    }

    fn fail(&mut self, why: &str) {
        self.failure.get_or_insert_with(|| why.to_owned());
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(runtime) = &self.runtime {
            self.crossing.stop(runtime);
        }
        if let Err(error) = self.home.enter() {
            tracing::error!(%error, "this thread stays in the technician's namespace");
        }
        remove(&self.options.folder);
    }
}

fn remove(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder) {
        tracing::debug!(%error, "a folder of this run stays until the process ends");
    }
}

/// Draws the tester's address, as a computer without DHCP has one.
fn address(seed: Seed) -> Ipv4Addr {
    let mut stream = seed.stream("rig/tester/address");
    let host = stream.below(0xFD00) as u16 + 0x0100;
    let [high, low] = host.to_be_bytes();
    Ipv4Addr::new(169, 254, high, low)
}

/// RFC 3927.
const PREFIX: u8 = 16;
/// Frames taken from the workshop's port before the others have their turn.
const BURST: usize = 32;
/// How long the network still runs once the tester is done: farewells reach the car.
const GRACE: Duration = Duration::from_secs(1);
