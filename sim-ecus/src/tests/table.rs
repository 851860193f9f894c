//! The whole table: every state, a broad list of requests, every answer.

use std::fmt::Write;

use wire::uds::describe;

use super::tester::{Bench, State, bytes, hex};
use crate::Condition;

const REQUESTS: &[&str] = &[
    "10 01",
    "10 02",
    "10 03",
    "10 41",
    "10 04",
    "10 4F",
    "10 83",
    "10",
    "10 03 00",
    "11 01",
    "11 02",
    "11 03",
    "11 04",
    "11 05",
    "11 81",
    "14 FF FF FF",
    "14 4F 80 01",
    "14 12 34 56",
    "14 FF FF",
    "19 01 0C",
    "19 02 0C",
    "19 04 CF 2B 10 FF",
    "19 06 CF 2B 10 FF",
    "19 04 12 34 56 FF",
    "19 0A",
    "19 09 00 00 00",
    "1A 80",
    "22 F1 86",
    "22 F1 00",
    "22 F1 01",
    "22 F1 90",
    "22 F1 50",
    "22 F1 8C",
    "22 F1 5A",
    "22 25 01",
    "22 25 02",
    "22 25 03",
    "22 25 04",
    "22 25 05",
    "22 10 0A",
    "22 37 FE",
    "22 30 00",
    "22 17 0C",
    "22 20 00",
    "22 20 01",
    "22 41 3A",
    "22 7E 00",
    "22 12 34",
    "22 12 34 F1 90",
    "22 F1",
    "23 24 00 00 00 00 00 04",
    "27 01 FF FF FF FF",
    "27 02 00",
    "27 03 FF FF FF FF",
    "27 11 FF FF FF FF",
    "27 11",
    "27 12 00",
    "28 01 01",
    "28 00 01",
    "28 01 07",
    "28 04 01",
    "2C 01 F3 03 F1 90 01 07",
    "2C 03 F3 03",
    "2C 01 F3 03 12 34 01 01",
    "2E F1 90 57 42 41 53 4D 54 45 53 54 30 30 30 30 30 30 30 31",
    "2E F1 5A 24 03 15 8A 00 01 01 00 00 10 00 00 00",
    "2E 30 00 00 0C 40 22 00 8A 31 07 55 10 00 00 02 14 A0 01",
    "2E 37 FE 30 30 30 30 30 30 31",
    "2E 41 50 00",
    "2E 12 34 00",
    "2F 40 11 03 01",
    "31 01 02 02 12 40 00 08 00 00 00 00",
    "31 01 02 03",
    "31 01 0F 01",
    "31 01 0F 06",
    "31 01 0F 0C 03",
    "31 01 10 03 01",
    "31 01 FF 00 02 40 00 08 00 00 06",
    "31 01 FF 00 02 40 00 08 00 00",
    "31 01 FF 01",
    "31 03 FF 00",
    "31 02 FF 00",
    "31 01 12 34",
    "31 01",
    "34 00 44 00 08 00 00 00 00 00 40",
    "36 01 00 00 00 00",
    "36 02 00 00 00 00",
    "37",
    "3E 00",
    "3E 80",
    "3E 01",
    "85 02",
    "85 01",
    "85 03",
    "86 05 02",
    "87 01 05",
    "00",
    "FF FF FF",
];

fn row(bench: &Bench, request: &str, functional: bool, table: &mut String) {
    let answers: Vec<_> = bench.clone().timed(&bytes(request), functional);
    let answers: Vec<_> = answers.iter().map(|(_, answer)| hex(answer)).collect();
    let answers = if answers.is_empty() { "-".to_owned() } else { answers.join(" , ") };
    let words = describe(&bytes(request));
    writeln!(table, "{request:<34} {answers}    ({words})").expect("strings take everything");
}

#[test]
fn every_state_answers_every_request() {
    for state in State::ALL {
        let bench = Bench::in_state(state);
        let mut table = String::new();
        for request in REQUESTS {
            row(&bench, request, false, &mut table);
        }
        insta::assert_snapshot!(format!("physical_{state:?}"), table);
    }
}

#[test]
fn functional_requests_are_refused_quietly() {
    let mut table = String::new();
    for state in [State::Default, State::Extended, State::NoApplication] {
        writeln!(table, "{state:?}").expect("strings take everything");
        let bench = Bench::in_state(state);
        for request in REQUESTS {
            row(&bench, request, true, &mut table);
        }
    }
    insta::assert_snapshot!("functional", table);
}

#[test]
fn every_unit_says_who_it_is() {
    let mut table = String::new();
    for name in crate::EcuProfile::names() {
        for condition in Condition::ALL {
            writeln!(table, "{name}, {condition}").expect("strings take everything");
            let bench = Bench::new(name, condition);
            for request in ["22 F1 01", "22 F1 86", "22 F1 90", "22 25 04", "22 37 FE", "19 02 0C"]
            {
                row(&bench, request, false, &mut table);
            }
        }
    }
    insta::assert_snapshot!("identity", table);
}

#[test]
fn every_unit_answers_its_own_identifiers() {
    for name in crate::EcuProfile::names() {
        let mut bench = Bench::new(name, Condition::Factory);
        let dids: Vec<_> = bench.ecu.profile().data.keys().copied().collect();
        for did in dids {
            let [high, low] = did.to_be_bytes();
            let answer = bench.send(&[0x22, high, low]).remove(0);
            assert_eq!(answer[..3], [0x62, high, low], "{name} {did:04X}");
        }
    }
}
