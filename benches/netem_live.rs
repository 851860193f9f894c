//! How exactly the live emulator delays, beside rattan, measured from outside.
//!
//! A sender stamps a frame each millisecond, the receiving kernel stamps its arrival; the error is
//! the time between the two less the 40 ms the emulator was asked for. Every pace and, where it is
//! installed, rattan carry the same frames in turns, several rounds each; a veth pair without any
//! emulator shows what the measurement itself costs, which is not subtracted. Prints the medians
//! of the rounds. Ours stands between veth ends, whose kernel knows when a frame arrived, as in a
//! rig at the paces `hybrid` and `spin`. Emulators have the last processor, sender and receiver the
//! first, so that they do not stand in each other's way. Exits with 1 when the hybrid pace is
//! beyond its target, too soon as well as too late, or beyond a quarter of rattan's median. Needs root or user namespaces.
//!
//! `--rounds N --frames N` make it longer or shorter, `--uneven` sends at uneven times.

#[path = "netem_live/probe.rs"]
mod probe;
#[path = "netem_live/rattan.rs"]
mod rattan;
#[path = "netem_live/site.rs"]
mod site;

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use lab::world::Wan;
use live::Clock;
use live::namespace::{End, Namespace};
use live::netem::{Emulator, Options, Pace, Topology};
use live::port::Port;
use netem_rs::{DurationText, Impairment};
use node::Seed;
use site::adapter;

const DELAY: Duration = Duration::from_millis(40);
const TARGET_P50: Duration = Duration::from_micros(10);
const TARGET_P99: Duration = Duration::from_micros(60);
/// Our median error, at most this share of rattan's.
const TARGET_RATIO: f64 = 0.25;

const SENDER: [u8; 4] = [10, 99, 0, 1];
const RECEIVER: [u8; 4] = [10, 99, 0, 2];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let frames = number("--frames", 4000);
    let uneven = arguments.iter().any(|argument| argument == "--uneven");
    match arguments.first().map(String::as_str) {
        Some("send") => {
            let target = arguments.last().and_then(|last| last.parse::<Ipv4Addr>().ok());
            let target = target.expect("the bench names the receiver's address");
            told(probe::send(SocketAddr::from((target, probe::PORT)), frames, uneven))
        }
        Some("receive") => told(probe::receive(frames)),
        _ => told(bench(number("--rounds", 5), frames, uneven)),
    }
}

fn told(result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("netem_live: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What carries the frames.
#[derive(Clone, Debug, PartialEq)]
enum Carrier {
    Nothing,
    Ours(Pace),
    Rattan(PathBuf),
}

impl Carrier {
    fn name(&self) -> String {
        match self {
            Self::Nothing => "veth, no emulator".to_owned(),
            Self::Ours(pace) => format!("ours, {pace}"),
            Self::Rattan(_) => format!("rattan {}", rattan::VERSION),
        }
    }
}

/// Errors of one round, or the medians of several.
#[derive(Clone, Copy, Debug)]
struct Errors {
    /// One frame of a hundred is earlier: below zero, an emulator lets frames go too soon.
    p1: f64,
    p50: f64,
    p99: f64,
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:8.1} {:8.1} {:8.1}", self.p1, self.p50, self.p99)
    }
}

fn bench(rounds: u64, frames: u64, uneven: bool) -> io::Result<()> {
    if let Err(error) = Namespace::new("probe") {
        println!("SKIPPED: netem_live, because {error}: {}", error.remedy());
        return Ok(());
    }
    let mut carriers = vec![Carrier::Nothing];
    carriers.extend(Pace::ALL.map(Carrier::Ours));
    match rattan::find() {
        Ok(program) => carriers.push(Carrier::Rattan(program)),
        Err(why) => println!(
            "SKIPPED: the comparison with rattan {}, because {why}. Install it with \
             `cargo install rattan --version {} --locked`, or name it in RATTAN.",
            rattan::VERSION,
            rattan::VERSION
        ),
    }
    let gaps = if uneven { "0.5 to 1.5 ms apart" } else { "1 ms apart" };
    println!("one-way delay error at {DELAY:?}, µs; {frames} frames {gaps}, {rounds} rounds");
    let mut figures: Vec<Vec<Errors>> = vec![Vec::new(); carriers.len()];
    for round in 0..rounds {
        for (carrier, figures) in carriers.iter().zip(&mut figures) {
            let errors = measure(carrier, frames, uneven)?;
            println!("  round {round} {:18} {errors}", carrier.name());
            figures.push(errors);
        }
    }
    println!("{:28} {:>8} {:>8} {:>8}", "medians of the rounds", "p1", "p50", "p99");
    let medians = Vec::from_iter(figures.iter().map(|figures| medians(figures)));
    for (carrier, errors) in carriers.iter().zip(&medians) {
        println!("{:28} {errors}", carrier.name());
    }
    judge(&carriers, &medians)
}

fn judge(carriers: &[Carrier], medians: &[Errors]) -> io::Result<()> {
    let of = |wanted: fn(&Carrier) -> bool| {
        carriers.iter().zip(medians).find(|(carrier, _)| wanted(carrier)).map(|(_, errors)| errors)
    };
    let ours = of(|carrier| *carrier == Carrier::Ours(Pace::Hybrid)).expect("it was measured");
    let micros = |duration: Duration| duration.as_nanos() as f64 / 1e3;
    let (p50, p99) = (micros(TARGET_P50), micros(TARGET_P99));
    println!(
        "hybrid p50 {:.1} µs, target {p50} µs; p99 {:.1} µs, target {p99} µs",
        ours.p50, ours.p99
    );
    let too_soon = ours.p1 < -p50;
    if too_soon {
        println!("one frame of a hundred comes {:.1} µs too soon", -ours.p1);
    }
    let mut missed = too_soon || ours.p50.abs() > p50 || ours.p99 > p99;
    if let Some(theirs) = of(|carrier| matches!(carrier, Carrier::Rattan(_))) {
        let ratio = ours.p50.abs() / theirs.p50;
        println!("hybrid p50 / rattan p50: {ratio:.2}, target {TARGET_RATIO}");
        missed |= ratio > TARGET_RATIO;
    }
    if missed { Err(io::Error::other("a target was missed")) } else { Ok(()) }
}

fn measure(carrier: &Carrier, frames: u64, uneven: bool) -> io::Result<Errors> {
    let exe = std::env::current_exe()?;
    let frames = frames.to_string();
    let mut send = vec!["send", "--frames", &frames];
    if uneven {
        send.push("--uneven");
    }
    let receive = ["receive", "--frames", &frames];
    let expected = if *carrier == Carrier::Nothing { Duration::ZERO } else { DELAY };
    let printed = match carrier {
        Carrier::Rattan(program) => {
            let command = |words: &[&str]| format!("{} {}", exe.display(), words.join(" "));
            let delay = format!("{}ms", DELAY.as_millis());
            rattan::run(program, last_processor(), &delay, [&command(&send), &command(&receive)])?
        }
        Carrier::Nothing | Carrier::Ours(_) => {
            let (sender, receiver) = namespaces()?;
            let emulator = match carrier {
                Carrier::Ours(pace) => Some(emulate(&sender, &receiver, *pace)?),
                _ => {
                    wire(&sender, &receiver)?;
                    None
                }
            };
            let address = Ipv4Addr::from(RECEIVER).to_string();
            send.push(&address);
            let printed = probe_between(&sender, &receiver, &send, &receive)?;
            if let Some(emulator) = emulator {
                let report = emulator.stop();
                let priority = if report.real_time { "real-time" } else { "ordinary" };
                println!("    its own count, {priority} priority: {}", report.lateness);
            }
            printed
        }
    };
    errors(&printed, expected)
}

fn namespaces() -> io::Result<(Namespace, Namespace)> {
    let make = |name: &str| Namespace::new(name).map_err(io::Error::other);
    Ok((make("sender")?, make("receiver")?))
}

fn wire(sender: &Namespace, receiver: &Namespace) -> io::Result<()> {
    let far = End { namespace: receiver, name: "lan" };
    sender.veth("lan", far, 1500).map_err(io::Error::other)?;
    for (namespace, address) in [(sender, SENDER), (receiver, RECEIVER)] {
        namespace.address("lan", address.into(), 24).map_err(io::Error::other)?;
        namespace.up("lan").map_err(io::Error::other)?;
    }
    Ok(())
}

fn emulate(sender: &Namespace, receiver: &Namespace, pace: Pace) -> io::Result<Emulator> {
    let topology = Topology::Wire {
        tester: adapter(Port::pair, sender, "lan", SENDER)?,
        car: adapter(Port::pair, receiver, "lan", RECEIVER)?,
    };
    let slow = Impairment { delay: Some(DurationText(DELAY)), ..Impairment::default() };
    let plain = Impairment::default();
    let wan = Wan::new([&slow, &plain, &slow, &plain], Seed(1));
    let options = Options { pace, processor: Some(last_processor()), ..Options::default() };
    Emulator::start(topology, wan, Clock::start(), &options).map_err(io::Error::other)
}

/// The number of the last processor.
fn last_processor() -> usize {
    std::thread::available_parallelism().map_or(0, |count| count.get() - 1)
}

fn probe_between(
    sender: &Namespace,
    receiver: &Namespace,
    send: &[&str],
    receive: &[&str],
) -> io::Result<String> {
    let exe = std::env::current_exe()?;
    let mut command = Command::new(&exe);
    command.args(receive).stdout(Stdio::piped());
    let mut receiving = receiver.spawn(command)?;
    let mut output = BufReader::new(receiving.stdout.take().expect("it is piped"));
    let mut printed = String::new();
    output.read_line(&mut printed)?;
    let mut command = Command::new(&exe);
    command.args(send);
    let sent = sender.spawn(command)?.wait()?;
    output.read_to_string(&mut printed)?;
    receiving.wait()?;
    if sent.success() { Ok(printed) } else { Err(io::Error::other("the sender failed")) }
}

/// Reads the delays a receiver printed, ascending, in its last line.
fn errors(printed: &str, expected: Duration) -> io::Result<Errors> {
    let last = printed.lines().last().unwrap_or_default();
    let delays = Vec::from_iter(last.split(' ').filter_map(|word| word.parse::<u64>().ok()));
    if delays.len() < 100 {
        let text = format!("only {} frames arrived; the receiver said: {printed}", delays.len());
        return Err(io::Error::other(text));
    }
    let at = |percent: usize| {
        let delay = delays[(delays.len() * percent / 100).min(delays.len() - 1)];
        (delay as f64 - expected.as_nanos() as f64) / 1e3
    };
    Ok(Errors { p1: at(1), p50: at(50), p99: at(99) })
}

fn medians(rounds: &[Errors]) -> Errors {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Errors {
        p1: median(rounds.iter().map(|errors| errors.p1).collect()),
        p50: median(rounds.iter().map(|errors| errors.p50).collect()),
        p99: median(rounds.iter().map(|errors| errors.p99).collect()),
    }
}
