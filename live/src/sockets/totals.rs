//! What went through the sockets of one application.

use std::fmt;

/// What went through the sockets of one application since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Connections accepted.
    pub accepted: u64,
    /// Bytes received on connections.
    pub bytes_received: u64,
    /// Bytes sent on connections.
    pub bytes_sent: u64,
    /// Datagrams received.
    pub datagrams_received: u64,
    /// Datagrams sent.
    pub datagrams_sent: u64,
    /// Times the application took its stack away.
    pub stack_losses: u64,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            accepted, bytes_received, bytes_sent, datagrams_received, datagrams_sent, ..
        } = self;
        write!(f, "{accepted} connection{}, ", if *accepted == 1 { "" } else { "s" })?;
        write!(f, "{bytes_received} bytes in, {bytes_sent} out; ")?;
        write!(f, "datagrams: {datagrams_received} in, {datagrams_sent} out")
    }
}
