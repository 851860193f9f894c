//! Frames out of a stream or a datagram.

use bytes::{Buf, Bytes, BytesMut};

use super::{DecodeError, HEADER_LENGTH, Message};

/// Takes a TCP stream in any chunking and yields messages.
///
/// Holds at most one incomplete frame within its limit, beside what it was last fed. A message
/// shares the decoder's buffer: its bytes were copied once, by `feed`.
#[derive(Clone, Debug)]
pub struct Decoder {
    limit: u32,
    buffer: BytesMut,
    /// The error after which the stream is no longer read.
    broken: Option<DecodeError>,
}

impl Decoder {
    /// Creates a decoder that takes at most `limit` bytes after each header.
    pub fn new(limit: u32) -> Self {
        Self { limit, buffer: BytesMut::new(), broken: None }
    }

    /// Appends bytes as they came. After an error that is not recoverable they are dropped.
    pub fn feed(&mut self, chunk: &[u8]) {
        if self.broken.is_none() {
            self.buffer.extend_from_slice(chunk);
        }
    }

    /// Takes the next message, `None` while it is incomplete.
    ///
    /// # Errors
    ///
    /// A recoverable error has consumed its frame; any other is returned for ever.
    #[expect(clippy::should_implement_trait, reason = "None means not yet, not the end")]
    pub fn next(&mut self) -> Result<Option<Message>, DecodeError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let Some(header) = Header::read(&self.buffer) else {
            return Ok(None);
        };
        if header.length > self.limit {
            let Header { length, control } = header;
            let error = DecodeError::TooLarge { control, length, limit: self.limit };
            self.broken = Some(error);
            self.buffer = BytesMut::new();
            return Err(error);
        }
        let total = header.frame_length();
        if self.buffer.len() < total {
            self.buffer.reserve(total - self.buffer.len());
            return Ok(None);
        }
        let mut body = self.buffer.split_to(total).freeze();
        body.advance(HEADER_LENGTH);
        Message::from_body(header.control, body).map(Some)
    }

    /// Tells whether part of a frame is waiting for its rest.
    pub fn is_mid_frame(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Returns how many bytes are held.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }
}

/// Reads the one frame of a UDP datagram.
///
/// # Errors
///
/// If the datagram is not exactly one frame, or the frame's body does not fit its control word.
pub fn decode_datagram(datagram: &[u8]) -> Result<Message, DecodeError> {
    let length = datagram.len();
    let Some(header) = Header::read(datagram) else {
        return Err(DecodeError::Truncated { length, needed: HEADER_LENGTH });
    };
    let needed = header.frame_length();
    if length < needed {
        return Err(DecodeError::Truncated { length, needed });
    }
    if length > needed {
        return Err(DecodeError::Trailing { extra: length - needed });
    }
    Message::from_body(header.control, Bytes::copy_from_slice(&datagram[HEADER_LENGTH..]))
}

struct Header {
    length: u32,
    control: u16,
}

impl Header {
    fn read(mut bytes: &[u8]) -> Option<Self> {
        if bytes.len() < HEADER_LENGTH {
            return None;
        }
        Some(Self { length: bytes.get_u32(), control: bytes.get_u16() })
    }

    fn frame_length(&self) -> usize {
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        length.saturating_add(HEADER_LENGTH)
    }
}
