//! The queues between an Ethernet port and smoltcp.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use bytes::BytesMut;
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

use super::arp;
use crate::Frame;

/// An Ethernet device that is two queues; received frames are read in place.
#[derive(Debug)]
pub struct Device {
    mtu: usize,
    received: VecDeque<Frame>,
    sent: VecDeque<Frame>,
    asked: Option<Ipv4Addr>,
}

impl Device {
    /// Makes a device; `mtu` counts the Ethernet header.
    pub fn new(mtu: usize) -> Self {
        Self { mtu, received: VecDeque::new(), sent: VecDeque::new(), asked: None }
    }

    /// Queues a frame that arrived.
    pub fn receive(&mut self, frame: Frame) {
        self.received.push_back(frame);
    }

    /// Returns the frame that smoltcp reads next.
    pub fn next_received(&self) -> Option<&Frame> {
        self.received.front()
    }

    /// Takes the address for which smoltcp last made an ARP request.
    #[inline]
    pub fn take_asked(&mut self) -> Option<Ipv4Addr> {
        self.asked.take()
    }

    /// Queues a frame to be sent.
    pub fn send(&mut self, frame: Frame) {
        self.sent.push_back(frame);
    }

    /// Takes the next frame to be sent, oldest first.
    #[inline]
    pub fn take_sent(&mut self) -> Option<Frame> {
        self.sent.pop_front()
    }
}

/// A frame on its way in.
pub struct RxToken(Frame);

/// Room for a frame on its way out.
pub struct TxToken<'a> {
    sent: &'a mut VecDeque<Frame>,
    asked: &'a mut Option<Ipv4Addr>,
}

impl phy::Device for Device {
    type RxToken<'a> = RxToken;
    type TxToken<'a> = TxToken<'a>;

    fn receive(&mut self, _: Instant) -> Option<(RxToken, TxToken<'_>)> {
        let frame = self.received.pop_front()?;
        let token = TxToken { sent: &mut self.sent, asked: &mut self.asked };
        Some((RxToken(frame), token))
    }

    fn transmit(&mut self, _: Instant) -> Option<TxToken<'_>> {
        Some(TxToken { sent: &mut self.sent, asked: &mut self.asked })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}

impl phy::RxToken for RxToken {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl phy::TxToken for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut buffer = BytesMut::zeroed(len);
        let result = f(&mut buffer);
        if let Some(address) = arp::asked(&buffer) {
            *self.asked = Some(address);
        }
        self.sent.push_back(buffer.freeze());
        result
    }
}
