//! What the supply voltage allows (`uds-and-bmw-ecus.md` §11.3).

use std::time::Duration;

use rstest::rstest;

use super::tester::{Bench, State, bytes};
use crate::{EcuInput, EndState, LedgerKind, ResetKind, supply};

fn supplied(state: State, millivolts: u32) -> Bench {
    let mut bench = Bench::in_state(state);
    bench.tell(EcuInput::Supply { millivolts });
    bench
}

#[rstest]
#[case::low(11_499, "7F 31 93")]
#[case::high(15_501, "7F 31 92")]
fn an_erase_is_refused_outside_the_limits(#[case] millivolts: u32, #[case] answer: &str) {
    let mut bench = supplied(State::BootUnlocked, millivolts);
    bench.expect("31 01 FF 00 02 40 00 08 00 00 06", answer);
    assert_eq!(bench.ecu.end_state(None), EndState::Untouched);
}

#[test]
fn a_block_above_the_limit_is_refused_and_taken_later() {
    let mut bench = supplied(State::Loading, 15_501);
    assert_eq!(bench.block(2, &[0; 8]), [[0x7F, 0x36, 0x92]]);
    bench.tell(EcuInput::Supply { millivolts: supply::NOMINAL });
    assert_eq!(bench.block(2, &[0; 8]), [[0x76, 2]]);
}

/// `uds-and-bmw-ecus.md` §11.1: the write fails, then the unit resets, and has no application.
#[test]
fn a_block_below_the_limit_costs_the_application() {
    let mut bench = supplied(State::Loading, 11_499);
    assert_eq!(bench.block(2, &[0; 8]), [[0x7F, 0x36, 0x93]]);
    bench.tell(EcuInput::Supply { millivolts: supply::NOMINAL });
    bench.wait(Duration::from_secs(5));
    assert!(bench.ecu.is_running());
    assert_eq!(bench.block(2, &[0; 8]), [[0x7F, 0x36, 0x24]]);
    assert_eq!(bench.ecu.end_state(None), EndState::Stranded);
    let kinds: Vec<_> = bench.ecu.ledger().iter().map(|entry| entry.kind).collect();
    assert!(kinds.contains(&LedgerKind::Reset { reset: ResetKind::LowVoltage }));
}

#[test]
fn the_preconditions_name_what_is_missing() {
    supplied(State::Extended, 12_400).expect("31 01 02 03", "71 01 02 03 0A");
    supplied(State::Extended, 11_000).expect("31 01 02 03", "71 01 02 03 08 0A");
    supplied(State::Extended, 13_000).expect("31 01 02 03", "71 01 02 03");
}

#[test]
fn the_bootloader_is_not_entered_outside_the_limits() {
    supplied(State::Extended, 11_000).expect("10 02", "7F 10 22");
    supplied(State::Extended, 12_400).expect("10 02", "50 02 00 32 01 F4");
}

#[test]
fn an_erase_fails_when_the_supply_falls_meanwhile() {
    let mut bench = Bench::in_state(State::BootUnlocked);
    bench.put(&bytes("31 01 FF 00 02 40 00 08 00 00 06"), false);
    bench.wait(Duration::from_secs(5));
    bench.tell(EcuInput::Supply { millivolts: 11_000 });
    assert_eq!(
        bench.ask("3E 80"),
        ["7F 31 78"; 8]
            .iter()
            .map(|s| (*s).to_owned())
            .chain(["7F 31 72".to_owned()])
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_brown_out_resets_and_a_rising_supply_brings_the_unit_back() {
    let mut bench = supplied(State::Loading, 8_999);
    assert!(!bench.ecu.is_running());
    assert_eq!(bench.ask("22 F1 86"), Vec::<String>::new());
    bench.tell(EcuInput::Supply { millivolts: 9_499 });
    bench.wait(Duration::from_secs(60));
    assert!(!bench.ecu.is_running());
    bench.tell(EcuInput::Supply { millivolts: 9_500 });
    bench.wait(Duration::from_secs(2));
    assert!(bench.ecu.is_running());
    assert_eq!(bench.ecu.end_state(None), EndState::Stranded);
    let kinds: Vec<_> = bench.ecu.ledger().iter().map(|entry| entry.kind).collect();
    assert!(kinds.contains(&LedgerKind::Brownout { millivolts: 8_999 }));
}

#[rstest]
#[case::idle(State::Default, 350)]
#[case::download(State::Loading, 700)]
fn the_load_depends_on_the_activity(#[case] state: State, #[case] milliamps: u32) {
    assert_eq!(Bench::in_state(state).ecu.load_milliamps(), milliamps);
}

#[test]
fn erasing_draws_the_most_and_a_browned_out_unit_nothing() {
    let mut bench = Bench::in_state(State::BootUnlocked);
    bench.put(&bytes("31 01 FF 00 02 40 00 08 00 00 06"), false);
    assert_eq!(bench.ecu.load_milliamps(), 900);
    bench.tell(EcuInput::Supply { millivolts: 0 });
    assert_eq!(bench.ecu.load_milliamps(), 0);
}

#[test]
fn the_voltage_is_read_back() {
    let mut bench = supplied(State::Default, 13_000);
    bench.expect("22 17 0C", "62 17 0C 32 C8");
}
