//! How requests and answers look in DoIP (`hsfz-and-doip.md` §16–§21).

use bytes::{BufMut, Bytes, BytesMut};
use node::Instant;
use wire::doip::{
    ActivationType, DEFAULT_LIMIT, Decoder, HEADER_LENGTH, LogicalAddress, Message, Payload,
    PayloadType, RoutingActivationRequest, Rules, Version,
};
use wire::hsfz::Address;

use super::codec::{Heard, Pieces, Refusal};

/// Bytes before the UDS bytes of a diagnostic message: header, source, target.
pub(super) const UDS_OFFSET: usize = HEADER_LENGTH + 4;

/// The edition BMW's clients speak (§21).
pub(crate) const VERSION: Version = Version::V2019;

/// The longest part of a request that an acknowledge may repeat (§19).
const ECHO_LENGTH: usize = 5;

/// One DoIP connection as a tester sees it.
#[derive(Debug)]
pub(super) struct Codec {
    tester: LogicalAddress,
    decoder: Decoder,
    pieces: Pieces,
}

impl Codec {
    pub fn new(tester: u16) -> Self {
        let tester = LogicalAddress(tester);
        Self { tester, decoder: new_decoder(), pieces: Pieces::default() }
    }

    /// Takes bytes from the stream; returns whether a partial message was dropped before them.
    pub fn feed(&mut self, now: Instant, data: &[u8], gap: std::time::Duration) -> bool {
        let dropped = self.decoder.is_mid_message() && self.pieces.is_late(now, gap);
        if dropped {
            self.decoder = new_decoder();
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
                    if let Some(heard) = self.interpret(message.payload) {
                        return Some(heard);
                    }
                }
                Ok(None) => return None,
                Err(error) if error.is_recoverable() => {}
                Err(_) => {
                    self.decoder = new_decoder();
                    return None;
                }
            }
        }
    }

    fn interpret(&self, payload: Payload) -> Option<Heard> {
        match payload {
            Payload::Diagnostic { source, target, data } if target == self.tester => {
                Some(Heard::Answer { source: low_byte(source), data })
            }
            Payload::DiagnosticAck { source, target, code: _, echo } if target == self.tester => {
                Some(Heard::Acknowledge { target: source.ecu()?.0, echo })
            }
            Payload::DiagnosticNack { source, target, code, echo: _ } if target == self.tester => {
                Some(Heard::Refusal(Refusal::Nack { target: source.ecu()?.0, code }))
            }
            Payload::RoutingActivationResponse(response) if response.tester == self.tester => {
                Some(Heard::Activation(response.code))
            }
            Payload::AliveCheckRequest => Some(Heard::AliveCheck),
            Payload::HeaderNack(code) => Some(Heard::Refusal(Refusal::Header(code))),
            Payload::Diagnostic { .. }
            | Payload::DiagnosticAck { .. }
            | Payload::DiagnosticNack { .. }
            | Payload::RoutingActivationResponse(_)
            | Payload::IdentificationRequest
            | Payload::IdentificationRequestEid(_)
            | Payload::IdentificationRequestVin(_)
            | Payload::Announcement(_)
            | Payload::RoutingActivationRequest(_)
            | Payload::AliveCheckResponse { .. }
            | Payload::EntityStatusRequest
            | Payload::EntityStatus(_)
            | Payload::PowerModeRequest
            | Payload::PowerMode(_)
            | Payload::Unknown { .. } => None,
        }
    }

    /// Tells whether an acknowledge may belong to a request: what it repeats is a prefix of at
    /// most five bytes.
    pub fn is_echo(request: &[u8], echo: &[u8]) -> bool {
        echo.len() <= ECHO_LENGTH && request.starts_with(echo)
    }

    /// Writes a request whose UDS bytes are `head` and `body`: the one copy they undergo.
    pub fn request(&self, target: u8, head: &[u8], body: &[u8]) -> Bytes {
        let length = 4 + head.len() + body.len();
        let mut frame = BytesMut::with_capacity(HEADER_LENGTH + length);
        frame.put_slice(&[VERSION.0, VERSION.inverse()]);
        frame.put_u16(PayloadType::Diagnostic.number());
        frame.put_u32(u32::try_from(length).expect("a request is shorter than 4 GiB"));
        frame.put_u16(self.tester.0);
        frame.put_u16(LogicalAddress::from(Address(target)).0);
        frame.put_slice(head);
        frame.put_slice(body);
        frame.freeze()
    }

    /// Writes the answer to an alive check.
    pub fn alive(&self) -> Bytes {
        to_bytes(Payload::AliveCheckResponse { source: self.tester })
    }

    /// Writes the routing activation request, in the form of 11 bytes.
    pub fn activation(&self) -> Bytes {
        to_bytes(Payload::RoutingActivationRequest(RoutingActivationRequest {
            source: self.tester,
            activation_type: ActivationType::DEFAULT,
            reserved: [0; 4],
            oem: Some([0; 4]),
        }))
    }
}

/// Writes one message in the edition BMW's clients speak.
pub(crate) fn to_bytes(payload: Payload) -> Bytes {
    Message::new(VERSION, payload).to_bytes()
}

fn new_decoder() -> Decoder {
    Decoder::new(Rules::tester(DEFAULT_LIMIT))
}

/// EDIABAS-like clients read only the low byte of who answers (§21).
fn low_byte(address: LogicalAddress) -> u8 {
    let [_, low] = address.0.to_be_bytes();
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_what_wire_writes() {
        let payload = Payload::Diagnostic {
            source: LogicalAddress(0x0EF3),
            target: LogicalAddress(0x0018),
            data: Bytes::from_static(&[0x36, 0x01, 0xAA, 0xBB]),
        };
        let frame = Codec::new(0x0EF3).request(0x18, &[0x36, 0x01], &[0xAA, 0xBB]);
        assert_eq!(frame, to_bytes(payload));
        assert_eq!(frame[UDS_OFFSET..], [0x36, 0x01, 0xAA, 0xBB]);
    }

    #[test]
    fn the_activation_has_eleven_bytes() {
        let frame = Codec::new(0x0EF3).activation();
        assert_eq!(frame[..8], [0x03, 0xFC, 0x00, 0x05, 0, 0, 0, 11]);
    }

    #[test]
    fn an_acknowledge_repeats_at_most_five_bytes() {
        let request = [0x22, 0xF1, 0x90, 0xF1, 0x50, 0xF1];
        assert!(Codec::is_echo(&request, &[]));
        assert!(Codec::is_echo(&request, &request[..5]));
        assert!(!Codec::is_echo(&request, &request));
        assert!(!Codec::is_echo(&request, &[0x22, 0xF1, 0x50]));
    }
}
