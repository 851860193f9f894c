//! The loop that runs one application on kernel sockets.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::pin::pin;
use std::task::{Context, Poll};

use node::{ConnectionId, Instant, Node, SocketAction, SocketEvent, StackLoss};
use tokio::select;
use tracing::trace;

use crate::alarm::Alarm;
use crate::sockets::{Sockets, Totals};
use crate::{Clock, LiveError, OpenPort, Place};

/// Rounds of gathering and handling before the task lets the runtime look around.
const ROUNDS_PER_POLL: u32 = 32;

/// Runs one application on kernel sockets: one task, no channels, no hops between tasks.
///
/// Each round gathers what every socket has, tells the application one by one, and writes what it
/// answered, so that one wake-up and one system call carry as many messages as there are.
pub struct Driver<A> {
    app: A,
    sockets: Sockets,
    clock: Clock,
    alarm: Alarm,
    heard: VecDeque<SocketEvent>,
    notes: Vec<Note>,
}

/// Something people watching a live run want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A peer connected.
    Connected {
        /// The connection.
        connection: ConnectionId,
        /// The standard port it came to.
        port: u16,
        /// Who.
        peer: SocketAddrV4,
    },
    /// The connection ended, by the peer or by the application.
    Disconnected {
        /// The connection.
        connection: ConnectionId,
    },
    /// The application took its stack away.
    StackDown {
        /// What peers see.
        loss: StackLoss,
    },
    /// The stack is back.
    StackUp,
    /// The stack of a vehicle on a network port may use this address.
    AddressAcquired {
        /// The address.
        address: Ipv4Addr,
        /// Length of the subnet prefix in bits.
        prefix: u8,
    },
    /// It may not use its address any more.
    AddressLost,
    /// The application switched its carrier.
    Link {
        /// Whether there is carrier.
        up: bool,
    },
}

impl<A: Node<In = SocketEvent, Out = SocketAction>> Driver<A> {
    /// Tells the application that it has link and address, and opens what it then asks for.
    ///
    /// Must be called within a tokio runtime with IO and time enabled.
    pub fn start(place: Place, app: A) -> Result<Self, LiveError> {
        let mut driver = Self {
            app,
            sockets: Sockets::new(place),
            clock: Clock::start(),
            alarm: Alarm::new()?,
            heard: VecDeque::new(),
            notes: Vec::new(),
        };
        driver.carry_out(Instant::ZERO)?;
        driver.sockets.poll_state(&mut driver.heard);
        driver.tell(Instant::ZERO)?;
        Ok(driver)
    }

    /// Runs until `stop` completes or the machine refuses a socket; ends every connection.
    ///
    /// `observe` is called after every round in which something happened.
    pub async fn run(
        &mut self,
        stop: impl Future<Output = ()>,
        mut observe: impl FnMut(Instant, &mut A, &[Note]),
    ) -> Result<Totals, LiveError> {
        let mut stop = pin!(stop);
        let outcome = select! {
            biased;
            () = &mut stop => Ok(()),
            refused = poll_fn(|cx| self.poll(cx, &mut observe)) => Err(refused),
        };
        self.sockets.close_all(self.clock.now());
        outcome.map(|()| self.sockets.totals())
    }

    /// Returns the application.
    pub fn app(&self) -> &A {
        &self.app
    }

    /// Returns the time since the start.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Returns the ports the application has open.
    pub fn open_ports(&self) -> Vec<OpenPort> {
        self.sockets.open_ports()
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        observe: &mut impl FnMut(Instant, &mut A, &[Note]),
    ) -> Poll<LiveError> {
        for _ in 0..ROUNDS_PER_POLL {
            match self.round(cx, observe) {
                Ok(Poll::Ready(())) => {}
                Ok(Poll::Pending) => return Poll::Pending,
                Err(error) => return Poll::Ready(error),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Does one round; pending when there was nothing to do and somebody will wake the task.
    fn round(
        &mut self,
        cx: &mut Context<'_>,
        observe: &mut impl FnMut(Instant, &mut A, &[Note]),
    ) -> Result<Poll<()>, LiveError> {
        let now = self.clock.now();
        if self.turn(cx, now)? {
            observe(now, &mut self.app, &self.notes);
            self.notes.clear();
            return Ok(Poll::Ready(()));
        }
        let Some(deadline) = self.deadline() else { return Ok(Poll::Pending) };
        Ok(self.alarm.poll(cx, &self.clock, deadline))
    }

    /// Does what is to be done at `now`; false when that was nothing and the kernel will wake the
    /// task before there is more, or [`Driver::deadline`] comes.
    pub fn turn(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, LiveError> {
        let expired = self.expire(now)?;
        self.sockets.poll(cx, now, &mut self.heard);
        let quiet = !expired && self.heard.is_empty();
        self.tell(now)?;
        self.sockets.flush(cx, &mut self.heard);
        Ok(!quiet || !self.heard.is_empty())
    }

    /// Returns when [`Driver::turn`] has to be called even if the kernel is quiet.
    pub fn deadline(&self) -> Option<Instant> {
        self.app.poll_timeout().into_iter().chain(self.sockets.deadline()).min()
    }

    /// Runs `f` on the application, then carries out what it asked.
    pub fn with_app(&mut self, now: Instant, f: impl FnOnce(&mut A)) -> Result<(), LiveError> {
        f(&mut self.app);
        self.carry_out(now)
    }

    /// Gives every connection the application opens a congestion control of its own.
    pub fn set_congestion_control(&mut self, name: &str) {
        self.sockets.set_congestion_control(name);
    }

    /// Returns the application, for verbs that ask nothing of its sockets.
    pub fn app_mut(&mut self) -> &mut A {
        &mut self.app
    }

    /// Tells the application something the sockets cannot know.
    pub fn hear(&mut self, now: Instant, event: SocketEvent) -> Result<(), LiveError> {
        self.app.handle_input(now, event);
        self.carry_out(now)
    }

    /// Lets deadlines expire that the clock says are due.
    fn expire(&mut self, now: Instant) -> Result<bool, LiveError> {
        let Some(deadline) = self.app.poll_timeout().filter(|deadline| *deadline <= now) else {
            return Ok(false);
        };
        trace!(%deadline, lateness = ?(now - deadline), "expired");
        self.app.handle_timeout(now);
        self.carry_out(now)?;
        let next = self.app.poll_timeout();
        assert!(
            next.is_none_or(|next| next > now),
            "a deadline that was let expire lies in the future or is gone"
        );
        Ok(true)
    }

    /// Tells the application everything gathered, one by one, and does what it asks each time.
    fn tell(&mut self, now: Instant) -> Result<(), LiveError> {
        while let Some(event) = self.heard.pop_front() {
            if !self.sockets.admit(&event) {
                continue;
            }
            match &event {
                SocketEvent::Accepted { connection, local_port, peer } => {
                    let (connection, port, peer) = (*connection, *local_port, *peer);
                    self.notes.push(Note::Connected { connection, port, peer });
                }
                SocketEvent::Closed { connection, .. } => {
                    self.notes.push(Note::Disconnected { connection: *connection });
                }
                SocketEvent::LinkUp
                | SocketEvent::LinkDown
                | SocketEvent::AddressAcquired { .. }
                | SocketEvent::AddressLost
                | SocketEvent::Connected { .. }
                | SocketEvent::Received { .. }
                | SocketEvent::Datagram { .. } => {}
            }
            self.app.handle_input(now, event);
            self.carry_out(now)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, now: Instant) -> Result<(), LiveError> {
        while let Some(action) = self.app.poll_output() {
            self.notes.extend(note(&action));
            self.sockets.act(now, action, &mut self.heard)?;
        }
        Ok(())
    }
}

/// What an action means to people who watch.
pub(crate) fn note(action: &SocketAction) -> Option<Note> {
    match action {
        SocketAction::Close { connection } | SocketAction::Abort { connection } => {
            Some(Note::Disconnected { connection: *connection })
        }
        SocketAction::StackDown { loss } => Some(Note::StackDown { loss: *loss }),
        SocketAction::StackUp { .. } => Some(Note::StackUp),
        SocketAction::SetLink { up } => Some(Note::Link { up: *up }),
        SocketAction::Listen { .. }
        | SocketAction::Unlisten { .. }
        | SocketAction::Connect { .. }
        | SocketAction::Send { .. }
        | SocketAction::Bind { .. }
        | SocketAction::Unbind { .. }
        | SocketAction::SendTo { .. } => None,
    }
}

#[cfg(test)]
mod tests;
