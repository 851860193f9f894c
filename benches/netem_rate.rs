//! How many frames a second the live emulator forwards, beside a forwarder without any models.
//!
//! A sender floods one TAP device; what comes out of the other is counted. The emulator has delay,
//! random loss, Gilbert–Elliott loss, a rate limit and its log of fates on; the null forwarder
//! reads and writes the same devices through the same port and does nothing else. Both take turns,
//! several rounds each. Frames are counted per second of the forwarding thread's processor time,
//! so that what else runs on the machine does not count; the plain rate is printed beside it.
//! Exits with 1 when the median ratio is below 0.9. Needs root or user namespaces, and
//! /dev/net/tun.
//!
//! `--rounds N` makes it longer or shorter.

#[path = "netem_live/site.rs"]
mod site;

use std::fs;
use std::io::{self, IoSlice};
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lab::world::{Wan, Way};
use live::Clock;
use live::namespace::Namespace;
use live::netem::{Emulator, Options, Topology};
use live::port::Port;
use netem_rs::Impairment;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, sendmmsg};
use node::Seed;
use site::adapter;

const SENDER: [u8; 4] = [10, 98, 0, 1];
const RECEIVER: [u8; 4] = [10, 98, 0, 2];
/// The other leg, which nobody uses.
const IDLE: [[u8; 4]; 2] = [[10, 97, 0, 1], [10, 97, 0, 2]];
const PORT: u16 = 9001;

const TARGET: f64 = 0.9;
const ROUND: Duration = Duration::from_millis(1000);

/// Payload sizes, for small frames and for full ones.
const PAYLOADS: [usize; 2] = [22, 1472];

/// What the emulator does to frames; the rate limit is there but not what limits.
const IMPAIRMENT: &str = r#"{
    "delay": "2ms", "loss": "0.1%", "burst": {"p": "0.05%", "r": "30%"},
    "rate": "40Gbit/s", "queue": "64MiB"
}"#;

fn main() -> ExitCode {
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("netem_rate: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Frames forwarded in a round.
#[derive(Clone, Copy, Debug)]
struct Rate {
    /// Per second of the thread's processor time.
    per_busy_second: f64,
    /// Per second.
    per_second: f64,
}

fn bench() -> io::Result<()> {
    if let Err(error) = Namespace::new("probe") {
        println!("SKIPPED: netem_rate, because {error}: {}", error.remedy());
        return Ok(());
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let at = arguments.iter().position(|argument| argument == "--rounds");
    let rounds = at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(7);
    let mut missed = false;
    for payload in PAYLOADS {
        let mut ratios = Vec::new();
        for round in 0..=rounds {
            let (null, ours) = (null_round(payload)?, our_round(payload)?);
            // The first round warms up.
            if round > 0 {
                show(payload, null, ours);
                ratios.push(ours.per_busy_second / null.per_busy_second);
            }
        }
        ratios.sort_by(f64::total_cmp);
        let median = ratios[ratios.len() / 2];
        println!("{:4}-byte frames: ratio {median:.3}, target {TARGET}", payload + 42);
        missed |= median < TARGET;
    }
    if missed { Err(io::Error::other("a target was missed")) } else { Ok(()) }
}

fn show(payload: usize, null: Rate, ours: Rate) {
    let kilo = |rate: f64| rate / 1e3;
    println!(
        "  {:4}-byte frames, kframes per busy second (per second): null {:.0} ({:.0}), \
         emulator {:.0} ({:.0})",
        payload + 42,
        kilo(null.per_busy_second),
        kilo(null.per_second),
        kilo(ours.per_busy_second),
        kilo(ours.per_second),
    );
}

/// Two namespaces with a TAP device each, a sender in one and a deaf receiver in the other.
struct Site {
    sender: Namespace,
    receiver: Namespace,
    deaf: UdpSocket,
    taps: [Port; 2],
}

impl Site {
    fn new() -> io::Result<Self> {
        let sender = Namespace::new("sender").map_err(io::Error::other)?;
        let receiver = Namespace::new("receiver").map_err(io::Error::other)?;
        let taps = [
            adapter(Port::tap, &sender, "lan", SENDER)?,
            adapter(Port::tap, &receiver, "lan", RECEIVER)?,
        ];
        // Frames to a full socket are dropped by the kernel at once, without an answer.
        let deaf = receiver.run(|| UdpSocket::bind(("0.0.0.0", PORT)))?;
        Ok(Self { sender, receiver, deaf, taps })
    }
}

fn null_round(payload: usize) -> io::Result<Rate> {
    let Site { sender, deaf, taps: [left, right], .. } = Site::new()?;
    let flood = Flood::start(&sender, payload)?;
    let stop = Arc::new(AtomicBool::new(false));
    let forwarded = Arc::new(AtomicU64::new(0));
    let (ending, counting) = (stop.clone(), forwarded.clone());
    let thread = std::thread::Builder::new()
        .name("null".to_owned())
        .spawn(move || forward(left, right, &ending, &counting))?;
    let rate = rate_of("null", || forwarded.load(Ordering::Relaxed))?;
    drop(deaf);
    flood.stop()?;
    stop.store(true, Ordering::Relaxed);
    thread.join().expect("the null forwarder does not panic")?;
    Ok(rate)
}

/// The null forwarder.
fn forward(
    mut left: Port,
    mut right: Port,
    stop: &AtomicBool,
    forwarded: &AtomicU64,
) -> io::Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let mut ends = [&left, &right].map(|port| PollFd::new(port.as_fd(), PollFlags::POLLIN));
        poll(&mut ends, PollTimeout::from(100u16))?;
        for _ in 0..BATCH {
            let Some(frame) = left.try_recv()? else { break };
            if right.send(&frame).is_ok() {
                forwarded.fetch_add(1, Ordering::Relaxed);
            }
        }
        while let Some(frame) = right.try_recv()? {
            left.send(&frame)?;
        }
    }
    Ok(())
}

fn our_round(payload: usize) -> io::Result<Rate> {
    let Site { sender, receiver, deaf, taps } = Site::new()?;
    let flood = Flood::start(&sender, payload)?;
    let idle = [
        adapter(Port::tap, &sender, "idle", IDLE[0])?,
        adapter(Port::tap, &receiver, "idle", IDLE[1])?,
    ];
    let bad: Impairment = serde_json::from_str(IMPAIRMENT).expect("it is an impairment");
    bad.check().expect("it fits together");
    let plain = Impairment::default();
    let wan = Wan::new([&bad, &plain, &plain, &plain], Seed(1));
    let topology = Topology::Bridge { technician: taps, mechanic: idle };
    let emulator = Emulator::start(topology, wan, Clock::start(), &Options::default())
        .map_err(io::Error::other)?;
    let delivered = || {
        // The log: every unusual fate is taken, as a run would.
        while emulator.poll_fate().is_some() {}
        emulator.counters().map_or(0, |links| links[Way::TechnicianUp as usize].delivered)
    };
    let rate = rate_of("netem", delivered)?;
    drop(deaf);
    flood.stop()?;
    let report = emulator.stop();
    let queue = report.links[Way::TechnicianUp as usize].lost_queue;
    if queue > 0 {
        println!("    {queue} frames met a full queue: the rate limit was what limited");
    }
    println!("    own lateness: {}; {} fates missed", report.lateness, report.fates_missed);
    Ok(rate)
}

/// Measures a thread of that name for a round.
fn rate_of(thread: &str, forwarded: impl Fn() -> u64) -> io::Result<Rate> {
    let file = schedule_of(thread)?;
    let step = Duration::from_millis(50);
    pause(step * 4);
    let (count, busy, begun) = (forwarded(), busy(&file)?, Instant::now());
    while begun.elapsed() < ROUND {
        pause(step);
        forwarded();
    }
    let count = (forwarded() - count) as f64;
    let busy_after = self::busy(&file)?;
    let seconds = begun.elapsed().as_secs_f64();
    let busy = (busy_after - busy).as_secs_f64();
    Ok(Rate { per_busy_second: count / busy, per_second: count / seconds })
}

/// The kernel's figures about a thread of this process.
fn schedule_of(thread: &str) -> io::Result<String> {
    // A thread that has just been started does not have its name yet.
    for _ in 0..100 {
        for entry in fs::read_dir("/proc/self/task")? {
            let task = entry?.path();
            if fs::read_to_string(task.join("comm"))?.trim() == thread {
                return Ok(task.join("schedstat").display().to_string());
            }
        }
        pause(Duration::from_millis(5));
    }
    Err(io::Error::other(format!("no thread is called {thread}")))
}

fn busy(file: &str) -> io::Result<Duration> {
    let text = fs::read_to_string(file)?;
    let nanos = text.split(' ').next().and_then(|word| word.parse().ok());
    nanos.map(Duration::from_nanos).ok_or_else(|| io::Error::other("no processor time is told"))
}

fn pause(lasts: Duration) {
    std::thread::park_timeout(lasts);
}

/// A thread that sends as fast as it can.
struct Flood {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<()>>,
}

impl Flood {
    fn start(namespace: &Namespace, payload: usize) -> io::Result<Self> {
        let socket = namespace.run(|| UdpSocket::bind("0.0.0.0:0"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let ending = stop.clone();
        let thread = std::thread::spawn(move || {
            let bytes = vec![0x55; payload];
            let parts = [[IoSlice::new(&bytes)]; BATCH];
            let to = SockaddrIn::from(SocketAddrV4::new(RECEIVER.into(), PORT));
            let addresses = [Some(to); BATCH];
            let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
            while !ending.load(Ordering::Relaxed) {
                let descriptor = socket.as_fd().as_raw_fd();
                match sendmmsg(descriptor, &mut headers, &parts, addresses, [], MsgFlags::empty()) {
                    Ok(_) | Err(nix::errno::Errno::ENOBUFS | nix::errno::Errno::EAGAIN) => {}
                    // Until the address is resolved there is nobody to send to.
                    Err(nix::errno::Errno::EHOSTUNREACH) => pause(Duration::from_millis(1)),
                    Err(errno) => return Err(errno.into()),
                }
            }
            Ok(())
        });
        Ok(Self { stop, thread })
    }

    fn stop(self) -> io::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the sender does not panic")
    }
}

/// Frames handed to the kernel at once.
const BATCH: usize = 64;
