//! A whole vehicle under hostile testers: connections, bytes, datagrams, faults, time.
//!
//! Input: one byte picks vehicle and dialect, one the seed; then a script, each step an opcode and
//! its arguments. The host beneath checks the contract and every byte that leaves.

#![no_main]

#[path = "gateway/host.rs"]
mod host;
#[path = "gateway/script.rs"]
mod script;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use node::Seed;
use sim_gateway::{Dialect, Gateway, Protocols, Setup, VehicleProfile};

use host::Host;
use script::Script;

fuzz_target!(|input: &[u8]| {
    let [pick, seed, script @ ..] = input else { return };
    let trace = run(*pick, *seed, script);
    if pick & 0x80 != 0 {
        assert_eq!(run(*pick, *seed, script), trace, "the same input, the same run");
    }
});

/// Plays one script; returns a digest of everything that left the vehicle.
fn run(pick: u8, seed: u8, script: &[u8]) -> u64 {
    static WORLD: OnceLock<(Vec<VehicleProfile>, Vec<Dialect>)> = OnceLock::new();
    let (vehicles, dialects) = WORLD.get_or_init(|| {
        let vehicle = |name| VehicleProfile::named(name).expect("shipped vehicles are valid");
        let dialect = |name| Dialect::named(name).expect("shipped dialects are valid");
        (VehicleProfile::names().map(vehicle).collect(), Dialect::names().map(dialect).collect())
    });
    let setup = Setup {
        protocols: Some(Protocols::Both),
        dialect: Some(dialects[usize::from(pick >> 3 & 0x0F) % dialects.len()].clone()),
        ..Setup::default()
    };
    let vehicle = &vehicles[usize::from(pick & 0x07) % vehicles.len()];
    let gateway = Gateway::new(vehicle, setup, Seed(seed.into()));
    let mut host = Host::new(gateway);
    let mut script = Script::new(script);
    while let Some(step) = script.next() {
        host.play(step);
    }
    host.finish()
}
