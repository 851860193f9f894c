//! The encrypted way between the two endpoints: QUIC, and on it the proof of the passcode.
//!
//! | file | holds |
//! |---|---|
//! | `session` | one connection: handshake, proof, payloads |
//! | `proof` | how both ends prove that they know the passcode |
//! | `identity` | what TLS shows, which proves nothing |
//! | `transport` | how QUIC behaves beneath a wire |
//! | `provider`, `chance` | cryptography whose randomness is lent for one call |
//! | `clock` | the run's time as quinn wants it |
//!
//! The mechanic's end is called, the technician's end calls. The called end may have several
//! callers at once, of which most may be guessers; each has a number that its owner gives it.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use node::{Duration, Instant};
use quinn_proto::{ClientConfig, DatagramEvent, Endpoint, EndpointEvent};

use crate::message::Role;
use crate::secret::{Secret, Source};
use clock::Clock;
use session::Session;

mod chance;
mod clock;
mod identity;
mod proof;
mod provider;
mod session;
mod transport;

pub use proof::{Known, Peer};
pub use session::{NotSent, Said};
pub use transport::Limits;

/// Bytes the tunnel adds to a payload at most, one acknowledgement of the other way included.
pub const OVERHEAD: u16 = 35;

/// How many callers may be in the middle of proving themselves: as many as a relay lets want to be
/// an order's technician. A further one takes the place of the first.
const UNPROVEN: usize = 8;

/// How many connections there may be, those that are ending included.
const SESSIONS: usize = 16;

/// How many packets leave in one batch.
const BATCH: usize = 32;

/// How many payloads a proven connection hears before it is asked for packets although nothing is
/// to be sent and no deadline has come.
const ASK_AFTER: u32 = 8;

/// Connections with other endpoints.
pub struct Tunnel {
    known: Known,
    limits: Limits,
    proof_timeout: Duration,
    clock: Clock,
    endpoint: Endpoint,
    source: Option<Source>,
    sessions: BTreeMap<u32, Session>,
    said: Vec<Said>,
    events: VecDeque<(u32, Said)>,
    packets: VecDeque<(u32, Bytes)>,
    /// Where quinn writes a batch of packets; kept, because most times it has none.
    batch: Vec<u8>,
    dirty: bool,
    now: Instant,
}

impl Tunnel {
    /// Makes an end without connections.
    pub fn new(known: Known, limits: Limits, proof_timeout: Duration, secret: &Secret) -> Self {
        let mut source = secret.source("bridge/tunnel");
        let server = match known.role {
            Role::Mechanic => Some(Arc::new(transport::server(&mut source, limits))),
            Role::Technician => None,
        };
        let config = Arc::new(transport::endpoint(secret, limits));
        Self {
            known,
            limits,
            proof_timeout,
            clock: Clock::new(),
            endpoint: Endpoint::new(config, server, true, None),
            source: Some(source),
            sessions: BTreeMap::new(),
            said: Vec::new(),
            events: VecDeque::new(),
            packets: VecDeque::new(),
            batch: Vec::new(),
            dirty: false,
            now: Instant::ZERO,
        }
    }

    /// Calls the other end; false when that cannot be now.
    pub fn connect(&mut self, now: Instant, number: u32) -> bool {
        self.now = now;
        let Some(source) = &mut self.source else {
            return false;
        };
        let config: ClientConfig = transport::client(source.bytes(), self.limits);
        let (endpoint, at) = (&mut self.endpoint, self.clock.at(now));
        let connected = chance::lend(&mut self.source, || {
            endpoint.connect(at, config, address(number), identity::NAME)
        });
        match connected {
            Ok((handle, connection)) => {
                self.sessions.insert(number, Session::new(handle, connection, now));
                self.dirty = true;
                true
            }
            Err(error) => {
                tracing::debug!(%error, "cannot call");
                false
            }
        }
    }

    /// Takes a packet of one connection, or of one that begins when `may_begin`.
    pub fn handle(&mut self, now: Instant, number: u32, data: Bytes, may_begin: bool) {
        self.now = now;
        let is_known = self.sessions.contains_key(&number);
        if !is_known && !may_begin {
            return;
        }
        let data = data.try_into_mut().unwrap_or_else(|data| BytesMut::from(&data[..]));
        let mut answer = Vec::new();
        let at = self.clock.at(now);
        let event = self.endpoint.handle(at, address(number), None, None, data, &mut answer);
        match event {
            Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                let Some((&number, session)) =
                    self.sessions.iter_mut().find(|(_, session)| session.handle == handle)
                else {
                    return;
                };
                if session.is_proven() {
                    session.connection.handle_event(event);
                } else {
                    chance::lend(&mut self.source, || session.connection.handle_event(event));
                }
                let (may_rest, was_dirty) = (session.is_proven(), self.dirty);
                let had = self.events.len();
                self.listen(number);
                if may_rest && self.events.len() > had {
                    self.rest(number, was_dirty);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) if self.sessions.contains_key(&number) => {
                self.endpoint.ignore(incoming);
            }
            Some(DatagramEvent::NewConnection(incoming)) if !self.make_room() => {
                self.endpoint.ignore(incoming);
            }
            Some(DatagramEvent::NewConnection(incoming)) => {
                let endpoint = &mut self.endpoint;
                let accepted = chance::lend(&mut self.source, || {
                    endpoint.accept(incoming, at, &mut answer, None).ok()
                });
                if let Some((handle, connection)) = accepted {
                    self.sessions.insert(number, Session::new(handle, connection, now));
                    self.listen(number);
                }
            }
            Some(DatagramEvent::Response(transmit)) => {
                answer.truncate(transmit.size);
                self.packets.push_back((number, answer.into()));
            }
            None => {}
        }
    }

    /// Lets every deadline that is due expire.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        let due: Vec<u32> = self
            .sessions
            .iter()
            .filter(|(_, session)| self.due(session).is_some_and(|at| at <= now))
            .map(|(number, _)| *number)
            .collect();
        for number in due {
            let late = self.proof_timeout;
            let Some(session) = self.sessions.get_mut(&number) else {
                continue;
            };
            if session.is_unproven() && now - session.since >= late {
                session.close(self.clock.at(now));
                self.events.push_back((number, Said::Over));
            } else {
                session.connection.handle_timeout(self.clock.at(now));
            }
            self.listen(number);
        }
    }

    /// Returns the next deadline; right once packets were taken to the last.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let soonest = self.sessions.values().filter_map(|session| self.due(session)).min()?;
        Some(soonest.max(self.now + Duration::from_micros(1)))
    }

    /// Returns whether asking for packets may bring one.
    pub fn has_packets(&self) -> bool {
        self.dirty || !self.packets.is_empty()
    }

    /// Takes the next packet and the number of its connection.
    pub fn poll_packet(&mut self) -> Option<(u32, Bytes)> {
        if self.packets.is_empty() && std::mem::take(&mut self.dirty) {
            self.flush();
        }
        self.packets.pop_front()
    }

    /// Takes what happened next.
    pub fn poll_event(&mut self) -> Option<(u32, Said)> {
        self.events.pop_front()
    }

    /// Sends a payload in a datagram.
    pub fn send(&mut self, now: Instant, number: u32, payload: Bytes) -> Result<(), NotSent> {
        self.now = now;
        self.dirty = true;
        self.sessions.get_mut(&number).ok_or(NotSent::Closed)?.send(payload)
    }

    /// Sends a payload on the stream.
    pub fn write(&mut self, now: Instant, number: u32, payload: Bytes) -> Result<(), NotSent> {
        self.now = now;
        self.dirty = true;
        let limit = self.limits.queue;
        self.sessions.get_mut(&number).ok_or(NotSent::Closed)?.write(payload, limit)
    }

    /// Returns the longest payload one datagram of a connection holds now.
    pub fn room(&mut self, number: u32) -> usize {
        self.sessions.get_mut(&number).map_or(0, Session::room)
    }

    /// Returns the longest UDP payload the way of a connection is known to take.
    pub fn path(&self, number: u32) -> u16 {
        self.sessions.get(&number).map_or(0, |session| session.connection.current_mtu())
    }

    /// Returns whether there is such a connection, be it one that is ending.
    pub fn is_open(&self, number: u32) -> bool {
        self.sessions.contains_key(&number)
    }

    /// Returns how many packets a connection has sent, and how many of them were lost.
    pub fn packets(&self, number: u32) -> (u64, u64) {
        let stats = self.sessions.get(&number).map(|session| session.connection.stats().path);
        stats.map_or((0, 0), |path| (path.sent_packets, path.lost_packets))
    }

    /// Ends a connection; nothing more is heard of it.
    pub fn close(&mut self, now: Instant, number: u32) {
        self.now = now;
        if let Some(session) = self.sessions.get_mut(&number) {
            session.close(self.clock.at(now));
            self.listen(number);
        }
    }

    /// Forgets a connection at once; its other end finds out by itself.
    pub fn abandon(&mut self, number: u32) {
        if let Some(session) = self.sessions.remove(&number) {
            self.endpoint.handle_event(session.handle, EndpointEvent::drained());
        }
    }

    /// Forgets every connection: nothing more is sent or heard.
    pub fn forget(&mut self) {
        self.sessions.clear();
        self.packets.clear();
        self.events.clear();
    }

    /// Makes room for another caller; false when all there are have proven themselves.
    fn make_room(&mut self) -> bool {
        let oldest = |sessions: &BTreeMap<u32, Session>, which: fn(&Session) -> bool| {
            let mut chosen: Vec<_> = sessions.iter().filter(|(_, one)| which(one)).collect();
            chosen.sort_by_key(|(number, session)| (session.since, **number));
            (chosen.len(), chosen.first().map(|(number, _)| **number))
        };
        let (unproven, first) = oldest(&self.sessions, Session::is_unproven);
        if let Some(first) = first.filter(|_| unproven >= UNPROVEN) {
            self.abandon(first);
            self.events.push_back((first, Said::Over));
        }
        // Those that are over only wait for packets that may still be under way.
        let (_, ending) = oldest(&self.sessions, Session::is_over);
        if let Some(ending) = ending.filter(|_| self.sessions.len() >= SESSIONS) {
            self.abandon(ending);
        }
        self.sessions.len() < SESSIONS
    }

    fn due(&self, session: &Session) -> Option<Instant> {
        let proof = session.is_unproven().then(|| session.since + self.proof_timeout);
        proof.into_iter().chain(session.due).min()
    }

    /// Takes what one connection has to say, and forgets it when it is over for good.
    fn listen(&mut self, number: u32) {
        self.dirty = true;
        let at = self.clock.at(self.now);
        let Some(session) = self.sessions.get_mut(&number) else {
            return;
        };
        session.listen(at, &self.known, &mut self.source, &mut self.said);
        self.events.extend(self.said.drain(..).map(|said| (number, said)));
        while let Some(event) = session.connection.poll_endpoint_events() {
            let over = event.is_drained();
            if let Some(event) = self.endpoint.handle_event(session.handle, event) {
                session.connection.handle_event(event);
            }
            if over {
                self.sessions.remove(&number);
                return;
            }
        }
    }

    fn flush(&mut self) {
        let at = self.clock.at(self.now);
        for (number, session) in &mut self.sessions {
            // Without a payload there was another reason to ask, and there may be more than one.
            let is_steady = session.queued > 0 && session.is_steady(self.limits);
            loop {
                let batch = session.queued.clamp(1, BATCH);
                self.batch.clear();
                let Some(transmit) = session.connection.poll_transmit(at, batch, &mut self.batch)
                else {
                    break;
                };
                let bytes = &self.batch[..transmit.size];
                let segments = bytes.chunks(transmit.segment_size.unwrap_or(transmit.size).max(1));
                session.queued = session.queued.saturating_sub(segments.len());
                let packets = segments.map(|bytes| (*number, Bytes::copy_from_slice(bytes)));
                self.packets.extend(packets);
                if is_steady && !session.has_datagrams() {
                    break;
                }
            }
            session.queued = 0;
            session.unasked = 0;
            session.due = session.connection.poll_timeout().map(|at| self.clock.back(at));
        }
    }

    /// Asks a connection that heard a payload for packets less often than it hears some: most times
    /// it has none, its acknowledgements being due later or riding on data.
    fn rest(&mut self, number: u32, was_dirty: bool) {
        let Some(session) = self.sessions.get_mut(&number) else {
            return;
        };
        session.unasked += 1;
        if session.unasked < ASK_AFTER && session.is_steady(self.limits) {
            session.due = session.connection.poll_timeout().map(|at| self.clock.back(at));
            self.dirty = was_dirty;
        }
    }
}

/// Returns the address under which quinn knows a connection; nobody ever sees it.
fn address(number: u32) -> SocketAddr {
    let ip = Ipv4Addr::from(0x0A00_0000 | (number & 0x00FF_FFFF));
    SocketAddr::V4(SocketAddrV4::new(ip, 1))
}

#[cfg(test)]
mod tests;
