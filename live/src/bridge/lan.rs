//! The Ethernet port at the LAN side of an endpoint.

use std::io;
use std::task::{Context, Poll};

use node::PortInput;

/// An Ethernet port that can be polled.
pub trait Lan {
    /// Waits for a frame or a change of carrier.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<PortInput>>;
    /// Sends a frame; a full queue drops it.
    fn send(&mut self, frame: &[u8]) -> io::Result<()>;
    /// Shows or hides carrier to what is behind the port, where the port can.
    fn set_carrier(&mut self, up: bool);
}
