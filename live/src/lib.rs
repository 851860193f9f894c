//! Runs the same world on real clocks, namespaces, TAP devices and network ports.
