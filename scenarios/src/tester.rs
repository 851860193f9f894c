//! The client that carries out the steps.
//!
//! | file | holds |
//! |---|---|
//! | `config` | [`TesterConfig`] and what the tester knows about control units |
//! | `timeouts` | [`Timeouts`]: how long the tester waits for what |
//! | `event` | [`TesterEvent`], the names of latencies |
//! | `client` | one connection to the gateway, as an EDIABAS-like client keeps it |
//! | `discovery`, `slp` | how the car, or the ICOM before it, is found |
//! | `approach` | finding the car and connecting, as long as patience lasts |
//! | `course` | one step after the other |
//!
//! What a step does is a conversation ([`crate::conversation`]); the tester polls it, carries out
//! what it asks for, and keeps the session alive meanwhile.

mod approach;
mod client;
mod config;
mod course;
mod discovery;
mod event;
mod slp;
#[cfg(test)]
mod tests;
mod timeouts;

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use node::{Instant, Node, Seed, SocketAction, SocketEvent, StackLoss, Timers};

pub use self::config::{
    Backend, BackendFailure, Coding, Image, KeyFunction, Programming, Segment, TesterConfig,
    TesterEcu,
};
pub use self::event::{Connection, Exchange, LATENCY_NAMES, TesterEvent, latency_name};
pub use self::timeouts::{Collection, ErrorWords, Timeouts};

use self::approach::{Approach, Location};
pub(crate) use self::client::{Answer, Expect, FUNCTIONAL, Fault, Request};
use self::client::{Client, Report, Setback};
use self::course::{State, Work};
use self::discovery::Discovery;
pub(crate) use self::discovery::Found;
use crate::conversation::{Context, Mailbox, Order, Reply, Wish};
use crate::{Outcome, Step};

/// Plays the tester's part: finds the car, connects, carries out one step after the other.
///
/// It begins when its host has an address. A step that fails without being expected to ends the
/// run; the rest is skipped.
pub struct Tester {
    config: Rc<TesterConfig>,
    steps: Vec<Step>,
    context: Context,
    mailbox: Rc<Mailbox>,
    client: Client,
    discovery: Discovery,
    state: State,
    work: Work,
    approach: Option<Approach>,
    location: Location,
    /// The host's address and the length of its prefix.
    own: Option<(Ipv4Addr, u8)>,
    /// Whether the link went and did not come back yet.
    link_is_lost: bool,
    /// Whether `3E 80` is sent in time.
    holds_session: bool,
    timers: Timers<Timer>,
    actions: VecDeque<SocketAction>,
    events: VecDeque<TesterEvent>,
}

/// Deadlines of a tester.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Ends a pause of the conversation.
    Pause,
    /// Goes on with finding the car.
    Approach,
    /// Sends `3E 80`.
    KeepAlive,
    /// Switches the tester's computer on again.
    Restart,
    /// Begins without an address.
    NoAddress,
}

impl Tester {
    /// Makes a tester that carries out `steps`; everything random is drawn from `seed`.
    pub fn new(config: TesterConfig, steps: Vec<Step>, seed: Seed) -> Self {
        let config = Rc::new(config);
        let mailbox = Rc::new(Mailbox::default());
        let ask_port = seed.stream("tester/port").below(u64::from(ASK_PORTS)) as u16 + ASK_PORT;
        let discovery =
            Discovery { protocol: config.protocol, interface: config.interface, ask_port };
        let mut timers = Timers::default();
        timers.set(Timer::NoAddress, Instant::ZERO + NO_ADDRESS);
        Self {
            context: Context::new(Rc::clone(&config), Rc::clone(&mailbox), seed),
            client: Client::new(Rc::clone(&config), ask_port),
            actions: discovery.ports().into(),
            config,
            steps,
            mailbox,
            discovery,
            state: State::Waiting { next: 0 },
            work: Work::Idle,
            approach: None,
            location: Location::Unknown,
            own: None,
            link_is_lost: false,
            holds_session: false,
            timers,
            events: VecDeque::new(),
        }
    }

    /// Takes the oldest thing the tester has to tell.
    pub fn poll_event(&mut self) -> Option<TesterEvent> {
        self.events.pop_front()
    }

    /// Returns whether the last step is over.
    pub fn is_finished(&self) -> bool {
        matches!(self.state, State::Finished)
    }

    /// Kills the tester's computer: everything it knew is lost, its peers hear nothing. The step
    /// that runs ends as `crashed`.
    ///
    /// After `restart` it comes back and goes on with the next step, if that outcome was expected;
    /// otherwise, and without a restart, the run is over.
    pub fn crash(&mut self, now: Instant, restart: Option<Duration>) {
        self.actions.clear();
        self.actions.push_back(SocketAction::StackDown { loss: StackLoss::Silent });
        self.client.forget();
        self.mailbox.clear();
        self.work = Work::Idle;
        self.approach = None;
        self.location = Location::Unknown;
        self.own = None;
        self.link_is_lost = false;
        self.holds_session = false;
        self.timers.clear();
        self.crash_step(restart.is_some());
        if let (State::Off { .. }, Some(after)) = (&self.state, restart) {
            self.timers.set(Timer::Restart, now + after);
        }
        self.settle(now);
    }

    fn restart(&mut self, now: Instant) {
        if let State::Off { next } = self.state {
            self.timers.set(Timer::NoAddress, now + NO_ADDRESS);
            self.actions.push_back(SocketAction::StackUp { new_address: false });
            self.actions.extend(self.discovery.ports());
            self.state = State::Waiting { next };
        }
    }

    fn link_up(&mut self, now: Instant) {
        if std::mem::take(&mut self.link_is_lost) {
            self.location.doubt();
            self.client.give_up(now, Setback::LinkLost);
        }
    }

    fn address_acquired(&mut self, now: Instant, address: Ipv4Addr, prefix: u8) {
        let before = self.own.replace((address, prefix));
        if before.is_some_and(|(before, _)| before != address) {
            self.location.doubt();
            self.client.give_up(now, Setback::AddressChanged);
        }
        self.begin();
    }

    /// Begins the step that waits; what it needs of a network it will find missing.
    fn begin(&mut self) {
        self.timers.cancel(Timer::NoAddress);
        if let State::Waiting { next } = self.state {
            self.begin_step(next);
        }
    }

    fn keep_alive(&mut self, now: Instant) {
        if !self.holds_session {
            return;
        }
        self.timers.set(Timer::KeepAlive, now + self.config.keep_alive);
        let is_sent = self.client.keep_alive(now);
        let is_pausing = matches!(self.work, Work::Pause);
        if !is_sent && is_pausing && self.approach.is_none() && self.client.is_down() {
            self.return_to_car(now);
        }
    }

    fn hold_session(&mut self, now: Instant, hold: bool) {
        if hold && !self.holds_session {
            self.timers.set(Timer::KeepAlive, now + self.config.keep_alive);
        }
        if !hold {
            self.timers.cancel(Timer::KeepAlive);
        }
        self.holds_session = hold;
    }

    fn report(&mut self, now: Instant, report: Report) {
        match report {
            Report::Up(peer) => {
                self.events.push_back(TesterEvent::Connection(Connection::Up { peer }));
                self.keep_alive(now);
                self.arrived(now);
            }
            Report::Down(why) => {
                let why = why.to_string();
                self.events.push_back(TesterEvent::Connection(Connection::Down { why }));
            }
            Report::SetUpFailed => self.approach_rests(now),
            Report::Exchanged(exchange) => self.events.push_back(TesterEvent::Exchange(exchange)),
            Report::Finished(result) => self.exchanged(now, result),
            Report::PieceDropped => self.events.push_back(TesterEvent::Note(
                "part of a message was dropped: its rest came too late".to_owned(),
            )),
        }
    }

    /// Lets everything happen that needs no more time.
    fn settle(&mut self, now: Instant) {
        loop {
            while let Some(report) = self.client.poll_report() {
                self.report(now, report);
            }
            if self.poll_conversation(now) {
                continue;
            }
            let is_due = self.poll_timeout().is_some_and(|at| at <= now);
            if !is_due {
                break;
            }
            self.expire(now);
        }
        while let Some(action) = self.client.poll_action() {
            self.actions.push_back(action);
        }
    }

    fn expire(&mut self, now: Instant) {
        self.client.handle_timeout(now);
        while let Some(timer) = self.timers.expire(now) {
            match timer {
                Timer::Pause => self.elapsed(),
                Timer::Approach => self.approach_goes_on(now),
                Timer::KeepAlive => self.keep_alive(now),
                Timer::Restart => self.restart(now),
                Timer::NoAddress => self.begin(),
            }
        }
    }
}

impl Node for Tester {
    type In = SocketEvent;
    type Out = SocketAction;

    fn handle_input(&mut self, now: Instant, input: SocketEvent) {
        if matches!(self.state, State::Finished | State::Off { .. }) {
            return;
        }
        match &input {
            SocketEvent::LinkUp => self.link_up(now),
            SocketEvent::LinkDown => self.link_is_lost = true,
            SocketEvent::AddressAcquired { address, prefix } => {
                self.address_acquired(now, *address, *prefix);
            }
            SocketEvent::AddressLost => {
                self.own = None;
                self.location.doubt();
            }
            SocketEvent::Datagram { peer, data, .. } => {
                self.client.handle_event(now, &input);
                self.heard_of(now, *peer, data);
            }
            SocketEvent::Connected { .. }
            | SocketEvent::Received { .. }
            | SocketEvent::Closed { .. }
            | SocketEvent::Accepted { .. } => self.client.handle_event(now, &input),
        }
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.settle(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        [self.timers.next(), self.client.poll_timeout()].into_iter().flatten().min()
    }

    fn poll_output(&mut self) -> Option<SocketAction> {
        self.actions.pop_front()
    }
}

/// How long somebody waits for the computer to have an address before beginning all the same.
const NO_ADDRESS: Duration = Duration::from_secs(600);
/// The first of the UDP ports a tester asks from.
const ASK_PORT: u16 = 49_152;
/// How many there are.
const ASK_PORTS: u16 = 8_192;
