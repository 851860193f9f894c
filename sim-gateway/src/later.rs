//! Datagrams that wait for their time.

use std::collections::BTreeMap;

use node::{Instant, SocketAction};

use crate::outbox::Outbox;

/// Why a datagram waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Answer,
    Announcement,
}

/// Datagrams by the time at which they leave, in order of asking where that is the same.
#[derive(Debug)]
pub(crate) struct Later {
    waiting: BTreeMap<(Instant, u64), (Kind, SocketAction)>,
    answers: usize,
    limit: usize,
    next: u64,
}

impl Later {
    /// Makes a queue that holds at most `limit` answers.
    pub(crate) fn new(limit: usize) -> Self {
        Self { waiting: BTreeMap::new(), answers: 0, limit, next: 0 }
    }

    /// Queues an answer; one more than the limit is dropped.
    pub(crate) fn answer(&mut self, at: Instant, datagram: SocketAction) {
        if self.answers < self.limit {
            self.answers += 1;
            self.insert(at, Kind::Answer, datagram);
        }
    }

    /// Queues announcements in place of those still waiting.
    pub(crate) fn announce(&mut self, datagrams: impl Iterator<Item = (Instant, SocketAction)>) {
        self.waiting.retain(|_, (kind, _)| *kind == Kind::Answer);
        for (at, datagram) in datagrams {
            self.insert(at, Kind::Announcement, datagram);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.answers = 0;
    }

    /// Hands over what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) {
        while self.poll_timeout().is_some_and(|at| at <= now) {
            let Some((_, (kind, datagram))) = self.waiting.pop_first() else { return };
            self.answers -= usize::from(kind == Kind::Answer);
            out.push(datagram);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|((at, _), _)| *at)
    }

    fn insert(&mut self, at: Instant, kind: Kind, datagram: SocketAction) {
        self.waiting.insert((at, self.next), (kind, datagram));
        self.next += 1;
    }
}
