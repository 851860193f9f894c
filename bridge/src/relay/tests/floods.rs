//! What one address may do to others.

use super::*;

const ADDRESSES: std::ops::Range<u8> = 100..200;

fn passed(answers: &[String], what: &str) -> usize {
    answers.iter().filter(|answer| answer.contains(what)).count()
}

#[test]
fn small_packets_of_one_address_keep_no_other_from_calling() {
    let mut bench = Bench::reach(State::Offered);
    bench.join(CANDIDATE, 3);
    bench.join(TECHNICIAN, 2);
    let (small, long) = (Bytes::from(vec![0x40; PACKET_MIN]), Bytes::from(vec![0x40; 1200]));
    let (mut theirs, mut ours) = (0, 0);
    for millis in 0..10_000 {
        let answers = bench.tell_bytes(CANDIDATE, small.clone());
        theirs += passed(&answers, "wrapped packet of 1");
        if millis % 1_000 == 0 {
            ours += passed(&bench.tell_bytes(TECHNICIAN, long.clone()), "wrapped packet of 2");
        }
        bench.now += Duration::from_millis(1);
    }
    assert_eq!(ours, 10);
    assert!((1_000..1_300).contains(&theirs), "{theirs} in 10 s");
}

#[test]
fn one_address_has_one_share_however_often_it_calls() {
    let mut bench = Bench::reach(State::Offered);
    let mut passes = 0;
    for instance in 10..40 {
        bench.join(CANDIDATE, instance);
        for _ in 0..100 {
            passes += passed(&bench.tell_bytes(CANDIDATE, packet()), "wrapped");
        }
    }
    assert!((150..250).contains(&passes), "{passes} at once");
}

#[test]
fn a_technician_that_is_in_is_no_stranger_to_a_mechanic_that_has_not_heard_of_it() {
    let mut bench = Bench::reach(State::Paired);
    let wrapped = Message::Wrapped { candidate: 1, instance: 0, packet: packet() };
    let passes: usize = (0..1_000).map(|_| bench.tell(MECHANIC, &wrapped).len()).sum();
    assert_eq!(passes, 1_000);
}

#[test]
fn what_is_too_short_for_a_packet_goes_nowhere() {
    let mut bench = Bench::reach(State::Wanted);
    let short = Bytes::from(vec![0x40; PACKET_MIN - 1]);
    assert!(bench.tell_bytes(TECHNICIAN, short).is_empty());
    assert_eq!(bench.relay.counters().malformed, 1);
    assert!(!bench.tell_bytes(TECHNICIAN, packet()).is_empty());
}

#[test]
fn who_calls_while_the_technician_is_there_gets_little() {
    let calls = |state| {
        let mut bench = Bench::reach(state);
        let mut passes = 0;
        for from in 100..106 {
            bench.join(from, u64::from(from));
            for _ in 0..1_000 {
                passes += passed(&bench.tell_bytes(from, packet()), "wrapped");
            }
        }
        passes
    };
    let (alone, beside) = (calls(State::Offered), calls(State::Paired));
    assert!((1_000..1_500).contains(&alone), "{alone}");
    assert!((150..250).contains(&beside), "{beside}");
}

#[test]
fn greetings_of_many_keep_no_order_from_going_on_and_nobody_from_entering() {
    let mut bench = Bench::new(RelayConfig { control_per_second: 50, ..RelayConfig::default() });
    bench.open(MECHANIC, 1, NUMBER);
    bench.join(TECHNICIAN, 2);
    let channel = bench.channel();
    let ping = Message::Ping { channel, number: 0 };
    for second in 0..60 {
        let hello = Message::Hello { role: Role::Mechanic, instance: second, order: NUMBER };
        let answered = ADDRESSES.map(|from| bench.tell(from, &hello).len()).sum::<usize>();
        assert!(answered <= 50, "{answered}");
        assert_eq!(bench.tell(MECHANIC, &ping).len(), 1, "in second {second}");
        assert_eq!(bench.tell(TECHNICIAN, &ping).len(), 1, "in second {second}");
        bench.wait(Duration::from_secs(1));
    }
    ADDRESSES.for_each(|from| {
        bench.tell(from, &Message::Hello { role: Role::Mechanic, instance: 1, order: NUMBER });
    });
    assert!(!bench.admit(1).is_empty());
    assert_eq!(bench.join(CANDIDATE, 3), ["candidate ← granted, peer Some(2)"]);
}

#[test]
fn messages_with_a_channel_that_is_not_the_senders_are_strangers() {
    let mut bench = Bench::reach(State::Paired);
    let ping = Message::Ping { channel: bench.channel() ^ 1 << 40, number: 0 };
    let answered = (0..100).filter(|_| !bench.tell(MECHANIC, &ping).is_empty()).count();
    assert_eq!(answered, 40, "two seconds' worth of a stranger");
    let ping = Message::Ping { channel: bench.channel(), number: 0 };
    let answered = (0..100).filter(|_| !bench.tell(MECHANIC, &ping).is_empty()).count();
    assert_eq!(answered, 39, "and of its own, of which one has admitted the technician");
}

#[test]
fn an_order_counts_for_who_made_it_although_its_mechanic_left_it_to_a_technician() {
    let config = RelayConfig { orders_per_address: 1, ..RelayConfig::default() };
    let mut bench = Bench::new(config);
    bench.open(MECHANIC, 1, NUMBER);
    bench.join(TECHNICIAN, 2);
    bench.admit(1);
    for _ in 0..3 {
        bench.wait(Duration::from_secs(5));
        bench.tell_bytes(TECHNICIAN, packet());
    }
    assert_eq!(bench.state(), "+ technician");
    let answers = bench.open(MECHANIC, 9, OrderNumber(8));
    assert_eq!(answers[0], "mechanic ← refused Full, retry 12s");
    let answers = bench.keep_pinging(bench.relay.config.orphan_limit);
    assert_eq!(answers, ["technician ← left", "Closed(OrderNumber(7))"]);
    assert!(bench.open(MECHANIC, 9, OrderNumber(8))[0].starts_with("mechanic ← granted"));
}
