//! Finds the first bytes of diagnostic messages in a TCP stream, HSFZ or DoIP.
//!
//! Nothing is decoded beyond what the gate looks at; whatever is not understood is skipped by its
//! length, and a stream whose framing is lost is left alone.

/// Longest message that is believed.
const LENGTH_MAX: u32 = 16 << 20;

/// Which framing a connection uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HSFZ: TCP 6801 of a car, 50160 and 51560 of an ICOM.
    Hsfz,
    /// DoIP: TCP 13400 of a car, 50162 and 51562 of an ICOM.
    DoIp,
}

/// What kind of message the stream is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Carries a UDS request or response.
    Diagnostic,
    /// Confirms one, and repeats its first bytes.
    Acknowledge,
    /// Anything else.
    Other,
}

/// Position within a stream.
#[derive(Clone, Debug)]
pub struct Framing {
    protocol: Protocol,
    header: Vec<u8>,
    kind: Kind,
    length: u32,
    body: Vec<u8>,
    position: u32,
    is_lost: bool,
}

/// One byte of a UDS message, with those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uds<'a> {
    /// Kind of the message around it.
    pub kind: Kind,
    /// The diagnostic address it is for (requests) or from (answers comes as the source).
    pub source: u16,
    /// See `source`.
    pub target: u16,
    /// The UDS bytes so far.
    pub bytes: &'a [u8],
    /// How many there will be.
    pub length: u32,
}

impl Protocol {
    /// Returns the protocol of a server port: a car's own, an ICOM's, an ICOM's for programming.
    pub fn of(port: u16) -> Option<Self> {
        match port {
            6801 | 50_160 | 51_560 => Some(Self::Hsfz),
            13_400 | 50_162 | 51_562 => Some(Self::DoIp),
            _ => None,
        }
    }

    const fn header(self) -> usize {
        match self {
            Self::Hsfz => 6,
            Self::DoIp => 8,
        }
    }

    /// Reads a header: kind, bytes that follow.
    fn read(self, header: &[u8]) -> Option<(Kind, u32)> {
        let (kind, length) = match (self, header) {
            (Self::Hsfz, &[a, b, c, d, 0, control]) => {
                let kind = match control {
                    0x01 => Kind::Diagnostic,
                    0x02 => Kind::Acknowledge,
                    0x10..=0x13 | 0x40..=0x46 | 0xFF => Kind::Other,
                    _ => return None,
                };
                (kind, u32::from_be_bytes([a, b, c, d]))
            }
            (Self::DoIp, &[version, inverse, high, low, a, b, c, d])
                if version ^ inverse == 0xFF =>
            {
                let kind = match u16::from_be_bytes([high, low]) {
                    0x8001 => Kind::Diagnostic,
                    0x8002 => Kind::Acknowledge,
                    _ => Kind::Other,
                };
                (kind, u32::from_be_bytes([a, b, c, d]))
            }
            (Self::Hsfz | Self::DoIp, _) => return None,
        };
        (length <= LENGTH_MAX).then_some((kind, length))
    }

    fn uds(self, kind: Kind) -> usize {
        match (self, kind) {
            (Self::Hsfz, _) => 2,
            (Self::DoIp, Kind::Acknowledge) => 5,
            (Self::DoIp, Kind::Diagnostic | Kind::Other) => 4,
        }
    }
}

impl Framing {
    /// Begins at a message's first byte.
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            header: Vec::new(),
            kind: Kind::Other,
            length: 0,
            body: Vec::new(),
            position: 0,
            is_lost: false,
        }
    }

    /// Begins anew, with the first byte of a connection.
    pub fn restart(&mut self) {
        *self = Self::new(self.protocol);
    }

    /// Notes that bytes are missing: the next segment may begin a message, or not.
    pub fn lose(&mut self) {
        *self = Self { is_lost: true, ..Self::new(self.protocol) };
    }

    /// Notes that a segment begins here.
    pub fn begin(&mut self, data: &[u8]) {
        let header = data.get(..self.protocol.header());
        if self.is_lost && header.is_some_and(|header| self.protocol.read(header).is_some()) {
            self.is_lost = false;
        }
    }

    /// Takes a byte; returns the UDS message so far when the byte is one of its first four.
    pub fn take(&mut self, byte: u8) -> Option<Uds<'_>> {
        if self.is_lost {
            return None;
        }
        if self.header.len() < self.protocol.header() {
            self.header.push(byte);
            if self.header.len() == self.protocol.header() {
                match self.protocol.read(&self.header) {
                    Some((kind, length)) => {
                        (self.kind, self.length, self.position) = (kind, length, 0);
                        self.body.clear();
                        self.finish_empty();
                    }
                    None => self.lose(),
                }
            }
            return None;
        }
        self.position += 1;
        let uds = self.protocol.uds(self.kind);
        let is_early = self.body.len() < uds + 4;
        if is_early {
            self.body.push(byte);
        }
        let length = self.length;
        if self.position == length {
            self.header.clear();
        }
        if !is_early || self.body.len() <= uds || self.kind == Kind::Other {
            return None;
        }
        let (source, target) = match (self.protocol, &self.body[..]) {
            (Protocol::Hsfz, [source, target, ..]) => (u16::from(*source), u16::from(*target)),
            (Protocol::DoIp, [a, b, c, d, ..]) => {
                (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]))
            }
            (Protocol::Hsfz | Protocol::DoIp, _) => return None,
        };
        let bytes = &self.body[uds..];
        Some(Uds { kind: self.kind, source, target, bytes, length: length - uds as u32 })
    }

    fn finish_empty(&mut self) {
        if self.length == 0 {
            self.header.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::car_hsfz(6801, Some(Protocol::Hsfz))]
    #[case::car_control(6811, None)]
    #[case::car_doip(13_400, Some(Protocol::DoIp))]
    #[case::car_doip_tls(3496, None)]
    #[case::icom_hsfz(50_160, Some(Protocol::Hsfz))]
    #[case::icom_control(50_161, None)]
    #[case::icom_doip(50_162, Some(Protocol::DoIp))]
    #[case::icom_doip_tls(50_163, None)]
    #[case::icom_programming_hsfz(51_560, Some(Protocol::Hsfz))]
    #[case::icom_programming_control(51_561, None)]
    #[case::icom_programming_doip(51_562, Some(Protocol::DoIp))]
    #[case::web(80, None)]
    fn ports(#[case] port: u16, #[case] protocol: Option<Protocol>) {
        assert_eq!(Protocol::of(port), protocol);
    }
}
