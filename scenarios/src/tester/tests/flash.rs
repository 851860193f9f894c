//! Programming and coding.

use bytes::Bytes;
use node::{Instant, SocketEvent};

use super::bench::{Bench, config, done};
use super::car::{Say, ms};
use crate::tester::{BackendFailure, Coding, Image, Segment, TesterConfig, TesterEcu, TesterEvent};
use crate::{Outcome, Protocol, TimeRange};

const PROGRAM: &str = "[{program: {ecu: egs, image: 8hp}}]";

/// An EGS with one software unit of 40 bytes: three blocks of 16.
fn flasher() -> TesterConfig {
    let mut config = config(Protocol::Hsfz);
    config.backend.latency = TimeRange::exactly(ms(800));
    let segment = Segment {
        address: 0x0008_0000,
        class: 8,
        id: 0xE102,
        version: [30, 57, 0],
        data: (0..40).collect(),
    };
    let image = Image { name: "8hp".to_owned(), segments: vec![segment] };
    let coding = Coding {
        records: vec![(0x3000, Bytes::from_static(&[1, 2])), (0x3001, Bytes::from_static(&[3]))],
        stamp: Bytes::new(),
    };
    let egs = TesterEcu {
        address: 0x18,
        images: [("8hp".to_owned(), image)].into(),
        coding,
        reset_time: ms(2_000),
        wide_key: false,
    };
    config.ecus.insert("egs".to_owned(), egs);
    config
}

fn requests(bench: &Bench) -> Vec<String> {
    bench.requests().into_iter().map(|(_, request)| request).collect()
}

fn sent(bench: &Bench, prefix: &str) -> usize {
    requests(bench).iter().filter(|it| it.starts_with(prefix)).count()
}

fn why(bench: &mut Bench) -> String {
    let outcomes = bench.run();
    assert_eq!(outcomes[0].0, Outcome::Failed);
    outcomes[0].1.clone().unwrap()
}

#[test]
fn programming_follows_the_ladder() {
    let mut bench = Bench::new(flasher(), PROGRAM);
    assert_eq!(bench.run(), [done()]);
    insta::assert_snapshot!(requests(&bench).join("\n"));
    assert_eq!(bench.car.memory[&0x0008_0000], (0..40).collect::<Vec<u8>>());
}

#[test]
fn the_image_is_named_before_anything_is_asked_for() {
    let mut bench = Bench::new(flasher(), PROGRAM);
    bench.run();
    let told = |event: &TesterEvent| matches!(event, TesterEvent::Image { .. });
    let (at, image) = bench.events.iter().find(|(_, event)| told(event)).unwrap().clone();
    assert_eq!(image, TesterEvent::Image { ecu: 0x18, name: "8hp".to_owned() });
    let asked = |event: &TesterEvent| matches!(event, TesterEvent::Exchange(_));
    assert!(at <= bench.events.iter().find(|(_, event)| asked(event)).unwrap().0);
}

#[test]
fn progress_counts_blocks() {
    let mut bench = Bench::new(flasher(), PROGRAM);
    bench.run();
    let progress = bench.events.iter().filter_map(|(_, event)| match event {
        TesterEvent::Progress { done, total, unit: "blocks", .. } => Some((*done, *total)),
        _ => None,
    });
    assert_eq!(progress.collect::<Vec<_>>(), [(0, 3), (1, 3), (2, 3), (3, 3)]);
}

#[test]
fn the_key_comes_after_the_backends_latency_and_the_session_lives_meanwhile() {
    let mut config = flasher();
    config.backend.latency = TimeRange::exactly(ms(5_000));
    let mut bench = Bench::new(config, PROGRAM);
    assert_eq!(bench.run(), [done()]);
    let at = |prefix: &str| {
        bench.requests().into_iter().find(|(_, it)| it.starts_with(prefix)).unwrap().0
    };
    let (seed, key) = (at("18 27 11"), at("18 27 12"));
    assert_eq!(key - seed, 5 + 5_000);
    let alive = bench.keep_alives().into_iter().filter(|at| (seed..key).contains(at)).count();
    assert!(alive >= 2, "{alive}");
}

#[test]
fn no_plan_means_nothing_is_begun() {
    let mut config = flasher();
    config.backend.fails = Some(BackendFailure::Plan);
    let mut bench = Bench::new(config, PROGRAM);
    assert_eq!(why(&mut bench), "the backend gave no plan: nothing was changed");
    assert_eq!(sent(&bench, "DF"), 0);
}

#[test]
fn no_key_means_nothing_is_erased_and_the_vehicle_is_made_normal() {
    let mut config = flasher();
    config.backend.fails = Some(BackendFailure::Key);
    let mut bench = Bench::new(config, PROGRAM);
    assert_eq!(why(&mut bench), "the backend gave no key for the seed");
    assert_eq!((sent(&bench, "18 31 01 FF 00"), sent(&bench, "DF 10 01")), (0, 1));
    assert_eq!(sent(&bench, "18 27 11"), 1);
}

#[test]
fn a_low_supply_means_nothing_is_begun() {
    let mut bench = Bench::new(flasher(), PROGRAM);
    bench.car.script = Box::new(|_, _, uds, _| {
        let answer = Say::Answer(0x10, vec![0x62, 0x17, 0x0C, 0x30, 0x70]);
        (*uds == [0x22, 0x17, 0x0C]).then(|| vec![(1, Say::Acknowledge), (2, answer)])
    });
    assert_eq!(why(&mut bench), "the supply is at 12.40 V, below 13.00 V: nothing was erased");
}

#[test]
fn an_unmet_precondition_is_told_in_words() {
    let mut bench = Bench::new(flasher(), PROGRAM);
    bench.car.script = Box::new(|_, _, uds, _| {
        let answer = Say::Answer(0x18, vec![0x71, 0x01, 0x02, 0x03, 0x08, 0x0A]);
        (*uds == [0x31, 0x01, 0x02, 0x03]).then(|| vec![(1, Say::Acknowledge), (2, answer)])
    });
    let expected = "egs (18) does not allow programming: programming voltage too low (08), vehicle \
                    voltage too low (0A)";
    assert_eq!(why(&mut bench), expected);
}

#[test]
fn a_lost_answer_to_a_block_is_asked_for_again_with_the_same_counter() {
    let mut bench = Bench::new(flasher(), PROGRAM);
    let mut is_lost = false;
    bench.car.script = Box::new(move |_, _, uds, _| {
        let lose = uds.starts_with(&[0x36, 0x02]) && !is_lost;
        is_lost |= lose;
        lose.then(|| vec![(1, Say::Acknowledge)])
    });
    assert_eq!(bench.run(), [done()]);
    assert_eq!((sent(&bench, "18 36 02"), sent(&bench, "18 31 01 FF 00")), (2, 1));
}

#[test]
fn a_connection_reset_in_the_middle_of_a_download_resends_the_block() {
    let mut bench = Bench::new(flasher(), PROGRAM);
    let mut is_reset = false;
    bench.car.script = Box::new(move |_, _, uds, _| {
        let reset = uds.starts_with(&[0x36, 0x02]) && !is_reset;
        is_reset |= reset;
        reset.then(|| vec![(1, Say::Reset)])
    });
    assert_eq!(bench.run(), [done()]);
    assert_eq!((sent(&bench, "18 36 02"), sent(&bench, "18 31 01 FF 00")), (2, 1));
    let resent = bench.exchanges().into_iter().filter(|it| it.resent);
    assert_eq!(resent.map(|it| it.name).collect::<Vec<_>>(), ["transfer-data"]);
}

#[test]
fn an_interruption_with_the_session_kept_begins_the_unit_anew_from_the_erase() {
    let mut bench = Bench::new(flasher(), PROGRAM);
    let (mut bench, at) = cut_at_second_block(&mut bench);
    bench.at(ms(1_000), SocketEvent::LinkUp);
    assert_eq!(bench.run(), [done()]);
    assert!(at > Instant::ZERO);
    assert_eq!(sent(&bench, "18 31 01 FF 00"), 2);
    assert_eq!((sent(&bench, "18 10 02"), sent(&bench, "18 27 12")), (1, 1));
    assert_eq!(bench.car.memory[&0x0008_0000], (0..40).collect::<Vec<u8>>());
}

#[test]
fn an_interruption_that_cost_the_session_enters_it_again() {
    let mut bench = Bench::new(flasher(), PROGRAM);
    let (mut bench, _) = cut_at_second_block(&mut bench);
    bench.car.session = 1;
    bench.car.is_unlocked = false;
    bench.at(ms(1_000), SocketEvent::LinkUp);
    assert_eq!(bench.run(), [done()]);
    assert_eq!((sent(&bench, "18 10 02"), sent(&bench, "18 27 12")), (2, 2));
    assert_eq!(sent(&bench, "18 2E F1 5A"), 2);
    assert_eq!(sent(&bench, "18 31 01 FF 00"), 2);
}

#[test]
fn a_unit_is_begun_anew_only_as_often_as_allowed() {
    let mut bench = Bench::new(flasher(), PROGRAM);
    bench.car.script = Box::new(|_, _, uds, _| {
        let refusal = Say::Answer(0x18, vec![0x7F, 0x36, 0x72]);
        (uds.starts_with(&[0x36, 0x03])).then(|| vec![(1, Say::Acknowledge), (2, refusal)])
    });
    let why = why(&mut bench);
    assert!(why.contains("generalProgrammingFailure (72)"), "{why}");
    assert_eq!((sent(&bench, "18 36 03"), sent(&bench, "18 31 01 FF 00")), (2, 2));
}

#[test]
fn a_long_erase_is_waited_for_beyond_three_pendings() {
    let mut bench = Bench::new(flasher(), PROGRAM);
    bench.car.script = Box::new(|_, _, uds, _| {
        (uds.starts_with(&[0x31, 0x01, 0xFF, 0x00])).then(|| {
            let mut says = vec![(1, Say::Acknowledge)];
            let pending = Say::Answer(0x18, vec![0x7F, 0x31, 0x78]);
            says.extend((0..9).map(|n| (40 + n * 3_000, pending.clone())));
            says.push((27_000, Say::Answer(0x18, vec![0x71, 0x01, 0xFF, 0x00, 0x00])));
            says
        })
    });
    assert_eq!(bench.run(), [done()]);
    let erase = bench.exchanges().into_iter().find(|it| it.name == "erase").unwrap();
    assert_eq!((erase.pending, erase.latency), (9, ms(27_000)));
}

#[test]
fn coding_follows_the_ladder() {
    let mut bench = Bench::new(flasher(), "[{code: {ecu: egs}}]");
    assert_eq!(bench.run(), [done()]);
    insta::assert_snapshot!(requests(&bench).join("\n"));
}

#[test]
fn a_bootloader_cannot_be_coded() {
    let mut bench = Bench::new(flasher(), "[{code: {ecu: egs}}]");
    bench.car.script = Box::new(|_, _, uds, _| {
        let refusal = Say::Answer(0x18, vec![0x7F, 0x10, 0x12]);
        (*uds == [0x10, 0x41]).then(|| vec![(1, Say::Acknowledge), (2, refusal)])
    });
    let why = why(&mut bench);
    assert!(why.contains("subFunctionNotSupported (12)"), "{why}");
    assert_eq!(sent(&bench, "18 10 41"), 1);
}

#[test]
fn values_that_are_still_learned_fail_the_initialisation() {
    let mut bench = Bench::new(flasher(), "[{initialise-adaptations: {ecu: egs}}]");
    bench.car.script = Box::new(|_, _, uds, _| {
        let answer = Say::Answer(0x18, vec![0x62, 0x41, 0x40, 0x00, 0x5A]);
        (*uds == [0x22, 0x41, 0x40]).then(|| vec![(1, Say::Acknowledge), (2, answer)])
    });
    let why = why(&mut bench);
    assert!(why.ends_with("still learned: 62 41 40 00 5A"), "{why}");
    assert_eq!(sent(&bench, "18 2E 41 50 00"), 1);
}

#[test]
fn a_block_shares_the_image_until_it_is_framed() {
    let mut bench = Bench::new(flasher(), PROGRAM);
    bench.run();
    let block = bench.exchanges().into_iter().find(|it| it.name == "transfer-data").unwrap();
    let frame = bench.actions.iter().find_map(|(_, action)| match action {
        node::SocketAction::Send { data, .. } if data.ends_with(&block.request) => Some(data),
        _ => None,
    });
    let frame = frame.unwrap();
    let offset = frame.len() - block.request.len();
    assert_eq!(frame[offset..].as_ptr(), block.request.as_ptr());
}

/// Lets the link go while the second block waits for its answer; returns when.
fn cut_at_second_block(bench: &mut Bench) -> (Bench, Instant) {
    let mut bench = std::mem::replace(bench, Bench::new(flasher(), "[]"));
    let mut is_lost = false;
    bench.car.script = Box::new(move |_, _, uds, _| {
        let lose = uds.starts_with(&[0x36, 0x02]) && !is_lost;
        is_lost |= lose;
        lose.then(|| vec![(1, Say::Acknowledge)])
    });
    let mut at = Instant::ZERO;
    while sent(&bench, "18 36 02") == 0 {
        at += ms(1);
        bench.run_until(at);
    }
    bench.at(ms(10), SocketEvent::LinkDown);
    (bench, at)
}
