//! Bytes into the steps of a script.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use wire::doip::{self, LogicalAddress, Payload, Version};
use wire::hsfz::{self, Address};

/// One thing that happens to the vehicle.
pub enum Step {
    /// A tester connects to a port.
    Connect { port: u16 },
    /// Bytes arrive on the connection of this number, counted round.
    Bytes { connection: u8, data: Bytes },
    /// A UDS request to a unit arrives in the form of the connection's protocol.
    Request { connection: u8, tester: u8, target: u8, uds: Bytes },
    /// The right key for the last seed heard on a connection arrives.
    Key { connection: u8, tester: u8 },
    /// A tester closes.
    Close { connection: u8 },
    /// A datagram arrives.
    Datagram { port: u16, data: Bytes },
    /// Time passes, from deadline to deadline.
    Wait { time: Duration },
    /// The vehicle gets its address, or loses it.
    Address { known: bool },
    /// The far end of the cable comes or goes.
    Link { up: bool },
    /// The supply changes.
    Supply { battery: u32, charger: Option<u32> },
    /// The gateway resets.
    Reset,
    /// The port loses carrier.
    LinkDown { time: Duration },
    /// A unit falls silent, loses power, or fails to write.
    Unit { name: &'static str, fault: u8, number: u8 },
}

/// Reads a script; what is missing at its end counts as zero.
pub struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    pub fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub fn next(&mut self) -> Option<Step> {
        let (opcode, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(match opcode % 16 {
            0 => Step::Connect { port: self.pick(&PORTS) },
            1 | 2 => Step::Bytes { connection: self.byte(), data: self.bytes() },
            3..=5 => {
                let [connection, tester, target] = [self.byte(), self.byte(), self.byte()];
                Step::Request { connection, tester, target, uds: self.bytes() }
            }
            6 => Step::Key { connection: self.byte(), tester: self.byte() },
            7 => Step::Close { connection: self.byte() },
            8 => Step::Datagram { port: self.pick(&UDP_PORTS), data: self.bytes() },
            9 => Step::Wait { time: Duration::from_millis(self.byte().into()) },
            10 => Step::Wait { time: Duration::from_millis(250) * self.byte().into() },
            11 => Step::Address { known: self.byte() != 0 },
            12 => Step::Link { up: self.byte() != 0 },
            13 => {
                let [battery, charger] = [self.byte(), self.byte()].map(|it| u32::from(it) * 70);
                Step::Supply { battery, charger: (charger != 0).then_some(charger) }
            }
            14 => match self.byte() {
                0 => Step::Reset,
                tenths => Step::LinkDown { time: Duration::from_millis(100) * tenths.into() },
            },
            _ => Step::Unit { name: self.pick(&UNITS), fault: self.byte(), number: self.byte() },
        })
    }

    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *byte
    }

    /// A length byte, then so many bytes; from 248 on the last of them is repeated to kilobytes.
    fn bytes(&mut self) -> Bytes {
        let length = self.byte();
        let (bytes, rest) = self.rest.split_at(self.rest.len().min(usize::from(length)));
        self.rest = rest;
        let mut bytes = BytesMut::from(bytes);
        if length >= 248 {
            bytes.put_bytes(0xA5, usize::from(length - 247) * 1024);
        }
        bytes.freeze()
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }
}

const PORTS: [u16; 4] = [hsfz::DIAGNOSTIC_PORT, doip::PORT, hsfz::CONTROL_PORT, 80];
const UDP_PORTS: [u16; 2] = [hsfz::CONTROL_PORT, doip::PORT];
const UNITS: [&str; 5] = ["zgw", "bdc", "egs", "dme", "kafas"];

/// Writes a request as HSFZ; tester 00 stands for the usual one.
pub fn as_hsfz(tester: u8, target: u8, data: Bytes) -> Bytes {
    let source = if tester == 0 { Address::TESTER } else { Address(tester) };
    hsfz::Message::Diagnostic { source, target: Address(target), data }.to_bytes()
}

/// Writes a request as DoIP; tester 00 stands for the usual one, without data for a routing
/// activation.
pub fn as_doip(tester: u8, target: u8, data: Bytes) -> Bytes {
    let source = match tester {
        0 => LogicalAddress::TESTER,
        other => LogicalAddress(0x0E00 | u16::from(other)),
    };
    let payload = if data.is_empty() {
        Payload::RoutingActivationRequest(doip::RoutingActivationRequest {
            source,
            activation_type: doip::ActivationType::Byte(target),
            reserved: [0; 4],
            oem: None,
        })
    } else {
        Payload::Diagnostic { source, target: Address(target).into(), data }
    };
    doip::Message::new(Version::V2019, payload).to_bytes()
}
