//! The relay alone: its table of states and stimuli, its bounds, and bytes that make no sense.

use std::fmt::Write;

use bytes::{BufMut, BytesMut};
use proptest::prelude::*;

use node::Seed;

use super::*;

const NUMBER: OrderNumber = OrderNumber(7);
const MECHANIC: u8 = 20;
const TECHNICIAN: u8 = 10;
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
    Paired,
    Orphaned,
    Barred,
}

/// What can happen to one order.
#[derive(Clone, Copy, Debug)]
enum Stimulus {
    OpenRight,
    OpenWrong,
    OpenAnew,
    JoinRight,
    JoinWrong,
    JoinAnew,
    JoinWithoutCookie,
    PingMechanic,
    PingTechnician,
    PingStranger,
    DataMechanic,
    DataTechnician,
    DataStranger,
    LeaveMechanic,
    LeaveTechnician,
    LeaveStranger,
    Silence,
    HalfOpenLimit,
}

impl Bench {
    fn new(config: RelayConfig) -> Self {
        let mut relay = Relay::new(config, Seed(5));
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
            let message = Message::decode(data).expect("a relay sends messages");
            answers.push(format!("{} ← {}", name(peer), words(&message)));
        }
        while let Some(event) = self.relay.poll_event() {
            answers.push(format!("{event:?}"));
        }
        answers
    }

    fn cookie(&self, from: u8, instance: u64) -> u64 {
        passcode::cookie(&self.relay.secret, address(from), instance, epoch(self.now))
    }

    fn open(&mut self, from: u8, instance: u64, passcode: &str) -> Vec<String> {
        self.open_number(from, instance, passcode, NUMBER)
    }

    fn open_number(
        &mut self,
        from: u8,
        instance: u64,
        passcode: &str,
        order: OrderNumber,
    ) -> Vec<String> {
        let cookie = self.cookie(from, instance);
        let verifier = passcode::verifier(passcode, order);
        self.tell(from, &Message::Open { instance, order, cookie, verifier })
    }

    fn join(&mut self, from: u8, instance: u64, passcode: &str) -> Vec<String> {
        let cookie = self.cookie(from, instance);
        let proof = passcode::proof(&passcode::verifier(passcode, NUMBER), NUMBER, cookie);
        self.tell(from, &Message::Join { instance, order: NUMBER, cookie, proof })
    }

    fn channel(&self) -> u64 {
        self.relay.places.iter().flatten().next().map_or(0xBAD, |order| order.channel)
    }

    fn reach(state: State) -> Self {
        let mut bench = Self::new(RelayConfig::default());
        match state {
            State::Absent => {}
            State::Offered => drop(bench.open(MECHANIC, 1, "right")),
            State::Paired => {
                bench.open(MECHANIC, 1, "right");
                bench.join(TECHNICIAN, 2, "right");
            }
            State::Orphaned => {
                bench.open(MECHANIC, 1, "right");
                bench.join(TECHNICIAN, 2, "right");
                let channel = bench.channel();
                let order = bench.relay.at(channel).expect("the order was just opened");
                let sides = order.sides.without(bench.now, Role::Mechanic);
                order.sides = sides.expect("the technician is left");
            }
            State::Barred => {
                bench.open(MECHANIC, 1, "right");
                bench.join(TECHNICIAN, 2, "wrong");
            }
        }
        bench
    }

    fn apply(&mut self, stimulus: Stimulus) -> Vec<String> {
        let channel = self.channel();
        let data = Message::Data { channel, sealed: Bytes::from_static(b"sealed") };
        let ping = Message::Ping { channel, number: 9 };
        let leave = Message::Leave { channel };
        let join = Message::Join { instance: 2, order: NUMBER, cookie: 1, proof: [0; 32] };
        match stimulus {
            Stimulus::OpenRight => self.open(MECHANIC, 1, "right"),
            Stimulus::OpenWrong => self.open(STRANGER, 6, "wrong"),
            Stimulus::OpenAnew => self.open(21, 11, "right"),
            Stimulus::JoinRight => self.join(TECHNICIAN, 2, "right"),
            Stimulus::JoinWrong => self.join(STRANGER, 6, "wrong"),
            Stimulus::JoinAnew => self.join(11, 12, "right"),
            Stimulus::JoinWithoutCookie => self.tell(TECHNICIAN, &join),
            Stimulus::PingMechanic => self.tell(MECHANIC, &ping),
            Stimulus::PingTechnician => self.tell(TECHNICIAN, &ping),
            Stimulus::PingStranger => self.tell(STRANGER, &ping),
            Stimulus::DataMechanic => self.tell(MECHANIC, &data),
            Stimulus::DataTechnician => self.tell(TECHNICIAN, &data),
            Stimulus::DataStranger => self.tell(STRANGER, &data),
            Stimulus::LeaveMechanic => self.tell(MECHANIC, &leave),
            Stimulus::LeaveTechnician => self.tell(TECHNICIAN, &leave),
            Stimulus::LeaveStranger => self.tell(STRANGER, &leave),
            Stimulus::Silence => self.wait(self.relay.config.silence),
            Stimulus::HalfOpenLimit => self.keep_pinging(self.relay.config.half_open_limit),
        }
    }

    /// Lets time pass while whoever is there keeps saying so; answers to that are not listed.
    fn keep_pinging(&mut self, duration: Duration) -> Vec<String> {
        let (end, channel) = (self.now + duration, self.channel());
        let mut answers = Vec::new();
        while self.now < end && self.relay.orders() > 0 {
            for from in [MECHANIC, TECHNICIAN] {
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
        let sides = match order.sides {
            Sides::Half { role, side, .. } => format!("{role:?} {} alone", name(side.peer)),
            Sides::Both { technician, mechanic } => {
                format!("{} and {}", name(technician.peer), name(mechanic.peer))
            }
        };
        match order.barred_for(self.now) {
            Some(wait) => format!("{sides}, barred for {wait:?}"),
            None => sides,
        }
    }
}

fn address(last: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, last), 50_000)
}

fn name(peer: SocketAddrV4) -> String {
    match peer.ip().octets()[3] {
        MECHANIC => "mechanic".to_owned(),
        TECHNICIAN => "technician".to_owned(),
        STRANGER => "stranger".to_owned(),
        other => format!("newcomer {other}"),
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
        Message::Data { sealed, .. } => format!("data {sealed:?}"),
        other => panic!("a relay does not say {other:?}"),
    }
}

#[test]
fn every_state_meets_every_stimulus() {
    use State::*;
    use Stimulus::*;
    let states = [Absent, Offered, Paired, Orphaned, Barred];
    let stimuli = [
        OpenRight,
        OpenWrong,
        OpenAnew,
        JoinRight,
        JoinWrong,
        JoinAnew,
        JoinWithoutCookie,
        PingMechanic,
        PingTechnician,
        PingStranger,
        DataMechanic,
        DataTechnician,
        DataStranger,
        LeaveMechanic,
        LeaveTechnician,
        LeaveStranger,
        Silence,
        HalfOpenLimit,
    ];
    let mut table = String::new();
    for state in states {
        for stimulus in stimuli {
            let mut bench = Bench::reach(state);
            let answers = bench.apply(stimulus).join("\n    ");
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
    let proof = passcode::proof(&passcode::verifier("right", NUMBER), NUMBER, cookie);
    bench.now += 2 * COOKIE_LIFE;
    let join = Message::Join { instance: 2, order: NUMBER, cookie, proof };
    assert_eq!(bench.tell(TECHNICIAN, &join), ["technician ← challenge"]);
}

#[test]
fn holds_no_more_orders_than_it_may() {
    let config = RelayConfig { orders: 3, orders_per_address: 2, ..RelayConfig::default() };
    let mut bench = Bench::new(config);
    for (from, number) in [(1, 1), (1, 2), (1, 3), (2, 4), (3, 5)] {
        bench.open_number(from, 1, "x", OrderNumber(number));
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
    bench.open(MECHANIC, 1, "right");
    assert_eq!(place(bench.channel()), place(before));
    assert_ne!(bench.channel(), before);
}

#[test]
fn reads_no_more_control_messages_than_it_may() {
    let config = RelayConfig { control_per_second: 10, ..RelayConfig::default() };
    let mut bench = Bench::new(config);
    let hello = Message::Hello { role: Role::Mechanic, instance: 1, order: NUMBER };
    let answered = (0..100).filter(|_| !bench.tell(STRANGER, &hello).is_empty()).count();
    assert_eq!(answered, 10);
    assert_eq!(bench.relay.counters().throttled, 90);
}

#[test]
fn forwards_no_more_bytes_than_it_may() {
    let mut bench =
        Bench::new(RelayConfig { order_bytes_per_second: 100_000, ..Default::default() });
    bench.open(MECHANIC, 1, "right");
    bench.join(TECHNICIAN, 2, "right");
    let data = Message::Data { channel: bench.channel(), sealed: Bytes::from(vec![0; 990]) };
    let forwarded = (0..100).filter(|_| !bench.tell(MECHANIC, &data).is_empty()).count();
    assert_eq!(forwarded, 10);
}

#[test]
fn a_flood_from_strangers_does_not_stop_the_order() {
    let mut bench = Bench::reach(State::Paired);
    let stray = Message::Data { channel: 1, sealed: Bytes::new() };
    (0..10_000).for_each(|_| drop(bench.tell(STRANGER, &stray)));
    let data = Message::Data { channel: bench.channel(), sealed: Bytes::from_static(b"x") };
    assert_eq!(bench.tell(MECHANIC, &data), ["technician ← data b\"x\""]);
    assert!(!bench.join(TECHNICIAN, 2, "right").is_empty());
}

fn datagram() -> impl Strategy<Value = Bytes> {
    let shaped =
        (0_u8..0x12, proptest::collection::vec(any::<u8>(), 0..64)).prop_map(|(kind, body)| {
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
        let channel = bench.channel();
        for (data, from, wait) in datagrams {
            let from = [MECHANIC, TECHNICIAN, STRANGER, 99][usize::from(from)];
            bench.wait(Duration::from_millis(wait));
            bench.tell_bytes(from, data);
            prop_assert!(bench.relay.orders() <= 1);
        }
        let counters = bench.relay.counters();
        prop_assert!(counters.forwarded == 0 || channel == bench.channel());
    }
}
