//! UDP, where smoltcp has to find the way: unknown neighbours, broadcasts, routers.
//!
//! The sockets are kept apart from those of TCP, because smoltcp asks every socket it is shown
//! whenever it works, and most of the time only connections have something to say.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::Bytes;
use smoltcp::iface::{Interface, PollIngressSingleResult, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::udp;
use smoltcp::time::Instant;
use smoltcp::wire::{IpAddress, IpEndpoint};

use crate::SocketEvent;
use crate::host::device::Device;

/// Received datagrams one port may hold before the next is lost.
const DATAGRAMS: usize = 256;
const DATAGRAM_BYTES: usize = 256 * 1024;

/// The UDP ports of one stack.
pub struct Datagrams {
    sockets: SocketSet<'static>,
    ports: BTreeMap<u16, SocketHandle>,
    /// Something waits to be sent.
    sending: bool,
    /// For whom, or for whom it was until it left.
    peers: BTreeSet<Ipv4Addr>,
    /// Something came in that was not yet told.
    fed: bool,
}

impl Datagrams {
    /// Makes a stack's UDP, with no port open.
    pub fn new() -> Self {
        let sockets = SocketSet::new(Vec::new());
        let (ports, peers) = (BTreeMap::new(), BTreeSet::new());
        Self { sockets, ports, sending: false, peers, fed: false }
    }

    /// Returns whether a port is open.
    pub fn is_bound(&self, port: u16) -> bool {
        self.ports.contains_key(&port)
    }

    /// Opens a port, unless it is open.
    pub fn bind(&mut self, port: u16, hop_limit: u8) {
        if self.is_bound(port) {
            return;
        }
        let buffer = || {
            udp::PacketBuffer::new(
                vec![udp::PacketMetadata::EMPTY; DATAGRAMS],
                vec![0; DATAGRAM_BYTES],
            )
        };
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket.set_hop_limit(Some(hop_limit));
        if socket.bind(port).is_ok() {
            self.ports.insert(port, self.sockets.add(socket));
        }
    }

    /// Closes a port.
    pub fn unbind(&mut self, port: u16) {
        if let Some(handle) = self.ports.remove(&port) {
            self.sockets.remove(handle);
        }
    }

    /// Queues a datagram on an open port.
    pub fn send(&mut self, port: u16, peer: SocketAddrV4, data: &[u8]) {
        let Some(handle) = self.ports.get(&port) else { return };
        let endpoint = IpEndpoint::new(IpAddress::Ipv4(*peer.ip()), peer.port());
        let socket: &mut udp::Socket<'_> = self.sockets.get_mut(*handle);
        // A full buffer loses the datagram, as in any stack.
        let _ = socket.send_slice(data, endpoint);
        self.sending = true;
        if self.peers.len() < DATAGRAMS {
            self.peers.insert(*peer.ip());
        }
    }

    /// For whom something may wait.
    pub fn wanted(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.peers.iter().copied()
    }

    /// Takes the next frame of the device, which holds a datagram.
    pub fn receive(
        &mut self,
        at: Instant,
        interface: &mut Interface,
        device: &mut Device,
    ) -> PollIngressSingleResult {
        self.fed = true;
        interface.poll_ingress_single(at, device, &mut self.sockets)
    }

    /// Sends what waits and can be sent.
    pub fn transmit(&mut self, at: Instant, interface: &mut Interface, device: &mut Device) {
        if !self.sending {
            return;
        }
        while interface.poll_egress(at, device, &mut self.sockets) != PollResult::None {}
        let sockets = &self.sockets;
        self.sending = self
            .ports
            .values()
            .any(|handle| sockets.get::<udp::Socket<'_>>(*handle).send_queue() > 0);
        if !self.sending {
            self.peers.clear();
        }
    }

    /// When smoltcp wants to be polled for what waits.
    pub fn poll_at(&self, at: Instant, interface: &mut Interface) -> Option<Instant> {
        self.sending.then(|| interface.poll_at(at, &self.sockets)).flatten()
    }

    /// Tells what came in, port by port.
    pub fn scan(&mut self, events: &mut VecDeque<SocketEvent>) {
        if !std::mem::take(&mut self.fed) {
            return;
        }
        for (port, handle) in &self.ports {
            let socket: &mut udp::Socket<'_> = self.sockets.get_mut(*handle);
            while let Ok((data, meta)) = socket.recv() {
                let IpAddress::Ipv4(ip) = meta.endpoint.addr;
                let peer = SocketAddrV4::new(ip, meta.endpoint.port);
                let data = Bytes::copy_from_slice(data);
                events.push_back(SocketEvent::Datagram { local_port: *port, peer, data });
            }
        }
    }
}
