//! A port whose other end is a cable, or the peer of a veth pair.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd};

use pnet_datalink::{Channel, Config};
use socket2::{Domain, Socket, Type};

use super::vlan::{self, Arrived};
use super::{adapters, is_off};
use crate::LiveError;

/// Bytes of frames the kernel keeps until they are taken.
const QUEUE: usize = 4 << 20;

/// A packet socket on one interface, promiscuous.
pub struct Raw {
    socket: Socket,
}

impl Raw {
    /// Opens the interface; whoever else uses it is not disturbed.
    pub fn open(interface: &str) -> Result<Self, LiveError> {
        let refused = |source: io::Error| LiveError::RawPort {
            name: interface.to_owned(),
            remedy: remedy(&source),
            source,
        };
        let interfaces = pnet_datalink::interfaces();
        let found = interfaces.into_iter().find(|found| found.name == interface);
        let found = found.ok_or_else(|| adapters::no_such(interface))?;
        // Without a protocol nothing arrives before the socket is bound to its interface.
        let socket = Socket::new(Domain::PACKET, Type::RAW, None).map_err(refused)?;
        socket.set_recv_buffer_size(QUEUE).map_err(refused)?;
        let bound = socket.try_clone().map_err(refused)?.into_raw_fd();
        let config = Config { socket_fd: Some(bound), promiscuous: true, ..Config::default() };
        match pnet_datalink::channel(&found, config).map_err(refused)? {
            Channel::Ethernet(..) => {}
            _ => return Err(refused(io::ErrorKind::Unsupported.into())),
        }
        // The channel's own descriptor is closed; what it set holds for this one too.
        socket.set_nonblocking(true).map_err(refused)?;
        vlan::ask(&socket).map_err(refused)?;
        Ok(Self { socket })
    }

    /// Receives a frame.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Arrived> {
        vlan::receive(self.as_fd(), buffer)
    }

    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        match self.socket.send(frame) {
            // Left from a time when the port was off, and told once, to whoever comes first.
            Err(error) if is_off(&error) => self.socket.send(frame).map(|_| ()),
            sent => sent.map(|_| ()),
        }
    }
}

impl AsFd for Raw {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "Run as root, or give the program the right once: sudo setcap \
             cap_net_raw,cap_net_admin+ep $(command -v benchcar)"
        }
        _ => "See whether a policy of this machine or container forbids raw sockets.",
    }
}
