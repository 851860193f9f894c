//! Worlds: scenario and seed in, report out.

mod tidy;
