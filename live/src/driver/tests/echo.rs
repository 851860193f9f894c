//! The small application the driver's tests run.

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

use bytes::Bytes;
use node::{ConnectionId, Duration, Instant, Node, SocketAction, SocketEvent, StackLoss, Timers};

use super::{TCP, UDP};

/// How often an application whose stack or link is away asks whether it may return.
const ASK: Duration = Duration::from_millis(2);

/// Echoes what it hears; a few words make it do more.
#[derive(Default)]
pub struct Echo {
    pub away: Away,
    pub output: VecDeque<SocketAction>,
    pub timers: Timers<Timer>,
    pub events: Vec<SocketEvent>,
    pub fired: Vec<(Timer, Instant)>,
}

/// Whether a stack or link that is away has to stay away; shared with the client.
#[derive(Clone, Default)]
pub struct Away(Rc<Cell<bool>>);

impl Away {
    pub fn hold(&self) {
        self.0.set(true);
    }

    pub fn release(&self) {
        self.0.set(false);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    StackUp,
    LinkUp,
    Tick,
}

impl Echo {
    fn open(&mut self) {
        self.output.push_back(SocketAction::Listen { port: TCP });
        self.output.push_back(SocketAction::Bind { port: UDP });
    }

    fn obey(&mut self, now: Instant, connection: ConnectionId, data: Bytes) {
        let mut lose = |loss| {
            self.timers.set(Timer::StackUp, now + ASK);
            SocketAction::StackDown { loss }
        };
        let action = match &data[..] {
            b"close" => SocketAction::Close { connection },
            b"abort" => SocketAction::Abort { connection },
            b"silent" => lose(StackLoss::Silent),
            b"reset" => lose(StackLoss::Reset),
            b"finish" => lose(StackLoss::Finish),
            b"unlink" => {
                self.timers.set(Timer::LinkUp, now + ASK);
                SocketAction::SetLink { up: false }
            }
            b"flood" => SocketAction::Send { connection, data: vec![0; 2 << 20].into() },
            b"announce" => SocketAction::SendTo {
                port: UDP,
                peer: SocketAddrV4::new(Ipv4Addr::BROADCAST, UDP + 1),
                data: Bytes::from_static(b"here"),
            },
            _ => SocketAction::Send { connection, data },
        };
        self.output.push_back(action);
    }
}

impl Node for Echo {
    type In = SocketEvent;
    type Out = SocketAction;

    fn handle_input(&mut self, now: Instant, input: SocketEvent) {
        self.events.push(input.clone());
        match input {
            SocketEvent::AddressAcquired { .. } => self.open(),
            SocketEvent::Received { connection, data } => self.obey(now, connection, data),
            SocketEvent::Datagram { local_port: port, peer, data } => {
                self.output.push_back(SocketAction::SendTo { port, peer, data });
            }
            SocketEvent::LinkUp
            | SocketEvent::LinkDown
            | SocketEvent::AddressLost
            | SocketEvent::Accepted { .. }
            | SocketEvent::Connected { .. }
            | SocketEvent::Closed { .. } => {}
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.expire(now) {
            self.fired.push((timer, now));
            if timer != Timer::Tick && self.away.0.get() {
                self.timers.set(timer, now + ASK);
                continue;
            }
            match timer {
                Timer::StackUp => {
                    self.output.push_back(SocketAction::StackUp { new_address: false });
                }
                Timer::LinkUp => self.output.push_back(SocketAction::SetLink { up: true }),
                Timer::Tick => {}
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    fn poll_output(&mut self) -> Option<SocketAction> {
        self.output.pop_front()
    }
}
