//! Builds the world a scenario describes, runs it in virtual time, judges it.
