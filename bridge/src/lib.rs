//! Carries Ethernet frames between technician and workshop through a relay.
