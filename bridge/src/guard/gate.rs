//! Keeps a programming session from beginning, by the protocol's own means.
//!
//! The technician's end looks at what the tester's TCP connections to the HSFZ and DoIP ports of a
//! car or an ICOM carry. A `10 02` that must not begin anything is changed on its way to the car
//! into `10 7F`: a session that ISO 14229-1 reserves, so the control unit itself answers
//! *sub-function not supported*. On the way back that answer becomes `7F 10 22`, *conditions not
//! correct*, and the acknowledgement that repeats the request shows the tester what it had sent.
//! Lengths never change, so neither end of the connection can fall out of step.
//!
//! A byte is judged once, when it first passes: what is sent again is changed alike, or again not.
//! Towards the car a segment that runs ahead of the stream is not passed; TCP sends it again. From
//! the car one is passed as it is. A control unit that is being programmed is never held up.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddrV4;

use bytes::{Bytes, BytesMut};
use node::{Duration, Instant};

use crate::guard::framing::{Framing, Kind, Protocol, Uds};
use crate::guard::segment::Segment;

/// How many connections are followed; the one that was quiet longest gives way.
const CONNECTIONS: usize = 32;

/// How many changed bytes of one direction are remembered for repetitions.
const CHANGES: usize = 64;

/// How far behind the stream a repetition may be.
const BEHIND: u32 = 1 << 24;

/// How many control units are known to be in programming.
const RUNNING: usize = 256;

/// Diagnostic session control, its programming session, and a session that is reserved.
const SESSION: u8 = 0x10;
const PROGRAMMING: u8 = 0x02;
const RESERVED: u8 = 0x7F;
const SUPPRESS: u8 = 0x80;
const DEFAULT: u8 = 0x01;
const RESET: u8 = 0x11;
const NEGATIVE: u8 = 0x7F;
const NOT_SUPPORTED: u8 = 0x12;
const NOT_SUPPORTED_IN_SESSION: u8 = 0x7E;
const CONDITIONS_NOT_CORRECT: u8 = 0x22;

/// A tester asked to begin programming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begin {
    /// The control unit's diagnostic address.
    pub target: u16,
    /// True when the request was turned away.
    pub refused: bool,
}

/// Follows the tester's diagnostic connections.
#[derive(Clone, Debug)]
pub struct Gate {
    linger: Duration,
    connections: Vec<Connection>,
    /// When each control unit in programming was last asked something.
    running: BTreeMap<u16, Instant>,
}

#[derive(Clone, Debug)]
struct Connection {
    tester: SocketAddrV4,
    vehicle: SocketAddrV4,
    used: Instant,
    to_vehicle: Stream,
    from_vehicle: Stream,
    refused: u32,
}

#[derive(Clone, Debug)]
struct Stream {
    framing: Framing,
    next: Option<u32>,
    changes: VecDeque<(u32, u8)>,
}

impl Gate {
    /// Makes a gate; a control unit counts as programmed until `linger` after its last request.
    pub fn new(linger: Duration) -> Self {
        Self { linger, connections: Vec::new(), running: BTreeMap::new() }
    }

    /// Takes a frame of the tester's; `None` when it is not to be passed.
    pub fn pass_to_vehicle(
        &mut self,
        now: Instant,
        frame: Bytes,
        may_begin: bool,
    ) -> (Option<Bytes>, Option<Begin>) {
        let Some(segment) = Segment::parse(&frame) else {
            return (Some(frame), None);
        };
        let Some(protocol) = Protocol::of(segment.destination.port()) else {
            return (Some(frame), None);
        };
        let index = self.connection(now, segment.source, segment.destination, protocol);
        let connection = &mut self.connections[index];
        let (running, linger) = (&mut self.running, self.linger);
        let mut begun = None;
        let passed = connection.to_vehicle.pass(&segment, frame, true, |uds, byte| {
            let begin = judge(running, linger, now, uds, may_begin)?;
            begun = Some(begin);
            begin.refused.then_some((byte & SUPPRESS) | RESERVED)
        });
        if begun.is_some_and(|begin| begin.refused) {
            connection.refused += 1;
        }
        (passed, begun)
    }

    /// Takes a frame for the tester.
    pub fn pass_to_tester(&mut self, now: Instant, frame: Bytes) -> Bytes {
        let Some(segment) = Segment::parse(&frame) else {
            return frame;
        };
        let Some(protocol) = Protocol::of(segment.source.port()) else {
            return frame;
        };
        let index = self.connection(now, segment.destination, segment.source, protocol);
        let connection = &mut self.connections[index];
        let refused = &mut connection.refused;
        let whole = frame.clone();
        let passed = connection.from_vehicle.pass(&segment, frame, false, |uds, byte| {
            if *refused == 0 {
                return None;
            }
            match (uds.kind, uds.bytes) {
                (Kind::Acknowledge, [SESSION, sub]) if sub & !SUPPRESS == RESERVED => {
                    Some((byte & SUPPRESS) | PROGRAMMING)
                }
                (
                    Kind::Diagnostic,
                    [NEGATIVE, SESSION, NOT_SUPPORTED | NOT_SUPPORTED_IN_SESSION],
                ) => {
                    *refused -= 1;
                    Some(CONDITIONS_NOT_CORRECT)
                }
                (Kind::Acknowledge | Kind::Diagnostic | Kind::Other, _) => None,
            }
        });
        passed.unwrap_or(whole)
    }

    fn connection(
        &mut self,
        now: Instant,
        tester: SocketAddrV4,
        vehicle: SocketAddrV4,
        protocol: Protocol,
    ) -> usize {
        let is_same = |one: &Connection| one.tester == tester && one.vehicle == vehicle;
        if let Some(index) = self.connections.iter().position(is_same) {
            self.connections[index].used = now;
            return index;
        }
        if self.connections.len() == CONNECTIONS
            && let Some(quiet) = (0..CONNECTIONS).min_by_key(|index| self.connections[*index].used)
        {
            self.connections.swap_remove(quiet);
        }
        let stream =
            Stream { framing: Framing::new(protocol), next: None, changes: VecDeque::new() };
        let (to_vehicle, from_vehicle) = (stream.clone(), stream);
        let connection =
            Connection { tester, vehicle, used: now, to_vehicle, from_vehicle, refused: 0 };
        self.connections.push(connection);
        self.connections.len() - 1
    }
}

/// Follows a request byte by byte; returns what begins with this one.
fn judge(
    running: &mut BTreeMap<u16, Instant>,
    linger: Duration,
    now: Instant,
    uds: Uds<'_>,
    may_begin: bool,
) -> Option<Begin> {
    if uds.kind != Kind::Diagnostic {
        return None;
    }
    let target = uds.target;
    match *uds.bytes {
        [RESET] => drop(running.remove(&target)),
        [SESSION, sub] if sub & !SUPPRESS == DEFAULT => drop(running.remove(&target)),
        [SESSION, sub] if sub & !SUPPRESS == PROGRAMMING && uds.length == 2 => {
            let is_running = running.get(&target).is_some_and(|last| now - *last <= linger);
            let refused = !may_begin && !is_running;
            if !refused && (running.len() < RUNNING || running.contains_key(&target)) {
                running.insert(target, now);
            }
            return Some(Begin { target, refused });
        }
        [_] => {
            if let Some(last) = running.get_mut(&target) {
                *last = now;
            }
        }
        _ => {}
    }
    None
}

impl Stream {
    /// Passes a segment; `change` may replace the newest of the UDS bytes it is shown.
    fn pass(
        &mut self,
        segment: &Segment,
        frame: Bytes,
        in_order: bool,
        mut change: impl FnMut(Uds<'_>, u8) -> Option<u8>,
    ) -> Option<Bytes> {
        let first = segment.sequence;
        if segment.is_first && self.next != Some(first) {
            self.framing.restart();
            self.changes.clear();
            self.next = Some(first);
        }
        if segment.data.is_empty() {
            return Some(frame);
        }
        let data = &frame[segment.data.clone()];
        let next = *self.next.get_or_insert(first);
        let ahead = first.wrapping_sub(next);
        let seen = match ahead {
            0 => 0,
            // Behind: bytes that were judged, and perhaps some that were not.
            _ if ahead > u32::MAX / 2 => (next.wrapping_sub(first) as usize).min(data.len()),
            _ if in_order => return None,
            _ => {
                self.framing.lose();
                0
            }
        };
        self.framing.begin(&data[seen..]);
        for (index, byte) in data.iter().enumerate().skip(seen) {
            if let Some(uds) = self.framing.take(*byte)
                && let Some(new) = change(uds, *byte)
            {
                if self.changes.len() == CHANGES {
                    self.changes.pop_front();
                }
                self.changes.push_back((first.wrapping_add(index as u32), new));
            }
        }
        if seen < data.len() {
            self.next = Some(first.wrapping_add(data.len() as u32));
        }
        Some(self.rewrite(segment, frame))
    }

    /// Replaces every byte of a segment that was ever replaced.
    fn rewrite(&mut self, segment: &Segment, frame: Bytes) -> Bytes {
        let next = self.next.unwrap_or(segment.sequence);
        self.changes.retain(|(at, _)| next.wrapping_sub(*at) <= BEHIND);
        let mut changed: Option<BytesMut> = None;
        for (at, byte) in &self.changes {
            let index = at.wrapping_sub(segment.sequence) as usize;
            if index < segment.data.len() {
                let frame = changed.get_or_insert_with(|| BytesMut::from(&frame[..]));
                segment.replace(frame, segment.data.start + index, *byte);
            }
        }
        changed.map_or(frame, BytesMut::freeze)
    }
}

#[cfg(test)]
mod tests;
