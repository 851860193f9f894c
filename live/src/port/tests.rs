//! Ports in namespaces of the tests' own.

use std::future::poll_fn;
use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::namespace::{End, Namespace};

const LIMIT: Duration = Duration::from_secs(5);
/// How long what must not come is waited for.
const SILENCE: Duration = Duration::from_millis(50);
const NEAR: &str = "near";
const FAR: &str = "far";

/// Runs a test inside a namespace of its own, or says loudly why it cannot.
fn alone(test: impl AsyncFnOnce(&Namespace) + Send) {
    let namespace = match Namespace::new("ports") {
        Ok(namespace) => namespace,
        Err(error) => return println!("SKIPPED: ports in a namespace, because {error}"),
    };
    namespace.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test(&namespace));
    });
}

/// Two ports with a cable between them.
fn cable(namespace: &Namespace) -> (Port, Port) {
    let other = End { namespace, name: FAR };
    namespace.veth(NEAR, other, 1500).unwrap();
    (Port::raw(NEAR).unwrap(), Port::raw(FAR).unwrap())
}

/// A frame of this length with an EtherType for experiments, from an address of nobody's.
fn frame(length: usize) -> Vec<u8> {
    let mut frame = vec![0x5A; length];
    frame[..6].copy_from_slice(&[0xFF; 6]);
    frame[6..12].copy_from_slice(&[2, 0, 0, 0xBC, 9, 9]);
    frame[12..14].copy_from_slice(&[0x88, 0xB5]);
    frame
}

async fn next(port: &mut Port) -> PortInput {
    timeout(LIMIT, poll_fn(|cx| port.poll(cx))).await.expect("in time").unwrap()
}

/// The next frame for experiments.
async fn next_frame(port: &mut Port) -> Vec<u8> {
    loop {
        match next(port).await {
            PortInput::Frame(frame) if frame[12..14] == [0x88, 0xB5] => return frame.to_vec(),
            PortInput::Frame(_) | PortInput::Link(_) => {}
        }
    }
}

/// Waits for what the kernel does in its own time.
async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, waiting).await.expect("in time");
}

async fn next_link(port: &mut Port) -> bool {
    loop {
        if let PortInput::Link(up) = next(port).await {
            return up;
        }
    }
}

#[test]
fn frames_pass_a_cable_whole_and_are_not_heard_by_who_sent_them() {
    alone(async |namespace| {
        let (mut near, mut far) = cable(namespace);
        for length in [14, 60, 61, 1513, 1514] {
            near.send(&frame(length)).unwrap();
            assert_eq!(next_frame(&mut far).await, frame(length));
        }
        assert!(timeout(SILENCE, next_frame(&mut near)).await.is_err());
    });
}

#[test]
fn how_long_a_frame_had_been_there_is_known_by_who_asked() {
    use crate::netem::End;

    const LAG: Duration = Duration::from_millis(2);
    alone(async |namespace| {
        let (mut near, mut far) = cable(namespace);
        far.note_arrivals().unwrap();
        // The kernel begins to note in its own time.
        let noted = async {
            while far.waited() < LAG {
                near.send(&frame(60)).unwrap();
                tokio::time::sleep(LAG).await;
                next_frame(&mut far).await;
            }
        };
        timeout(LIMIT, noted).await.expect("in time");
        near.send(&frame(60)).unwrap();
        far.send(&frame(60)).unwrap();
        next_frame(&mut near).await;
        assert_eq!(near.waited(), Duration::ZERO);
    });
}

#[test]
fn a_tag_passes_a_cable() {
    alone(async |namespace| {
        let (mut near, mut far) = cable(namespace);
        for length in [60, 1514] {
            let untagged = frame(length);
            let tagged = [&untagged[..12], &[0x81, 0, 0xA0, 0x49], &untagged[12..]].concat();
            near.send(&tagged).unwrap();
            let tagged_arrives =
                async { while next(&mut far).await != PortInput::Frame(tagged.clone().into()) {} };
            timeout(LIMIT, tagged_arrives).await.expect("in time");
        }
        assert_eq!(far.counts(), Counts::default());
    });
}

#[test]
fn what_this_machines_kernel_sends_on_a_raw_port_is_not_received_from_it() {
    alone(async |namespace| {
        let (mut near, mut far) = cable(namespace);
        namespace.address(NEAR, [169, 254, 1, 1].into(), 16).unwrap();
        let socket = std::net::UdpSocket::bind("169.254.1.1:0").unwrap();
        socket.set_broadcast(true).unwrap();
        socket.send_to(b"hello", "169.254.255.255:6811").unwrap();
        let hello = async |port: &mut Port| loop {
            if let PortInput::Frame(frame) = next(port).await
                && frame.ends_with(b"hello")
            {
                break;
            }
        };
        hello(&mut far).await;
        assert!(timeout(SILENCE, hello(&mut near)).await.is_err());
    });
}

#[test]
fn a_frame_longer_than_the_port_is_counted_and_harms_nothing() {
    alone(async |namespace| {
        let (mut near, mut far) = cable(namespace);
        near.send(&frame(1519)).unwrap();
        assert_eq!(near.counts().too_long, 1);
        near.send(&frame(100)).unwrap();
        assert_eq!(next_frame(&mut far).await.len(), 100);
    });
}

#[test]
fn carrier_is_told_first_and_whenever_the_other_end_changes_it() {
    alone(async |namespace| {
        let (mut near, mut far) = cable(namespace);
        assert_eq!(next(&mut near).await, PortInput::Link(true));
        assert_eq!(far.set_carrier(false).unwrap(), Carrier::Switched);
        assert!(!next_link(&mut near).await);
        near.send(&frame(99)).unwrap();
        far.set_carrier(true).unwrap();
        assert!(next_link(&mut near).await);
        near.send(&frame(100)).unwrap();
        assert_eq!(next_frame(&mut far).await.len(), 100);
    });
}

#[test]
fn a_port_left_off_is_on_again_when_it_is_given_back() {
    alone(async |namespace| {
        let (near, mut far) = cable(namespace);
        far.set_carrier(false).unwrap();
        drop(far);
        assert!(namespace.carrier(NEAR).unwrap());
        drop(near);
    });
}

#[test]
fn a_tap_device_comes_up_shows_its_carrier_and_is_gone_when_dropped() {
    alone(async |namespace| {
        let mut tap = match Port::tap("tap-test", 1422) {
            Ok(tap) => tap,
            Err(error) => return println!("SKIPPED: a TAP device, because {error}"),
        };
        assert_eq!((tap.name(), tap.mtu()), ("tap-test", 1422));
        assert!(next_link(&mut tap).await);
        assert!(namespace.carrier("tap-test").unwrap());
        assert_eq!(tap.set_carrier(false).unwrap(), Carrier::Switched);
        assert!(!namespace.carrier("tap-test").unwrap());
        tap.set_carrier(true).unwrap();
        assert!(namespace.carrier("tap-test").unwrap());
        drop(tap);
        assert!(!namespace.has("tap-test"));
    });
}

#[test]
fn an_end_of_a_veth_pair_does_what_a_tap_device_does() {
    alone(async |namespace| {
        let mut port = Port::veth("veth-test", 1422, None).unwrap();
        assert_eq!((port.name(), port.mtu()), ("veth-test", 1422));
        assert!(next_link(&mut port).await);
        assert_eq!(port.set_carrier(false).unwrap(), Carrier::Switched);
        until(|| !namespace.carrier("veth-test").unwrap()).await;
        port.switch().unwrap().set(true).unwrap();
        until(|| namespace.carrier("veth-test").unwrap()).await;
        let mut kernels = Port::raw("veth-test").unwrap();
        port.send(&frame(100)).unwrap();
        assert_eq!(next_frame(&mut kernels).await, frame(100));
        drop(port);
        until(|| !namespace.has("veth-test")).await;
    });
}

/// Data in one piece leave the kernel in frames, each with a sum of its own.
#[test]
fn what_the_kernel_sends_comes_out_of_a_veth_pair_in_whole_frames() {
    alone(async |namespace| {
        let mut port = Port::veth("veth-test", 1500, None).unwrap();
        namespace.address("veth-test", [169, 254, 1, 1].into(), 16).unwrap();
        let socket = std::net::UdpSocket::bind("169.254.1.1:0").unwrap();
        socket.set_broadcast(true).unwrap();
        nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::UdpGsoSegment, &1000)
            .unwrap();
        socket.send_to(&[0x5A; 3500], "169.254.255.255:6811").unwrap();
        let mut lengths = Vec::new();
        while lengths.len() < 4 {
            if let PortInput::Frame(frame) = next(&mut port).await
                && frame.ends_with(&[0x5A; 100])
            {
                let sum = udp_sum(&frame);
                assert_eq!(sum, 0, "{frame:02x?}");
                lengths.push(frame.len() - 42);
            }
        }
        assert_eq!(lengths, [1000, 1000, 1000, 500]);
    });
}

/// The sum over pseudo-header and UDP datagram of a frame, sum included: zero when it is right.
fn udp_sum(frame: &[u8]) -> u16 {
    let (ip, udp) = (&frame[14..34], &frame[34..]);
    let length = (udp.len() as u16).to_be_bytes();
    let words = [&ip[12..20], &[0, ip[9]], &length, udp].concat();
    let sum: u32 = words
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
        .sum();
    let folded = (sum & 0xFFFF) + (sum >> 16);
    !((folded & 0xFFFF) + (folded >> 16)) as u16
}

#[test]
fn what_the_kernel_sends_comes_out_of_a_tap_device() {
    alone(async |namespace| {
        let Ok(mut tap) = Port::tap("tap-test", 1500) else {
            return println!("SKIPPED: a TAP device, because none can be made here");
        };
        namespace.address("tap-test", [169, 254, 1, 1].into(), 16).unwrap();
        let socket = std::net::UdpSocket::bind("169.254.1.1:0").unwrap();
        socket.set_broadcast(true).unwrap();
        socket.send_to(b"hello", "169.254.255.255:6811").unwrap();
        let frame = loop {
            if let PortInput::Frame(frame) = next(&mut tap).await
                && frame.ends_with(b"hello")
            {
                break frame;
            }
        };
        assert_eq!(frame[6..12], tap.mac());
    });
}

#[test]
fn a_missing_port_is_an_error_that_lists_those_there_are() {
    alone(async |namespace| {
        let _cable = cable(namespace);
        let error = Port::raw("none").map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("far, near"), "{error}");
    });
}

#[test]
fn a_tap_device_that_exists_is_not_taken_over() {
    alone(async |_| {
        let mut wanted = tun::Configuration::default();
        wanted.tun_name("kept").layer(tun::Layer::L2);
        wanted.platform_config(|platform| {
            platform.ensure_root_privileges(false);
        });
        if let Err(error) = tun::create(&wanted).and_then(|mut device| device.persist()) {
            return println!("SKIPPED: a TAP device that exists, because {error}");
        }
        let refused = Port::tap("kept", 1500).err().map(|error| error.to_string());
        assert!(refused.as_ref().is_some_and(|why| why.contains("of that name")), "{refused:?}");
        assert!(Link::open("kept").is_ok(), "it is left where it was");
    });
}
