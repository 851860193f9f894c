//! One rule, one test (`uds-and-bmw-ecus.md` §2).

use std::time::Duration;

use bytes::Bytes;
use node::{Instant, Node};
use rstest::rstest;
use wire::uds::{Dtc, Nrc};

use super::tester::{Bench, State, bytes};
use crate::{
    Condition, EcuEvent, EcuFault, EcuInput, EndState, LedgerKind, Partner, ResetKind, Slot,
};

#[rstest]
#[case::unlocked_by_session(State::Boot, 0x11)]
#[case::coding(State::Coding, 0x01)]
fn the_right_key_unlocks_and_the_next_seed_is_zero(#[case] state: State, #[case] level: u8) {
    let mut bench = Bench::in_state(state);
    bench.unlock(level);
    assert_eq!(bench.key(level).0, [0; 8]);
}

#[test]
fn three_wrong_keys_delay_the_next_seed_by_ten_seconds() {
    let mut bench = Bench::in_state(State::Boot);
    bench.tell(EcuInput::Fault(EcuFault::SessionTimeout(false)));
    for nrc in [0x35, 0x35, 0x36] {
        let (_, mut key) = bench.key(0x11);
        key[10] ^= 1;
        assert_eq!(bench.send(&key), [vec![0x7F, 0x27, nrc]]);
    }
    let locked = bench.now;
    bench.expect("27 11 FF FF FF FF", "7F 27 37");
    bench.wait(locked + Duration::from_millis(9_900) - bench.now);
    bench.expect("27 11 FF FF FF FF", "7F 27 37");
    bench.wait(Duration::from_millis(100));
    bench.unlock(0x11);
}

#[test]
fn used_up_attempts_survive_a_reset_and_delay_again() {
    let mut bench = Bench::in_state(State::Boot);
    for _ in 0..3 {
        let (_, mut key) = bench.key(0x11);
        key[10] ^= 1;
        bench.send(&key);
    }
    bench.expect("11 01", "51 01");
    bench.wait(Duration::from_secs(2));
    bench.expect("10 03", "50 03 00 32 01 F4");
    bench.expect("10 02", "50 02 00 32 01 F4");
    bench.wait(Duration::from_millis(800));
    bench.expect("27 11 FF FF FF FF", "7F 27 37");
}

#[test]
fn a_right_key_clears_the_counter() {
    let mut bench = Bench::in_state(State::Boot);
    for _ in 0..2 {
        for _ in 0..2 {
            let (_, mut key) = bench.key(0x11);
            key[10] ^= 1;
            assert_eq!(bench.send(&key), [vec![0x7F, 0x27, 0x35]]);
        }
        bench.unlock(0x11);
        bench.expect("10 02", "50 02 00 32 01 F4");
    }
}

#[test]
fn a_key_after_the_window_is_out_of_sequence() {
    let mut bench = Bench::in_state(State::Boot);
    bench.tell(EcuInput::Fault(EcuFault::SessionTimeout(false)));
    let (_, key) = bench.key(0x11);
    bench.wait(Duration::from_secs(10));
    assert_eq!(bench.send(&key), [vec![0x7F, 0x27, 0x24]]);
}

#[test]
fn a_seed_is_good_for_one_key_of_its_own_level() {
    let mut bench = Bench::in_state(State::Boot);
    bench.expect("27 12 00", "7F 27 24");
    let (_, key) = bench.key(0x11);
    let mut wrong = key.clone();
    wrong[10] ^= 1;
    assert_eq!(bench.send(&wrong), [vec![0x7F, 0x27, 0x35]]);
    assert_eq!(bench.send(&key), [vec![0x7F, 0x27, 0x24]]);
}

#[test]
fn a_session_change_locks_again() {
    let mut bench = Bench::in_state(State::BootUnlocked);
    bench.expect("10 02", "50 02 00 32 01 F4");
    bench.expect("31 01 FF 00 02 40 00 08 00 00 06", "7F 31 33");
}

#[test]
fn leaving_a_session_returns_everything() {
    let mut bench = Bench::in_state(State::Extended);
    bench.expect("85 02", "C5 02");
    bench.expect("2F 40 11 03 01", "6F 40 11 03 01");
    bench.expect("28 01 01", "68 01");
    bench.expect("10 01", "50 01 00 32 01 F4");
    assert!(bench.ecu.is_as_at_start());
}

#[test]
fn no_faults_are_stored_while_recording_is_off() {
    let mut bench = Bench::in_state(State::Extended);
    bench.expect("14 FF FF FF", "54");
    bench.expect("85 02", "C5 02");
    bench.expect("10 41", "50 41 00 32 01 F4");
    bench.unlock(0x01);
    let item = bench.ecu.profile().coding.items[&0x3000].clone();
    assert_eq!(bench.send(&[&[0x2E, 0x30, 0x00], &item[..]].concat()), [[0x6E, 0x30, 0x00]]);
    bench.expect("19 02 0C", "59 02 7F");
    bench.expect("85 01", "C5 01");
    bench.expect("19 02 0C", "59 02 7F E1 18 01 2F");
}

#[rstest]
#[case::unknown_service("1A 80")]
#[case::unknown_sub_function("10 4F")]
#[case::unknown_identifier("22 12 34")]
#[case::sub_function_not_now("10 02")]
#[case::service_not_now("85 02")]
#[case::never_sent_to_all("27 11 FF FF FF FF")]
#[case::no_download_for_all("36 01 00 00")]
fn these_refusals_are_not_sent_to_functional_requests(#[case] request: &str) {
    assert_eq!(Bench::in_state(State::Default).send_to_all(request), Vec::<String>::new());
}

#[test]
fn other_refusals_are_sent_to_functional_requests() {
    assert_eq!(Bench::in_state(State::Default).send_to_all("22 F1"), ["7F 22 13"]);
    let mut dme = Bench::new("dme", Condition::Factory);
    assert_eq!(dme.send_to_all("07"), ["7F 07 10"]);
}

#[test]
fn the_suppress_bit_silences_the_positive_answer_only() {
    let mut bench = Bench::in_state(State::Default);
    assert_eq!(bench.ask("10 83"), Vec::<String>::new());
    bench.expect("22 F1 86", "62 F1 86 03");
    bench.expect("85 83", "7F 85 12");
}

#[test]
fn after_a_pending_the_answer_comes_even_when_suppressed() {
    let mut bench = Bench::in_state(State::Default);
    bench.tell(EcuInput::Fault(EcuFault::Delay(Duration::from_millis(200))));
    assert_eq!(bench.ask("10 83"), ["7F 10 78", "50 03 00 32 01 F4"]);
    assert_eq!(bench.send_to_all("22 12 34"), ["7F 22 78", "7F 22 31"]);
}

#[test]
fn several_identifiers_are_answered_in_the_order_asked() {
    let mut bench = Bench::in_state(State::Default);
    bench.expect("22 F1 86 F1 50", "62 F1 86 01 F1 50 0F 21 D0");
    bench.expect("22 12 34 F1 50", "62 F1 50 0F 21 D0");
    bench.expect("22 F1 86 F1 86 F1 86 F1 86 F1 86", "7F 22 13");
}

#[test]
fn a_defined_identifier_reads_its_pieces() {
    let mut bench = Bench::in_state(State::Default);
    bench.expect("22 F3 03", "7F 22 31");
    bench.expect("2C 01 F3 03 F1 90 01 03 F1 50 02 01", "6C 01 F3 03");
    bench.expect("22 F3 03", "62 F3 03 57 42 41 21");
    bench.expect("2C 01 F3 03 F1 90 11 02", "7F 2C 31");
    bench.expect("2C 03", "6C 03");
    bench.expect("22 F3 03", "7F 22 31");
}

#[test]
fn snapshots_begin_with_odometer_and_time() {
    let mut bench = Bench::in_state(State::Default);
    let answer = bench.last("19 04 CF 2B 10 FF");
    assert!(answer.starts_with("59 04 CF 2B 10 28 01 03 17 00 00 BC 53 17 01"), "{answer}");
    bench.expect("19 06 CF 2B 10 FF", "59 06 CF 2B 10 28 01 00 02 01 03 03 28");
}

#[test]
fn the_secondary_memory_is_cleared_by_its_routine_alone() {
    let mut bench = Bench::in_state(State::Default);
    bench.expect("14 FF FF FF", "54");
    bench.expect("22 20 00", "62 20 00 4F 81 02 20");
    bench.expect("31 01 0F 06", "71 01 0F 06");
    bench.expect("22 20 00", "62 20 00");
}

#[test]
fn an_injected_fault_is_stored_and_cleared() {
    let mut bench = Bench::in_state(State::Default);
    let dtc = Dtc([0x12, 0x34, 0x56]);
    bench.tell(EcuInput::Fault(EcuFault::Dtc { dtc, status: 0x2F }));
    assert!(bench.ecu.fault_memory().contains(&dtc));
    bench.expect("14 12 34 56", "54");
    assert!(!bench.ecu.fault_memory().contains(&dtc));
}

#[rstest]
#[case::powertrain("14 00 00 00", "59 02 7F 52 34 56 2F 92 34 56 2F D2 34 56 2F")]
#[case::chassis("14 40 00 00", "59 02 7F 12 34 56 2F 92 34 56 2F D2 34 56 2F")]
#[case::body("14 80 00 00", "59 02 7F 12 34 56 2F 52 34 56 2F D2 34 56 2F")]
#[case::network("14 C0 00 00", "59 02 7F 12 34 56 2F 52 34 56 2F 92 34 56 2F")]
fn a_group_of_faults_is_cleared_alone(#[case] request: &str, #[case] left: &str) {
    let mut bench = Bench::in_state(State::Default);
    bench.expect("14 FF FF FF", "54");
    for high in [0x12, 0x52, 0x92, 0xD2] {
        let dtc = Dtc([high, 0x34, 0x56]);
        bench.tell(EcuInput::Fault(EcuFault::Dtc { dtc, status: 0x2F }));
    }
    bench.expect("14 20 00 00", "7F 14 31");
    bench.expect("14 FF FF 00", "7F 14 31");
    bench.expect(request, "54");
    bench.expect("19 02 FF", left);
}

#[test]
fn the_extended_mode_needs_another_energy_mode() {
    let mut bench = Bench::in_state(State::Extended);
    bench.expect("31 01 10 03 01", "7F 31 22");
    bench.expect("31 01 0F 0C 03", "71 01 0F 0C");
    bench.expect("31 01 10 03 01", "71 01 10 03");
    bench.expect("22 10 0A", "62 10 0A 03");
    assert!(bench.events().contains(&EcuEvent::EnergyMode(3)));
}

#[test]
fn a_switch_hold_is_told_and_counts_down() {
    let mut zgw = Bench::new("zgw", Condition::Factory);
    zgw.expect("31 03 10 44", "7F 31 24");
    zgw.expect("31 01 10 44 FF 06", "71 01 10 44");
    let hold = Duration::from_secs(6);
    assert!(zgw.events().contains(&EcuEvent::SwitchHold { port: 0xFF, hold }));
    zgw.wait(Duration::from_secs(4));
    zgw.expect("31 03 10 44", "71 03 10 44 02");
}

#[test]
fn a_used_controller_is_locked_to_its_car() {
    let mut bdc = Bench::new("bdc", Condition::Used);
    bdc.expect("22 7E 00", "62 7E 00 02 02 02");
    bdc.last("10 03");
    bdc.expect("31 01 7E 10", "7F 31 22");
    let write = "2E F1 90 57 42 41 53 4D 54 45 53 54 30 30 30 30 30 30 30 31";
    bdc.expect(write, "7F 2E 22");
    assert!(bdc.ecu.fault_memory().contains(&Dtc([0xE1, 0x40, 0x02])));
}

#[test]
fn a_new_controller_is_aligned_unless_its_partner_is_foreign() {
    let mut bdc = Bench::new("bdc", Condition::Uncoded);
    bdc.last("10 03");
    bdc.expect("31 01 7E 10", "71 01 7E 10 00");
    bdc.tell(EcuInput::Partner { slot: Slot::Egs, partner: Partner::Foreign });
    bdc.expect("31 01 7E 11", "7F 31 22");
    bdc.expect("22 7E 00", "62 7E 00 02 00 00");
    let kinds: Vec<_> = bdc.ecu.ledger().iter().map(|entry| entry.kind).collect();
    assert!(kinds.contains(&LedgerKind::Paired { slot: Slot::Dme }));
}

#[test]
fn a_learned_key_outlives_a_restart_before_anybody_asks() {
    let mut bdc = Bench::new("bdc", Condition::Uncoded);
    bdc.last("10 03");
    bdc.expect("31 01 7E 12 01", "71 01 7E 12 01");
    bdc.wait(Duration::from_secs(3));
    bdc.expect("22 7E 00", "62 7E 00 00 00 01");
    bdc.expect("11 01", "51 01");
    bdc.wait(bdc.ecu.profile().timing.reset);
    bdc.expect("22 7E 00", "62 7E 00 00 00 01");
}

#[test]
fn a_key_still_being_learned_at_a_restart_is_not_learned() {
    let mut bdc = Bench::new("bdc", Condition::Uncoded);
    bdc.last("10 03");
    bdc.expect("31 01 7E 12 01", "71 01 7E 12 01");
    bdc.expect("11 01", "51 01");
    bdc.wait(bdc.ecu.profile().timing.reset + Duration::from_secs(5));
    bdc.expect("22 7E 00", "62 7E 00 00 00 00");
}

#[test]
fn a_camera_is_calibrated_by_its_target_in_its_own_car() {
    let mut kafas = Bench::new("kafas", Condition::Uncoded);
    let calibrate = |bench: &mut Bench| {
        bench.last("10 03");
        bench.tell(EcuInput::Fault(EcuFault::SessionTimeout(false)));
        bench.expect("31 01 F0 01 00 00", "71 01 F0 01");
        bench.wait(Duration::from_secs(120));
        bench.last("31 03 F0 01")
    };
    assert!(calibrate(&mut kafas).starts_with("71 03 F0 01 05"));
    kafas.last("2E F1 90 57 42 41 53 4D 54 45 53 54 30 30 30 30 30 30 30 31");
    assert!(calibrate(&mut kafas).starts_with("71 03 F0 01 02"));
    assert!(kafas.last("22 D3 DB").starts_with("62 D3 DB 01"));
}

#[test]
fn a_regeneration_ends_with_its_session() {
    let mut dme = Bench::new("dme", Condition::Factory);
    dme.last("10 03");
    dme.expect("31 01 7E 20", "71 01 7E 20 01");
    dme.wait(Duration::from_secs(6));
    dme.last("10 03");
    dme.expect("31 03 7E 20", "71 03 7E 20 00 00");
}

#[test]
fn learned_values_are_forgotten_on_demand() {
    let mut bench = Bench::in_state(State::Extended);
    assert_ne!(bench.last("22 41 3A"), "62 41 3A FF FF FF FF FF FF FF FF FF FF");
    bench.expect("2E 41 50 00", "6E 41 50");
    bench.expect("22 41 3A", "62 41 3A FF FF FF FF FF FF FF FF FF FF");
}

#[test]
fn a_battery_is_registered() {
    let mut dme = Bench::new("dme", Condition::Factory);
    dme.last("10 03");
    dme.expect("22 40 2B", "62 40 2B 35 0C 00 01");
    dme.expect("31 01 F0 30 00 10 00", "71 01 F0 30 00");
    dme.expect("22 40 2B", "62 40 2B 35 0C 00 02");
}

#[test]
fn coding_data_is_not_written_without_its_key_or_session() {
    let mut bench = Bench::in_state(State::Coding);
    let item = bench.ecu.profile().coding.items[&0x3000].clone();
    let request = [&[0x2E, 0x30, 0x00], &item[..]].concat();
    assert_eq!(bench.send(&request), [[0x7F, 0x2E, 0x33]]);
    bench.expect("10 03", "50 03 00 32 01 F4");
    assert_eq!(bench.send(&request), [[0x7F, 0x2E, 0x7F]]);
    assert_eq!(bench.ecu.end_state(None), EndState::Untouched);
}

#[test]
fn refusals_can_be_ordered_by_prefix() {
    let mut bench = Bench::in_state(State::Extended);
    bench.tell(EcuInput::Fault(EcuFault::Refuse {
        prefix: Bytes::from_static(&[0x31, 0x01, 0x02, 0x03]),
        nrc: Nrc::ConditionsNotCorrect,
        times: Some(1),
    }));
    bench.expect("31 01 0F 0C 00", "71 01 0F 0C");
    bench.expect("31 01 02 03", "7F 31 22");
    bench.expect("31 01 02 03", "71 01 02 03");
}

#[rstest]
#[case::write_error(EcuFault::WriteErrorAtBlock(3))]
#[case::wrong_counter(EcuFault::WrongCounterAtBlock(3))]
#[case::damage(EcuFault::DamageBlock(3))]
#[case::blind_verify(EcuFault::BlindVerify)]
#[case::silent_after_reset(EcuFault::SilentAfterReset(Duration::from_secs(3)))]
#[case::wrong_versions(EcuFault::WrongVersions)]
#[case::refusal(refusal(None))]
#[case::refusal_twice(refusal(Some(2)))]
fn a_fault_that_waits_is_armed(#[case] fault: EcuFault) {
    let mut bench = Bench::in_state(State::Extended);
    assert_eq!(bench.ecu.armed(), []);
    bench.tell(EcuInput::Fault(fault.clone()));
    assert_eq!(bench.ecu.armed(), [fault]);
}

#[rstest]
#[case::wrong_versions(EcuFault::WrongVersions, "11 01", "51 01")]
#[case::silent_after_reset(EcuFault::SilentAfterReset(Duration::from_secs(3)), "11 01", "51 01")]
#[case::refusal(refusal(None), "31 01 02 03", "7F 31 22")]
#[case::refusal_twice(refusal(Some(2)), "31 01 02 03", "7F 31 22")]
fn a_fault_that_struck_is_armed_no_more(
    #[case] fault: EcuFault,
    #[case] request: &str,
    #[case] answer: &str,
) {
    let mut bench = Bench::in_state(State::Extended);
    bench.tell(EcuInput::Fault(fault));
    bench.expect(request, answer);
    bench.wait(Duration::from_secs(10));
    assert_eq!(bench.ecu.armed(), []);
}

fn refusal(times: Option<u32>) -> EcuFault {
    let prefix = Bytes::from_static(&[0x31, 0x01, 0x02, 0x03]);
    EcuFault::Refuse { prefix, nrc: Nrc::ConditionsNotCorrect, times }
}

#[test]
fn a_killed_unit_is_dead() {
    let mut bench = Bench::in_state(State::Default);
    bench.tell(EcuInput::Fault(EcuFault::Kill));
    assert_eq!(bench.ask("22 F1 90"), Vec::<String>::new());
    assert_eq!(bench.ecu.end_state(None), EndState::Dead);
    assert_eq!(bench.events().last(), Some(&EcuEvent::Died));
    assert_eq!(bench.ecu.poll_timeout(), None);
}

#[test]
fn a_tester_that_is_gone_hears_nothing_and_its_erase_goes_on() {
    let mut bench = Bench::in_state(State::BootUnlocked);
    bench.put(&bytes("31 01 FF 00 02 40 00 08 00 00 06"), false);
    bench.tell(EcuInput::ChannelGone(7));
    bench.wait(Duration::from_secs(28));
    let finished = LedgerKind::EraseFinished { address: 0x0008_0000, size: 0x000C_0000 };
    assert_eq!(bench.ecu.ledger().last().map(|entry| entry.kind), Some(finished));
}

#[test]
fn a_restart_is_announced_and_ends() {
    let mut bench = Bench::in_state(State::Default);
    bench.expect("11 01", "51 01");
    let silent_for = Duration::from_secs(2);
    let restarting = EcuEvent::Restarting { kind: ResetKind::Hard, silent_for };
    assert!(bench.events().contains(&restarting));
    assert_eq!(bench.ask("22 F1 90"), Vec::<String>::new());
    bench.wait(silent_for);
    assert!(bench.events().contains(&EcuEvent::Running { bootloader: false }));
    assert!(bench.now > Instant::from_secs(2));
}
