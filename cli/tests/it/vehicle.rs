//! `benchcar vehicle`: ports that are taken, and a car that is served until Ctrl-C.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use rstest::rstest;

use crate::command::{PATIENCE, benchcar, ended, signal, start};

const HSFZ: u16 = 6801;
/// The highest place of the HSFZ port that leaves room for the DoIP port above it.
const HIGHEST: u16 = u16::MAX - (13400 - HSFZ);

#[test]
fn a_taken_port_ends_with_3_and_a_remedy() {
    let (port, _taken) = port();
    let ended = benchcar(&["vehicle", "--port-offset", &(port - HSFZ).to_string()]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.err.contains(&format!("TCP port {port} of 127.0.0.1 is taken")), "{}", ended.err);
    assert!(ended.err.contains("--port-offset"), "{}", ended.err);
}

#[test]
fn an_unknown_vehicle_ends_with_2_and_the_known_ones() {
    let ended = benchcar(&["vehicle", "--vehicle", "g99"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains("g05"), "{}", ended.err);
}

#[rstest]
#[case::a_port_beyond_the_last(&["--port-offset", "60000"], "port-offset")]
#[case::a_protocol_the_car_lacks(
    &["--vehicle", "f20", "--protocol", "doip"],
    "f20 does not speak DoIP; leave --protocol out"
)]
#[case::a_file_without_end(&["--vehicle", "/dev/zero"], "262144 bytes at most")]
#[case::bytes_that_are_no_text(&["--vehicle", "/proc/self/exe"], "/proc/self/exe")]
fn what_cannot_be_served_ends_at_once_and_says_why(#[case] args: &[&str], #[case] said: &str) {
    let ended = benchcar(&[&["vehicle"], args].concat());
    assert!([2, 3].contains(&ended.code), "{ended:?}");
    assert!(ended.err.contains(said), "{}", ended.err);
}

#[test]
fn a_served_car_answers_until_it_is_interrupted() {
    let (port, taken) = port();
    drop(taken);
    let mut child = start(&["vehicle", "--port-offset", &(port - HSFZ).to_string()]);
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    while !line.contains("serving on 127.0.0.1") {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "it ended before it served");
    }
    let mut car = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    car.set_read_timeout(Some(PATIENCE)).unwrap();
    // A tester asks the gateway for its VIN; the acknowledge repeats the beginning of it.
    car.write_all(&[0, 0, 0, 5, 0, 1, 0xF4, 0x10, 0x22, 0xF1, 0x90]).unwrap();
    let mut acknowledge = [0; 11];
    car.read_exact(&mut acknowledge).unwrap();
    assert_eq!(acknowledge, [0, 0, 0, 5, 0, 2, 0xF4, 0x10, 0x22, 0xF1, 0x90]);
    signal(child.id(), "INT");
    let ended = ended(child);
    assert_eq!(ended.code, 0, "{ended:?}");
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("ended: "), "{rest}");
}

/// A port of this machine that has room for a car's ports above it, held open.
fn port() -> (u16, TcpListener) {
    let mut others = Vec::new();
    for _ in 0..64 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
        let port = listener.local_addr().expect("a bound socket has one").port();
        if (HSFZ..=HIGHEST).contains(&port) {
            return (port, listener);
        }
        others.push(listener);
    }
    panic!("64 free ports in a row are too high");
}
