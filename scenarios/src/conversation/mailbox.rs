//! How a conversation and its tester talk.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use node::Instant;

use crate::tester::{Answer, Fault, Found, Request};

/// Holds one order at most, its reply, and wishes that need none.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    now: Cell<Instant>,
    order: RefCell<Option<Order>>,
    reply: RefCell<Option<Reply>>,
    wishes: RefCell<VecDeque<Wish>>,
}

/// What a conversation waits for.
#[derive(Debug)]
pub(crate) enum Order {
    /// Find the car and connect to it.
    Find,
    /// Close the connection, find the same car again and connect to it.
    Renew,
    /// Send a request and collect the answer.
    Exchange(Request),
    /// Let time pass.
    Pause(Duration),
}

/// How an order ended.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Of [`Order::Find`] and [`Order::Renew`].
    Found(Result<Found, Fault>),
    /// Of [`Order::Exchange`].
    Exchanged(Result<Vec<Answer>, Fault>),
    /// Of [`Order::Pause`].
    Elapsed,
}

/// What a conversation asks for without waiting.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Keep the session alive from now on, or no longer.
    HoldSession(bool),
    /// Tell how far the step is.
    Progress {
        /// How much is done.
        done: u64,
        /// How much there is in all.
        total: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// Tell which image is programmed from now on.
    Image {
        /// Diagnostic address of the control unit.
        ecu: u8,
        /// The image's name.
        name: String,
    },
    /// Tell something to people.
    Note(String),
}

impl Mailbox {
    /// Puts an order down and waits for its reply.
    pub async fn order(&self, order: Order) -> Reply {
        self.order.replace(Some(order));
        poll_fn(|_| match self.reply.take() {
            Some(reply) => Poll::Ready(reply),
            None => Poll::Pending,
        })
        .await
    }

    /// Puts a wish down.
    pub fn wish(&self, wish: Wish) {
        self.wishes.borrow_mut().push_back(wish);
    }

    /// Returns the time at which the conversation was last polled.
    pub fn now(&self) -> Instant {
        self.now.get()
    }

    /// Sets the time; the tester does so before it polls.
    pub fn set_now(&self, now: Instant) {
        self.now.set(now);
    }

    /// Takes the order, if there is one.
    pub fn take_order(&self) -> Option<Order> {
        self.order.take()
    }

    /// Takes the oldest wish.
    pub fn take_wish(&self) -> Option<Wish> {
        self.wishes.borrow_mut().pop_front()
    }

    /// Lays down a reply.
    pub fn reply(&self, reply: Reply) {
        self.reply.replace(Some(reply));
    }

    /// Throws everything away.
    pub fn clear(&self) {
        self.order.take();
        self.reply.take();
        self.wishes.borrow_mut().clear();
    }
}
