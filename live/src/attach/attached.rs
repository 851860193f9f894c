//! Any machine that speaks frames, on a port, in real time.

use std::task::{Context, Poll};

use node::{Instant, Node, PortInput, PortOutput};

use crate::port::{Carrier, Port};
use crate::{Alarm, Clock, LiveError};

/// Inputs and deadlines handled before the caller may look at the machine.
const STEPS_PER_POLL: u32 = 64;

/// A machine on a port: frames and carrier pass between the two, deadlines expire by the clock.
pub struct Attached<M> {
    machine: M,
    port: Port,
    clock: Clock,
    alarm: Alarm,
    carrier: Carrier,
}

impl<M: Node<In = PortInput, Out = PortOutput>> Attached<M> {
    /// Puts a machine on a port and does what it asks at once.
    ///
    /// Whether its carrier can be switched is known from then on. Has to be called inside a tokio
    /// runtime with IO enabled, and polled in the same one.
    pub fn new(machine: M, mut port: Port, clock: Clock) -> Result<Self, LiveError> {
        let carrier = port.set_carrier(true)?;
        let mut attached = Self { machine, port, clock, alarm: Alarm::new()?, carrier };
        attached.drain()?;
        Ok(attached)
    }

    /// Is ready whenever the machine was told something, so that its events can be taken; pending
    /// when there is nothing to do and somebody will wake the task.
    ///
    /// An error is the end: the port is gone, or the system failed.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LiveError>> {
        let mut busy = false;
        for _ in 0..STEPS_PER_POLL {
            match self.step(cx)? {
                Poll::Ready(()) => busy = true,
                Poll::Pending if busy => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Has something done to the machine, then does what it asks.
    pub fn with<R>(&mut self, f: impl FnOnce(Instant, &mut M) -> R) -> Result<R, LiveError> {
        let result = f(self.clock.now(), &mut self.machine);
        self.drain()?;
        Ok(result)
    }

    /// Returns the machine.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// Returns the machine, for verbs that ask nothing of the port (`poll_event`).
    pub fn machine_mut(&mut self) -> &mut M {
        &mut self.machine
    }

    /// Returns the port.
    pub fn port(&self) -> &Port {
        &self.port
    }

    /// Returns what the other end sees when the machine switches its carrier.
    pub fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// Returns the time since the clock's start.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Lets the machine expire or tells it one thing; pending when there was neither.
    fn step(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, LiveError> {
        let now = self.clock.now();
        let expired = self.expire(now)?;
        match self.port.poll(cx) {
            Poll::Ready(input) => {
                let input = input.map_err(|source| self.failed("be read", source))?;
                self.machine.handle_input(now, input);
                self.drain()?;
                return Ok(Poll::Ready(()));
            }
            Poll::Pending if expired => return Ok(Poll::Ready(())),
            Poll::Pending => {}
        }
        let Some(deadline) = self.machine.poll_timeout() else { return Ok(Poll::Pending) };
        Ok(self.alarm.poll(cx, &self.clock, deadline))
    }

    fn expire(&mut self, now: Instant) -> Result<bool, LiveError> {
        let Some(deadline) = self.machine.poll_timeout().filter(|deadline| *deadline <= now) else {
            return Ok(false);
        };
        tracing::trace!(%deadline, lateness = ?(now - deadline), "expired");
        self.machine.handle_timeout(now);
        self.drain()?;
        assert!(
            self.machine.poll_timeout().is_none_or(|next| next > now),
            "a deadline that was let expire lies in the future or is gone"
        );
        Ok(true)
    }

    fn drain(&mut self) -> Result<(), LiveError> {
        while let Some(output) = self.machine.poll_output() {
            match output {
                PortOutput::Frame(frame) => {
                    self.port.send(&frame).map_err(|source| self.failed("send", source))?;
                }
                PortOutput::Link(up) => self.carrier = self.port.set_carrier(up)?,
            }
        }
        Ok(())
    }

    fn failed(&self, what: &'static str, source: std::io::Error) -> LiveError {
        LiveError::Adapter { name: self.port.name().to_owned(), what, source }
    }
}
