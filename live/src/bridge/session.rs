//! The loop that runs one endpoint between its Ethernet port and the internet.

use std::future::{Future, poll_fn};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::pin::pin;
use std::task::{Context, Poll};

use bridge::config::ENDPOINT_PORT;
use bridge::{BridgeEvent, EndReason};
use node::{Duration, Instant, PortInput, PortOutput, SocketAction, SocketEvent};
use tokio::select;
use tokio::time::timeout;
use tracing::{debug, trace};

use super::lan::Lan;
use super::machine::Machine;
use super::relay_watch::RelayWatch;
use super::status::Status;
use super::wan::{Arrival, Wan, WanCounts};
use super::{BridgeError, RelayName};
use crate::{Alarm, Clock};
use patience::Patience;

mod patience;

/// Frames taken from the LAN port in one burst.
const FRAMES: usize = 64;

/// Rounds before the task lets the runtime look around.
const ROUNDS_PER_POLL: u32 = 32;

/// How often a session looks at itself: addresses, silence, the display.
const LOOK: Duration = Duration::from_secs(1);

/// How long the kernel may take to send the last words.
const FAREWELL: Duration = Duration::from_secs(1);

/// Runs one endpoint: one task, no channels, one system call for many datagrams.
pub struct Session<M, L> {
    machine: M,
    lan: L,
    wan: Wan,
    relay: RelayWatch,
    clock: Clock,
    alarm: Alarm,
    arrivals: Vec<Arrival>,
    burst: Vec<PortInput>,
    status: Status,
    patience: Patience,
    look_at: Instant,
    ended: Option<EndReason>,
}

/// Something people watching a session want to know.
#[derive(Clone, Copy, Debug)]
pub enum Happening<'a> {
    /// The endpoint speaks to the relay from now on.
    Ready {
        /// Where the relay is.
        relay: SocketAddrV4,
        /// The UDP port the endpoint speaks from.
        port: u16,
    },
    /// The endpoint tells something.
    Event(&'a BridgeEvent),
    /// This machine speaks from another address now.
    OwnAddress(Ipv4Addr),
    /// The relay's name resolves to another address now.
    RelayAddress(SocketAddrV4),
    /// Somebody has not answered for a while.
    Unanswered(Unanswered),
    /// Another second has passed.
    Second(WanCounts),
}

/// Who does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// The relay.
    Relay,
    /// The other side of the order, by way of a relay that does.
    Peer,
}

/// How a session went.
#[derive(Debug, Default)]
pub struct Summary {
    /// How long it lasted.
    pub lasted: Duration,
    /// How it stood at its end.
    pub status: Status,
    /// What went through its socket.
    pub wan: WanCounts,
    /// Why the endpoint gave up; `None` when it was told to stop.
    pub ended: Option<EndReason>,
    /// What this machine took away from it; `None` when nothing.
    pub failed: Option<BridgeError>,
}

impl<M: Machine, L: Lan> Session<M, L> {
    /// Starts an endpoint that was made for the relay at `relay`.
    ///
    /// Must be called within a tokio runtime with IO and time enabled.
    pub fn start(
        machine: M,
        lan: L,
        name: RelayName,
        relay: SocketAddrV4,
    ) -> Result<Self, BridgeError> {
        Ok(Self {
            machine,
            lan,
            wan: Wan::bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))?,
            relay: RelayWatch::new(name, relay),
            clock: Clock::start(),
            alarm: Alarm::new()?,
            arrivals: Vec::new(),
            burst: Vec::new(),
            status: Status::default(),
            patience: Patience::default(),
            look_at: Instant::ZERO + LOOK,
            ended: None,
        })
    }

    /// Runs until `stop` completes, the endpoint gives up or the LAN port is gone; then leaves.
    ///
    /// `observe` is called for everything that happens, and every second.
    pub async fn run(
        mut self,
        stop: impl Future<Output = ()>,
        mut observe: impl FnMut(Instant, &Status, Happening<'_>),
    ) -> Summary {
        let (relay, port) = (self.relay.now_at(), self.wan.port());
        observe(Instant::ZERO, &self.status, Happening::Ready { relay, port });
        let own = self.relay.own().unwrap_or(Ipv4Addr::UNSPECIFIED);
        self.tell_address(Instant::ZERO, own, &mut observe);
        let mut stop = pin!(stop);
        let outcome = select! {
            biased;
            () = &mut stop => Ok(()),
            outcome = poll_fn(|cx| self.poll(cx, &mut observe)) => outcome,
        };
        let now = self.clock.now();
        if self.ended.is_none() {
            self.machine.leave(now);
            // Leaving is what was asked for, not why the session ended.
            self.drain(now, &mut |_, _, _| {});
            self.ended = None;
        }
        let farewell = timeout(FAREWELL, poll_fn(|cx| self.wan.flush(cx))).await;
        if farewell.is_err() {
            debug!("the relay was not told; it will notice the silence");
        }
        let Self { status, wan, ended, .. } = self;
        let lasted = now.saturating_since(Instant::ZERO);
        Summary { lasted, status, wan: wan.counts(), ended, failed: outcome.err() }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        observe: &mut impl FnMut(Instant, &Status, Happening<'_>),
    ) -> Poll<Result<(), BridgeError>> {
        for _ in 0..ROUNDS_PER_POLL {
            match self.round(cx, observe) {
                Ok(_) if self.ended.is_some() => return Poll::Ready(Ok(())),
                Ok(Poll::Ready(())) => {}
                Ok(Poll::Pending) => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Does one round; pending when there was nothing to do and somebody will wake the task.
    fn round(
        &mut self,
        cx: &mut Context<'_>,
        observe: &mut impl FnMut(Instant, &Status, Happening<'_>),
    ) -> Result<Poll<()>, BridgeError> {
        let now = self.clock.now();
        let mut busy = self.expire(now, observe);
        busy |= self.receive(cx, now, observe);
        busy |= self.gather(cx, now, observe)?;
        if now >= self.look_at {
            self.look(now, observe);
        }
        if let Poll::Ready(address) = self.relay.poll(cx) {
            observe(now, &self.status, Happening::RelayAddress(address));
            let own = self.relay.own().unwrap_or(Ipv4Addr::UNSPECIFIED);
            self.tell_address(now, own, observe);
            busy = true;
        }
        // What is left wakes the task when the kernel has room.
        let _pending = self.wan.flush(cx);
        if busy {
            return Ok(Poll::Ready(()));
        }
        let deadline = self.machine.poll_timeout().into_iter().chain([self.look_at]).min();
        let deadline = deadline.expect("the next look is always set");
        Ok(self.alarm.poll(cx, &self.clock, deadline))
    }

    /// Lets deadlines expire that the clock says are due.
    fn expire(
        &mut self,
        now: Instant,
        observe: &mut impl FnMut(Instant, &Status, Happening<'_>),
    ) -> bool {
        let Some(deadline) = self.machine.poll_timeout().filter(|deadline| *deadline <= now) else {
            return false;
        };
        trace!(%deadline, lateness = ?(now - deadline), "expired");
        self.machine.handle_timeout(now);
        self.drain(now, observe);
        let next = self.machine.poll_timeout();
        assert!(
            next.is_none_or(|next| next > now),
            "a deadline that was let expire lies in the future or is gone"
        );
        true
    }

    /// Takes one batch of datagrams from the internet.
    fn receive(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        observe: &mut impl FnMut(Instant, &Status, Happening<'_>),
    ) -> bool {
        let mut arrivals = std::mem::take(&mut self.arrivals);
        let busy = self.wan.poll_receive(cx, &mut arrivals).is_ready();
        for Arrival { peer: from, data, .. } in arrivals.drain(..) {
            if from != self.relay.now_at() {
                debug!(%from, "a datagram from elsewhere than the relay");
                continue;
            }
            self.relay.hear(now);
            self.patience.hear(now, &data);
            let peer = self.relay.known_as();
            let event = SocketEvent::Datagram { local_port: ENDPOINT_PORT, peer, data };
            self.machine.handle_input(now, event);
            self.drain(now, observe);
        }
        self.arrivals = arrivals;
        busy
    }

    /// Takes one batch of frames from the LAN; what becomes of it is taken once, afterwards.
    fn gather(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        observe: &mut impl FnMut(Instant, &Status, Happening<'_>),
    ) -> Result<bool, BridgeError> {
        while self.burst.len() < FRAMES
            && let Poll::Ready(input) = self.lan.poll(cx)
        {
            let input = input.map_err(|source| BridgeError::LanGone { source })?;
            if let PortInput::Frame(frame) = &input {
                self.status.outbound.add(frame.len());
            }
            self.burst.push(input);
        }
        let busy = !self.burst.is_empty();
        if busy {
            for input in self.burst.drain(..) {
                self.machine.handle_lan(now, input);
            }
            self.drain(now, observe);
        }
        Ok(busy)
    }

    /// Looks whether addresses changed, and lets the observer see how things stand.
    fn look(&mut self, now: Instant, observe: &mut impl FnMut(Instant, &Status, Happening<'_>)) {
        self.look_at = now + LOOK;
        if let Some(own) = self.relay.look(now) {
            observe(now, &self.status, Happening::OwnAddress(own));
            self.tell_address(now, own, observe);
        }
        if let Some(who) = self.patience.look(now, self.status.phase) {
            observe(now, &self.status, Happening::Unanswered(who));
        }
        observe(now, &self.status, Happening::Second(self.wan.counts()));
    }

    fn tell_address(
        &mut self,
        now: Instant,
        address: Ipv4Addr,
        observe: &mut impl FnMut(Instant, &Status, Happening<'_>),
    ) {
        self.machine.handle_input(now, SocketEvent::AddressAcquired { address, prefix: 32 });
        self.drain(now, observe);
    }

    /// Does what the machine asks.
    fn drain(&mut self, now: Instant, observe: &mut impl FnMut(Instant, &Status, Happening<'_>)) {
        while let Some(action) = self.machine.poll_output() {
            self.act(action);
        }
        while let Some(output) = self.machine.poll_lan() {
            match output {
                PortOutput::Frame(frame) => {
                    self.status.inbound.add(frame.len());
                    if let Err(error) = self.lan.send(&frame) {
                        debug!(%error, "a frame is lost at the LAN port");
                    }
                }
                PortOutput::Link(up) => self.lan.set_carrier(up),
            }
        }
        while let Some(event) = self.machine.poll_event() {
            if let BridgeEvent::Ended(reason) = event {
                self.ended = Some(reason);
            }
            if let BridgeEvent::Room { mtu } = event {
                self.lan.fit(mtu);
            }
            self.status.note(now, &event);
            observe(now, &self.status, Happening::Event(&event));
        }
    }

    fn act(&mut self, action: SocketAction) {
        match action {
            SocketAction::SendTo { data, .. } => self.wan.send(self.relay.now_at(), &data),
            // The one socket there is was bound before, to a port the system chose.
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
                debug!(?action, "an endpoint speaks in datagrams alone");
            }
        }
    }
}

#[cfg(test)]
mod tests;
