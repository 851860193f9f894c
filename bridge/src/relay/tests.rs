//! The relay alone: its table of states and stimuli, its bounds, and bytes that make no sense.

use std::fmt::Write;
use std::net::Ipv4Addr;

use bytes::{BufMut, BytesMut};
use node::Seed;
use proptest::prelude::*;

use crate::message::Role;

use super::*;

mod callers;
mod floods;

const NUMBER: OrderNumber = OrderNumber(7);
const MECHANIC: u8 = 20;
const TECHNICIAN: u8 = 10;
const CANDIDATE: u8 = 11;
const STRANGER: u8 = 66;

/// A relay and the clock, spoken to by hand.
struct Bench {
    relay: Relay,
    now: Instant,
}

/// States of one order.
#[derive(Clone, Copy, Debug)]
enum State {
    Absent,
    Offered,
    Wanted,
    Paired,
    Contested,
    Orphaned,
}

/// What can happen to one order.
#[derive(Clone, Copy, Debug)]
enum Stimulus {
    Open,
    OpenElsewhere,
    OpenByAnother,
    Join,
    JoinElsewhere,
    JoinByAnother,
    JoinWithoutCookie,
    Ping(u8),
    Packet(u8),
    Wrapped(u8),
    Admit(u8),
    Reject(u8),
    RejectAsWrong(u8),
    Leave(u8),
    Silence,
    HalfOpenLimit,
}

impl Bench {
    fn new(config: RelayConfig) -> Self {
        let mut relay = Relay::new(config, &Secret::of_virtual_time(Seed(5)));
        relay.next_candidate = 0;
        assert!(matches!(relay.poll_output(), Some(SocketAction::Bind { .. })));
        Self { relay, now: Instant::from_secs(100) }
    }

    fn tell(&mut self, from: u8, message: &Message) -> Vec<String> {
        self.tell_bytes(from, message.to_bytes())
    }

    fn tell_bytes(&mut self, from: u8, data: Bytes) -> Vec<String> {
        let local_port = self.relay.config.port;
        let event = SocketEvent::Datagram { local_port, peer: address(from), data };
        self.relay.handle_input(self.now, event);
        self.answers()
    }

    fn wait(&mut self, duration: Duration) -> Vec<String> {
        let end = self.now + duration;
        let mut answers = Vec::new();
        while let Some(at) = self.relay.poll_timeout().filter(|at| *at <= end) {
            assert!(at >= self.now);
            self.now = at;
            self.relay.handle_timeout(at);
            answers.extend(self.answers());
        }
        self.now = end;
        answers
    }

    fn answers(&mut self) -> Vec<String> {
        let mut answers = Vec::new();
        while let Some(action) = self.relay.poll_output() {
            let SocketAction::SendTo { peer, data, .. } = action else {
                panic!("a relay only sends: {action:?}");
            };
            if is_packet(&data) {
                answers.push(format!("{} ← packet", name(peer)));
                continue;
            }
            let message = Message::decode(data).expect("a relay sends messages");
            answers.push(format!("{} ← {}", name(peer), words(&message)));
        }
        while let Some(event) = self.relay.poll_event() {
            answers.push(format!("{event:?}"));
        }
        answers
    }

    fn cookie(&self, from: u8, instance: u64) -> u64 {
        cookie::cookie(&self.relay.secret, address(from), instance, epoch(self.now))
    }

    fn open(&mut self, from: u8, instance: u64, order: OrderNumber) -> Vec<String> {
        let cookie = self.cookie(from, instance);
        self.tell(from, &Message::Open { instance, order, cookie })
    }

    fn join(&mut self, from: u8, instance: u64) -> Vec<String> {
        let cookie = self.cookie(from, instance);
        self.tell(from, &Message::Join { instance, order: NUMBER, cookie })
    }

    fn admit(&mut self, candidate: u32) -> Vec<String> {
        let channel = self.channel();
        self.tell(MECHANIC, &Message::Admit { channel, candidate })
    }

    fn channel(&self) -> u64 {
        self.relay.places.iter().flatten().next().map_or(0xBAD, |order| order.channel)
    }

    fn reach(state: State) -> Self {
        let mut bench = Self::new(RelayConfig::default());
        if matches!(state, State::Absent) {
            return bench;
        }
        bench.open(MECHANIC, 1, NUMBER);
        if matches!(state, State::Offered) {
            return bench;
        }
        bench.join(TECHNICIAN, 2);
        if matches!(state, State::Wanted) {
            return bench;
        }
        bench.admit(1);
        match state {
            State::Absent | State::Offered | State::Wanted | State::Paired => {}
            State::Contested => drop(bench.join(CANDIDATE, 3)),
            State::Orphaned => {
                bench.now += Duration::from_secs(11);
                bench.tell_bytes(TECHNICIAN, packet());
                bench.wait(Duration::from_secs(1));
            }
        }
        bench
    }

    fn apply(&mut self, stimulus: Stimulus) -> Vec<String> {
        let channel = self.channel();
        let join = Message::Join { instance: 2, order: NUMBER, cookie: 1 };
        // The newest candidate, or the technician when there is none.
        let candidate = self.relay.next_candidate;
        match stimulus {
            Stimulus::Open => self.open(MECHANIC, 1, NUMBER),
            Stimulus::OpenElsewhere => self.open(21, 1, NUMBER),
            Stimulus::OpenByAnother => self.open(STRANGER, 6, NUMBER),
            Stimulus::Join => self.join(TECHNICIAN, 2),
            Stimulus::JoinElsewhere => self.join(12, 2),
            Stimulus::JoinByAnother => self.join(STRANGER, 6),
            Stimulus::JoinWithoutCookie => self.tell(TECHNICIAN, &join),
            Stimulus::Ping(from) => self.tell(from, &Message::Ping { channel, number: 9 }),
            Stimulus::Packet(from) => self.tell_bytes(from, packet()),
            Stimulus::Wrapped(from) => {
                self.tell(from, &Message::Wrapped { candidate, instance: 0, packet: packet() })
            }
            Stimulus::Admit(from) => self.tell(from, &Message::Admit { channel, candidate }),
            Stimulus::Reject(from) => {
                self.tell(from, &Message::Reject { channel, candidate, wrong: false })
            }
            Stimulus::RejectAsWrong(from) => {
                self.tell(from, &Message::Reject { channel, candidate, wrong: true })
            }
            Stimulus::Leave(from) => self.tell(from, &Message::Leave { channel }),
            Stimulus::Silence => self.wait(self.relay.config.silence),
            Stimulus::HalfOpenLimit => self.keep_pinging(self.relay.config.half_open_limit),
        }
    }

    /// Lets time pass while whoever is there keeps saying so; answers to that are not listed.
    fn keep_pinging(&mut self, duration: Duration) -> Vec<String> {
        let (end, channel) = (self.now + duration, self.channel());
        let mut answers = Vec::new();
        while self.now < end && self.relay.orders() > 0 {
            for from in [MECHANIC, TECHNICIAN, CANDIDATE] {
                self.tell(from, &Message::Ping { channel, number: 0 });
            }
            answers.extend(self.wait(Duration::from_secs(5)));
        }
        answers
    }

    fn state(&self) -> String {
        let Some(order) = self.relay.places.iter().flatten().next() else {
            return "absent".to_owned();
        };
        let mut state = String::new();
        if let Some(mechanic) = order.mechanic {
            write!(state, "{} ", name(mechanic.peer)).expect("a string takes everything");
        }
        if let Some(technician) = order.technician {
            write!(state, "+ {} ", name(technician.side.peer)).expect("a string takes everything");
        }
        for candidate in &order.candidates {
            write!(state, "? {} ", name(candidate.side.peer)).expect("a string takes everything");
        }
        state.trim().to_owned()
    }
}

/// Something with QUIC's fixed bit.
fn packet() -> Bytes {
    Bytes::from_static(b"@packet, short but not too short")
}

fn address(last: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, last), 50_000)
}

fn name(peer: SocketAddrV4) -> String {
    match peer.ip().octets()[3] {
        MECHANIC => "mechanic".to_owned(),
        TECHNICIAN => "technician".to_owned(),
        CANDIDATE => "candidate".to_owned(),
        STRANGER => "stranger".to_owned(),
        other => format!("elsewhere {other}"),
    }
}

/// A message without the numbers that are drawn.
fn words(message: &Message) -> String {
    match message {
        Message::Granted { peer, .. } => format!("granted, peer {peer:?}"),
        Message::Refused { reason, retry, .. } => format!("refused {reason:?}, retry {retry:?}"),
        Message::Pong { peer, .. } => format!("pong, peer {peer:?}"),
        Message::Challenge { .. } => "challenge".to_owned(),
        Message::Unknown { .. } => "unknown".to_owned(),
        Message::Left { .. } => "left".to_owned(),
        Message::Gone { candidate, .. } => format!("candidate {candidate} is gone"),
        Message::Wrapped { candidate, .. } => format!("wrapped packet of {candidate}"),
        other => panic!("a relay does not say {other:?}"),
    }
}

#[test]
fn every_state_meets_every_stimulus() {
    use State::*;
    use Stimulus::*;
    let mut stimuli = vec![Open, OpenElsewhere, OpenByAnother];
    stimuli.extend([Join, JoinElsewhere, JoinByAnother, JoinWithoutCookie]);
    for from in [MECHANIC, TECHNICIAN, CANDIDATE, STRANGER] {
        stimuli.extend([Ping(from), Packet(from), Wrapped(from), Admit(from), Reject(from)]);
        stimuli.extend([RejectAsWrong(from), Leave(from)]);
    }
    stimuli.extend([Silence, HalfOpenLimit]);
    let mut table = String::new();
    for state in [Absent, Offered, Wanted, Paired, Contested, Orphaned] {
        for stimulus in &stimuli {
            let mut bench = Bench::reach(state);
            let answers = bench.apply(*stimulus).join("\n    ");
            let answers = if answers.is_empty() { "(silence)" } else { &answers };
            let after = bench.state();
            writeln!(table, "{state:?} × {stimulus:?} → {after}\n    {answers}")
                .expect("a string takes everything");
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_cookie_grows_stale() {
    let mut bench = Bench::reach(State::Offered);
    let cookie = bench.cookie(TECHNICIAN, 2);
    bench.now += 2 * COOKIE_LIFE;
    let join = Message::Join { instance: 2, order: NUMBER, cookie };
    assert_eq!(bench.tell(TECHNICIAN, &join), ["technician ← challenge"]);
}

#[test]
fn holds_no_more_orders_than_it_may() {
    let config = RelayConfig { orders: 3, orders_per_address: 2, ..RelayConfig::default() };
    let mut bench = Bench::new(config);
    for (from, number) in [(1, 1), (1, 2), (1, 3), (2, 4), (3, 5)] {
        // One endpoint has one order: every further one comes from another port.
        bench.open(from, number, OrderNumber(number));
    }
    let held: Vec<u64> = bench.relay.numbers.keys().map(|number| number.0).collect();
    assert_eq!(held, [1, 2, 4]);
    assert_eq!(bench.relay.places.len(), 3);
}

#[test]
fn a_place_is_used_again_under_another_channel() {
    let mut bench = Bench::reach(State::Offered);
    let before = bench.channel();
    bench.tell(MECHANIC, &Message::Leave { channel: before });
    bench.open(MECHANIC, 1, NUMBER);
    assert_eq!(place(bench.channel()), place(before));
    assert_ne!(bench.channel(), before);
}

#[test]
fn holds_no_more_candidates_than_it_may() {
    let mut bench = Bench::reach(State::Offered);
    for instance in 10..13 {
        bench.join(TECHNICIAN, instance);
    }
    for from in 100..120 {
        bench.join(from, u64::from(from));
    }
    let order = bench.relay.places[0].as_ref().expect("the order is held");
    assert_eq!(order.candidates.len(), 8);
    let from_one = order.candidates.iter().filter(|one| one.side.peer == address(TECHNICIAN));
    assert_eq!(from_one.count(), 2);
    bench.now += Duration::from_secs(2);
    let answers = bench.join(STRANGER, 77);
    let gone = "mechanic ← candidate 2 is gone";
    assert_eq!(answers, [gone, "stranger ← granted, peer Some(10)"], "the oldest has had its time");
}

#[test]
fn a_wrong_passcode_holds_up_its_address_alone_and_ever_longer() {
    let mut bench = Bench::reach(State::Offered);
    let mut waits = Vec::new();
    for instance in 10..14 {
        bench.join(STRANGER, instance);
        waits.extend(bench.apply(Stimulus::RejectAsWrong(MECHANIC)));
        bench.now += Duration::from_secs(20);
    }
    waits.retain(|answer| answer.starts_with("stranger"));
    let refused = |wait| format!("stranger ← refused WrongPasscode, retry {wait}s");
    assert_eq!(waits, [1, 2, 4, 8].map(refused));
    bench.join(STRANGER, 20);
    bench.apply(Stimulus::RejectAsWrong(MECHANIC));
    let later = bench.join(STRANGER, 21);
    assert_eq!(later[0], "stranger ← refused TryLater, retry 16s");
    assert_eq!(bench.join(TECHNICIAN, 2), ["technician ← granted, peer Some(6)"]);
}

#[test]
fn reads_no_more_control_messages_of_one_sender_than_it_may() {
    let mut bench = Bench::new(RelayConfig { control_per_address: 10, ..RelayConfig::default() });
    let hello = Message::Hello { role: Role::Mechanic, instance: 1, order: NUMBER };
    let answered = (0..100).filter(|_| !bench.tell(STRANGER, &hello).is_empty()).count();
    assert_eq!(answered, 20, "two seconds' worth at once");
    assert_eq!(bench.relay.counters().throttled, 80);
    assert!(!bench.tell(TECHNICIAN, &hello).is_empty(), "another is heard");
}

#[test]
fn forwards_no_more_bytes_than_it_may() {
    let mut bench =
        Bench::new(RelayConfig { order_bytes_per_second: 100_000, ..Default::default() });
    bench.open(MECHANIC, 1, NUMBER);
    bench.join(TECHNICIAN, 2);
    bench.admit(1);
    let packet = Bytes::from(vec![0x40; 1000]);
    let forwarded =
        (0..100).filter(|_| !bench.tell_bytes(MECHANIC, packet.clone()).is_empty()).count();
    assert_eq!(forwarded, 10);
}

#[test]
fn a_flood_does_not_stop_the_order() {
    let mut bench = Bench::reach(State::Contested);
    (0..10_000).for_each(|_| drop(bench.tell_bytes(STRANGER, packet())));
    (0..100_000).for_each(|_| drop(bench.tell_bytes(CANDIDATE, packet())));
    assert_eq!(bench.tell_bytes(MECHANIC, packet()), ["technician ← packet"]);
    assert_eq!(bench.tell_bytes(TECHNICIAN, packet()), ["mechanic ← packet"]);
    assert!(bench.relay.counters().throttled > 80_000, "a candidate has its own small share");
    assert_eq!(bench.join(TECHNICIAN, 2), ["technician ← granted, peer Some(1)"]);
}

fn datagram() -> impl Strategy<Value = Bytes> {
    let shaped =
        (0_u8..0x14, proptest::collection::vec(any::<u8>(), 0..64)).prop_map(|(kind, body)| {
            let mut datagram = BytesMut::new();
            datagram.put_slice(&[crate::message::FORMAT, kind]);
            datagram.put_slice(&body);
            datagram.freeze()
        });
    let any = proptest::collection::vec(any::<u8>(), 0..64).prop_map(Bytes::from);
    prop_oneof![shaped, any]
}

proptest! {
    #[test]
    fn no_bytes_upset_a_relay(
        datagrams in proptest::collection::vec((datagram(), 0_u8..4, 0_u64..5000), 1..100)
    ) {
        let mut bench = Bench::reach(State::Paired);
        for (data, from, wait) in datagrams {
            let from = [MECHANIC, TECHNICIAN, STRANGER, 99][usize::from(from)];
            bench.wait(Duration::from_millis(wait));
            bench.tell_bytes(from, data);
            prop_assert!(bench.relay.orders() <= 1);
        }
        let seats = bench.relay.seats.len();
        prop_assert!(seats <= 4, "{seats} seats");
    }
}
