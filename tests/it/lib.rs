//! Proves what needs more than one crate.
