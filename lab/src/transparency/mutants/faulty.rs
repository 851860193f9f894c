//! Wires with one fault each.

use std::collections::VecDeque;

use node::{Duration, Frame, Instant, PortInput, Seed};

use crate::transparency::bench::{Between, Wire};
use crate::transparency::frames::{
    BROADCAST, address, arp_for, mac, probe, probe_between, tcp, untagged,
};
use crate::transparency::machine::End;

/// What is wrong with a wire.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    DamagesOneByte,
    Reorders,
    Duplicates,
    EatsTags,
    EatsTaggedFrames,
    EatsLongFrames,
    EatsOneLength,
    SwallowsMulticast,
    SwallowsBroadcast,
    SwallowsArp,
    KnowsTwoAddressesOnly,
    LearnsAddressesOnce,
    HidesLinkLoss,
    NeverSaysThatLinkIsBack,
    KeepsFramesThroughReset,
    StaysDeadAfterReset,
    AnswersInTheCarsPlace,
    ForgetsWhenIdle,
    LosesSome,
    InventsFrames,
    CutsFrames,
    EndsAtFullSize,
    DiesInAFlood,
    Chatters,
    DropsItsLink,
    FlapsByItself,
    ClaimsTheCarsAddress,
    IsSlow,
    SendsInTheClear,
}

/// A wire with one fault.
pub struct Faulty {
    wire: Wire,
    fault: Fault,
    /// Frames that came out so far, and those of the stream among them.
    count: u64,
    streamed: u64,
    /// A frame that is held back.
    held: Option<(End, Frame)>,
    /// Frames that came while the car's link was down.
    kept: Vec<Frame>,
    last: Instant,
    down: bool,
    /// How often the car's link came up, and when it last did.
    ups: u32,
    up_at: Instant,
    out: VecDeque<(End, PortInput)>,
    /// Frames that are kept for a while.
    late: VecDeque<(Instant, End, Frame)>,
    /// When it next does something of its own accord; and whether that is done.
    alarm: Option<Instant>,
    is_over: bool,
    /// What is carried between the sites, to be overheard.
    carried: VecDeque<Frame>,
}

impl Faulty {
    /// Lays it.
    pub fn new(fault: Fault) -> Self {
        Self {
            wire: Wire::new(Seed(1)),
            fault,
            count: 0,
            streamed: 0,
            held: None,
            kept: Vec::new(),
            last: Instant::ZERO,
            down: false,
            ups: 0,
            up_at: Instant::ZERO,
            out: VecDeque::new(),
            late: VecDeque::new(),
            alarm: matches!(fault, Fault::FlapsByItself).then_some(Instant::ZERO + FLAP),
            is_over: false,
            carried: VecDeque::new(),
        }
    }

    /// Returns whether a frame disappears on its way in.
    fn swallows(&mut self, now: Instant, frame: &Frame) -> bool {
        let (to, from) = (&frame[..6], &frame[6..12]);
        let known =
            |address: &[u8]| [End::Technician, End::Vehicle].iter().any(|e| mac(*e) == address);
        let was_idle = now - self.last > Duration::from_secs(300);
        self.last = now;
        self.streamed += u64::from(is_of_stream(frame));
        match self.fault {
            Fault::EatsTaggedFrames => untagged(frame).is_some(),
            Fault::EatsLongFrames => frame.len() > 1400,
            Fault::EatsOneLength => frame.len() == 257,
            Fault::SwallowsMulticast => to[0] & 1 == 1 && to != [0xFF; 6],
            Fault::SwallowsBroadcast => to == [0xFF; 6],
            Fault::SwallowsArp => frame[12..14] == [0x08, 0x06],
            Fault::KnowsTwoAddressesOnly => !known(from),
            Fault::LearnsAddressesOnce => from == [0x02, 0xBC, 0x0B, 0, 0, 2],
            Fault::StaysDeadAfterReset => {
                self.ups == 3 && now - self.up_at < Duration::from_secs(20)
            }
            Fault::ForgetsWhenIdle => was_idle,
            Fault::LosesSome => is_of_stream(frame) && self.streamed.is_multiple_of(40),
            Fault::EndsAtFullSize => {
                self.is_over |= frame.len() >= 1514;
                self.is_over
            }
            Fault::DiesInAFlood => {
                let is_armed = self.count > 900 && !self.is_over;
                self.alarm = is_armed.then_some(now + Duration::from_secs(100));
                self.is_over
            }
            Fault::SendsInTheClear => {
                self.carried.push_back([&[0x45; 40], &frame[..]].concat().into());
                false
            }
            Fault::DamagesOneByte
            | Fault::Reorders
            | Fault::Duplicates
            | Fault::EatsTags
            | Fault::HidesLinkLoss
            | Fault::NeverSaysThatLinkIsBack
            | Fault::KeepsFramesThroughReset
            | Fault::AnswersInTheCarsPlace
            | Fault::InventsFrames
            | Fault::Chatters
            | Fault::DropsItsLink
            | Fault::FlapsByItself
            | Fault::ClaimsTheCarsAddress
            | Fault::IsSlow
            | Fault::CutsFrames => false,
        }
    }

    /// Does to a frame that comes out what the fault does to some.
    fn spoil(&mut self, now: Instant, end: End, frame: Frame) {
        self.count += 1;
        let is_struck = self.count.is_multiple_of(50);
        let mut bytes = frame.to_vec();
        if is_struck {
            self.add(end);
        }
        match self.fault {
            Fault::DamagesOneByte if is_struck => {
                *bytes.last_mut().unwrap() ^= 1;
                self.give(end, bytes.into());
            }
            Fault::Duplicates if is_struck => {
                self.give(end, frame.clone());
                self.give(end, frame);
            }
            Fault::IsSlow => self.late.push_back((now + SLOW, end, frame)),
            Fault::EatsTags => self.give(end, untagged(&frame).map_or(frame, Frame::from)),
            Fault::CutsFrames if is_of_stream(&frame) && self.count.is_multiple_of(7) => {
                bytes.truncate(bytes.len() - 1);
                self.give(end, bytes.into());
            }
            // The stream goes on with a short frame after one of these.
            Fault::Reorders
                if self.held.is_none()
                    && is_of_stream(&frame)
                    && (900..940).contains(&frame.len()) =>
            {
                self.held = Some((end, frame));
            }
            Fault::Reorders => {
                self.give(end, frame);
                if let Some((_, held)) = self.held.take_if(|(place, _)| *place == end) {
                    self.give(end, held);
                }
            }
            Fault::AnswersInTheCarsPlace
                if end == End::Vehicle && frame.get(47) == Some(&2) && frame[23] == 6 =>
            {
                let answer = tcp(End::Vehicle, (6801, 50_000), 0x12, (5, 1001), 999);
                self.give(End::Technician, answer);
                self.give(end, frame);
            }
            Fault::DamagesOneByte
            | Fault::Duplicates
            | Fault::InventsFrames
            | Fault::CutsFrames
            | Fault::Chatters
            | Fault::ClaimsTheCarsAddress
            | Fault::DropsItsLink
            | Fault::FlapsByItself
            | Fault::EndsAtFullSize
            | Fault::DiesInAFlood
            | Fault::SendsInTheClear
            | Fault::AnswersInTheCarsPlace
            | Fault::EatsTaggedFrames
            | Fault::EatsLongFrames
            | Fault::EatsOneLength
            | Fault::SwallowsMulticast
            | Fault::SwallowsBroadcast
            | Fault::SwallowsArp
            | Fault::KnowsTwoAddressesOnly
            | Fault::LearnsAddressesOnce
            | Fault::HidesLinkLoss
            | Fault::NeverSaysThatLinkIsBack
            | Fault::KeepsFramesThroughReset
            | Fault::StaysDeadAfterReset
            | Fault::ForgetsWhenIdle
            | Fault::LosesSome => self.give(end, frame),
        }
    }

    /// Puts something of its own in front of a frame.
    fn add(&mut self, end: End) {
        if matches!(self.fault, Fault::Chatters) {
            self.give(end, probe_between(STRANGER, BROADCAST, 1, 60));
        }
        if matches!(self.fault, Fault::InventsFrames) {
            let number = 0xFFFF_0000 + self.count as u32;
            self.give(end, probe(end.other(), number, 90));
        }
        if matches!(self.fault, Fault::ClaimsTheCarsAddress) {
            let car = address(End::Vehicle);
            self.give(End::Technician, arp_for(2, STRANGER, car, car, BROADCAST));
        }
        if matches!(self.fault, Fault::DropsItsLink) {
            self.show_link(false);
            self.show_link(true);
        }
    }

    /// Does what nobody asked for.
    fn act(&mut self, now: Instant) {
        if matches!(self.fault, Fault::FlapsByItself) {
            self.is_over = !self.is_over;
            self.show_link(!self.is_over);
            self.alarm = Some(now + if self.is_over { FLAP / 8 } else { FLAP });
            return;
        }
        self.is_over = true;
        self.alarm = None;
        for number in 0..50_000 {
            self.give(End::Technician, probe_between(STRANGER, BROADCAST, number, 60));
        }
    }

    fn give(&mut self, end: End, frame: Frame) {
        self.out.push_back((end, PortInput::Frame(frame)));
    }

    fn show_link(&mut self, up: bool) {
        self.out.push_back((End::Technician, PortInput::Link(up)));
    }
}

impl Between for Faulty {
    fn enter(&mut self, now: Instant, end: End, input: PortInput) {
        match input {
            PortInput::Frame(frame) if self.swallows(now, &frame) => {}
            PortInput::Frame(frame) => {
                let keeps = matches!(self.fault, Fault::KeepsFramesThroughReset) && self.down;
                if keeps && end == End::Technician {
                    self.kept.push(frame);
                } else {
                    self.wire.enter(now, end, PortInput::Frame(frame));
                }
            }
            PortInput::Link(up) => {
                self.down = !up;
                self.ups += u32::from(up);
                self.up_at = if up { now } else { self.up_at };
                for frame in std::mem::take(&mut self.kept) {
                    self.wire.enter(now, End::Technician, PortInput::Frame(frame));
                }
                let is_second = self.ups == 2;
                let hides = matches!(self.fault, Fault::HidesLinkLoss) && !up;
                let is_first = up && self.ups == 1;
                let hidden = hides
                    || matches!(self.fault, Fault::FlapsByItself) && !is_first
                    || matches!(self.fault, Fault::NeverSaysThatLinkIsBack) && up && is_second;
                if !hidden {
                    self.wire.enter(now, end, PortInput::Link(up));
                }
            }
        }
    }

    fn relay(&mut self, _: Instant, _: bool) {}

    fn handle_timeout(&mut self, now: Instant) {
        if self.alarm.is_some_and(|at| at <= now) {
            self.act(now);
        }
        while let Some((_, end, frame)) = self.late.pop_front_if(|(at, ..)| *at <= now) {
            self.give(end, frame);
        }
        self.wire.handle_timeout(now);
        while let Some((end, input)) = self.wire.poll() {
            match input {
                PortInput::Frame(frame) => self.spoil(now, end, frame),
                link @ PortInput::Link(_) => self.out.push_back((end, link)),
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let late = self.late.front().map(|(at, ..)| *at);
        self.wire.poll_timeout().into_iter().chain(late).chain(self.alarm).min()
    }

    fn poll(&mut self) -> Option<(End, PortInput)> {
        if let Some(out) = self.out.pop_front() {
            return Some(out);
        }
        // Carrier passes at the same instant.
        self.wire.poll()
    }

    fn overheard(&mut self) -> Option<Frame> {
        self.carried.pop_front()
    }

    fn ended(&mut self) -> Option<String> {
        let ends = matches!(self.fault, Fault::EndsAtFullSize) && self.is_over;
        ends.then(|| "the mechanic ended (signal: 6)".to_owned())
    }
}

/// Lengths of the long stream that no other check sends.
fn is_of_stream(frame: &[u8]) -> bool {
    let length = frame.len();
    (500..=1100).contains(&length)
        && !(length - 60).is_multiple_of(7)
        && ![511, 513, 1023, 1025].contains(&length)
}

/// Nobody of ours.
const STRANGER: [u8; 6] = [0x0A, 0x66, 0x66, 0x66, 0x66, 0x66];
/// What a slow wire adds, and how often one that flaps does so.
const SLOW: Duration = Duration::from_millis(900);
const FLAP: Duration = Duration::from_millis(2400);
