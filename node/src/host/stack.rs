//! smoltcp's sockets as events and actions.

mod connection;
mod datagrams;
mod neighbours;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::Bytes;
use smoltcp::iface::{
    Config, Interface, PollIngressSingleResult, PollResult, SocketHandle, SocketSet,
};
use smoltcp::socket::tcp;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, IpEndpoint};

use super::HostConfig;
use super::addressing::Held;
use super::arp::{self, Claim};
use super::clock::Clock;
use super::device::Device;
use super::peek;
use super::shortcut::{Arrived, Shortcut};
use crate::{
    CloseReason, ConnectionId, Frame, Instant, SocketAction, SocketEvent, StackLoss, Stream,
};
use connection::{Connection, Phase};
use datagrams::Datagrams;

const ETHERNET_HEADER: usize = 14;
/// Listening sockets kept ready per port: smoltcp has no backlog of its own.
const LISTENERS_READY: usize = 2;
const EPHEMERAL: std::ops::Range<u16> = 49_152..65_535;

/// One TCP/IP stack, from power-up to loss.
pub struct Stack {
    clock: Clock,
    tcp: super::TcpProfile,
    device: Device,
    shortcut: Shortcut,
    /// Learned once smoltcp has sent what waited for it, so that nothing overtakes.
    claims: Vec<Claim>,
    interface: Interface,
    sockets: SocketSet<'static>,
    connections: BTreeMap<ConnectionId, Connection>,
    listeners: BTreeMap<u16, Vec<SocketHandle>>,
    /// A listener may have heard somebody.
    knocked: bool,
    datagrams: Datagrams,
    events: VecDeque<SocketEvent>,
    next_accepted: u64,
    next_port: u16,
    has_address: bool,
    /// Something happened since the last poll.
    dirty: bool,
    /// smoltcp worked, or was given work, since `due` was asked for.
    changed: bool,
    /// When smoltcp wants to be polled, which may have passed.
    due: Option<Instant>,
    /// A frame arrived since the last poll: what closes now was closed by the peer.
    fed: bool,
}

impl Stack {
    /// Makes an empty stack without an address.
    pub fn new(config: &HostConfig, now: Instant, next_accepted: u64) -> Self {
        let clock = Clock::new(config.tcp.retransmission_floor);
        let mut stream: Stream = config.seed.stream("stack");
        stream.seek(next_accepted.wrapping_mul(8));
        let mut device = Device::new(config.mtu + ETHERNET_HEADER);
        let mut setup = Config::new(EthernetAddress(config.mac).into());
        setup.random_seed = stream.next_u64() ^ now.as_nanos();
        let interface = Interface::new(setup, &mut device, clock.inward(now));
        let span = u64::from(EPHEMERAL.end - EPHEMERAL.start);
        Self {
            clock,
            tcp: config.tcp,
            device,
            shortcut: Shortcut::new(config.mac, config.mtu, config.tcp.hop_limit),
            claims: Vec::new(),
            interface,
            sockets: SocketSet::new(Vec::new()),
            connections: BTreeMap::new(),
            listeners: BTreeMap::new(),
            knocked: false,
            datagrams: Datagrams::new(),
            events: VecDeque::new(),
            next_accepted,
            next_port: EPHEMERAL.start + stream.below(span) as u16,
            has_address: false,
            dirty: false,
            changed: true,
            due: None,
            fed: false,
        }
    }

    /// Takes a frame that arrived; [`Stack::poll`] works on what is not a known peer's datagram.
    pub fn receive(&mut self, now: Instant, frame: Frame) {
        let datagrams = &self.datagrams;
        let frame = match self.shortcut.receive(now, frame, |port| datagrams.is_bound(port)) {
            Ok(Arrived { port: local_port, peer, data }) => {
                self.events.push_back(SocketEvent::Datagram { local_port, peer, data });
                return;
            }
            Err(frame) => frame,
        };
        if arp::is_arp(&frame) {
            self.claims.extend(arp::parse(&frame));
        }
        self.knocked |= peek::is_opening(&frame);
        self.device.receive(frame);
        self.dirty = true;
        self.fed = true;
    }

    /// Carries out a socket action; those about the stack itself are the host's.
    pub fn perform(&mut self, now: Instant, action: SocketAction) {
        if let SocketAction::SendTo { port, peer, data } = &action
            && self.datagrams.is_bound(*port)
            && let Some(frame) = self.shortcut.send(now, *port, *peer, data)
        {
            return self.device.send(frame);
        }
        self.dirty = true;
        match action {
            SocketAction::Listen { port } => self.listen(port),
            SocketAction::Unlisten { port } => self.unlisten(port),
            SocketAction::Connect { connection, peer, timeout } => {
                self.connect(connection, peer, now + timeout);
            }
            SocketAction::Send { connection, data } => self.send(connection, data),
            SocketAction::Close { connection } => self.close(connection),
            SocketAction::Abort { connection } => self.abort(connection),
            SocketAction::Bind { port } => self.datagrams.bind(port, self.tcp.hop_limit),
            SocketAction::Unbind { port } => self.datagrams.unbind(port),
            SocketAction::SendTo { port, peer, data } if self.has_address => {
                self.datagrams.send(port, peer, &data);
            }
            SocketAction::SendTo { .. } => {}
            SocketAction::StackDown { .. }
            | SocketAction::StackUp { .. }
            | SocketAction::SetLink { .. } => unreachable!("the host keeps these to itself"),
        }
    }

    /// Lets smoltcp work until nothing is left to do at `now`.
    #[inline]
    pub fn poll(&mut self, now: Instant) {
        let due = self.is_overdue(now);
        if self.dirty || due || self.is_asked(now) {
            self.poll_now(now, due);
        }
    }

    /// When smoltcp or a connect time-out is due, later than `now`.
    pub fn poll_at(&mut self, now: Instant) -> Option<Instant> {
        if self.changed {
            self.changed = false;
            let at = self.clock.inward(now);
            let interface = &mut self.interface;
            let due = interface.poll_at(at, &self.sockets).into_iter();
            let due = due.chain(self.datagrams.poll_at(at, interface)).min();
            self.due = due.filter(|_| self.has_address).map(|at| self.clock.outward(at));
        }
        let connects = self.connections.values().filter_map(Connection::deadline).min();
        let smoltcp = self.due.map(|at| self.clock.after(at, now));
        [connects, smoltcp].into_iter().flatten().min()
    }

    /// Moves the events that came up, oldest first.
    #[inline]
    pub fn move_events(&mut self, to: &mut VecDeque<SocketEvent>) {
        if self.events.is_empty() {
            return;
        }
        if to.is_empty() {
            std::mem::swap(to, &mut self.events);
        } else {
            to.append(&mut self.events);
        }
    }

    /// Takes the next frame to be sent, oldest first.
    #[inline]
    pub fn take_frame(&mut self) -> Option<Frame> {
        self.device.take_sent()
    }

    /// How many connections were ever accepted.
    pub fn next_accepted(&self) -> u64 {
        self.next_accepted
    }

    /// Puts the stack under an address; listeners and ports stay.
    pub fn set_address(&mut self, now: Instant, held: Held) {
        let cidr = IpCidr::new(IpAddress::Ipv4(held.address), held.prefix);
        self.interface.update_ip_addrs(|addresses| {
            addresses.clear();
            addresses.push(cidr).expect("room for one address");
        });
        self.interface.routes_mut().remove_default_ipv4_route();
        if let Some(router) = held.router {
            self.interface.routes_mut().add_default_ipv4_route(router).expect("room for one route");
        }
        self.interface.poll_maintenance(self.clock.inward(now));
        self.shortcut.set_address(Some(held));
        self.has_address = true;
        self.dirty = true;
    }

    /// Takes the address away: every connection is over, without a word to the peer.
    pub fn clear_address(&mut self) {
        self.interface.update_ip_addrs(|addresses| addresses.clear());
        self.shortcut.set_address(None);
        self.has_address = false;
        self.changed = true;
        for (connection, state) in std::mem::take(&mut self.connections) {
            self.sockets.remove(state.handle);
            if !state.is_forgotten() {
                self.closed(connection, CloseReason::AddressLost);
            }
        }
    }

    /// Ends every connection as `loss` says and sends what that takes.
    pub fn wind_up(&mut self, now: Instant, loss: StackLoss) {
        for connection in self.connections.values() {
            let socket: &mut tcp::Socket<'_> = self.sockets.get_mut(connection.handle);
            match loss {
                StackLoss::Silent => return,
                StackLoss::Reset => socket.abort(),
                StackLoss::Finish => socket.close(),
            }
        }
        self.work(now);
    }

    fn poll_now(&mut self, now: Instant, due: bool) {
        self.dirty = false;
        self.changed = true;
        for connection in self.connections.values_mut() {
            connection.refill(self.sockets.get_mut(connection.handle));
        }
        if self.work(now) || due {
            self.scan(now);
        }
        self.fed = false;
        for claim in self.claims.drain(..) {
            self.shortcut.learn(now, claim);
        }
    }

    /// Lets smoltcp take what has come and send what it can; returns whether a socket changed.
    fn work(&mut self, now: Instant) -> bool {
        let at = self.clock.inward(now);
        let (interface, device) = (&mut self.interface, &mut self.device);
        let mut changed = false;
        while let Some(frame) = device.next_received() {
            let result = if peek::is_datagram(frame) {
                self.datagrams.receive(at, interface, device)
            } else {
                interface.poll_ingress_single(at, device, &mut self.sockets)
            };
            changed |= result == PollIngressSingleResult::SocketStateChanged;
        }
        while interface.poll_egress(at, device, &mut self.sockets) != PollResult::None {
            changed = true;
        }
        self.datagrams.transmit(at, interface, device);
        if let Some(asked) = device.take_asked() {
            self.ask_for_others(at, asked);
        }
        changed
    }

    /// Asks for the neighbours that something waits for, but for the one smoltcp just asked for.
    fn ask_for_others(&mut self, at: smoltcp::time::Instant, asked: Ipv4Addr) {
        let sockets = &self.sockets;
        let connections = self.connections.values().map(|it| sockets.get(it.handle));
        let peers = connections.filter_map(neighbours::wanted).chain(self.datagrams.wanted());
        let hops = peers.filter_map(|peer| self.shortcut.next_hop(peer));
        let others: BTreeSet<Ipv4Addr> = hops.filter(|hop| *hop != asked).collect();
        if others.is_empty() {
            return;
        }
        for request in neighbours::requests(at, &mut self.interface, &others) {
            self.device.send(request);
        }
    }

    /// Returns whether a connect has waited for as long as it was to.
    #[inline]
    fn is_overdue(&self, now: Instant) -> bool {
        self.connections.values().any(|connection| connection.is_overdue(now))
    }

    /// Returns whether smoltcp wants to be polled.
    fn is_asked(&self, now: Instant) -> bool {
        self.due.is_some_and(|at| at <= now)
    }

    fn listen(&mut self, port: u16) {
        while self.listeners.get(&port).map_or(0, Vec::len) < LISTENERS_READY {
            let mut socket = self.new_tcp();
            if socket.listen(port).is_err() {
                return;
            }
            let handle = self.sockets.add(socket);
            self.listeners.entry(port).or_default().push(handle);
        }
    }

    fn unlisten(&mut self, port: u16) {
        for handle in self.listeners.remove(&port).unwrap_or_default() {
            self.sockets.remove(handle);
        }
    }

    fn connect(&mut self, connection: ConnectionId, peer: SocketAddrV4, deadline: Instant) {
        if !self.has_address {
            return self.closed(connection, CloseReason::AddressLost);
        }
        let mut socket = self.new_tcp();
        let local_port = self.ephemeral_port();
        let context = self.interface.context();
        if socket.connect(context, (*peer.ip(), peer.port()), local_port).is_err() {
            return self.closed(connection, CloseReason::AddressLost);
        }
        let handle = self.sockets.add(socket);
        self.connections.insert(connection, Connection::opening(handle, deadline));
    }

    fn send(&mut self, connection: ConnectionId, data: Bytes) {
        let limit = self.tcp.send_limit;
        let Some(state) = self.connections.get_mut(&connection) else { return };
        state.queue(data);
        state.refill(self.sockets.get_mut(state.handle));
        if state.queued_bytes() > limit {
            self.abort(connection);
            self.closed(connection, CloseReason::Overrun);
        }
    }

    fn close(&mut self, connection: ConnectionId) {
        if let Some(state) = self.connections.get_mut(&connection) {
            state.forget();
            state.refill(self.sockets.get_mut(state.handle));
        }
    }

    fn abort(&mut self, connection: ConnectionId) {
        if let Some(state) = self.connections.get_mut(&connection) {
            state.forget();
            self.sockets.get_mut::<tcp::Socket<'_>>(state.handle).abort();
        }
    }

    /// Turns what changed in the sockets into events.
    fn scan(&mut self, now: Instant) {
        if self.knocked {
            self.scan_listeners();
        }
        self.scan_connections(now);
        self.datagrams.scan(&mut self.events);
    }

    fn scan_listeners(&mut self) {
        self.knocked = false;
        let mut refill = Vec::new();
        for (port, handles) in &mut self.listeners {
            let sockets = &mut self.sockets;
            let mut accepted = Vec::new();
            let knocked = &mut self.knocked;
            handles.retain(|handle| {
                let socket: &mut tcp::Socket<'_> = sockets.get_mut(*handle);
                match socket.state() {
                    tcp::State::Listen => true,
                    tcp::State::SynReceived => {
                        *knocked = true;
                        true
                    }
                    _ => {
                        accepted.push(*handle);
                        false
                    }
                }
            });
            for handle in accepted {
                refill.push(*port);
                let socket: &mut tcp::Socket<'_> = sockets.get_mut(handle);
                let Some(IpEndpoint { addr: IpAddress::Ipv4(ip), port: peer_port }) =
                    socket.remote_endpoint()
                else {
                    sockets.remove(handle);
                    continue;
                };
                let connection = ConnectionId(ConnectionId::FIRST_ACCEPTED + self.next_accepted);
                self.next_accepted += 1;
                self.connections.insert(connection, Connection::open(handle));
                let peer = SocketAddrV4::new(ip, peer_port);
                let local_port = *port;
                self.events.push_back(SocketEvent::Accepted { connection, local_port, peer });
            }
        }
        for port in refill {
            self.listen(port);
        }
    }

    fn scan_connections(&mut self, now: Instant) {
        let mut over = Vec::new();
        for (id, connection) in &mut self.connections {
            let socket: &mut tcp::Socket<'_> = self.sockets.get_mut(connection.handle);
            let phase = connection.advance(*id, now, socket, self.fed, &mut self.events);
            match phase {
                Phase::Alive => {}
                Phase::Over => over.push(*id),
            }
            if connection.refill(socket) {
                self.dirty = true;
            }
        }
        for id in over {
            let connection = self.connections.remove(&id).expect("it was just seen");
            self.sockets.remove(connection.handle);
        }
    }

    fn closed(&mut self, connection: ConnectionId, reason: CloseReason) {
        self.events.push_back(SocketEvent::Closed { connection, reason });
    }

    fn new_tcp(&self) -> tcp::Socket<'static> {
        let profile = &self.tcp;
        let mut socket = tcp::Socket::new(
            tcp::SocketBuffer::new(vec![0; profile.receive_window]),
            tcp::SocketBuffer::new(vec![0; profile.send_buffer]),
        );
        socket.set_nagle_enabled(false);
        socket.set_congestion_control(tcp::CongestionControl::None);
        socket.set_ack_delay(Some(self.clock.stretch(profile.delayed_ack)));
        socket.set_timeout(Some(self.clock.stretch(profile.give_up)));
        socket.set_hop_limit(Some(profile.hop_limit));
        socket
    }

    fn ephemeral_port(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = if port + 1 == EPHEMERAL.end { EPHEMERAL.start } else { port + 1 };
        port
    }
}
