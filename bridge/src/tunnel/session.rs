//! One connection with another endpoint: its handshake, the proof, and what it carries.

#![expect(clippy::disallowed_types, reason = "quinn counts in the standard library's instants")]

use std::collections::VecDeque;
use std::time::Instant as StdInstant;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use node::Instant;
use quinn_proto::{
    Connection, ConnectionError, ConnectionHandle, Dir, Event, ReadError, SendDatagramError, Side,
    StreamId, VarInt,
};

use crate::config::Carry;
use crate::secret::Source;
use crate::tunnel::proof::{Known, Peer, Proof, Step};
use crate::tunnel::transport::Limits;

/// The other end does not know the passcode, or somebody sits in between.
const WRONG_PASSCODE: VarInt = VarInt::from_u32(1);
/// The other end is not needed any more.
const OVER: VarInt = VarInt::from_u32(2);

/// Longest payload on a stream; longer is a peer that does not speak this protocol.
const PAYLOAD_MAX: usize = 1 << 12;

/// What happened on a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// The other end is who it should be.
    Proven(Peer),
    /// The other end does not know the passcode, or somebody sits in between.
    Wrong,
    /// The connection is over.
    Over,
    /// A payload.
    Payload(Bytes),
}

/// Why a payload was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// It is longer than a datagram holds now.
    TooLong,
    /// Too much is waiting.
    Full,
    /// There is no proven connection.
    Closed,
}

/// One connection.
pub struct Session {
    /// The connection's name at quinn's endpoint.
    pub handle: ConnectionHandle,
    /// The connection.
    pub connection: Connection,
    /// When it began.
    pub since: Instant,
    /// When it wants to be called; kept, because asking costs.
    pub due: Option<Instant>,
    /// Payloads handed to the connection since it last was asked for packets.
    pub queued: usize,
    /// Payloads heard since the connection last was asked for packets.
    pub unasked: u32,
    /// Bytes quinn takes while no datagram waits.
    space: usize,
    state: State,
    carry: Carry,
    outgoing: Option<StreamId>,
    incoming: Option<StreamId>,
    backlog: VecDeque<Bytes>,
    backlog_bytes: usize,
    partial: BytesMut,
}

enum State {
    Handshaking,
    Proving { proof: Box<Proof>, stream: Option<StreamId>, heard: Vec<u8> },
    Proven,
    Over,
}

impl Session {
    /// Takes charge of a connection that has just begun.
    pub fn new(handle: ConnectionHandle, connection: Connection, now: Instant) -> Self {
        Self {
            handle,
            connection,
            since: now,
            due: None,
            queued: 0,
            unasked: 0,
            space: 0,
            state: State::Handshaking,
            carry: Carry::Datagram,
            outgoing: None,
            incoming: None,
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            partial: BytesMut::new(),
        }
    }

    /// Returns true once the other end has proven itself.
    pub fn is_proven(&self) -> bool {
        matches!(self.state, State::Proven)
    }

    /// Returns true while payloads are all that makes packets: they travel in datagrams, each sent
    /// once, nothing else is to be sent again, and the longest packets pass.
    ///
    /// Quinn looks for the longest only when it is asked and has nothing else to send.
    pub fn is_steady(&self, limits: Limits) -> bool {
        self.is_proven()
            && self.carry == Carry::Datagram
            && self.connection.current_mtu() >= limits.datagram
            && !self.connection.has_pending_retransmits()
    }

    /// Returns true while datagrams wait to be sent.
    pub fn has_datagrams(&mut self) -> bool {
        self.connection.datagrams().send_buffer_space() != self.space
    }

    /// Returns true while the other end has yet to prove itself.
    pub fn is_unproven(&self) -> bool {
        matches!(self.state, State::Handshaking | State::Proving { .. })
    }

    /// Returns true once nothing more is said or heard.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Returns the longest payload one datagram holds now.
    pub fn room(&mut self) -> usize {
        self.connection.datagrams().max_size().unwrap_or(0)
    }

    /// Ends the connection; the other end is told.
    pub fn close(&mut self, now: StdInstant) {
        self.state = State::Over;
        self.connection.close(now, OVER, Bytes::new());
    }

    /// Sends a payload in a datagram; `limit` bytes may wait, and the oldest give way.
    pub fn send(&mut self, payload: Bytes) -> Result<(), NotSent> {
        if !self.is_proven() {
            return Err(NotSent::Closed);
        }
        self.queued += 1;
        let mut datagrams = self.connection.datagrams();
        let crowded = datagrams.send_buffer_space() < payload.len();
        match datagrams.send(payload, true) {
            Ok(()) if crowded => Err(NotSent::Full),
            Ok(()) => Ok(()),
            Err(SendDatagramError::TooLarge) => Err(NotSent::TooLong),
            Err(
                SendDatagramError::UnsupportedByPeer
                | SendDatagramError::Disabled
                | SendDatagramError::Blocked(_),
            ) => Err(NotSent::Closed),
        }
    }

    /// Sends a payload on the stream; it is not taken when `limit` bytes are waiting.
    pub fn write(&mut self, payload: Bytes, limit: usize) -> Result<(), NotSent> {
        if !self.is_proven() {
            return Err(NotSent::Closed);
        }
        if self.backlog_bytes + payload.len() > limit {
            return Err(NotSent::Full);
        }
        let mut framed = BytesMut::with_capacity(2 + payload.len());
        framed.put_u16(payload.len() as u16);
        framed.put_slice(&payload);
        self.backlog_bytes += framed.len();
        self.backlog.push_back(framed.freeze());
        self.queued += 1;
        self.write_backlog();
        Ok(())
    }

    /// Takes what the connection has to say.
    pub fn listen(
        &mut self,
        now: StdInstant,
        known: &Known,
        source: &mut Option<Source>,
        said: &mut Vec<Said>,
    ) {
        while let Some(event) = self.connection.poll() {
            match event {
                Event::Connected => self.begin_proof(known, source, said),
                Event::ConnectionLost { reason } => self.lost(&reason, said),
                Event::DatagramReceived => {}
                Event::Stream(_) | Event::HandshakeDataReady | Event::DatagramsUnblocked => {}
            }
        }
        if self.is_unproven() {
            self.hear_proof(now, said);
        }
        if !self.is_proven() {
            return;
        }
        while let Some(payload) = self.connection.datagrams().recv() {
            said.push(Said::Payload(payload));
        }
        if self.carry == Carry::Stream {
            self.write_backlog();
            self.read_stream(said);
        }
    }

    fn begin_proof(&mut self, known: &Known, source: &mut Option<Source>, said: &mut Vec<Said>) {
        let mut binding = [0; 32];
        let exported = self.connection.crypto_session().export_keying_material(
            &mut binding,
            b"EXPORTER-benchcar-bridge",
            &known.order.0.to_be_bytes(),
        );
        let (Ok(()), Some(source)) = (exported, source.as_mut()) else {
            self.state = State::Over;
            return said.push(Said::Over);
        };
        let (proof, first) = Proof::new(known.clone(), binding, source);
        let stream = match self.connection.side() {
            Side::Client => self.connection.streams().open(Dir::Bi),
            Side::Server => None,
        };
        if let Some(stream) = stream {
            self.say(stream, &first);
        }
        self.state = State::Proving { proof: Box::new(proof), stream, heard: Vec::new() };
    }

    fn hear_proof(&mut self, now: StdInstant, said: &mut Vec<Said>) {
        loop {
            let State::Proving { proof, stream, heard } = &mut self.state else {
                return;
            };
            if stream.is_none() {
                *stream = self.connection.streams().accept(Dir::Bi);
            }
            let Some(stream) = *stream else {
                return;
            };
            let missing = proof.awaits().saturating_sub(heard.len());
            heard.extend_from_slice(
                &read(&mut self.connection, stream, missing).unwrap_or_default(),
            );
            if heard.len() < proof.awaits() {
                return;
            }
            match proof.take(&std::mem::take(heard)) {
                Ok(Step::Say(words)) => self.say(stream, &words),
                Ok(Step::Proven(words, peer)) => {
                    self.say(stream, &words);
                    self.prove(peer);
                    return said.push(Said::Proven(peer));
                }
                Err(_) => {
                    self.state = State::Over;
                    self.connection.close(now, WRONG_PASSCODE, Bytes::new());
                    return said.push(Said::Wrong);
                }
            }
        }
    }

    fn prove(&mut self, peer: Peer) {
        self.state = State::Proven;
        // Both ends keep to the mechanic's word: the called end's own, the caller's from the peer.
        self.carry = peer.carry;
        self.space = self.connection.datagrams().send_buffer_space();
        if self.carry == Carry::Stream {
            self.outgoing = self.connection.streams().open(Dir::Uni);
        }
    }

    fn say(&mut self, stream: StreamId, words: &[u8]) {
        // A few dozen bytes on a fresh stream always fit; if not, the proof's time runs out.
        let written = self.connection.send_stream(stream).write(words);
        tracing::trace!(?written, "proof");
    }

    fn lost(&mut self, reason: &ConnectionError, said: &mut Vec<Said>) {
        if matches!(self.state, State::Over) {
            return;
        }
        let wrong = matches!(
            reason,
            ConnectionError::ApplicationClosed(close) if close.error_code == WRONG_PASSCODE
        );
        tracing::debug!(%reason, "connection over");
        let unproven = self.is_unproven();
        self.state = State::Over;
        said.push(if wrong && unproven { Said::Wrong } else { Said::Over });
    }

    fn write_backlog(&mut self) {
        let Some(stream) = self.outgoing else {
            return;
        };
        while let Some(front) = self.backlog.front_mut() {
            let Ok(written) = self.connection.send_stream(stream).write(front) else {
                return;
            };
            self.backlog_bytes -= written;
            front.advance(written);
            if front.has_remaining() {
                return;
            }
            self.backlog.pop_front();
        }
    }

    fn read_stream(&mut self, said: &mut Vec<Said>) {
        if self.incoming.is_none() {
            self.incoming = self.connection.streams().accept(Dir::Uni);
        }
        let Some(stream) = self.incoming else {
            return;
        };
        while let Some(bytes) = read(&mut self.connection, stream, 1 << 16) {
            self.partial.extend_from_slice(&bytes);
            while let Some(length) = self.partial.first_chunk().map(|l| u16::from_be_bytes(*l)) {
                let length = usize::from(length);
                if length > PAYLOAD_MAX {
                    self.state = State::Over;
                    return said.push(Said::Over);
                }
                if self.partial.len() < 2 + length {
                    break;
                }
                self.partial.advance(2);
                said.push(Said::Payload(self.partial.split_to(length).freeze()));
            }
        }
    }
}

/// Reads up to `most` bytes of a stream in order; `None` when there are none now.
fn read(connection: &mut Connection, stream: StreamId, most: usize) -> Option<Bytes> {
    let mut stream = connection.recv_stream(stream);
    let mut chunks = stream.read(true).ok()?;
    let chunk = match chunks.next(most) {
        Ok(Some(chunk)) => Some(chunk.bytes),
        Ok(None) | Err(ReadError::Blocked | ReadError::Reset(_)) => None,
    };
    // What quinn wants to send follows when the session is next asked for packets, at once.
    let _ = chunks.finalize();
    chunk
}
