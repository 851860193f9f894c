//! One UDP port on kernel sockets.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tracing::debug;

use super::connection::peer_of;
use crate::LiveError;
use crate::place::{Place, Transport};

/// Datagrams that wait for the kernel to take them; more are lost, as on a full link.
const OUTBOX_LIMIT: usize = 256;

/// A bound UDP port: one socket that speaks, and those that only hear broadcasts.
pub struct Datagrams {
    own: SocketAddrV4,
    socket: UdpSocket,
    broadcasts: Vec<UdpSocket>,
    outbox: VecDeque<(SocketAddrV4, Bytes)>,
}

impl Datagrams {
    /// Binds `port` (the real one) at a place.
    pub fn bind(place: &Place, port: u16) -> Result<Self, LiveError> {
        let own = SocketAddrV4::new(place.address, port);
        let socket = bind(own, false)
            .map_err(|source| LiveError::port(Transport::Udp, place.address, port, source))?;
        let broadcasts = place
            .broadcast_addresses()
            .into_iter()
            .filter_map(|address| hear(address, port))
            .collect();
        Ok(Self { own, socket, broadcasts, outbox: VecDeque::new() })
    }

    /// Takes the next datagram somebody else sent.
    pub fn poll(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<(SocketAddrV4, Bytes)> {
        for socket in std::iter::once(&self.socket).chain(&self.broadcasts) {
            while let Poll::Ready(received) = receive(socket, cx, buffer) {
                match received {
                    // A broadcast of our own comes back to the sockets that hear broadcasts.
                    Ok((Some(peer), _)) if peer == self.own => {}
                    Ok((Some(peer), data)) => return Poll::Ready((peer, data)),
                    Ok((None, _)) => {}
                    Err(error) => debug!(%error, port = self.own.port(), "nothing received"),
                }
            }
        }
        Poll::Pending
    }

    /// Queues a datagram.
    pub fn send(&mut self, peer: SocketAddrV4, data: Bytes) {
        if self.outbox.len() == OUTBOX_LIMIT {
            debug!(%peer, "a datagram is lost: too many wait");
            return;
        }
        self.outbox.push_back((peer, data));
    }

    /// Gives the kernel what it takes of the queue; returns how many datagrams that were.
    pub fn flush(&mut self, cx: &mut Context<'_>) -> u64 {
        let mut sent = 0;
        while let Some((peer, data)) = self.outbox.front() {
            match self.socket.poll_send_to(cx, data, (*peer).into()) {
                Poll::Ready(Ok(_)) => sent += 1,
                Poll::Ready(Err(error)) => debug!(%error, %peer, "a datagram is lost"),
                Poll::Pending => break,
            }
            self.outbox.pop_front();
        }
        sent
    }
}

fn bind(address: SocketAddrV4, shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_broadcast(true)?;
    socket.set_reuse_address(shared)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Opens a socket that hears broadcasts; several vehicles of one machine may share it.
fn hear(address: Ipv4Addr, port: u16) -> Option<UdpSocket> {
    bind(SocketAddrV4::new(address, port), true)
        .inspect_err(|error| debug!(%error, %address, port, "broadcasts will not be heard"))
        .ok()
}

fn receive(
    socket: &UdpSocket,
    cx: &mut Context<'_>,
    buffer: &mut [u8],
) -> Poll<io::Result<(Option<SocketAddrV4>, Bytes)>> {
    let mut read = ReadBuf::new(buffer);
    let peer = ready!(socket.poll_recv_from(cx, &mut read))?;
    Poll::Ready(Ok((peer_of(peer), Bytes::copy_from_slice(read.filled()))))
}
