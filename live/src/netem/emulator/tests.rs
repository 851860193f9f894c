//! The emulator between pairs of local sockets, which need no privilege.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant as Wall;

use lab::world::Taps;
use netem_rs::{FateOutcome, LossReason};
use node::{Frame, Instant, Seed};
use rstest::rstest;

use super::*;
use crate::netem::Pace;

const SEED: Seed = Seed(7);

#[rstest]
#[case::epoll(Pace::Epoll)]
#[case::hybrid(Pace::Hybrid)]
#[case::spin(Pace::Spin)]
fn frames_meet_the_fates_of_virtual_time(#[case] pace: Pace) {
    let bad = impairment(
        r#"{"delay": "2ms", "loss": "10%", "duplicate": "5%", "corrupt": "5%", "reorder": "5%",
            "reorder-by": "1ms", "drop": [3, 77], "burst": {"p": "2%", "r": "30%"}}"#,
    );
    let frames: Vec<Frame> = (0..400u16).map(frame).collect();
    let mut wan = wan([&bad; 4]);
    let mut taps = Taps::new(false);
    for (at, frame) in (0..).zip(&frames) {
        let now = Instant::from_millis(at);
        wan.push(Way::MechanicUp, now, frame.clone(), &mut taps);
    }
    let virtual_fates = fates(|| taps.poll_fate());
    let mut arrived: Vec<_> = std::iter::from_fn(|| wan.pop(Instant::from_secs(9))).collect();
    arrived.sort_by(|(_, one), (_, other)| one.cmp(other));

    let bench = Bench::start([&bad; 4], Options { pace, ..Options::default() });
    frames.iter().for_each(|frame| bench.workshop.send_frame(frame));
    let mut received = Vec::from_iter(arrived.iter().map(|_| bench.mechanics_relay.take()));
    received.sort();

    assert!(virtual_fates.len() > 60, "only {} unusual fates", virtual_fates.len());
    assert_eq!(fates(|| bench.emulator.poll_fate()), virtual_fates);
    assert!(arrived.iter().map(|(_, frame)| frame).eq(&received), "other frames came out");
    let report = bench.emulator.stop();
    assert_eq!(report.lateness.count, arrived.len() as u64);
    assert_eq!(report.links[Way::MechanicUp as usize], wan.counters(Way::MechanicUp));
}

#[test]
fn no_frame_is_early_and_none_overtakes() {
    let jitter = impairment(r#"{"delay": "6ms", "jitter": "4ms"}"#);
    let bench = Bench::start([&jitter; 4], Options::default());
    let sent = Vec::from_iter((0..60).map(|number| {
        let before = Wall::now();
        bench.site.send_frame(&frame(number));
        before
    }));
    for (number, sent) in (0..).zip(sent) {
        assert_eq!(bench.technicians_relay.take(), frame(number));
        assert!(sent.elapsed() >= Duration::from_millis(2), "frame {number}");
    }
}

#[test]
fn a_frame_is_let_go_before_it_is_due_by_some_of_what_sending_takes() {
    let (site, end) = pair();
    let [workshop, other_relay] = [(); 2].map(|()| pair().1);
    let (relay, relay_end) = pair();
    let topology = Topology::Bridge {
        technician: [end, Socket { sends_for: Duration::from_micros(50), ..relay_end }],
        mechanic: [workshop, other_relay],
    };
    let slow = impairment(r#"{"delay": "2ms"}"#);
    let options = Options { pace: Pace::Spin, ..Options::default() };
    let _emulator = Emulator::start(topology, wan([&slow; 4]), Clock::start(), &options).unwrap();
    let (due, mut earliest) = (Duration::from_millis(2), Duration::MAX);
    // On a busy machine most are held up: one that is not is enough.
    for number in 0..2_000 {
        let sent = Wall::now();
        site.send_frame(&frame(number));
        earliest = earliest.min(relay.take_with_time().1 - sent);
        if number >= 150 && earliest < due {
            break;
        }
    }
    assert!(earliest < due, "none was let go before {earliest:?}");
    assert!(earliest >= due - Duration::from_micros(25), "{earliest:?}");
}

#[test]
fn a_change_counts_from_the_frame_after_it() {
    let bench = Bench::plain();
    bench.site.send_frame(&frame(0));
    assert_eq!(bench.technicians_relay.take(), frame(0));
    bench.emulator.change(Way::TechnicianUp, &impairment(r#"{"loss": "100%"}"#));
    bench.counters();
    bench.site.send_frame(&frame(1));
    bench.await_entered(Way::TechnicianUp, 2);
    let counters = bench.counters()[Way::TechnicianUp as usize];
    assert_eq!((counters.delivered, counters.lost_random), (1, 1));
}

#[test]
fn a_blackout_loses_everything_and_ends() {
    let bench = Bench::plain();
    bench.emulator.black_out(Way::TechnicianDown, Duration::from_millis(20));
    bench.counters();
    for number in 0.. {
        assert!(number < 10_000, "the blackout does not end");
        bench.technicians_relay.send_frame(&frame(number));
        bench.await_entered(Way::TechnicianDown, u64::from(number) + 1);
        if bench.counters()[Way::TechnicianDown as usize].delivered > 0 {
            break;
        }
    }
    let first = bench.emulator.poll_fate().expect("the first frame fell into the blackout");
    assert_eq!(first.fate.outcome, FateOutcome::Lost(LossReason::Blackout));
    assert_eq!(first.fate.index, 0);
}

#[test]
fn a_schedule_follows_the_clock_of_the_run() {
    let scheduled = r#"{"schedule": [{"at": "0ms", "set": {"drop": [0]}},
                                     {"at": "10h", "set": {"loss": "100%"}}]}"#;
    let bench = Bench::start([&impairment(scheduled); 4], Options::default());
    bench.workshop.send_frame(&frame(0));
    bench.workshop.send_frame(&frame(1));
    assert_eq!(bench.mechanics_relay.take(), frame(1));
    assert_eq!(bench.counters()[Way::MechanicUp as usize].lost_list, 1);
}

#[test]
fn frames_are_struck_by_number() {
    let bench = Bench::plain();
    bench.emulator.intervene(Way::MechanicDown, 1, 1, Intervention::Duplicate);
    bench.emulator.intervene(Way::MechanicDown, 2, 1, Intervention::Damage);
    bench.counters();
    (0..3).for_each(|number| bench.mechanics_relay.send_frame(&frame(number)));
    let taken = [(); 4].map(|()| bench.workshop.take());
    assert_eq!(taken[..3], [frame(0), frame(1), frame(1)]);
    let third = frame(2);
    let flipped = taken[3].iter().zip(&third).map(|(is, was)| (is ^ was).count_ones());
    assert_eq!(flipped.sum::<u32>(), 1);
}

#[test]
fn sightings_tell_bytes_tap_and_fate() {
    let lossy = impairment(r#"{"drop": [1]}"#);
    let bench = Bench::start([&lossy; 4], Options { sightings: 2, ..Options::default() });
    (0..3).for_each(|number| bench.workshop.send_frame(&frame(number)));
    bench.await_entered(Way::MechanicUp, 3);
    let sightings = [(); 2].map(|()| bench.emulator.poll_sighting().expect("two are kept"));
    let told = sightings.each_ref().map(|one| (one.frame.clone(), one.comment.as_deref()));
    let lost = "mechanic-up: frame 1 lost (list)";
    assert_eq!(told, [(frame(0), None), (frame(1), Some(lost))]);
    assert_eq!(sightings[0].tap, lab::world::Tap::WanMechanic);
    assert!(sightings[0].at < sightings[1].at);
    assert_eq!(bench.emulator.stop().sightings_missed, 1);
}

#[test]
fn fates_nobody_takes_are_counted_and_forgotten() {
    let lossy = impairment(r#"{"loss": "100%"}"#);
    let bench = Bench::start([&lossy; 4], Options { fates: 4, ..Options::default() });
    (0..10).for_each(|number| bench.site.send_frame(&frame(number)));
    bench.await_entered(Way::TechnicianUp, 10);
    assert_eq!(fates(|| bench.emulator.poll_fate()).len(), 4);
    assert_eq!(bench.emulator.stop().fates_missed, 6);
}

#[test]
fn a_wire_crosses_both_legs_and_is_late_only_once() {
    let slow = impairment(r#"{"delay": "3ms"}"#);
    let (tester, tester_end) = pair();
    let (car, car_end) = pair();
    let topology = Topology::Wire { tester: tester_end, car: car_end };
    let emulator =
        Emulator::start(topology, wan([&slow; 4]), Clock::start(), &Options::default()).unwrap();
    let sent = Wall::now();
    tester.send_frame(&frame(0));
    assert_eq!(car.take(), frame(0));
    let there = sent.elapsed();
    car.send_frame(&frame(1));
    assert_eq!(tester.take(), frame(1));
    assert!(there >= Duration::from_millis(6), "{there:?}");
    let entered = Way::ALL.map(|way| emulator.entered(way));
    assert_eq!(entered, [1; 4]);
    assert_eq!(emulator.stop().lateness.count, 2);
}

#[test]
fn a_frame_a_port_does_not_take_is_dropped_and_counted() {
    let (site, end) = pair();
    let [relay, workshop, other_relay] = [(); 3].map(|()| pair().1);
    let topology = Topology::Bridge {
        technician: [end, Socket { delivers: None, ..relay }],
        mechanic: [workshop, other_relay],
    };
    let plain = Impairment::default();
    let emulator =
        Emulator::start(topology, wan([&plain; 4]), Clock::start(), &Options::default()).unwrap();
    (0..5).for_each(|number| site.send_frame(&frame(number)));
    await_that(|| emulator.entered(Way::TechnicianUp) == 5);
    emulator.counters().expect("the thread runs");
    let report = emulator.stop();
    assert_eq!((report.refused, report.lateness.count), (5, 5));
}

#[test]
fn a_port_that_fails_is_named_and_the_others_go_on() {
    let (site, end) = pair();
    let (relay, relay_end) = pair();
    let (_workshop, gone) = pair();
    let (_other_relay, quiet) = pair();
    let topology = Topology::Bridge {
        technician: [end, relay_end],
        mechanic: [Socket { fails: true, ..gone }, quiet],
    };
    _workshop.send_frame(&frame(0));
    let plain = Impairment::default();
    let emulator =
        Emulator::start(topology, wan([&plain; 4]), Clock::start(), &Options::default()).unwrap();
    emulator.counters().expect("the thread runs");
    site.send_frame(&frame(1));
    assert_eq!(relay.take(), frame(1));
    let report = emulator.stop();
    let lost = Vec::from_iter(report.lost.iter().map(|lost| (lost.end, lost.source.kind())));
    assert_eq!(lost, [(2, io::ErrorKind::NotConnected)]);
    assert!(report.failure.is_none());
}

#[test]
fn a_frame_enters_when_it_had_arrived_however_late_it_was_read() {
    let (site, end) = pair();
    let [relay, workshop, other_relay] = [(); 3].map(|()| pair().1);
    let since_before_the_start = Duration::from_secs(3600);
    let topology = Topology::Bridge {
        technician: [Socket { waited: since_before_the_start, ..end }, relay],
        mechanic: [workshop, other_relay],
    };
    let lossy = impairment(r#"{"drop": [0]}"#);
    let emulator =
        Emulator::start(topology, wan([&lossy; 4]), Clock::start(), &Options::default()).unwrap();
    site.send_frame(&frame(0));
    await_that(|| emulator.entered(Way::TechnicianUp) == 1);
    emulator.counters().expect("the thread runs");
    let met = emulator.poll_fate().expect("the frame was lost");
    assert_eq!(met.fate.at, Instant::ZERO);
}

#[test]
fn dropping_the_handle_ends_the_thread_and_gives_the_ports_back() {
    let bench = Bench::plain();
    drop(bench.emulator);
    let error = bench.site.socket.send(&frame(0)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

/// An emulator between four sockets.
struct Bench {
    emulator: Emulator,
    site: Peer,
    technicians_relay: Peer,
    workshop: Peer,
    mechanics_relay: Peer,
}

impl Bench {
    fn plain() -> Self {
        Self::start([&Impairment::default(); 4], Options::default())
    }

    fn start(impairments: [&Impairment; 4], options: Options) -> Self {
        let [site, technicians_relay, workshop, mechanics_relay] = [(); 4].map(|()| pair());
        let topology = Topology::Bridge {
            technician: [site.1, technicians_relay.1],
            mechanic: [workshop.1, mechanics_relay.1],
        };
        let emulator = Emulator::start(topology, wan(impairments), Clock::start(), &options)
            .expect("a thread can be started");
        Self {
            emulator,
            site: site.0,
            technicians_relay: technicians_relay.0,
            workshop: workshop.0,
            mechanics_relay: mechanics_relay.0,
        }
    }

    /// Also waits until everything asked for before is done.
    fn counters(&self) -> [Counters; 4] {
        self.emulator.counters().expect("the thread runs")
    }

    fn await_entered(&self, way: Way, count: u64) {
        await_that(|| self.emulator.entered(way) == count);
    }
}

fn await_that(is_so: impl Fn() -> bool) {
    let begun = Wall::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it never came to that");
        std::thread::yield_now();
    }
}

/// The far end of a port the emulator has.
struct Peer {
    socket: UnixDatagram,
    delivered: Receiver<(Frame, Wall)>,
}

impl Peer {
    fn send_frame(&self, frame: &Frame) {
        self.socket.send(frame).expect("the emulator takes frames");
    }

    fn take(&self) -> Frame {
        self.take_with_time().0
    }

    /// Also when the emulator began to send it.
    fn take_with_time(&self) -> (Frame, Wall) {
        self.delivered.recv_timeout(PATIENCE).expect("the emulator delivers")
    }
}

/// A port in memory: it is read like any other, and takes whatever it is given.
struct Socket {
    socket: UnixDatagram,
    delivers: Option<Sender<(Frame, Wall)>>,
    /// How long sending a frame keeps its sender.
    sends_for: Duration,
    fails: bool,
    /// How long its frames had been there, told once it was asked to note that.
    waited: Duration,
    notes: bool,
}

impl End for Socket {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn note_arrivals(&mut self) -> io::Result<()> {
        self.notes = true;
        Ok(())
    }

    fn waited(&self) -> Duration {
        if self.notes { self.waited } else { Duration::ZERO }
    }

    fn receive(&mut self) -> io::Result<Option<Frame>> {
        let mut buffer = [0; 2048];
        match self.socket.recv(&mut buffer) {
            Ok(_) if self.fails => Err(io::ErrorKind::NotConnected.into()),
            Ok(length) => Ok(Some(Frame::copy_from_slice(&buffer[..length]))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        let full = io::ErrorKind::WouldBlock;
        let begun = Wall::now();
        while begun.elapsed() < self.sends_for {
            std::hint::spin_loop();
        }
        let delivers = self.delivers.as_ref().ok_or(full)?;
        let delivered = delivers.send((Frame::copy_from_slice(frame), begun));
        delivered.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

fn pair() -> (Peer, Socket) {
    let (far, near) = UnixDatagram::pair().expect("a pair of sockets");
    let (delivers, delivered) = channel();
    far.set_write_timeout(Some(PATIENCE)).expect("a time-out");
    near.set_nonblocking(true).expect("a socket that does not block");
    let peer = Peer { socket: far, delivered };
    let (waited, notes, sends_for) = (Duration::ZERO, false, Duration::ZERO);
    let delivers = Some(delivers);
    (peer, Socket { socket: near, delivers, sends_for, fails: false, waited, notes })
}

fn wan(impairments: [&Impairment; 4]) -> Wan {
    Wan::new(impairments, SEED)
}

fn impairment(text: &str) -> Impairment {
    let impairment: Impairment = serde_json::from_str(text).expect("an impairment");
    impairment.check().expect("values that fit together");
    impairment
}

/// A frame that says its number, long enough to be damaged somewhere else.
fn frame(number: u16) -> Frame {
    let mut bytes = vec![0x55; 100];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    bytes.into()
}

/// Index and what became of it, without the times.
fn fates(poll: impl FnMut() -> Option<Met>) -> Vec<(u64, String)> {
    std::iter::from_fn(poll)
        .map(|met| {
            let text = met.fate.to_string();
            let became = match met.fate.outcome {
                FateOutcome::Lost(_) => text,
                FateOutcome::Delivered { damaged, duplicated, held_back, .. } => {
                    format!("{damaged} {duplicated} {held_back}")
                }
            };
            (met.fate.index, became)
        })
        .collect()
}

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(4);
