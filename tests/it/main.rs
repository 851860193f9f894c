//! Worlds: scenario and seed in, report out.

mod bridges;
mod cars;
mod determinism;
mod library;
mod networks;
mod play;
mod tester_gateway;
mod tidy;
