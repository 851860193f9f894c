//! Tells a record to people, CI systems and verifiers.
