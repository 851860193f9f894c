//! The loop that runs a relay on one UDP socket.

use std::future::{Future, poll_fn};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::pin::pin;
use std::task::{Context, Poll};

use bridge::message::{Message, is_packet};
use bridge::relay::RelayCounters;
use bridge::{Relay, RelayConfig, RelayEvent, Secret};
use bytes::Bytes;
use node::{Duration, Instant, Node, SocketAction, SocketEvent};
use tokio::select;
use tracing::debug;

use super::BridgeError;
use super::wan::{Arrival, Wan, WanCounts};
use crate::{Alarm, Clock};
use own_addresses::OwnAddresses;
use sources::Sources;

mod own_addresses;
mod sources;

/// Rounds before the task lets the runtime look around.
const ROUNDS_PER_POLL: u32 = 32;

/// How often the observer sees how things stand.
const LOOK: Duration = Duration::from_secs(1);

/// Runs a relay.
pub struct RelayService {
    relay: Relay,
    port: u16,
    wan: Wan,
    sources: Sources,
    addresses: OwnAddresses,
    clock: Clock,
    alarm: Alarm,
    arrivals: Vec<Arrival>,
    look_at: Instant,
}

/// Something people watching a relay want to know.
#[derive(Clone, Copy, Debug)]
pub enum RelayHappening<'a> {
    /// It listens on this UDP port.
    Ready {
        /// The port.
        port: u16,
    },
    /// The relay tells something.
    Event(&'a RelayEvent),
    /// Another second has passed.
    Second(RelayStatus),
}

/// How a relay stands.
#[derive(Clone, Copy, Debug)]
pub struct RelayStatus {
    /// Orders it holds.
    pub orders: usize,
    /// How many datagrams were treated in which way.
    pub counters: RelayCounters,
    /// What went through its socket.
    pub wan: WanCounts,
}

impl RelayService {
    /// Binds the socket and makes the relay; the port in `config` is the one that was bound.
    ///
    /// Must be called within a tokio runtime with IO and time enabled.
    pub fn start(
        listen: SocketAddrV4,
        config: RelayConfig,
        secret: &Secret,
    ) -> Result<Self, BridgeError> {
        let wan = Wan::bind(listen).map_err(|error| BridgeError::listen(listen, error))?;
        let port = wan.port();
        // Everyone who can have a seat at once: a mechanic and its candidates.
        let sources = Sources::new(config.orders * (2 + config.candidates));
        let addresses = OwnAddresses::default();
        let relay = Relay::new(RelayConfig { port, ..config }, secret);
        let (clock, alarm) = (Clock::start(), Alarm::new()?);
        let look_at = Instant::ZERO + LOOK;
        Ok(Self {
            relay,
            port,
            wan,
            sources,
            addresses,
            clock,
            alarm,
            arrivals: Vec::new(),
            look_at,
        })
    }

    /// Returns the port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs until `stop` completes.
    pub async fn run(
        mut self,
        stop: impl Future<Output = ()>,
        mut observe: impl FnMut(Instant, RelayHappening<'_>),
    ) -> RelayStatus {
        observe(Instant::ZERO, RelayHappening::Ready { port: self.port });
        let mut stop = pin!(stop);
        select! {
            biased;
            () = &mut stop => {}
            () = poll_fn(|cx| self.poll(cx, &mut observe)) => {}
        }
        self.status()
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        observe: &mut impl FnMut(Instant, RelayHappening<'_>),
    ) -> Poll<()> {
        for _ in 0..ROUNDS_PER_POLL {
            if self.round(cx, observe).is_pending() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn round(
        &mut self,
        cx: &mut Context<'_>,
        observe: &mut impl FnMut(Instant, RelayHappening<'_>),
    ) -> Poll<()> {
        let now = self.clock.now();
        let mut busy = self.expire(now);
        let mut arrivals = std::mem::take(&mut self.arrivals);
        busy |= self.wan.poll_receive(cx, &mut arrivals).is_ready();
        for Arrival { peer, at, data } in arrivals.drain(..) {
            if let Some(at) = at {
                self.sources.hear(peer, at, |at| self.addresses.hold(at));
            }
            let event = SocketEvent::Datagram { local_port: self.port, peer, data };
            self.relay.handle_input(now, event);
            self.drain(at.map(|at| (peer, at)));
        }
        self.arrivals = arrivals;
        while let Some(event) = self.relay.poll_event() {
            observe(now, RelayHappening::Event(&event));
        }
        if now >= self.look_at {
            self.look_at = now + LOOK;
            self.addresses.forget();
            observe(now, RelayHappening::Second(self.status()));
        }
        // What is left wakes the task when the kernel has room.
        let _pending = self.wan.flush(cx);
        if let Some(lost) = self.wan.take_lost_source() {
            self.sources.forget(lost);
            self.addresses.forget();
        }
        if busy {
            return Poll::Ready(());
        }
        let deadline = self.relay.poll_timeout().map_or(self.look_at, |at| at.min(self.look_at));
        self.alarm.poll(cx, &self.clock, deadline)
    }

    fn expire(&mut self, now: Instant) -> bool {
        if self.relay.poll_timeout().is_none_or(|deadline| deadline > now) {
            return false;
        }
        self.relay.handle_timeout(now);
        self.drain(None);
        assert!(
            self.relay.poll_timeout().is_none_or(|next| next > now),
            "a deadline that was let expire lies in the future or is gone"
        );
        true
    }

    /// Does what the relay asks; `spoke` is who has just spoken to which of this machine's addresses.
    fn drain(&mut self, spoke: Option<(SocketAddrV4, Ipv4Addr)>) {
        while let Some(action) = self.relay.poll_output() {
            match action {
                SocketAction::SendTo { peer, data, .. } => {
                    let here = spoke.filter(|(speaker, _)| *speaker == peer).map(|(_, at)| at);
                    let source = self.source(peer, here, &data);
                    self.wan.send_from(source, peer, &data);
                }
                // The one socket there is was bound before.
                SocketAction::Bind { .. } | SocketAction::Unbind { .. } => {}
                SocketAction::Listen { .. }
                | SocketAction::Unlisten { .. }
                | SocketAction::Connect { .. }
                | SocketAction::Send { .. }
                | SocketAction::Close { .. }
                | SocketAction::Abort { .. }
                | SocketAction::StackDown { .. }
                | SocketAction::StackUp { .. }
                | SocketAction::SetLink { .. } => {
                    debug!(?action, "a relay speaks in datagrams alone");
                }
            }
        }
    }

    /// Returns what a peer is answered from; `here` is the address it has spoken to just now.
    fn source(
        &mut self,
        peer: SocketAddrV4,
        here: Option<Ipv4Addr>,
        answer: &Bytes,
    ) -> Option<Ipv4Addr> {
        let known = self.sources.of(peer);
        let Some(here) = here.filter(|here| known != Some(*here)) else { return known };
        // It may have been sent to everyone on the link.
        if !self.addresses.hold(here) {
            return known;
        }
        if !is_packet(answer)
            && matches!(Message::decode(answer.clone()), Ok(Message::Granted { .. }))
        {
            self.sources.admit(peer, here);
        }
        Some(here)
    }

    fn status(&self) -> RelayStatus {
        RelayStatus {
            orders: self.relay.orders(),
            counters: self.relay.counters(),
            wan: self.wan.counts(),
        }
    }
}
