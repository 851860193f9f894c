//! The checks are checked: wires with one fault each are caught by exactly the right rows.

use std::collections::VecDeque;

use node::{Duration, Frame, Instant, PortInput, Seed};
use rstest::rstest;

use super::bench::{Between, Reference, Wire, options, run};
use super::frames::{mac, probe, tcp, untagged};
use super::machine::{End, IDLE, Options};
use super::{Grade, Row, Subject, examine};

/// What is wrong with a wire.
#[derive(Clone, Copy, Debug)]
enum Fault {
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
}

#[rstest]
#[case(Fault::DamagesOneByte, &["damage"])]
#[case(Fault::Reorders, &["order"])]
#[case(Fault::Duplicates, &["duplication"])]
#[case(Fault::EatsTags, &["VLAN tag"])]
#[case(Fault::EatsTaggedFrames, &["VLAN tag"])]
#[case(Fault::EatsLongFrames, &["full-size frames", "MTU"])]
#[case(Fault::EatsOneLength, &["odd sizes"])]
#[case(Fault::SwallowsMulticast, &["multicast discovery"])]
#[case(Fault::SwallowsBroadcast, &["ARP", "broadcast discovery", "address change"])]
#[case(Fault::SwallowsArp, &["ARP", "address change"])]
#[case(Fault::KnowsTwoAddressesOnly, &["foreign addresses", "address change"])]
#[case(Fault::LearnsAddressesOnce, &["address change"])]
#[case(Fault::HidesLinkLoss, &["link state"])]
#[case(Fault::NeverSaysThatLinkIsBack, &["link state"])]
#[case(Fault::KeepsFramesThroughReset, &["gateway reset"])]
#[case(Fault::StaysDeadAfterReset, &["gateway reset"])]
#[case(Fault::AnswersInTheCarsPlace, &["half-open sessions", "additions"])]
#[case(Fault::ForgetsWhenIdle, &["idle"])]
#[case(Fault::LosesSome, &["loss"])]
#[case(Fault::InventsFrames, &["additions"])]
#[case(Fault::CutsFrames, &["damage"])]
fn a_faulty_wire_is_caught_by_exactly_the_right_rows(
    #[case] fault: Fault,
    #[case] caught: &[&str],
) {
    let mut wire = Faulty::new(fault);
    let rows = run(&mut wire, options("wire", None, IDLE));
    let found: Vec<&str> = rows
        .iter()
        .filter(|row| !matches!(row.grade, Grade::Pass | Grade::Unsupported))
        .map(|row| row.check)
        .collect();
    assert_eq!(found, caught, "{}", told(&rows));
    let shown = rows.iter().filter(|row| caught.contains(&row.check));
    for row in shown {
        assert!(!row.evidence.is_empty(), "{row:?} shows nothing");
    }
}

#[test]
fn a_plain_wire_passes_everything_but_has_no_relay() {
    let rows = examine(Subject::Wire, Seed(1), IDLE);
    insta::assert_snapshot!(told(&rows));
}

#[test]
fn the_reference_bridge_is_as_a_wire() {
    let rows = examine(Subject::Reference, Seed(1), IDLE);
    let grades: Vec<(&str, Grade)> = rows.iter().map(|row| (row.check, row.grade)).collect();
    let worse: Vec<_> = grades.iter().filter(|(_, grade)| *grade != Grade::Pass).collect();
    assert!(worse.is_empty(), "{worse:?}\n{}", told(&rows));
    assert_eq!(rows, examine(Subject::Reference, Seed(1), IDLE), "the same seed, the same rows");
}

#[test]
fn a_bridge_that_claims_little_lacks_little() {
    let claimless = Options { claims: Default::default(), mtu: 1400, ..wire_options() };
    let rows = run(&mut Faulty::new(Fault::EatsLongFrames), claimless.clone());
    assert_eq!(grade(&rows, "full-size frames"), Grade::Finding);
    assert_eq!(grade(&rows, "MTU"), Grade::Finding, "1386 are not the 1400 it says");
    let rows = run(&mut Faulty::new(Fault::HidesLinkLoss), claimless);
    assert_eq!(grade(&rows, "link state"), Grade::Unsupported);
}

#[test]
fn what_is_never_connected_is_not_examined_further() {
    let mut bridge = Reference::new(Seed(1));
    bridge.relay(Instant::ZERO, false);
    let rows = run(&mut bridge, options("reference", Some(true), IDLE));
    assert_eq!(grade(&rows, "passage"), Grade::Fail);
    assert!(rows.iter().skip(1).all(|row| row.grade == Grade::NotRun), "{}", told(&rows));
    assert!(rows.len() > 15);
}

#[test]
fn what_cannot_be_tried_says_why() {
    let mut excused = Options { link: false, ..wire_options() };
    excused.excused.insert("VLAN tag".to_owned(), "the ports here take tags off".to_owned());
    let rows = run(&mut Wire::new(Seed(1)), excused);
    let not_run: Vec<&str> =
        rows.iter().filter(|row| row.grade == Grade::NotRun).map(|row| row.check).collect();
    assert_eq!(not_run, ["VLAN tag", "link state", "gateway reset"]);
    let tag = rows.iter().find(|row| row.check == "VLAN tag").unwrap();
    assert_eq!(tag.words, "the ports here take tags off");
}

#[test]
fn a_shortened_idle_time_is_told() {
    let options = options("wire", None, Duration::from_secs(5));
    let rows = run(&mut Wire::new(Seed(1)), options);
    let idle = rows.iter().find(|row| row.check == "idle").unwrap();
    assert!(idle.words.starts_with("after 5 s (shortened from 10 min"), "{}", idle.words);
}

fn wire_options() -> Options {
    options("wire", None, Duration::from_secs(5))
}

fn grade(rows: &[Row], check: &str) -> Grade {
    rows.iter().find(|row| row.check == check).expect("every check has a row").grade
}

fn told(rows: &[Row]) -> String {
    let line = |row: &Row| format!("{:20} {:12} {}\n", row.check, row.grade, row.words);
    rows.iter().map(line).collect()
}

/// A wire with one fault.
struct Faulty {
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
}

impl Faulty {
    fn new(fault: Fault) -> Self {
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
            Fault::DamagesOneByte
            | Fault::Reorders
            | Fault::Duplicates
            | Fault::EatsTags
            | Fault::HidesLinkLoss
            | Fault::NeverSaysThatLinkIsBack
            | Fault::KeepsFramesThroughReset
            | Fault::AnswersInTheCarsPlace
            | Fault::InventsFrames
            | Fault::CutsFrames => false,
        }
    }

    /// Does to a frame that comes out what the fault does to some.
    fn spoil(&mut self, end: End, frame: Frame) {
        self.count += 1;
        let is_struck = self.count.is_multiple_of(50);
        let mut bytes = frame.to_vec();
        match self.fault {
            Fault::DamagesOneByte if is_struck => {
                *bytes.last_mut().unwrap() ^= 1;
                self.give(end, bytes.into());
            }
            Fault::Duplicates if is_struck => {
                self.give(end, frame.clone());
                self.give(end, frame);
            }
            Fault::InventsFrames if is_struck => {
                let number = 0xFFFF_0000 + self.count as u32;
                self.give(end, probe(end.other(), number, 90));
                self.give(end, frame);
            }
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

    fn give(&mut self, end: End, frame: Frame) {
        self.out.push_back((end, PortInput::Frame(frame)));
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
                let hidden = hides
                    || matches!(self.fault, Fault::NeverSaysThatLinkIsBack) && up && is_second;
                if !hidden {
                    self.wire.enter(now, end, PortInput::Link(up));
                }
            }
        }
    }

    fn relay(&mut self, _: Instant, _: bool) {}

    fn handle_timeout(&mut self, now: Instant) {
        self.wire.handle_timeout(now);
        while let Some((end, input)) = self.wire.poll() {
            match input {
                PortInput::Frame(frame) => self.spoil(end, frame),
                link @ PortInput::Link(_) => self.out.push_back((end, link)),
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.wire.poll_timeout()
    }

    fn poll(&mut self) -> Option<(End, PortInput)> {
        if let Some(out) = self.out.pop_front() {
            return Some(out);
        }
        // Carrier passes at the same instant.
        self.wire.poll()
    }
}

/// Lengths of the long stream that no other check sends.
fn is_of_stream(frame: &[u8]) -> bool {
    let length = frame.len();
    (500..=1100).contains(&length)
        && !(length - 60).is_multiple_of(7)
        && ![511, 513, 1023, 1025].contains(&length)
}
