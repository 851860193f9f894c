//! The kernel sockets beneath one application: what a `Host` is in virtual time.
//!
//! The kernel's own TCP cannot be taken away, only left unattended: while the stack is silently
//! down or the port has no carrier, nothing is accepted, read or sent, though the kernel goes on
//! acknowledging what arrives.

mod connection;
mod datagrams;
mod totals;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddrV4;
use std::task::{Context, Poll};

use bytes::Bytes;
use node::{CloseReason, ConnectionId, Duration, Instant, SocketAction, SocketEvent, StackLoss};
use tokio::net::{TcpListener, TcpSocket};
use tracing::{debug, info, warn};

use self::connection::{Connection, Heard, peer_of};
use self::datagrams::Datagrams;
pub use self::totals::Totals;
use crate::LiveError;
use crate::place::{OpenPort, Place, Transport};

/// Connections at a time; more wait in the kernel's backlog.
const CONNECTION_LIMIT: usize = 256;
/// Connections the kernel keeps before they are accepted, per port.
const BACKLOG: u32 = 128;
/// Connections or datagrams taken from one socket before the others have their turn.
const TURN_LIMIT: usize = 16;
/// The most that is read at once: no UDP datagram is longer.
const BUFFER_SIZE: usize = 1 << 16;
/// How long a listener rests after the system refused to accept (no descriptors left).
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// All sockets of one application.
pub struct Sockets {
    place: Place,
    stack: Stack,
    carrier: Carrier,
    listeners: BTreeMap<u16, TcpListener>,
    ports: BTreeMap<u16, Datagrams>,
    connections: BTreeMap<ConnectionId, Connection>,
    /// Connections of which the application expects to hear.
    known: BTreeSet<ConnectionId>,
    next_accepted: u64,
    accept_again: Option<Instant>,
    totals: Totals,
    /// What connections opened from here are given, where the kernel's choice is not wanted.
    congestion_control: Option<String>,
    buffer: Box<[u8]>,
}

/// What is there of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stack {
    /// Up, but the application does not know its address yet.
    Addressless,
    Up,
    /// Down, and peers are not told: sockets stay and are left unattended.
    Silent,
    /// Down, and peers were told.
    Down,
}

/// Whether the port has carrier, and whether the application knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Carrier {
    up: bool,
    told: bool,
}

impl Sockets {
    /// Makes an empty table; the application learns of link and address by the first `poll`.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            stack: Stack::Addressless,
            carrier: Carrier { up: true, told: false },
            listeners: BTreeMap::new(),
            ports: BTreeMap::new(),
            connections: BTreeMap::new(),
            known: BTreeSet::new(),
            next_accepted: ConnectionId::FIRST_ACCEPTED,
            accept_again: None,
            totals: Totals::default(),
            congestion_control: None,
            buffer: vec![0; BUFFER_SIZE].into_boxed_slice(),
        }
    }

    /// Gives every connection opened from now on a congestion control of its own.
    pub fn set_congestion_control(&mut self, name: &str) {
        self.congestion_control = Some(name.to_owned());
    }

    /// Adds what changed about link and address to `heard`.
    pub fn poll_state(&mut self, heard: &mut VecDeque<SocketEvent>) {
        if self.carrier.up != self.carrier.told {
            self.carrier.told = self.carrier.up;
            let change = if self.carrier.up { SocketEvent::LinkUp } else { SocketEvent::LinkDown };
            heard.push_back(change);
        }
        if self.carrier.up && self.stack == Stack::Addressless {
            self.stack = Stack::Up;
            let Place { address, prefix, .. } = self.place;
            heard.push_back(SocketEvent::AddressAcquired { address, prefix });
        }
    }

    /// Adds what the kernel has to tell to `heard`: something of every socket, not all of one.
    pub fn poll(&mut self, cx: &mut Context<'_>, now: Instant, heard: &mut VecDeque<SocketEvent>) {
        self.poll_state(heard);
        if !self.is_attended() {
            return;
        }
        self.poll_listeners(cx, now, heard);
        self.poll_ports(cx, heard);
        self.poll_connections(cx, now, heard);
    }

    /// Carries out what the application asks; what follows from it at once goes to `heard`.
    pub fn act(
        &mut self,
        now: Instant,
        action: SocketAction,
        heard: &mut VecDeque<SocketEvent>,
    ) -> Result<(), LiveError> {
        match action {
            SocketAction::StackDown { loss } => self.take_stack_down(now, loss),
            SocketAction::StackUp { new_address } => self.bring_stack_up(new_address),
            SocketAction::SetLink { up } => {
                info!(up, "the link is a kernel socket's: no carrier acts as silence");
                self.carrier.up = up;
            }
            SocketAction::Listen { .. }
            | SocketAction::Unlisten { .. }
            | SocketAction::Connect { .. }
            | SocketAction::Send { .. }
            | SocketAction::Close { .. }
            | SocketAction::Abort { .. }
            | SocketAction::Bind { .. }
            | SocketAction::Unbind { .. }
            | SocketAction::SendTo { .. } => match self.stack {
                Stack::Addressless | Stack::Up => self.perform(now, action, heard)?,
                Stack::Silent | Stack::Down => debug!(?action, "asked of a stack that is down"),
            },
        }
        Ok(())
    }

    /// Gives the kernel what it takes of everything queued.
    pub fn flush(&mut self, cx: &mut Context<'_>, heard: &mut VecDeque<SocketEvent>) {
        if !self.is_attended() {
            return;
        }
        for port in self.ports.values_mut() {
            self.totals.datagrams_sent += port.flush(cx);
        }
        let totals = &mut self.totals;
        self.connections.retain(|&connection, socket| match socket.flush(cx) {
            Ok(sent) => {
                totals.bytes_sent += sent as u64;
                true
            }
            Err(reason) => {
                heard.push_back(SocketEvent::Closed { connection, reason });
                false
            }
        });
    }

    /// Returns whether an event still concerns the application, and notes what it will then know.
    ///
    /// Between the moment an event was gathered and its turn the application may have closed the
    /// connection, or taken the whole stack away.
    pub fn admit(&mut self, event: &SocketEvent) -> bool {
        match event {
            SocketEvent::Accepted { connection, .. }
            | SocketEvent::Connected { connection }
            | SocketEvent::Received { connection, .. } => self.known.contains(connection),
            SocketEvent::Closed { connection, .. } => self.known.remove(connection),
            SocketEvent::Datagram { local_port, .. } => {
                self.stack == Stack::Up && self.ports.contains_key(local_port)
            }
            SocketEvent::LinkUp
            | SocketEvent::LinkDown
            | SocketEvent::AddressAcquired { .. }
            | SocketEvent::AddressLost => true,
        }
    }

    /// Returns when `poll` has to be called even if the kernel is quiet.
    pub fn deadline(&self) -> Option<Instant> {
        if !self.is_attended() {
            return None;
        }
        let connections = self.connections.values().filter_map(Connection::deadline);
        connections.chain(self.accept_again).min()
    }

    /// Returns what went through so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Returns the ports that are open now, TCP first.
    pub fn open_ports(&self) -> Vec<OpenPort> {
        let tcp = self.listeners.keys().map(|port| (Transport::Tcp, *port));
        let udp = self.ports.keys().map(|port| (Transport::Udp, *port));
        tcp.chain(udp)
            .filter_map(|(transport, standard)| {
                let real = self.place.port(standard).ok()?;
                Some(OpenPort { transport, standard, real })
            })
            .collect()
    }

    /// Ends every connection with FIN and closes every port.
    pub fn close_all(&mut self, now: Instant) {
        self.listeners.clear();
        self.ports.clear();
        self.known.clear();
        for (_, socket) in std::mem::take(&mut self.connections) {
            drop(socket.finish_at_once(now));
        }
    }

    /// Returns whether the kernel's sockets are looked after at present.
    fn is_attended(&self) -> bool {
        self.carrier.up && self.stack != Stack::Silent
    }

    fn poll_listeners(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        heard: &mut VecDeque<SocketEvent>,
    ) {
        if self.accept_again.is_some_and(|at| now < at) {
            return;
        }
        self.accept_again = None;
        for (&local_port, listener) in &self.listeners {
            for _ in 0..TURN_LIMIT {
                if self.connections.len() == CONNECTION_LIMIT {
                    return;
                }
                let Poll::Ready(accepted) = listener.poll_accept(cx) else { break };
                match accepted.map(|(stream, peer)| (stream, peer_of(peer))) {
                    Ok((stream, Some(peer))) => {
                        let connection = ConnectionId(self.next_accepted);
                        self.next_accepted += 1;
                        self.totals.accepted += 1;
                        self.known.insert(connection);
                        self.connections.insert(connection, Connection::accepted(stream));
                        heard.push_back(SocketEvent::Accepted { connection, local_port, peer });
                    }
                    Ok((stream, None)) => drop(stream),
                    Err(error) => {
                        warn!(%error, local_port, "a connection could not be accepted");
                        self.accept_again = Some(now + ACCEPT_REST);
                        return;
                    }
                }
            }
        }
    }

    fn poll_ports(&mut self, cx: &mut Context<'_>, heard: &mut VecDeque<SocketEvent>) {
        for (&local_port, port) in &mut self.ports {
            for _ in 0..TURN_LIMIT {
                let Poll::Ready((peer, data)) = port.poll(cx, &mut self.buffer) else { break };
                self.totals.datagrams_received += 1;
                heard.push_back(SocketEvent::Datagram { local_port, peer, data });
            }
        }
    }

    fn poll_connections(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        heard: &mut VecDeque<SocketEvent>,
    ) {
        let mut over = Vec::new();
        for (&connection, socket) in &mut self.connections {
            let Poll::Ready(told) = socket.poll(cx, now, &mut self.buffer) else { continue };
            match told {
                Heard::Connected => heard.push_back(SocketEvent::Connected { connection }),
                Heard::Data(data) => {
                    self.totals.bytes_received += data.len() as u64;
                    heard.push_back(SocketEvent::Received { connection, data });
                }
                Heard::Closed(reason) => {
                    heard.push_back(SocketEvent::Closed { connection, reason });
                    over.push((connection, reason == CloseReason::Finished));
                }
                Heard::Gone => over.push((connection, false)),
            }
        }
        for (connection, by_fin) in over {
            if by_fin {
                self.finish(now, connection);
            } else {
                self.connections.remove(&connection);
            }
        }
    }

    fn perform(
        &mut self,
        now: Instant,
        action: SocketAction,
        heard: &mut VecDeque<SocketEvent>,
    ) -> Result<(), LiveError> {
        match action {
            SocketAction::Listen { port } => self.listen(port)?,
            SocketAction::Unlisten { port } => drop(self.listeners.remove(&port)),
            SocketAction::Connect { connection, peer, timeout } => {
                self.known.insert(connection);
                let attempt = Connection::connect(
                    self.place.address,
                    peer,
                    now + timeout,
                    self.congestion_control.clone(),
                );
                self.connections.insert(connection, attempt);
            }
            SocketAction::Send { connection, data } => self.send(connection, &data, heard),
            SocketAction::Close { connection } => {
                self.known.remove(&connection);
                self.finish(now, connection);
            }
            SocketAction::Abort { connection } => {
                self.known.remove(&connection);
                self.abort(connection);
            }
            SocketAction::Bind { port } => self.bind(port)?,
            SocketAction::Unbind { port } => drop(self.ports.remove(&port)),
            SocketAction::SendTo { port, peer, data } => self.send_to(port, peer, data)?,
            SocketAction::StackDown { .. }
            | SocketAction::StackUp { .. }
            | SocketAction::SetLink { .. } => unreachable!("not asked of the sockets"),
        }
        Ok(())
    }

    fn listen(&mut self, port: u16) -> Result<(), LiveError> {
        let real = self.place.port(port)?;
        let address = self.place.address;
        let listener = listener(SocketAddrV4::new(address, real))
            .map_err(|source| LiveError::port(Transport::Tcp, address, real, source))?;
        self.listeners.insert(port, listener);
        debug!(port, real, "listening");
        Ok(())
    }

    fn bind(&mut self, port: u16) -> Result<(), LiveError> {
        let real = self.place.port(port)?;
        self.ports.insert(port, Datagrams::bind(&self.place, real)?);
        debug!(port, real, "bound");
        Ok(())
    }

    fn send(&mut self, connection: ConnectionId, data: &[u8], heard: &mut VecDeque<SocketEvent>) {
        let Some(socket) = self.connections.get_mut(&connection) else {
            debug!(?connection, "bytes for a connection that is over");
            return;
        };
        if !socket.send(data) {
            heard.push_back(SocketEvent::Closed { connection, reason: CloseReason::Overrun });
            self.abort(connection);
        }
    }

    fn send_to(&mut self, port: u16, peer: SocketAddrV4, data: Bytes) -> Result<(), LiveError> {
        let destination = self.place.destination(peer)?;
        let attended = self.is_attended();
        match self.ports.get_mut(&port) {
            Some(_) if !attended => debug!(%peer, "a datagram is lost: silence"),
            Some(socket) => socket.send(destination, data),
            None => debug!(port, %peer, "a datagram is lost: the port is not bound"),
        }
        Ok(())
    }

    fn finish(&mut self, now: Instant, connection: ConnectionId) {
        if let Some(socket) = self.connections.remove(&connection)
            && let Some(finishing) = socket.finish(now)
        {
            self.connections.insert(connection, finishing);
        }
    }

    fn abort(&mut self, connection: ConnectionId) {
        if let Some(socket) = self.connections.remove(&connection) {
            socket.abort();
        }
    }

    fn take_stack_down(&mut self, now: Instant, loss: StackLoss) {
        if matches!(self.stack, Stack::Silent | Stack::Down) {
            return;
        }
        self.totals.stack_losses += 1;
        self.known.clear();
        let sockets = match loss {
            StackLoss::Silent => {
                self.stack = Stack::Silent;
                return;
            }
            StackLoss::Reset | StackLoss::Finish => std::mem::take(&mut self.connections),
        };
        self.stack = Stack::Down;
        self.listeners.clear();
        self.ports.clear();
        for (connection, socket) in sockets {
            match loss {
                StackLoss::Finish => {
                    if let Some(finishing) = socket.finish_at_once(now) {
                        self.connections.insert(connection, finishing);
                    }
                }
                StackLoss::Silent | StackLoss::Reset => socket.abort(),
            }
        }
    }

    /// Starts afresh; a kernel socket's address stays, whatever was asked for.
    fn bring_stack_up(&mut self, new_address: bool) {
        if new_address {
            info!(address = %self.place.address, "the address stays: it is the machine's");
        }
        self.stack = Stack::Addressless;
        self.listeners.clear();
        self.ports.clear();
        self.known.clear();
        for (connection, socket) in std::mem::take(&mut self.connections) {
            if socket.is_finishing() {
                self.connections.insert(connection, socket);
            } else {
                socket.abort();
            }
        }
    }
}

fn listener(address: SocketAddrV4) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // Elsewhere the option keeps TIME-WAIT from blocking a restart; on Windows it shares the port.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address.into())?;
    socket.listen(BACKLOG)
}
