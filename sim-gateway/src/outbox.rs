//! Socket actions on their way to the host.

use std::collections::VecDeque;

use bytes::BytesMut;
use node::{ConnectionId, SocketAction};

/// Bytes after which a run of messages to one connection is handed over.
const RUN: usize = 0x8000;

/// Queues socket actions; messages to one connection in a row become one send.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<SocketAction>,
    run: Option<(ConnectionId, BytesMut)>,
}

impl Outbox {
    /// Lets `write` append a message to what is sent to `connection`.
    pub(crate) fn send(&mut self, connection: ConnectionId, write: impl FnOnce(&mut BytesMut)) {
        let fits = |(to, bytes): &(ConnectionId, BytesMut)| *to == connection && bytes.len() < RUN;
        if !self.run.as_ref().is_some_and(fits) {
            self.flush();
        }
        let (_, bytes) = self.run.get_or_insert_with(|| (connection, BytesMut::with_capacity(64)));
        write(bytes);
    }

    /// Queues any other action.
    pub(crate) fn push(&mut self, action: SocketAction) {
        self.flush();
        self.queue.push_back(action);
    }

    pub(crate) fn pop(&mut self) -> Option<SocketAction> {
        if self.queue.is_empty() {
            self.flush();
        }
        self.queue.pop_front()
    }

    fn flush(&mut self) {
        if let Some((connection, bytes)) = self.run.take() {
            self.queue.push_back(SocketAction::Send { connection, data: bytes.freeze() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_in_a_row_to_one_connection_become_one_send() {
        let mut outbox = Outbox::default();
        let (first, second) = (ConnectionId(1), ConnectionId(2));
        outbox.send(first, |bytes| bytes.extend_from_slice(b"a"));
        outbox.send(first, |bytes| bytes.extend_from_slice(b"b"));
        outbox.send(second, |bytes| bytes.extend_from_slice(b"c"));
        outbox.push(SocketAction::Close { connection: first });
        let sent: Vec<_> = std::iter::from_fn(|| outbox.pop()).collect();
        assert_eq!(
            sent,
            [
                SocketAction::Send { connection: first, data: "ab".into() },
                SocketAction::Send { connection: second, data: "c".into() },
                SocketAction::Close { connection: first },
            ]
        );
    }
}
