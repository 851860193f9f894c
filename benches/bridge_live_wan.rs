//! The internet for `benches/bridge_live.py`: delay and loss between veth ends.
//!
//! `bridge_live_wan bridge T R1 M R2` or `bridge_live_wan wire A B`, then the delay of one leg in
//! one direction in microseconds and its loss in parts per million. Runs until standard input ends,
//! then prints what it did.

use std::io::{Read, stdin};
use std::process::ExitCode;

use lab::world::Wan;
use live::Clock;
use live::netem::{Emulator, Options, Topology};
use live::port::Port;
use netem_rs::Impairment;
use node::Seed;

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let open = |name: &str| Port::raw(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (topology, delay, loss) = match args[..] {
        ["bridge", t, r1, m, r2, delay, loss] => {
            let (technician, mechanic) = ([open(t), open(r1)], [open(m), open(r2)]);
            (Topology::Bridge { technician, mechanic }, delay, loss)
        }
        ["wire", a, b, delay, loss] => {
            (Topology::Wire { tester: open(a), car: open(b) }, delay, loss)
        }
        _ => {
            println!("started by benches/bridge_live.py alone; nothing to do");
            return ExitCode::SUCCESS;
        }
    };
    let leg = impairment(delay, loss);
    let wan = Wan::new([&leg; 4], Seed(1));
    let emulator = Emulator::start(topology, wan, Clock::start(), &Options::default())
        .unwrap_or_else(|error| panic!("{error}"));
    println!("ready");
    let mut nothing = Vec::new();
    stdin().read_to_end(&mut nothing).expect("standard input can be read");
    let report = emulator.stop();
    let live::netem::Lateness { p50, p99, max, count } = report.lateness;
    let [p50, p99, max] = [p50, p99, max].map(|late| late.as_nanos() as f64 / 1e3);
    println!(
        "lateness us: p50 {p50}, p99 {p99}, max {max}, of {count} frames; refused {}",
        report.refused
    );
    ExitCode::SUCCESS
}

/// The same delay and loss in every direction of every leg.
fn impairment(delay_us: &str, loss_ppm: &str) -> Impairment {
    let ppm: u32 = loss_ppm.parse().expect("loss is a number of parts per million");
    let percent = format!("{}.{:04}%", ppm / 10_000, ppm % 10_000);
    Impairment {
        delay: Some(format!("{delay_us}us").parse().expect("delay is a number of microseconds")),
        loss: Some(percent.parse().expect("a percentage")),
        ..Impairment::default()
    }
}
