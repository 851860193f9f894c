//! An application whose doings at its sockets people watch.

use std::collections::VecDeque;

use node::{Instant, Node, SocketAction, SocketEvent, StackLoss};

use crate::driver::note;
use crate::{Note, Totals};

/// Notes that are kept for whoever asks; the oldest go first.
const NOTES: usize = 1024;

/// An application between its stack and whoever watches.
pub struct Noted<A> {
    app: A,
    asked: VecDeque<SocketAction>,
    notes: VecDeque<Note>,
    totals: Totals,
}

impl<A: Node<In = SocketEvent, Out = SocketAction>> Noted<A> {
    /// Watches an application.
    pub fn new(app: A) -> Self {
        let (asked, notes) = (VecDeque::new(), VecDeque::new());
        Self { app, asked, notes, totals: Totals::default() }
    }

    /// Returns the application.
    pub fn app(&self) -> &A {
        &self.app
    }

    /// Returns the application, for verbs that ask nothing of its stack.
    pub fn app_mut(&mut self) -> &mut A {
        &mut self.app
    }

    /// Returns what went through its sockets so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Takes what happened since the last call.
    pub fn take_notes(&mut self) -> Vec<Note> {
        self.notes.drain(..).collect()
    }

    /// Has every connection finished and the stack taken away.
    pub fn finish(&mut self) {
        self.asked.push_back(SocketAction::StackDown { loss: StackLoss::Finish });
    }

    fn keep(&mut self, note: Note) {
        if self.notes.len() == NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back(note);
    }

    fn hear(&mut self, event: &SocketEvent) {
        match event {
            SocketEvent::Accepted { connection, local_port, peer } => {
                self.totals.accepted += 1;
                let (connection, port, peer) = (*connection, *local_port, *peer);
                self.keep(Note::Connected { connection, port, peer });
            }
            SocketEvent::Closed { connection, .. } => {
                self.keep(Note::Disconnected { connection: *connection });
            }
            SocketEvent::AddressAcquired { address, prefix } => {
                self.keep(Note::AddressAcquired { address: *address, prefix: *prefix });
            }
            SocketEvent::AddressLost => self.keep(Note::AddressLost),
            SocketEvent::Received { data, .. } => self.totals.bytes_received += data.len() as u64,
            SocketEvent::Datagram { .. } => self.totals.datagrams_received += 1,
            SocketEvent::LinkUp | SocketEvent::LinkDown | SocketEvent::Connected { .. } => {}
        }
    }

    fn count(&mut self, action: &SocketAction) {
        match action {
            SocketAction::Send { data, .. } => self.totals.bytes_sent += data.len() as u64,
            SocketAction::SendTo { .. } => self.totals.datagrams_sent += 1,
            SocketAction::StackDown { .. } => self.totals.stack_losses += 1,
            SocketAction::Listen { .. }
            | SocketAction::Unlisten { .. }
            | SocketAction::Connect { .. }
            | SocketAction::Close { .. }
            | SocketAction::Abort { .. }
            | SocketAction::Bind { .. }
            | SocketAction::Unbind { .. }
            | SocketAction::StackUp { .. }
            | SocketAction::SetLink { .. } => {}
        }
    }
}

impl<A: Node<In = SocketEvent, Out = SocketAction>> Node for Noted<A> {
    type In = SocketEvent;
    type Out = SocketAction;

    fn handle_input(&mut self, now: Instant, event: SocketEvent) {
        self.hear(&event);
        self.app.handle_input(now, event);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.app.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.app.poll_timeout()
    }

    fn poll_output(&mut self) -> Option<SocketAction> {
        let action = self.app.poll_output().or_else(|| self.asked.pop_front())?;
        self.count(&action);
        if let Some(note) = note(&action) {
            self.keep(note);
        }
        Some(action)
    }
}
