//! Terminal 15 on TCP 6811 (`hsfz-and-doip.md` §10).

use bytes::Bytes;
use node::{ConnectionId, SocketAction};
use wire::hsfz::{DecodeError, Decoder, ErrorCode, Message};

use super::Hsfz;
use crate::desk::Desk;

impl Hsfz {
    /// Takes a connection to the control port; the oldest one makes room when there are too many.
    pub(super) fn control_accepted(&mut self, connection: ConnectionId, desk: &mut Desk) {
        while self.control.len() >= self.limits.control_connections {
            let Some((oldest, _)) = self.control.pop_first() else { break };
            desk.out.push(SocketAction::Abort { connection: oldest });
        }
        self.control.insert(connection, Decoder::new(self.limits.message));
    }

    /// Takes bytes on the control port; false when the connection is not one of its.
    pub(super) fn control_received(
        &mut self,
        connection: ConnectionId,
        data: &Bytes,
        desk: &mut Desk,
    ) -> bool {
        let Some(decoder) = self.control.get_mut(&connection) else { return false };
        decoder.feed(data);
        loop {
            let Some(decoder) = self.control.get_mut(&connection) else { return true };
            match decoder.next() {
                Ok(Some(message)) => self.control_message(connection, &message, desk),
                Ok(None) => return true,
                Err(error) => self.control_error(connection, error, desk),
            }
        }
    }

    fn control_message(&self, connection: ConnectionId, message: &Message, desk: &mut Desk) {
        let reply = match message {
            Message::Terminal15 { status: None } => {
                let (on, off) = (self.dialect.terminal_15_on, self.dialect.terminal_15_off);
                Message::Terminal15 { status: Some(if self.ignition { on } else { off }) }
            }
            Message::Identification { text }
                if text.is_empty() && self.dialect.identification_on_tcp =>
            {
                self.identification()
            }
            Message::Diagnostic { .. } | Message::Identification { .. } => empty(),
            Message::Unknown { .. } => empty(),
            Message::Terminal15 { status: Some(_) }
            | Message::Acknowledge { .. }
            | Message::Alive { .. }
            | Message::StatusInquiry { .. }
            | Message::Error { .. } => return,
        };
        desk.out.send(connection, |bytes| reply.encode(bytes));
    }

    fn control_error(&mut self, connection: ConnectionId, error: DecodeError, desk: &mut Desk) {
        if let Some(code) = error.owed_error() {
            let message = Message::Error { code, body: Bytes::new() };
            desk.out.send(connection, |bytes| message.encode(bytes));
        }
        if !error.is_recoverable() {
            self.control.remove(&connection);
            desk.out.push(SocketAction::Close { connection });
        }
    }
}

/// A word that does not belong on this port.
fn empty() -> Message {
    Message::Error { code: ErrorCode::IncorrectControlWord, body: Bytes::new() }
}
