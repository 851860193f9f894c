//! The Ethernet port at the LAN side of an endpoint.

use std::io;
use std::task::{Context, Poll};

use node::PortInput;
use tracing::warn;

use crate::port::{Carrier, Port};

/// An Ethernet port that can be polled.
pub trait Lan {
    /// Waits for a frame or a change of carrier.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<PortInput>>;
    /// Sends a frame; a full queue drops it.
    fn send(&mut self, frame: &[u8]) -> io::Result<()>;
    /// Shows or hides carrier to what is behind the port, where the port can.
    fn set_carrier(&mut self, up: bool);
    /// Learns how long an IP packet may be for its frame to travel in one datagram.
    fn fit(&mut self, mtu: u16);
}

impl Lan for Port {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<PortInput>> {
        Self::poll(self, cx)
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        Self::send(self, frame)
    }

    fn set_carrier(&mut self, up: bool) {
        match Self::set_carrier(self, up) {
            Ok(Carrier::Switched) => {}
            Ok(Carrier::Silent) => {
                warn!(adapter = self.name(), "the driver cannot show that the link is down");
            }
            Err(error) => warn!(%error, adapter = self.name(), up, "carrier not switched"),
        }
    }

    /// Who is behind a port makes packets as long as they like; long frames travel in two.
    fn fit(&mut self, _mtu: u16) {}
}
