//! Namespaces of our own: made, joined, gone.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use super::*;

/// Makes a namespace, or says why these tests cannot.
fn namespace(name: &str) -> Option<Namespace> {
    match Namespace::new(name) {
        Ok(namespace) => Some(namespace),
        Err(error) => {
            println!("SKIPPED: network namespaces, because {error}");
            None
        }
    }
}

#[test]
fn two_namespaces_joined_by_a_cable_reach_each_other() {
    let (Some(here), Some(there)) = (namespace("here"), namespace("there")) else { return };
    here.veth("a0", End { namespace: &there, name: "a0" }, 1500).unwrap();
    here.address("a0", Ipv4Addr::new(169, 254, 1, 1), 16).unwrap();
    there.address("a0", Ipv4Addr::new(169, 254, 1, 2), 16).unwrap();
    let listener = there.run(|| TcpListener::bind("169.254.1.2:6801")).unwrap();
    let mut client = here.run(|| TcpStream::connect("169.254.1.2:6801")).unwrap();
    client.write_all(b"hello").unwrap();
    let mut heard = [0; 5];
    listener.accept().unwrap().0.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"hello");
}

#[test]
fn a_link_switched_off_takes_the_carrier_of_its_peer() {
    let (Some(here), Some(there)) = (namespace("here"), namespace("there")) else { return };
    here.veth("a0", End { namespace: &there, name: "b0" }, 1500).unwrap();
    let becomes = |up| eventually(|| there.carrier("b0").unwrap() == up);
    assert!(becomes(true));
    here.down("a0").unwrap();
    assert!(becomes(false));
    here.up("a0").unwrap();
    assert!(becomes(true));
}

#[test]
fn a_bridge_joins_what_is_plugged_into_it() {
    let names = ["left", "middle", "right"].map(namespace);
    let [Some(left), Some(middle), Some(right)] = names else { return };
    middle.veth("l", End { namespace: &left, name: "e0" }, 1500).unwrap();
    middle.veth("r", End { namespace: &right, name: "e0" }, 1500).unwrap();
    middle.bridge("br", &["l", "r"]).unwrap();
    left.address("e0", Ipv4Addr::new(10, 0, 0, 1), 24).unwrap();
    right.address("e0", Ipv4Addr::new(10, 0, 0, 2), 24).unwrap();
    let _listener = right.run(|| TcpListener::bind("10.0.0.2:7000")).unwrap();
    assert!(left.run(|| TcpStream::connect("10.0.0.2:7000")).is_ok());
}

#[test]
fn the_congestion_control_in_force_is_told() {
    let Some(namespace) = namespace("pinned") else { return };
    let pinned = |name: &str| namespace.pin_congestion_control(name).unwrap();
    let reno = CongestionControl { name: "reno".to_owned(), per_socket: false };
    assert_eq!(pinned("reno"), reno);
    assert_eq!(namespace.setting("net/ipv4/tcp_congestion_control").unwrap(), "reno");
    assert_eq!(pinned("no-such-thing"), reno);
    // The kernel's own default; a machine may forbid it to namespaces, but not to their sockets.
    assert_eq!(pinned("cubic").name, "cubic");
}

#[test]
fn a_missing_link_is_named() {
    let Some(namespace) = namespace("empty") else { return };
    let error = namespace.up("eth7").unwrap_err().to_string();
    assert!(error.starts_with("no link eth7 in the namespace empty: "), "{error}");
}

#[test]
fn devices_are_gone_with_their_namespace() {
    let (Some(here), Some(there)) = (namespace("here"), namespace("there")) else { return };
    here.veth("a0", End { namespace: &there, name: "b0" }, 1500).unwrap();
    drop(here);
    assert!(eventually(|| !there.has("b0")), "the peer of a device outlives its namespace");
}

/// Asks again and again, as the kernel carries out such things a little later.
fn eventually(happened: impl Fn() -> bool) -> bool {
    let clock = crate::Clock::start();
    while clock.now() < node::Instant::from_secs(5) {
        if happened() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}
