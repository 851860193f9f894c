//! A tester on the bench: asks one control unit, and brings it into any state.

use std::time::Duration;

use bytes::Bytes;
use node::{Instant, Node, Seed};

use crate::coding::Coding;
use crate::security::placeholder_key;
use crate::{Condition, Ecu, EcuEvent, EcuInput, EcuProfile, Image, Request, Response};

/// Size of the images of these tests, in bytes.
pub(super) const IMAGE_SIZE: u64 = 9_000;

/// A control unit with a tester.
#[derive(Clone)]
pub(super) struct Bench {
    pub ecu: Ecu,
    pub now: Instant,
}

/// What the table has a row for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Default,
    Extended,
    Coding,
    CodingUnlocked,
    Boot,
    BootUnlocked,
    Erased,
    Loading,
    Written,
    Verified,
    Pending,
    NoApplication,
}

impl State {
    pub(super) const ALL: [Self; 12] = [
        Self::Default,
        Self::Extended,
        Self::Coding,
        Self::CodingUnlocked,
        Self::Boot,
        Self::BootUnlocked,
        Self::Erased,
        Self::Loading,
        Self::Written,
        Self::Verified,
        Self::Pending,
        Self::NoApplication,
    ];
}

impl Bench {
    pub(super) fn new(name: &str, condition: Condition) -> Self {
        let profile = EcuProfile::named(name).expect("the profile ships");
        Self { ecu: Ecu::new(&profile, condition, Seed(1)), now: Instant::ZERO }
    }

    /// An EGS in a state.
    pub(super) fn in_state(state: State) -> Self {
        let condition = match state {
            State::NoApplication => Condition::Virgin,
            State::Default
            | State::Extended
            | State::Coding
            | State::CodingUnlocked
            | State::Boot
            | State::BootUnlocked
            | State::Erased
            | State::Loading
            | State::Written
            | State::Verified
            | State::Pending => Condition::Factory,
        };
        let mut bench = Self::new("egs", condition);
        bench.go_to(state);
        bench
    }

    fn go_to(&mut self, state: State) {
        match state {
            State::Default | State::NoApplication => {}
            State::Extended => self.expect("10 03", "50 03 00 32 01 F4"),
            State::Coding => self.expect("10 41", "50 41 00 32 01 F4"),
            State::CodingUnlocked => {
                self.go_to(State::Coding);
                self.unlock(0x01);
            }
            State::Boot => {
                self.go_to(State::Extended);
                self.expect("10 02", "50 02 00 32 01 F4");
                self.wait(Duration::from_millis(800));
            }
            State::BootUnlocked => {
                self.go_to(State::Boot);
                self.unlock(0x11);
            }
            State::Erased => {
                self.go_to(State::BootUnlocked);
                for block in self.ecu.profile().flash.blocks.clone() {
                    self.erase(block.address);
                }
            }
            State::Loading => {
                self.go_to(State::Erased);
                self.open(&self.image(), 0);
                let data = self.image().segments[0].data.slice(..1_000);
                assert_eq!(self.block(1, &data), [vec![0x76, 1]]);
            }
            State::Written => {
                self.go_to(State::Erased);
                for index in 0..3 {
                    self.download(&self.image(), index);
                }
            }
            State::Verified => {
                self.go_to(State::Written);
                for segment in self.image().segments {
                    self.verify(segment.address, 0x00);
                }
            }
            State::Pending => {
                self.go_to(State::Verified);
                assert_eq!(self.last("31 01 FF 01"), "71 01 FF 01 00");
            }
        }
    }

    pub(super) fn image(&self) -> Image {
        Image::for_profile(self.ecu.profile(), "test", Some(IMAGE_SIZE))
    }

    /// Programs the unit as it stands: from its bootloader to the reset.
    pub(super) fn program(&mut self, image: &Image) {
        self.expect("10 03", "50 03 00 32 01 F4");
        self.enter_programming();
        for (index, segment) in image.segments.iter().enumerate() {
            self.erase(segment.address);
            self.download(image, index);
            self.verify(segment.address, 0x00);
        }
        assert_eq!(self.last("31 01 FF 01"), "71 01 FF 01 00");
        self.expect("11 01", "51 01");
        self.wait(self.ecu.profile().timing.reset);
    }

    pub(super) fn enter_programming(&mut self) {
        assert_eq!(self.last("10 02"), "50 02 00 32 01 F4");
        self.wait(Duration::from_millis(800));
        self.unlock(0x11);
    }

    /// Codes the unit, up to and without the reset.
    pub(super) fn code(&mut self) {
        self.last("10 41");
        self.unlock(0x01);
        let coding = Coding::for_profile(self.ecu.profile());
        for (did, data) in &coding.entries {
            let request = [&[0x2E], &did.to_be_bytes()[..], data].concat();
            assert_eq!(self.send(&request).last().expect("an answer")[0], 0x6E);
        }
        assert_eq!(self.last("31 01 0F 01"), "71 01 0F 01 00");
        let stamp = [&[0x2E, 0x37, 0xFE], &coding.stamp[..]].concat();
        assert_eq!(self.send(&stamp), [vec![0x6E, 0x37, 0xFE]]);
    }

    pub(super) fn unlock(&mut self, level: u8) {
        let (_, key) = self.key(level);
        assert_eq!(self.send(&key), [vec![0x67, level + 1]]);
    }

    /// Asks for a seed; returns it, and the request that carries its key.
    pub(super) fn key(&mut self, level: u8) -> (Vec<u8>, Vec<u8>) {
        let answers = self.send(&[0x27, level, 0xFF, 0xFF, 0xFF, 0xFF]);
        let seed = answers.last().expect("an answer")[2..].to_vec();
        let (address, wide) = (self.ecu.profile().address, self.ecu.profile().security.wide_key);
        let key = placeholder_key(address, level, &seed, wide);
        (seed, [&[0x27, level + 1], &key[..]].concat())
    }

    pub(super) fn erase(&mut self, address: u32) {
        let request = [&[0x31, 0x01, 0xFF, 0x00, 0x02, 0x40], &address.to_be_bytes()[..], &[0x06]];
        let answers = self.send(&request.concat());
        assert_eq!(answers.last().expect("an answer"), &[0x71, 0x01, 0xFF, 0x00, 0x00]);
    }

    pub(super) fn open(&mut self, image: &Image, index: usize) {
        let segment = &image.segments[index];
        let size = (segment.data.len() as u32).to_be_bytes();
        let request = [&[0x34, 0x00, 0x44], &segment.address.to_be_bytes()[..], &size].concat();
        assert_eq!(self.send(&request), [vec![0x74, 0x20, 0x0B, 0xB9]]);
    }

    pub(super) fn block(&mut self, counter: u8, data: &[u8]) -> Vec<Vec<u8>> {
        self.send(&[&[0x36, counter], data].concat())
    }

    pub(super) fn download(&mut self, image: &Image, index: usize) {
        self.open(image, index);
        let mut counter = 0_u8;
        for chunk in image.segments[index].data.chunks(2_999) {
            counter = counter.wrapping_add(1);
            assert_eq!(self.block(counter, chunk), [vec![0x76, counter]]);
        }
        self.expect("37", "77");
    }

    pub(super) fn verify(&mut self, address: u32, result: u8) {
        let request =
            [&[0x31, 0x01, 0x02, 0x02, 0x12, 0x40], &address.to_be_bytes()[..], &[0, 0]].concat();
        let answers = self.send(&request);
        assert_eq!(answers.last().expect("an answer"), &[0x71, 0x01, 0x02, 0x02, result]);
    }

    /// Asks, and returns the last answer as text.
    pub(super) fn last(&mut self, request: &str) -> String {
        self.ask(request).pop().unwrap_or_default()
    }

    /// Asks, and compares the only answer.
    pub(super) fn expect(&mut self, request: &str, answer: &str) {
        assert_eq!(self.ask(request), [answer], "{request}");
    }

    /// Asks, and returns every answer as text.
    pub(super) fn ask(&mut self, request: &str) -> Vec<String> {
        self.send(&bytes(request)).iter().map(|answer| hex(answer)).collect()
    }

    /// Asks this unit alone, waits until it is done, and returns every answer.
    pub(super) fn send(&mut self, request: &[u8]) -> Vec<Vec<u8>> {
        let timed = self.timed(request, false);
        timed.into_iter().map(|(_, answer)| answer).collect()
    }

    /// Asks all units.
    pub(super) fn send_to_all(&mut self, request: &str) -> Vec<String> {
        let timed = self.timed(&bytes(request), true);
        timed.into_iter().map(|(_, answer)| hex(&answer)).collect()
    }

    /// Asks, and returns each answer with the time from the request.
    pub(super) fn timed(&mut self, request: &[u8], functional: bool) -> Vec<(Duration, Vec<u8>)> {
        let start = self.now;
        let mut answers = Vec::new();
        self.put(request, functional);
        self.collect(start, &mut answers);
        while self.ecu.is_working() {
            self.now = self.ecu.poll_timeout().expect("work has a deadline");
            self.ecu.handle_timeout(self.now);
            self.collect(start, &mut answers);
        }
        answers
    }

    /// Sends a request, and does not wait.
    pub(super) fn put(&mut self, request: &[u8], functional: bool) {
        let data = Bytes::copy_from_slice(request);
        self.ecu
            .handle_input(self.now, EcuInput::Request(Request { channel: 7, functional, data }));
    }

    fn collect(&mut self, start: Instant, answers: &mut Vec<(Duration, Vec<u8>)>) {
        while let Some(Response { channel, data }) = self.ecu.poll_output() {
            assert_eq!(channel, 7);
            answers.push((self.now - start, data.to_vec()));
        }
    }

    /// Tells the unit something.
    pub(super) fn tell(&mut self, input: EcuInput) {
        self.ecu.handle_input(self.now, input);
    }

    /// Lets time pass; answers are lost.
    pub(super) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.ecu.poll_timeout().filter(|due| *due <= end) {
            self.now = due;
            self.ecu.handle_timeout(due);
            while self.ecu.poll_output().is_some() {}
        }
        self.now = end;
        self.ecu.handle_timeout(end);
    }

    pub(super) fn events(&mut self) -> Vec<EcuEvent> {
        std::iter::from_fn(|| self.ecu.poll_event()).collect()
    }
}

pub(super) fn bytes(text: &str) -> Vec<u8> {
    let pairs = text.split_whitespace();
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal digits")).collect()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let pairs: Vec<_> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(" ")
}
