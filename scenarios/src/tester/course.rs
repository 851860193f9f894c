//! One step after the other: beginning, polling, ending.

use std::task::{self, Poll, Waker};

use node::Instant;

use super::{
    Answer, Connection, Fault, Location, Order, Outcome, Reply, Request, Setback, Tester,
    TesterEvent, Timer, Wish,
};
use crate::conversation::{Conversation, begin};

/// Where the tester is in its course. Steps are counted from 0 here, from 1 for people.
pub(super) enum State {
    /// Waits for the host's address.
    Waiting {
        /// The step that begins then.
        next: usize,
    },
    /// Carries out a step.
    Running {
        /// Which.
        index: usize,
        /// Its deed.
        conversation: Conversation,
        /// Whether there is something new for it.
        is_ready: bool,
    },
    /// The computer is off until its restart.
    Off {
        /// The step that begins then.
        next: usize,
    },
    /// The course is over.
    Finished,
}

/// What the conversation waits for.
#[derive(Debug)]
pub(super) enum Work {
    /// Nothing.
    Idle,
    /// Time.
    Pause,
    /// The car.
    Find,
    /// The car, to be sent a request.
    Wait(Request),
    /// An answer; the client has the request.
    Exchange,
    /// The car, after an exchange broke.
    Return(Fault),
}

impl Tester {
    pub(super) fn begin_step(&mut self, index: usize) {
        let Some(step) = self.steps.get(index) else {
            return self.finish();
        };
        let number = index + 1;
        let name = step.to_string();
        self.events.push_back(TesterEvent::StepStarted { index: number, name });
        let conversation = begin(self.context.clone(), step.clone(), number.to_string());
        self.state = State::Running { index, conversation, is_ready: true };
    }

    /// Polls the conversation when there is something new for it; returns whether there was.
    pub(super) fn poll_conversation(&mut self, now: Instant) -> bool {
        let State::Running { index, conversation, is_ready: is_ready @ true } = &mut self.state
        else {
            return false;
        };
        *is_ready = false;
        self.mailbox.set_now(now);
        let index = *index;
        let polled = conversation.as_mut().poll(&mut task::Context::from_waker(Waker::noop()));
        while let Some(wish) = self.mailbox.take_wish() {
            self.grant(now, index, wish);
        }
        match polled {
            Poll::Ready(Ok(())) => self.end_step(index, Outcome::Done, None),
            Poll::Ready(Err(why)) => self.end_step(index, Outcome::Failed, Some(why.to_string())),
            Poll::Pending => {
                let order = self.mailbox.take_order().expect("a conversation waits for its order");
                self.carry_out(now, order);
            }
        }
        true
    }

    pub(super) fn elapsed(&mut self) {
        self.work = Work::Idle;
        self.reply(Reply::Elapsed);
    }

    pub(super) fn exchanged(&mut self, now: Instant, result: Result<Vec<Answer>, Fault>) {
        match result {
            Err(fault) if fault.is_connection() => {
                self.location.doubt();
                self.work = Work::Return(fault);
                self.search(now);
            }
            result => {
                self.work = Work::Idle;
                self.reply(Reply::Exchanged(result));
            }
        }
    }

    /// Goes on with what waited for the car.
    pub(super) fn is_at_car(&mut self, now: Instant) {
        match std::mem::replace(&mut self.work, Work::Idle) {
            Work::Find => {
                let found = self.location.found().ok_or(Fault::NotFound);
                self.reply(Reply::Found(found));
            }
            Work::Wait(request) => {
                self.client.request(now, &request);
                self.work = Work::Exchange;
            }
            Work::Return(_) => self.reply(Reply::Exchanged(Err(Fault::Interrupted))),
            other @ (Work::Idle | Work::Pause | Work::Exchange) => self.work = other,
        }
    }

    /// Gives up what waited for the car.
    pub(super) fn lost_patience(&mut self) {
        match std::mem::replace(&mut self.work, Work::Idle) {
            Work::Find => self.reply(Reply::Found(Err(Fault::NotFound))),
            Work::Wait(_) => self.reply(Reply::Exchanged(Err(Fault::NotFound))),
            Work::Return(fault) => self.reply(Reply::Exchanged(Err(fault))),
            other @ (Work::Idle | Work::Pause | Work::Exchange) => self.work = other,
        }
    }

    /// Ends the running step as crashed; `comes_back` tells whether the computer will.
    pub(super) fn crash_step(&mut self, comes_back: bool) {
        let next = match self.state {
            State::Running { index, .. } => {
                let why = Some("the tester's computer died".to_owned());
                self.tell_end(index, Outcome::Crashed, why);
                let is_expected = self.is_expected(index, Outcome::Crashed);
                if !is_expected {
                    return self.skip_from(index + 1);
                }
                index + 1
            }
            State::Waiting { next } | State::Off { next } => next,
            State::Finished => return,
        };
        if comes_back {
            self.state = State::Off { next };
        } else {
            self.skip_from(next);
        }
    }

    fn carry_out(&mut self, now: Instant, order: Order) {
        match order {
            Order::Pause(time) if time.is_zero() => self.reply(Reply::Elapsed),
            Order::Pause(time) => {
                self.timers.set(Timer::Pause, now + time);
                self.work = Work::Pause;
            }
            Order::Find => {
                self.location = Location::Unknown;
                self.work = Work::Find;
                self.search(now);
            }
            Order::Renew => {
                self.close();
                self.work = Work::Find;
                self.search(now);
            }
            Order::Exchange(request) => {
                if self.location.is_sure() && self.approach.is_none() {
                    self.client.request(now, &request);
                    self.work = Work::Exchange;
                } else {
                    self.work = Work::Wait(request);
                    self.join_or_search(now);
                }
            }
        }
    }

    fn grant(&mut self, now: Instant, index: usize, wish: Wish) {
        match wish {
            Wish::HoldSession(hold) => self.hold_session(now, hold),
            Wish::Progress { done, total, unit } => {
                let index = index + 1;
                self.events.push_back(TesterEvent::Progress { index, done, total, unit });
            }
            Wish::Image { ecu, name } => self.events.push_back(TesterEvent::Image { ecu, name }),
            Wish::Note(text) => self.events.push_back(TesterEvent::Note(text)),
        }
    }

    fn reply(&mut self, reply: Reply) {
        if let State::Running { is_ready, .. } = &mut self.state {
            self.mailbox.reply(reply);
            *is_ready = true;
        }
    }

    fn end_step(&mut self, index: usize, outcome: Outcome, why: Option<String>) {
        self.tell_end(index, outcome, why);
        if outcome == Outcome::Done || self.is_expected(index, outcome) {
            self.begin_step(index + 1);
        } else {
            self.skip_from(index + 1);
        }
    }

    fn skip_from(&mut self, first: usize) {
        for index in first..self.steps.len() {
            self.tell_end(index, Outcome::Skipped, None);
        }
        self.finish();
    }

    fn finish(&mut self) {
        self.close();
        self.timers.clear();
        self.approach = None;
        self.work = Work::Idle;
        self.holds_session = false;
        self.state = State::Finished;
        self.events.push_back(TesterEvent::Finished);
    }

    fn close(&mut self) {
        if self.client.close() {
            let why = Setback::Closed.to_string();
            self.events.push_back(TesterEvent::Connection(Connection::Down { why }));
        }
    }

    fn tell_end(&mut self, index: usize, outcome: Outcome, why: Option<String>) {
        let index = index + 1;
        self.events.push_back(TesterEvent::StepFinished { index, outcome, why });
    }

    fn is_expected(&self, index: usize, outcome: Outcome) -> bool {
        self.config.expected_failures.get(&(index + 1)) == Some(&outcome)
    }
}
