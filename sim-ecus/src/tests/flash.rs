//! Programming and what interrupts it (`uds-and-bmw-ecus.md` §2.6, §7.2, §11.1).

use std::time::Duration;

use rstest::rstest;

use super::tester::{Bench, State};
use crate::{Condition, EcuFault, EcuInput, EndState, Image, LedgerKind};

fn long_enough() -> Duration {
    Duration::from_secs(30)
}

#[test]
fn a_virgin_unit_is_programmed_and_coded() {
    let mut bench = Bench::new("egs", Condition::Virgin);
    let image = bench.image();
    assert_eq!(bench.ecu.end_state(Some(&image)), EndState::Untouched);
    bench.program(&image);
    assert_eq!(bench.ecu.end_state(Some(&image)), EndState::Uncoded);
    assert_eq!(bench.last("19 02 0C"), "59 02 7F E1 18 01 2F");
    bench.code();
    assert_eq!(bench.ecu.end_state(Some(&image)), EndState::Programmed);
    bench.expect("14 FF FF FF", "54");
    bench.expect("19 02 0C", "59 02 7F");
}

#[test]
fn the_image_reads_back_byte_for_byte() {
    let mut bench = Bench::new("egs", Condition::Virgin);
    let image = bench.image();
    bench.program(&image);
    for segment in &image.segments {
        let read = bench.ecu.read_flash(segment.address, segment.data.len());
        assert!(read == segment.data, "{segment:?}");
    }
}

#[test]
fn the_block_counter_wraps_from_ff_to_00() {
    let mut bench = Bench::in_state(State::Erased);
    let image = Image::for_profile(bench.ecu.profile(), "long", None);
    bench.download(&image, 0);
    bench.verify(image.segments[0].address, 0x00);
    let blocks = bench.ecu.ledger().iter().filter_map(|entry| match entry.kind {
        LedgerKind::Block { index, counter, .. } => Some((index, counter)),
        _ => None,
    });
    let wrap: Vec<_> = blocks.filter(|(index, _)| (254..=258).contains(index)).collect();
    assert_eq!(wrap, [(254, 0xFE), (255, 0xFF), (256, 0x00), (257, 0x01), (258, 0x02)]);
}

#[test]
fn a_repeated_block_is_answered_and_not_written_twice() {
    let mut bench = Bench::in_state(State::Loading);
    let image = bench.image();
    let segment = &image.segments[0];
    assert_eq!(bench.block(1, &segment.data[..1_000]), [vec![0x76, 1]]);
    for (index, chunk) in segment.data[1_000..].chunks(2_999).enumerate() {
        let counter = index as u8 + 2;
        assert_eq!(bench.block(counter, chunk), [vec![0x76, counter]]);
        assert_eq!(bench.block(counter, chunk), [vec![0x76, counter]]);
    }
    bench.expect("37", "77");
    bench.verify(segment.address, 0x00);
}

#[rstest]
#[case::skipped(3)]
#[case::backwards(0)]
#[case::far(0x80)]
fn a_wrong_counter_keeps_the_download_open(#[case] counter: u8) {
    let mut bench = Bench::in_state(State::Loading);
    assert_eq!(bench.block(counter, &[0; 8]), [vec![0x7F, 0x36, 0x73]]);
    assert_eq!(bench.block(2, &[0; 8]), [vec![0x76, 2]]);
}

#[test]
fn more_data_than_announced_ends_the_download() {
    let mut bench = Bench::in_state(State::Loading);
    let rest = bench.image().segments[0].data.len() - 1_000;
    let mut counter = 2;
    for chunk in vec![0; rest].chunks(2_999) {
        assert_eq!(bench.block(counter, chunk), [vec![0x76, counter]]);
        counter += 1;
    }
    assert_eq!(bench.block(counter, &[0]), [vec![0x7F, 0x36, 0x71]]);
    assert_eq!(bench.block(counter, &[0]), [vec![0x7F, 0x36, 0x24]]);
}

#[test]
fn an_early_exit_is_refused_and_the_download_goes_on() {
    let mut bench = Bench::in_state(State::Loading);
    bench.expect("37", "7F 37 24");
    assert_eq!(bench.block(2, &[0; 8]), [vec![0x76, 2]]);
}

#[test]
fn a_second_download_is_refused_while_one_is_open() {
    let mut bench = Bench::in_state(State::Loading);
    bench.expect("34 00 44 00 14 00 00 00 00 01 00", "7F 34 22");
    assert_eq!(bench.block(2, &[0; 8]), [vec![0x76, 2]]);
}

#[rstest]
#[case::compressed("34 10 44 00 08 00 00 00 00 01 00", "7F 34 31")]
#[case::short_address("34 00 24 00 08 00 00 00 00 01 00", "7F 34 31")]
#[case::outside("34 00 44 90 08 00 00 00 00 01 00", "7F 34 31")]
#[case::empty("34 00 44 00 08 00 00 00 00 00 00", "7F 34 31")]
#[case::too_big("34 00 44 00 08 00 00 00 0C 00 01", "7F 34 31")]
#[case::too_short("34 00 44 00 08 00 00 00 00 01", "7F 34 13")]
#[case::too_long("34 00 44 00 08 00 00 00 00 01 00 00", "7F 34 13")]
fn a_download_is_checked(#[case] request: &str, #[case] answer: &str) {
    Bench::in_state(State::Erased).expect(request, answer);
}

#[rstest]
#[case::locked(State::Boot)]
#[case::open(State::Loading)]
fn the_range_of_a_download_is_checked_before_security_and_conditions(#[case] state: State) {
    let mut bench = Bench::in_state(state);
    bench.expect("34 00 44 00 08 00 00 00 00 00 00", "7F 34 31");
    bench.expect("34 00 44 00 08 00 00 00 0C 00 01", "7F 34 31");
}

#[test]
fn a_virgin_unit_with_one_piece_of_three_stays_in_its_bootloader() {
    let mut bench = Bench::new("egs", Condition::Virgin);
    let image = bench.image();
    bench.expect("10 03", "50 03 00 32 01 F4");
    bench.enter_programming();
    bench.download(&image, 0);
    bench.verify(image.segments[0].address, 0x00);
    assert_eq!(bench.last("31 01 FF 01"), "71 01 FF 01 04");
    bench.expect("11 01", "51 01");
    bench.wait(long_enough());
    bench.expect("22 F1 86", "62 F1 86 02");
    assert_eq!(bench.ecu.end_state(Some(&image)), EndState::Stranded);
}

#[test]
fn nothing_is_written_where_nothing_was_erased() {
    let mut bench = Bench::in_state(State::BootUnlocked);
    bench.expect("34 00 44 00 08 00 00 00 00 01 00", "7F 34 70");
}

#[test]
fn a_block_longer_than_announced_to_testers_is_refused() {
    let mut bench = Bench::in_state(State::Loading);
    assert_eq!(bench.block(2, &[0; 3_000]), [vec![0x7F, 0x36, 0x13]]);
    assert_eq!(bench.block(2, &[]), [vec![0x7F, 0x36, 0x13]]);
    assert_eq!(bench.block(2, &[0; 1_500]), [vec![0x76, 2]]);
}

#[rstest]
#[case::erased(State::Erased)]
#[case::loading(State::Loading)]
#[case::written(State::Written)]
#[case::verified(State::Verified)]
fn a_reset_between_erase_and_dependencies_strands(#[case] state: State) {
    let mut bench = Bench::in_state(state);
    bench.expect("11 01", "51 01");
    bench.wait(long_enough());
    assert!(bench.ecu.is_in_bootloader());
    assert_eq!(bench.ecu.end_state(None), EndState::Stranded);
    bench.expect("22 F1 86", "62 F1 86 02");
    assert!(bench.last("22 F1 01").starts_with("62 F1 01 01 02"));
    bench.expect("10 41", "7F 10 12");
    bench.program(&bench.image());
    assert_eq!(bench.ecu.end_state(None), EndState::Uncoded);
}

#[rstest]
#[case::boot(State::Boot)]
#[case::unlocked(State::BootUnlocked)]
fn a_reset_before_the_erase_changes_nothing(#[case] state: State) {
    let mut bench = Bench::in_state(state);
    bench.wait(long_enough());
    assert!(!bench.ecu.is_in_bootloader());
    assert_eq!(bench.ecu.end_state(None), EndState::Untouched);
}

#[test]
fn after_the_dependencies_any_reset_starts_the_new_software() {
    let mut bench = Bench::in_state(State::Pending);
    bench.wait(long_enough());
    assert!(!bench.ecu.is_in_bootloader());
    assert!(bench.last("22 F1 01").starts_with("62 F1 01 01 01"));
    assert_eq!(bench.ecu.end_state(None), EndState::Uncoded);
}

#[test]
fn silence_during_an_erase_does_not_end_the_session_before_its_answer() {
    let mut bench = Bench::in_state(State::BootUnlocked);
    bench.erase(0x0008_0000);
    bench.wait(Duration::from_millis(4_999));
    assert!(bench.ecu.is_in_bootloader() && bench.ecu.is_running());
    bench.wait(Duration::from_millis(1));
    assert!(!bench.ecu.is_running());
}

#[test]
fn power_lost_during_an_erase_leaves_an_area_that_must_be_erased_again() {
    let mut bench = Bench::in_state(State::BootUnlocked);
    bench.put(&super::tester::bytes("31 01 FF 00 02 40 00 08 00 00 06"), false);
    bench.wait(Duration::from_secs(5));
    bench.tell(EcuInput::Fault(EcuFault::PowerCycle));
    bench.wait(long_enough());
    let kinds: Vec<_> = bench.ecu.ledger().iter().map(|entry| entry.kind).collect();
    assert!(kinds.contains(&LedgerKind::EraseFailed { address: 0x0008_0000 }));
    bench.last("10 03");
    bench.enter_programming();
    bench.expect("34 00 44 00 08 00 00 00 00 01 00", "7F 34 70");
}

#[test]
fn losing_power_while_the_bootloader_is_written_kills() {
    let mut bench = Bench::in_state(State::BootUnlocked);
    bench.erase(0);
    assert_eq!(bench.ecu.end_state(None), EndState::Stranded);
    bench.tell(EcuInput::Fault(EcuFault::PowerCycle));
    bench.wait(Duration::from_secs(3_600));
    assert_eq!(bench.ecu.end_state(None), EndState::Dead);
    assert_eq!(bench.ask("22 F1 90"), Vec::<String>::new());
    assert_eq!(bench.ecu.load_milliamps(), 0);
}

#[test]
fn a_new_bootloader_that_is_verified_survives() {
    let mut bench = Bench::in_state(State::BootUnlocked);
    let image = Image::boot_update(bench.ecu.profile(), "boot");
    bench.erase(0);
    bench.download(&image, 0);
    bench.verify(0, 0x00);
    assert_eq!(bench.last("31 01 FF 01"), "71 01 FF 01 00");
    bench.expect("11 01", "51 01");
    bench.wait(long_enough());
    assert_eq!(bench.ecu.end_state(Some(&image)), EndState::Programmed);
}

#[test]
fn a_block_that_cannot_be_written_ends_the_download() {
    let mut bench = Bench::in_state(State::Loading);
    bench.tell(EcuInput::Fault(EcuFault::WriteErrorAtBlock(2)));
    assert_eq!(bench.block(2, &[0; 8]), [vec![0x7F, 0x36, 0x72]]);
    assert_eq!(bench.block(2, &[0; 8]), [vec![0x7F, 0x36, 0x24]]);
}

#[test]
fn a_counter_called_wrong_once_is_taken_the_second_time() {
    let mut bench = Bench::in_state(State::Loading);
    bench.tell(EcuInput::Fault(EcuFault::WrongCounterAtBlock(2)));
    assert_eq!(bench.block(2, &[0; 8]), [vec![0x7F, 0x36, 0x73]]);
    assert_eq!(bench.block(2, &[0; 8]), [vec![0x76, 2]]);
}

#[test]
fn a_damaged_block_fails_the_memory_check_and_the_dependencies() {
    let mut bench = Bench::in_state(State::Erased);
    bench.tell(EcuInput::Fault(EcuFault::DamageBlock(1)));
    let image = bench.image();
    bench.download(&image, 0);
    bench.verify(image.segments[0].address, 0x01);
    assert_eq!(bench.last("31 01 FF 01"), "71 01 FF 01 01");
    assert_eq!(bench.ecu.end_state(Some(&image)), EndState::Stranded);
}

#[test]
fn a_blind_check_of_a_damaged_block_is_corrupt_accepted() {
    let mut bench = Bench::new("egs", Condition::Virgin);
    bench.tell(EcuInput::Fault(EcuFault::DamageBlock(1)));
    bench.tell(EcuInput::Fault(EcuFault::BlindVerify));
    let image = bench.image();
    bench.program(&image);
    assert_eq!(bench.ecu.end_state(Some(&image)), EndState::CorruptAccepted);
    assert_eq!(bench.ecu.end_state(None), EndState::CorruptAccepted);
}

#[test]
fn software_of_another_unit_is_refused_by_the_dependencies() {
    let mut bench = Bench::in_state(State::Verified);
    let dme = crate::EcuProfile::named("dme").expect("the profile ships");
    let mut image = Image::for_profile(&dme, "wrong", Some(3_000));
    image.segments[0].address = 0x0008_0000;
    bench.erase(0x0008_0000);
    bench.download(&image, 0);
    bench.verify(0x0008_0000, 0x00);
    assert_eq!(bench.last("31 01 FF 01"), "71 01 FF 01 02");
    assert!(bench.last("22 F1 01").starts_with("62 F1 01 01 03"));
}

#[test]
fn half_coded_is_neither_coded_nor_uncoded() {
    let mut bench = Bench::in_state(State::CodingUnlocked);
    let item = &bench.ecu.profile().coding.items[&0x3000];
    let mut request = [&[0x2E, 0x30, 0x00], &item[..]].concat();
    request[3] ^= 1;
    assert_eq!(bench.send(&request), [vec![0x6E, 0x30, 0x00]]);
    assert_eq!(bench.ecu.end_state(None), EndState::MixedCoding);
    bench.expect("2E 37 FE 30 30 30 30 30 30 31", "7F 2E 22");
    bench.code();
    assert_eq!(bench.ecu.end_state(None), EndState::Coded);
}

#[test]
fn wrong_versions_are_told_after_the_next_reset() {
    let mut bench = Bench::new("egs", Condition::Virgin);
    bench.tell(EcuInput::Fault(EcuFault::WrongVersions));
    let image = bench.image();
    let old = bench.ecu.profile().flash.blocks[0].software.to_bytes();
    bench.program(&image);
    let svk = bench.send(&[0x22, 0xF1, 0x01]).remove(0);
    assert!(svk.windows(8).any(|entry| entry == old));
}
