//! One TCP connection, between the application's wishes and smoltcp's socket.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp;

use crate::{CloseReason, ConnectionId, Instant, SocketEvent};

/// Where the application stands with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Asked for, not established; given up at the deadline.
    Opening { deadline: Instant },
    /// Established; the application hears of it.
    Open,
    /// The application closed or aborted it, or was told that it is over.
    Forgotten,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It does.
    Alive,
    /// Nothing more will happen: the socket can go.
    Over,
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    /// smoltcp's name of the socket.
    pub handle: SocketHandle,
    standing: Standing,
    queue: VecDeque<Bytes>,
    queued: usize,
}

impl Connection {
    /// A connection that was asked for.
    pub fn opening(handle: SocketHandle, deadline: Instant) -> Self {
        Self::new(handle, Standing::Opening { deadline })
    }

    /// A connection that was accepted.
    pub fn open(handle: SocketHandle) -> Self {
        Self::new(handle, Standing::Open)
    }

    /// Queues bytes behind those already waiting.
    pub fn queue(&mut self, data: Bytes) {
        if self.standing != Standing::Forgotten {
            self.queued += data.len();
            self.queue.push_back(data);
        }
    }

    /// Bytes waiting outside the socket's own buffer.
    pub fn queued_bytes(&self) -> usize {
        self.queued
    }

    /// The application takes no further interest.
    pub fn forget(&mut self) {
        self.standing = Standing::Forgotten;
    }

    /// Whether the application hears no more of it.
    pub fn is_forgotten(&self) -> bool {
        self.standing == Standing::Forgotten
    }

    /// When an unanswered connect is given up.
    pub fn deadline(&self) -> Option<Instant> {
        match self.standing {
            Standing::Opening { deadline } => Some(deadline),
            Standing::Open | Standing::Forgotten => None,
        }
    }

    /// Whether an unanswered connect is to be given up at `now`.
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.deadline().is_some_and(|at| at <= now)
    }

    /// Moves waiting bytes into the socket, and closes it once a forgotten one is empty.
    ///
    /// Returns whether the socket has something new to do.
    pub fn refill(&mut self, socket: &mut tcp::Socket<'_>) -> bool {
        let mut moved = false;
        while let Some(data) = self.queue.front_mut() {
            let Ok(taken) = socket.send_slice(data) else { break };
            if taken == 0 {
                break;
            }
            moved = true;
            self.queued -= taken;
            data.advance(taken);
            if data.is_empty() {
                self.queue.pop_front();
            }
        }
        if self.is_forgotten() && self.queue.is_empty() && socket.may_send() {
            socket.close();
            moved = true;
        }
        moved
    }

    /// Reports what changed on the socket.
    pub fn advance(
        &mut self,
        id: ConnectionId,
        now: Instant,
        socket: &mut tcp::Socket<'_>,
        fed: bool,
        events: &mut VecDeque<SocketEvent>,
    ) -> Phase {
        if let Standing::Opening { deadline } = self.standing {
            if socket.may_send() {
                self.standing = Standing::Open;
                events.push_back(SocketEvent::Connected { connection: id });
            } else if deadline <= now {
                socket.abort();
                return self.end(id, CloseReason::TimedOut, events);
            }
        }
        self.receive(id, socket, events);
        let over = matches!(socket.state(), tcp::State::Closed | tcp::State::TimeWait);
        match self.standing {
            Standing::Forgotten if over => return Phase::Over,
            Standing::Forgotten => {}
            Standing::Opening { .. } | Standing::Open if over => {
                let reason = if fed { CloseReason::Reset } else { CloseReason::TimedOut };
                return self.end(id, reason, events);
            }
            Standing::Open if !socket.may_recv() => {
                socket.close();
                self.end(id, CloseReason::Finished, events);
            }
            Standing::Opening { .. } | Standing::Open => {}
        }
        Phase::Alive
    }

    fn receive(
        &mut self,
        id: ConnectionId,
        socket: &mut tcp::Socket<'_>,
        events: &mut VecDeque<SocketEvent>,
    ) {
        while socket.can_recv() {
            let taken = socket.recv(|bytes| (bytes.len(), Bytes::copy_from_slice(bytes)));
            let Ok(data) = taken else { return };
            if !self.is_forgotten() {
                events.push_back(SocketEvent::Received { connection: id, data });
            }
        }
    }

    fn end(
        &mut self,
        id: ConnectionId,
        reason: CloseReason,
        events: &mut VecDeque<SocketEvent>,
    ) -> Phase {
        self.forget();
        self.queue.clear();
        self.queued = 0;
        events.push_back(SocketEvent::Closed { connection: id, reason });
        Phase::Over
    }

    fn new(handle: SocketHandle, standing: Standing) -> Self {
        Self { handle, standing, queue: VecDeque::new(), queued: 0 }
    }
}
