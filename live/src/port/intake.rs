//! What arrives at a port, as it would be on a wire.

use std::collections::VecDeque;
use std::io;

use bytes::Bytes;
use node::{Duration, Frame};

use super::offload::{complete, cut};
use super::vlan::{Arrived, Tag};
use super::{ETHERNET, HEADER, Io};

/// The longest frame that can arrive, in bytes: a port with offloads shows what was never on a wire.
const LONGEST: usize = 65_600;

/// What arrives at one port.
pub struct Intake {
    buffer: Box<[u8]>,
    /// Of one frame that was cut.
    pieces: VecDeque<Frame>,
    /// How long the frame received last had been there; zero where nobody knows.
    pub waited: Duration,
    /// Frames that were too long for the port.
    pub too_long: u64,
}

impl Intake {
    pub fn new() -> Self {
        Self {
            buffer: vec![0; LONGEST].into(),
            pieces: VecDeque::new(),
            waited: Duration::ZERO,
            too_long: 0,
        }
    }

    /// Takes what is left of a frame that was cut.
    pub fn piece(&mut self) -> Option<Frame> {
        self.pieces.pop_front()
    }

    /// Receives a frame; `None` for one that this machine sent, or that is too long.
    ///
    /// `mtu` is the largest IP packet of the port in bytes.
    pub fn receive(&mut self, io: &Io, mtu: usize) -> io::Result<Option<Frame>> {
        let arrived = match io {
            // A TAP device hands over frames with their tags.
            Io::Tap(tap) => {
                let (length, waited) = (tap.receive(&mut self.buffer)?, Duration::ZERO);
                Arrived { length, tag: None, is_own: false, waited }
            }
            Io::Raw(raw) => raw.receive(&mut self.buffer)?,
            Io::Veth(veth) => veth.raw().receive(&mut self.buffer)?,
        };
        let Arrived { length, tag, is_own: false, waited } = arrived else { return Ok(None) };
        self.waited = waited;
        let tagged = |frame: Frame| match tag {
            Some(tag) => tag.put_back(&frame),
            None => frame,
        };
        let frame = &mut self.buffer[..length];
        if let Io::Raw(_) | Io::Veth(_) = io {
            complete(frame);
            if length > mtu + ETHERNET
                && let Some(pieces) = cut(frame, mtu)
            {
                self.pieces.extend(pieces.into_iter().map(tagged));
                return Ok(self.piece());
            }
        }
        if length + tag.map_or(0, |_| Tag::LENGTH) > mtu + HEADER {
            self.too_long += 1;
            return Ok(None);
        }
        Ok(Some(match tag {
            Some(tag) => tag.put_back(frame),
            None => Bytes::copy_from_slice(frame),
        }))
    }
}
