//! Reads and writes packet captures of sessions.
