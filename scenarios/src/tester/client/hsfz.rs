//! How requests and answers look in HSFZ (`hsfz-and-doip.md` §3–§6).

use bytes::{BufMut, Bytes, BytesMut};
use node::Instant;
use wire::hsfz::{Address, AliveBody, DEFAULT_LIMIT, Decoder, HEADER_LENGTH, Message, control};

use super::codec::{Heard, Pieces, Refusal};

/// Bytes before the UDS bytes of a diagnostic frame: header, source, target.
pub(super) const UDS_OFFSET: usize = HEADER_LENGTH + 2;

/// The longest part of a request that an acknowledge repeats (§6).
const ECHO_LENGTH: usize = 5;

/// One HSFZ connection as a tester sees it.
#[derive(Debug)]
pub(super) struct Codec {
    tester: Address,
    decoder: Decoder,
    pieces: Pieces,
}

impl Codec {
    pub fn new(tester: u8) -> Self {
        let decoder = Decoder::new(DEFAULT_LIMIT);
        Self { tester: Address(tester), decoder, pieces: Pieces::default() }
    }

    /// Takes bytes from the stream; returns whether a partial frame was dropped before them.
    pub fn feed(&mut self, now: Instant, data: &[u8], gap: std::time::Duration) -> bool {
        let dropped = self.decoder.is_mid_frame() && self.pieces.is_late(now, gap);
        if dropped {
            self.decoder = Decoder::new(DEFAULT_LIMIT);
        }
        self.pieces.arrived(now);
        self.decoder.feed(data);
        dropped
    }

    /// Takes the next thing of interest. Bytes that make no sense are dropped with what follows.
    pub fn next(&mut self) -> Option<Heard> {
        loop {
            match self.decoder.next() {
                Ok(Some(message)) => {
                    if let Some(heard) = self.interpret(message) {
                        return Some(heard);
                    }
                }
                Ok(None) => return None,
                Err(error) if error.is_recoverable() => {}
                Err(_) => {
                    self.decoder = Decoder::new(DEFAULT_LIMIT);
                    return None;
                }
            }
        }
    }

    fn interpret(&self, message: Message) -> Option<Heard> {
        match message {
            Message::Diagnostic { source, target, data } if target == self.tester => {
                Some(Heard::Answer { source: source.0, data })
            }
            Message::Acknowledge { source, target, data } if source == self.tester => {
                Some(Heard::Acknowledge { target: target.0, echo: data })
            }
            Message::Alive { .. } => Some(Heard::AliveCheck),
            Message::Error { code, body } => {
                Some(Heard::Refusal(Refusal::Word { code, is_bare: body.is_empty() }))
            }
            Message::Diagnostic { .. }
            | Message::Acknowledge { .. }
            | Message::Terminal15 { .. }
            | Message::Identification { .. }
            | Message::StatusInquiry { .. }
            | Message::Unknown { .. } => None,
        }
    }

    /// Tells whether an acknowledge repeats the beginning of a request as EDIABAS-like clients
    /// demand: all of it, but no more than five bytes.
    pub fn is_echo(request: &[u8], echo: &[u8]) -> bool {
        echo == &request[..request.len().min(ECHO_LENGTH)]
    }

    /// Writes a request whose UDS bytes are `head` and `body`: the one copy they undergo.
    pub fn request(&self, target: u8, head: &[u8], body: &[u8]) -> Bytes {
        let length = 2 + head.len() + body.len();
        let mut frame = BytesMut::with_capacity(HEADER_LENGTH + length);
        frame.put_u32(u32::try_from(length).expect("a request is shorter than 4 GiB"));
        frame.put_u16(control::DIAGNOSTIC);
        frame.put_slice(&[self.tester.0, target]);
        frame.put_slice(head);
        frame.put_slice(body);
        frame.freeze()
    }

    /// Writes the answer to an alive check.
    pub fn alive(&self) -> Bytes {
        Message::Alive { body: AliveBody::tester_reply(self.tester).to_bytes() }.to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_what_wire_writes() {
        let message = Message::Diagnostic {
            source: Address(0xF4),
            target: Address(0x18),
            data: Bytes::from_static(&[0x36, 0x01, 0xAA, 0xBB]),
        };
        let frame = Codec::new(0xF4).request(0x18, &[0x36, 0x01], &[0xAA, 0xBB]);
        assert_eq!(frame, message.to_bytes());
        assert_eq!(frame[UDS_OFFSET..], [0x36, 0x01, 0xAA, 0xBB]);
    }

    #[test]
    fn an_acknowledge_repeats_exactly_five_bytes() {
        let request = [0x2C, 0x01, 0xF3, 0x00, 0x43, 0x00];
        assert!(Codec::is_echo(&request, &request[..5]));
        assert!(!Codec::is_echo(&request, &request));
        assert!(!Codec::is_echo(&request, &request[..4]));
        assert!(Codec::is_echo(&[0x3E, 0x80], &[0x3E, 0x80]));
    }
}
