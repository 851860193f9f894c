//! A simulated vehicle on kernel sockets: `benchcar vehicle`.

use std::net::Ipv4Addr;

use node::{Instant, Seed};
use sim_gateway::{Gateway, Setup, VehicleEvent, VehicleProfile};
use sim_vci::VciEvent;
use tokio::runtime;

use crate::interrupt::interrupted;
use crate::{Driver, LiveError, Note, OpenPort, Place, Totals};

/// Which vehicle is served, and where.
#[derive(Clone, Debug)]
pub struct VehicleOptions {
    /// The vehicle.
    pub vehicle: VehicleProfile,
    /// What differs from its profile, such as the protocols it speaks.
    pub setup: Setup,
    /// The IPv4 address its ports are opened on; `0.0.0.0` for all of the machine's.
    pub listen: Ipv4Addr,
    /// What is added to each of its ports.
    pub port_offset: u16,
    /// What everything random in it is drawn from.
    pub seed: Seed,
}

/// Something people who serve a vehicle want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// Its ports are open.
    Ready {
        /// The address they are open on.
        address: Ipv4Addr,
        /// The ports, TCP first.
        ports: Vec<OpenPort>,
    },
    /// It is on a network port.
    Attached {
        /// The adapter.
        interface: String,
        /// The vehicle's hardware address.
        mac: [u8; 6],
        /// Whether the far end sees its carrier go; it only falls silent otherwise.
        switches_carrier: bool,
    },
    /// Something happened at what is plugged into it.
    AtPlug {
        /// When, since the start.
        at: Instant,
        /// What.
        event: VciEvent,
    },
    /// Something happened at its sockets.
    AtPort {
        /// When, since the start.
        at: Instant,
        /// What.
        note: Note,
    },
    /// The vehicle has something to tell.
    InVehicle {
        /// When, since the start.
        at: Instant,
        /// What.
        event: VehicleEvent,
    },
}

/// Serves a vehicle until the process is interrupted or asked to end; blocks until then.
///
/// Every connection is then finished, and what went through the sockets is returned.
pub fn serve_vehicle(
    options: VehicleOptions,
    on_event: impl FnMut(Happening),
) -> Result<Totals, LiveError> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| LiveError::System { what: "poller", source })?;
    runtime.block_on(async { serve_until(options, interrupted()?, on_event).await })
}

/// Serves a vehicle until `stop` completes.
/// The highest standard port of a vehicle, DoIP's.
const HIGHEST_PORT: u16 = 13_400;

async fn serve_until(
    options: VehicleOptions,
    stop: impl Future<Output = ()>,
    mut on_event: impl FnMut(Happening),
) -> Result<Totals, LiveError> {
    let VehicleOptions { vehicle, setup, listen, port_offset, seed } = options;
    let gateway = Gateway::new(&vehicle, setup, seed);
    let place = Place::new(listen, port_offset);
    // Ports may be opened, or spoken to, long after the start.
    place.port(HIGHEST_PORT)?;
    let mut driver = Driver::start(place, gateway)?;
    on_event(Happening::Ready { address: listen, ports: driver.open_ports() });
    driver
        .run(stop, |at, gateway, notes| {
            for note in notes {
                on_event(Happening::AtPort { at, note: *note });
            }
            while let Some(event) = gateway.poll_event() {
                on_event(Happening::InVehicle { at, event });
            }
        })
        .await
}

#[cfg(test)]
mod tests {
    use node::Duration;
    use rstest::rstest;
    use sim_gateway::Protocols;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpStream, UdpSocket};
    use tokio::time::timeout;

    use super::*;
    use crate::Transport;

    const LIMIT: Duration = Duration::from_secs(10);

    /// Serves a vehicle on ports that are free at present while `client` runs.
    fn with_vehicle<F>(protocols: Protocols, client: impl Fn(u16) -> F) -> (Totals, Vec<Happening>)
    where
        F: Future<Output = std::io::Result<()>>,
    {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        loop {
            let probe = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            let port_offset = probe.local_addr().unwrap().port() % 20_000 + 20_000;
            let options = VehicleOptions {
                vehicle: VehicleProfile::named("g05").unwrap(),
                setup: Setup { protocols: Some(protocols), ..Setup::default() },
                listen: Ipv4Addr::LOCALHOST,
                port_offset,
                seed: Seed(1),
            };
            let mut happenings = Vec::new();
            let stop =
                async { timeout(LIMIT, client(port_offset)).await.expect("in time").unwrap() };
            let served = serve_until(options, stop, |happening| happenings.push(happening));
            match runtime.block_on(served) {
                Ok(totals) => return (totals, happenings),
                Err(LiveError::PortTaken { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[rstest]
    #[case(Protocols::Hsfz, &[(Transport::Tcp, 6801), (Transport::Tcp, 6811), (Transport::Udp, 6811)])]
    #[case(Protocols::Doip, &[(Transport::Tcp, 13400), (Transport::Udp, 13400)])]
    fn the_ports_of_its_protocols_are_open(
        #[case] protocols: Protocols,
        #[case] expected: &[(Transport, u16)],
    ) {
        let (_, happenings) = with_vehicle(protocols, |_| async { Ok(()) });
        let Happening::Ready { address: Ipv4Addr::LOCALHOST, ports } = &happenings[0] else {
            panic!("{happenings:?}");
        };
        let open: Vec<_> = ports.iter().map(|port| (port.transport, port.standard)).collect();
        assert_eq!(open, expected);
    }

    #[test]
    fn it_identifies_itself_from_the_port_asked() {
        let (totals, _) = with_vehicle(Protocols::Hsfz, |offset| async move {
            let socket = UdpSocket::bind("127.0.0.1:0").await?;
            socket.send_to(b"\0\0\0\0\0\x11", ("127.0.0.1", 6811 + offset)).await?;
            let mut answer = [0; 100];
            let (length, from) = socket.recv_from(&mut answer).await?;
            assert_eq!(length, 56);
            assert!(answer.starts_with(b"\0\0\0\x32\0\x11DIAGADR10BMWMAC020000BC0001BMWVIN"));
            assert_eq!(from.port(), 6811 + offset);
            Ok(())
        });
        assert_eq!(totals.datagrams_received, 1);
    }

    #[test]
    fn a_request_is_acknowledged_and_the_connection_noted() {
        let (totals, happenings) = with_vehicle(Protocols::Hsfz, |offset| async move {
            let mut stream = TcpStream::connect(("127.0.0.1", 6801 + offset)).await?;
            stream.write_all(b"\0\0\0\x04\0\x01\xF4\xDF\x3E\x80").await?;
            let mut acknowledge = [0; 10];
            stream.read_exact(&mut acknowledge).await?;
            assert_eq!(&acknowledge, b"\0\0\0\x04\0\x02\xF4\xDF\x3E\x80");
            Ok(())
        });
        assert_eq!((totals.accepted, totals.bytes_received), (1, 10));
        let connected = happenings.iter().filter(|happening| {
            matches!(happening, Happening::AtPort { note: Note::Connected { port: 6801, .. }, .. })
        });
        assert_eq!(connected.count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_signal_ends_it() {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stop = interrupted().unwrap();
            let process = std::process::id().to_string();
            let kill = std::process::Command::new("kill").args(["-TERM", &process]).status();
            assert!(kill.unwrap().success());
            timeout(LIMIT, stop).await.expect("in time");
        });
    }
}
