//! Messages out of a stream or a datagram.

use bytes::{Buf, Bytes, BytesMut};

use super::check::Header;
use super::{DecodeError, HEADER_LENGTH, Message, Payload, Rules, Transport};

/// Takes a TCP stream in any chunking and yields messages.
///
/// Holds at most one incomplete message within its limit, beside what it was last fed; refused
/// payloads are dropped as they come. A message shares the decoder's buffer: its bytes were copied
/// once, by `feed`.
#[derive(Clone, Debug)]
pub struct Decoder {
    rules: Rules,
    buffer: BytesMut,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Reading,
    /// Dropping the payload of a refused message; so many bytes are still to come.
    Skipping {
        left: u32,
    },
    /// The stream is no longer read.
    Broken(DecodeError),
}

impl Decoder {
    /// Creates a decoder for one side's end of a socket.
    pub fn new(rules: Rules) -> Self {
        Self { rules, buffer: BytesMut::new(), state: State::Reading }
    }

    /// Appends bytes as they came. After an error that is not recoverable they are dropped.
    pub fn feed(&mut self, chunk: &[u8]) {
        match self.state {
            State::Reading => self.buffer.extend_from_slice(chunk),
            State::Skipping { left } => {
                let dropped = left.min(u32::try_from(chunk.len()).unwrap_or(u32::MAX));
                self.skip(left - dropped);
                self.buffer.extend_from_slice(&chunk[dropped as usize..]);
            }
            State::Broken(_) => {}
        }
    }

    /// Says how many bytes of payload there is room for from now on.
    pub fn set_room(&mut self, bytes: u32) {
        self.rules.room = bytes;
    }

    /// Takes the next message, `None` while it is incomplete.
    ///
    /// # Errors
    ///
    /// A header that fails its checks is refused as soon as it is there. A recoverable error is
    /// returned once and its payload skipped; any other is returned for ever.
    #[expect(clippy::should_implement_trait, reason = "None means not yet, not the end")]
    pub fn next(&mut self) -> Result<Option<Message>, DecodeError> {
        if let State::Broken(error) = self.state {
            return Err(error);
        }
        let Some(header) = Header::read(&self.buffer) else {
            return Ok(None);
        };
        if let Err(error) = self.rules.check(Transport::Tcp, &header) {
            return Err(self.refuse(error, header.length));
        }
        let total = HEADER_LENGTH + header.length as usize;
        if self.buffer.len() < total {
            self.buffer.reserve(total - self.buffer.len());
            return Ok(None);
        }
        let mut body = self.buffer.split_to(total).freeze();
        body.advance(HEADER_LENGTH);
        let payload = Payload::from_body(header.version, header.kind, body)
            .expect("the header's checks cover the length");
        Ok(Some(Message { version: header.version, payload }))
    }

    /// Tells whether part of a message is waiting for its rest.
    pub fn is_mid_message(&self) -> bool {
        match self.state {
            State::Reading => !self.buffer.is_empty(),
            State::Skipping { .. } => true,
            State::Broken(_) => false,
        }
    }

    /// Returns how many bytes are held.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    fn refuse(&mut self, error: DecodeError, length: u32) -> DecodeError {
        if error.is_recoverable() {
            self.buffer.advance(HEADER_LENGTH);
            let dropped = length.min(u32::try_from(self.buffer.len()).unwrap_or(u32::MAX));
            self.buffer.advance(dropped as usize);
            self.skip(length - dropped);
        } else {
            self.buffer = BytesMut::new();
            self.state = State::Broken(error);
        }
        error
    }

    fn skip(&mut self, left: u32) {
        self.state = if left == 0 { State::Reading } else { State::Skipping { left } };
    }
}

/// Reads the one message of a UDP datagram.
///
/// # Errors
///
/// If the header fails its checks, or the payload is not as long as it says.
pub fn decode_datagram(rules: &Rules, datagram: &[u8]) -> Result<Message, DecodeError> {
    let Some(header) = Header::read(datagram) else {
        return Err(DecodeError::Truncated { length: datagram.len() });
    };
    rules.check(Transport::Udp, &header)?;
    let body = &datagram[HEADER_LENGTH..];
    if body.len() != header.length as usize {
        let (length, actual) = (header.length, body.len());
        return Err(DecodeError::DatagramLength { length, actual });
    }
    let payload = Payload::from_body(header.version, header.kind, Bytes::copy_from_slice(body))
        .expect("the header's checks cover the length");
    Ok(Message { version: header.version, payload })
}
