//! Worlds: scenario and seed in, report out.

mod tester_gateway;
mod tidy;
