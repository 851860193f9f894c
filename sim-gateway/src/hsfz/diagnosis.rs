//! Requests on TCP 6801, acknowledges, errors (`hsfz-and-doip.md` §4, §6–§8).

use bytes::Bytes;
use node::ConnectionId;
use wire::hsfz::{Address, AliveBody, DecodeError, Decoder, ErrorCode, HEADER_LENGTH, Message};
use wire::uds::{Nrc, negative};

use super::{Ending, Hsfz};
use crate::desk::Desk;
use crate::dialect::{ErrorForm, NotReady, SilentTarget, TooLarge, UnknownTarget, UnknownTester};
use crate::units::Target;

impl Hsfz {
    /// Takes bytes on a diagnosis connection.
    pub(super) fn diagnosis_received(
        &mut self,
        connection: ConnectionId,
        data: &Bytes,
        desk: &mut Desk,
    ) {
        let Some(entry) = self.connections.get_mut(&connection) else { return };
        let skipped = entry.skip.min(data.len());
        entry.skip -= skipped;
        entry.decoder.feed(&data[skipped..]);
        if skipped > 0 {
            self.heard(connection, true, desk.now);
        }
        loop {
            let Some(entry) = self.connections.get_mut(&connection) else { return };
            let buffered = entry.decoder.buffered();
            match entry.decoder.next() {
                Ok(Some(message)) => {
                    let counts = self.is_sign_of_life(&message);
                    self.heard(connection, counts, desk.now);
                    self.diagnosis_message(connection, message, desk);
                }
                Ok(None) => {
                    let begun = !data.is_empty() && entry.decoder.is_mid_frame();
                    self.heard(connection, begun, desk.now);
                    return;
                }
                Err(error) => {
                    self.heard(connection, true, desk.now);
                    self.diagnosis_error(connection, error, buffered, data, desk);
                }
            }
        }
    }

    fn diagnosis_message(&mut self, connection: ConnectionId, message: Message, desk: &mut Desk) {
        match message {
            Message::Diagnostic { source, target, data } => {
                self.request(connection, source, target, data, desk);
            }
            Message::Alive { body } => self.alive_from_tester(connection, &body, desk),
            Message::Identification { text }
                if text.is_empty() && self.dialect.identification_on_tcp =>
            {
                let reply = self.identification();
                desk.out.send(connection, |bytes| reply.encode(bytes));
            }
            Message::Identification { .. }
            | Message::Terminal15 { .. }
            | Message::Unknown { .. } => {
                refuse(connection, ErrorCode::IncorrectControlWord, Bytes::new(), desk);
            }
            Message::Acknowledge { .. } | Message::StatusInquiry { .. } | Message::Error { .. } => {
            }
        }
    }

    /// Takes one request, by the order of §8.
    fn request(
        &mut self,
        connection: ConnectionId,
        source: Address,
        target: Address,
        data: Bytes,
        desk: &mut Desk,
    ) {
        let addresses = || Bytes::copy_from_slice(&[source.0, target.0]);
        if !self.dialect.testers.contains(&source.0) && !self.admits(connection, source, desk) {
            return;
        }
        if !self.ready {
            self.not_ready(connection, addresses(), desk);
            return;
        }
        let Some(channel) = self.channel(connection, source, desk) else { return };
        let functional = self.dialect.functional.contains(&target.0);
        let found = desk.units.target(target.0);
        let room = match found {
            _ if functional => desk.units.has_functional_room(desk.now),
            Target::Unit(unit) => desk.units.has_room(desk.now, unit),
            Target::Silent => true,
            Target::Unknown if self.dialect.unknown_target == UnknownTarget::Refuse => {
                let code = ErrorCode::IncorrectDestinationAddress;
                return refuse(connection, code, addresses(), desk);
            }
            Target::Unknown => true,
        };
        if !room {
            let body = match self.dialect.out_of_memory {
                ErrorForm::Empty => Bytes::new(),
                ErrorForm::Addresses => addresses(),
            };
            return refuse(connection, ErrorCode::OutOfMemory, body, desk);
        }
        let echo = self.dialect.echo(&data);
        let acknowledge = Message::Acknowledge { source, target, data: echo };
        desk.out.send(connection, |bytes| acknowledge.encode(bytes));
        match found {
            _ if functional => desk.units.request_all(desk.now, channel, data),
            Target::Unit(unit) => desk.units.request(desk.now, channel, unit, data),
            Target::Silent | Target::Unknown => {
                self.speak_for(connection, source, target, found, &data, desk);
            }
        }
    }

    /// Decides about a tester address that is not permitted; true when it is served all the same.
    fn admits(&mut self, connection: ConnectionId, source: Address, desk: &mut Desk) -> bool {
        match self.dialect.unknown_tester {
            UnknownTester::Serve => return true,
            UnknownTester::Drop => self.end(connection, Ending::Reset, desk),
            UnknownTester::Refuse => {
                let body = Bytes::copy_from_slice(&[self.dialect.testers[0], source.0]);
                refuse(connection, ErrorCode::IncorrectTesterAddress, body, desk);
            }
        }
        false
    }

    fn not_ready(&self, connection: ConnectionId, addresses: Bytes, desk: &mut Desk) {
        let body = match self.dialect.not_ready {
            NotReady::Addresses => addresses,
            NotReady::Empty => Bytes::new(),
            NotReady::Silence => return,
        };
        refuse(connection, ErrorCode::NotReady, body, desk);
    }

    /// Answers in the name of a target that cannot, where the dialect has it so.
    fn speak_for(
        &self,
        connection: ConnectionId,
        tester: Address,
        target: Address,
        found: Target,
        data: &[u8],
        desk: &mut Desk,
    ) {
        let speaks = match found {
            Target::Unit(_) => false,
            Target::Silent => self.dialect.silent_target == SilentTarget::NoResponse,
            Target::Unknown => self.dialect.unknown_target == UnknownTarget::NoResponse,
        };
        if let Some(sid) = data.first().copied().filter(|_| speaks) {
            let data = negative(sid, Nrc::NoResponseFromSubnet);
            let message = Message::Diagnostic { source: target, target: tester, data };
            desk.out.send(connection, |bytes| message.encode(bytes));
        }
    }

    /// Answers a tester that asks whether the gateway is alive; its own answers need none.
    fn alive_from_tester(&self, connection: ConnectionId, body: &Bytes, desk: &mut Desk) {
        if AliveBody::parse(body) != AliveBody::Empty {
            return;
        }
        let entry = self.connections.get(&connection);
        let spoken = entry.and_then(|entry| entry.testers.first()).map(|(tester, _)| *tester);
        let tester = spoken.unwrap_or(Address(self.dialect.testers[0]));
        let body = AliveBody::gateway_reply(Address::GATEWAY, tester).to_bytes();
        desk.out.send(connection, |bytes| Message::Alive { body }.encode(bytes));
    }

    /// Answers bytes that are no frame; `buffered` bytes were held when the error was found.
    fn diagnosis_error(
        &mut self,
        connection: ConnectionId,
        error: DecodeError,
        buffered: usize,
        chunk: &Bytes,
        desk: &mut Desk,
    ) {
        if let Some(code) = error.owed_error() {
            refuse(connection, code, Bytes::new(), desk);
        }
        match error {
            DecodeError::Format { .. } => {}
            DecodeError::TooLarge { length, .. } if self.dialect.too_large == TooLarge::Skip => {
                let Some(entry) = self.connections.get_mut(&connection) else { return };
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let body = buffered.saturating_sub(HEADER_LENGTH);
                entry.skip = length.saturating_sub(body);
                entry.decoder = Decoder::new(self.limits.message);
                let beyond = body.saturating_sub(length).min(chunk.len());
                entry.decoder.feed(&chunk[chunk.len() - beyond..]);
            }
            DecodeError::TooLarge { .. }
            | DecodeError::Truncated { .. }
            | DecodeError::Trailing { .. } => self.end(connection, Ending::Finish, desk),
        }
    }
}

fn refuse(connection: ConnectionId, code: ErrorCode, body: Bytes, desk: &mut Desk) {
    desk.out.send(connection, |bytes| Message::Error { code, body }.encode(bytes));
}
