//! Cars on ports in namespaces of the tests' own.

use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::Command;
use std::time::Duration;

use node::{AddressPlan, Seed};
use sim_gateway::{Setup, VehicleProfile};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::serve::serve_until;
use super::*;
use crate::namespace::{End, Namespace};
use crate::port::Port;
use crate::{Happening, LiveError, Note, Totals};

const LIMIT: Duration = Duration::from_secs(10);
const CAR: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);
const PC: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);

/// A car whose gateway is back soon.
fn options(plug: Plug) -> AttachOptions {
    let mut vehicle = VehicleProfile::named("g05").unwrap();
    vehicle.reset.restart.link_down = Duration::from_millis(300);
    vehicle.reset.restart.booting = Duration::from_millis(100);
    AttachOptions {
        vehicle,
        setup: Setup::default(),
        interface: "car".into(),
        address: AddressPlan::Static { address: CAR, prefix: 24, router: None },
        plug,
        force: false,
        seed: Seed(1),
    }
}

/// Serves a car at one end of a cable while `client` runs at the other, on kernel sockets; says
/// loudly when that cannot be done.
fn with_car(
    plug: Plug,
    client: impl AsyncFnOnce(&Namespace) + Send,
) -> Option<(Totals, Vec<Happening>)> {
    let namespace = match Namespace::new("attach") {
        Ok(namespace) => namespace,
        Err(error) => {
            println!("SKIPPED: a car on a port, because {error}");
            return None;
        }
    };
    let outcome = namespace.run(|| {
        namespace.veth("car", End { namespace: &namespace, name: "pc" }, 1500).unwrap();
        namespace.address("pc", PC, 24).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut happenings = Vec::new();
            let stop = async { timeout(LIMIT, client(&namespace)).await.expect("in time") };
            let port = Port::raw("car").unwrap();
            let options = options(plug);
            let served = serve_until(&options, port, stop, |happening| happenings.push(happening));
            let totals = served.await.unwrap();
            (totals, happenings)
        })
    });
    Some(outcome)
}

/// Connects as soon as somebody listens.
async fn connected(port: u16) -> TcpStream {
    let peer = SocketAddrV4::new(CAR, port);
    loop {
        match timeout(Duration::from_millis(200), TcpStream::connect(peer)).await {
            Ok(Ok(stream)) => return stream,
            Ok(Err(_)) | Err(_) => tokio::task::yield_now().await,
        }
    }
}

#[test]
fn a_kernel_client_is_answered_by_the_car_on_its_port() {
    let served = with_car(Plug::EnetCable, async |_| {
        let mut stream = connected(6801).await;
        stream.write_all(b"\0\0\0\x04\0\x01\xF4\xDF\x3E\x80").await.unwrap();
        let mut acknowledge = [0; 10];
        stream.read_exact(&mut acknowledge).await.unwrap();
        assert_eq!(&acknowledge, b"\0\0\0\x04\0\x02\xF4\xDF\x3E\x80");
    });
    let Some((totals, happenings)) = served else { return };
    assert_eq!((totals.accepted, totals.bytes_received), (1, 10));
    let attached = happenings
        .iter()
        .any(|happening| matches!(happening, Happening::Attached { switches_carrier: true, .. }));
    assert!(attached, "{happenings:?}");
    let addressed = happenings.iter().any(|happening| {
        let note = Note::AddressAcquired { address: CAR, prefix: 24 };
        matches!(happening, Happening::AtPort { note: found, .. } if *found == note)
    });
    assert!(addressed, "{happenings:?}");
}

#[test]
fn an_icom_stands_between_the_port_and_the_car() {
    let served = with_car(Plug::IcomNext, async |_| {
        let mut stream = connected(50160).await;
        stream.write_all(b"\0\0\0\x04\0\x01\xF4\xDF\x3E\x80").await.unwrap();
    });
    let Some((_, happenings)) = served else { return };
    let joined = happenings.iter().any(|happening| matches!(happening, Happening::AtPlug { .. }));
    assert!(joined, "{happenings:?}");
}

#[test]
fn a_gateway_reset_takes_the_carrier_from_the_other_end_and_gives_it_back() {
    let served = with_car(Plug::EnetCable, async |namespace| {
        let mut stream = connected(6801).await;
        // ECUReset, hard, to the gateway.
        stream.write_all(b"\0\0\0\x04\0\x01\xF4\x10\x11\x01").await.unwrap();
        let mut watched = Port::raw("pc").unwrap();
        for expected in [true, false, true] {
            loop {
                match poll_fn(|cx| watched.poll(cx)).await.unwrap() {
                    node::PortInput::Link(up) => break assert_eq!(up, expected),
                    node::PortInput::Frame(_) => {}
                }
            }
        }
        assert!(namespace.carrier("pc").unwrap());
    });
    let Some((totals, _)) = served else { return };
    assert_eq!(totals.stack_losses, 2);
}

#[test]
fn an_adapter_that_goes_away_ends_the_run_with_an_error() {
    let Ok(namespace) = Namespace::new("attach") else {
        return println!("SKIPPED: an adapter that goes away, because there are no namespaces");
    };
    namespace.run(|| {
        namespace.veth("car", End { namespace: &namespace, name: "pc" }, 1500).unwrap();
        let port = Port::raw("car").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = options(Plug::EnetCable);
        let served = runtime.block_on(async {
            let never = std::future::pending();
            let served = serve_until(&options, port, never, |happening| {
                if matches!(happening, Happening::Attached { .. }) {
                    let mut remove = Command::new("ip");
                    remove.args(["link", "delete", "pc"]);
                    assert!(namespace.spawn(remove).unwrap().wait().unwrap().success());
                }
            });
            timeout(LIMIT, served).await.expect("in time")
        });
        assert!(matches!(served, Err(LiveError::Adapter { .. })), "{served:?}");
    });
}
