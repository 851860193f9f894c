//! Turns bytes into HSFZ, DoIP and UDS messages, and back.
