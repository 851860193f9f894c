//! Keeps what happened in a run, as data.
