//! The loop that runs a relay on one UDP socket.

use std::future::{Future, poll_fn};
use std::net::SocketAddrV4;
use std::pin::pin;
use std::task::{Context, Poll};

use bridge::relay::RelayCounters;
use bridge::{Relay, RelayConfig, RelayEvent};
use node::{Duration, Instant, Node, Seed, SocketAction, SocketEvent};
use tokio::select;
use tracing::debug;

use super::BridgeError;
use super::wan::{Arrival, Wan, WanCounts};
use crate::{Alarm, Clock};

/// Rounds before the task lets the runtime look around.
const ROUNDS_PER_POLL: u32 = 32;

/// How often the observer sees how things stand.
const LOOK: Duration = Duration::from_secs(1);

/// Runs a relay.
pub struct RelayService {
    relay: Relay,
    port: u16,
    wan: Wan,
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
        seed: Seed,
    ) -> Result<Self, BridgeError> {
        let wan = Wan::bind(listen).map_err(|error| BridgeError::listen(listen, error))?;
        let port = wan.port();
        let relay = Relay::new(RelayConfig { port, ..config }, seed);
        let (clock, alarm) = (Clock::start(), Alarm::new()?);
        let look_at = Instant::ZERO + LOOK;
        Ok(Self { relay, port, wan, clock, alarm, arrivals: Vec::new(), look_at })
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
        for (peer, data) in arrivals.drain(..) {
            let event = SocketEvent::Datagram { local_port: self.port, peer, data };
            self.relay.handle_input(now, event);
            self.drain();
        }
        self.arrivals = arrivals;
        while let Some(event) = self.relay.poll_event() {
            observe(now, RelayHappening::Event(&event));
        }
        if now >= self.look_at {
            self.look_at = now + LOOK;
            observe(now, RelayHappening::Second(self.status()));
        }
        // What is left wakes the task when the kernel has room.
        let _pending = self.wan.flush(cx);
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
        self.drain();
        assert!(
            self.relay.poll_timeout().is_none_or(|next| next > now),
            "a deadline that was let expire lies in the future or is gone"
        );
        true
    }

    fn drain(&mut self) {
        while let Some(action) = self.relay.poll_output() {
            match action {
                SocketAction::SendTo { peer, data, .. } => self.wan.send(peer, &data),
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

    fn status(&self) -> RelayStatus {
        RelayStatus {
            orders: self.relay.orders(),
            counters: self.relay.counters(),
            wan: self.wan.counts(),
        }
    }
}
