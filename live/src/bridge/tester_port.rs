//! The technician's adapter: what the tester's tools see of the vehicle's network port.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bridge::{OrderNumber, Role};
use node::{Duration, Frame, PortInput};
use tokio::time::{Sleep, sleep};
use tracing::warn;

use super::hardware_address;
use super::tap_routes::TapRoutes;
use super::{BridgeError, Lan};
use crate::LiveError;
use crate::port::Port;

/// Largest IP packet of a TAP device, in bytes.
pub const TAP_MTU: u16 = 1500;

/// How often an address is announced, and the time in between (RFC 5227, 1.1).
const ANNOUNCEMENTS: u32 = 2;
const ANNOUNCEMENT_SPACING: Duration = Duration::from_secs(2);

/// An adapter of this machine, and the address it was given.
pub struct TesterPort {
    port: Port,
    routes: Option<TapRoutes>,
    announcing: Option<Announcing>,
}

/// The vehicle is told at which hardware address this machine is, for it may know another from
/// before.
struct Announcing {
    left: u32,
    wait: Pin<Box<Sleep>>,
}

impl TesterPort {
    /// Makes the adapter, without carrier until the vehicle's side says that there is link.
    pub fn make(name: &str, order: OrderNumber) -> Result<Self, LiveError> {
        let mac = hardware_address::of(order, Role::Technician);
        let mut port = Port::tap_with(name, TAP_MTU, mac)?;
        refuse_routers(port.name());
        Lan::set_carrier(&mut port, false);
        Ok(Self { port, routes: None, announcing: None })
    }

    /// Gives it an address, and routes for packets of up to `mtu` bytes.
    pub async fn give(
        &mut self,
        (address, prefix): (Ipv4Addr, u8),
        mtu: u16,
    ) -> Result<(), BridgeError> {
        self.routes = Some(TapRoutes::give(self.port.name(), address, prefix, mtu).await?);
        Ok(())
    }

    fn poll_announcement(&mut self, cx: &mut Context<'_>) -> Option<Frame> {
        let Announcing { left, wait } = self.announcing.as_mut()?;
        if wait.as_mut().poll(cx).is_pending() {
            return None;
        }
        *left -= 1;
        match left {
            0 => self.announcing = None,
            1.. => *wait = Box::pin(sleep(ANNOUNCEMENT_SPACING)),
        }
        let address = self.routes.as_ref()?.address();
        Some(announcement(self.port.mac(), address))
    }
}

impl Lan for TesterPort {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<PortInput>> {
        match self.poll_announcement(cx) {
            Some(frame) => Poll::Ready(Ok(PortInput::Frame(frame))),
            None => self.port.poll(cx),
        }
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.port.send(frame)
    }

    fn set_carrier(&mut self, up: bool) {
        Lan::set_carrier(&mut self.port, up);
        let begin = || Announcing { left: ANNOUNCEMENTS, wait: Box::pin(sleep(Duration::ZERO)) };
        self.announcing = (up && self.routes.is_some()).then(begin);
    }

    fn fit(&mut self, mtu: u16) {
        if let Some(routes) = &mut self.routes {
            routes.fit(mtu);
        }
    }
}

/// Returns a request of ARP's for one's own address, which nobody answers and everybody hears.
fn announcement(mac: [u8; 6], address: Ipv4Addr) -> Frame {
    const ETHERNET_IPV4_REQUEST: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 1];
    let address = address.octets();
    let mut frame = [
        &[0xFF; 6],
        &mac[..],
        &[0x08, 0x06],
        &ETHERNET_IPV4_REQUEST,
        &mac,
        &address,
        &[0; 6],
        &address,
    ]
    .concat();
    frame.resize(SHORTEST, 0);
    frame.into()
}

/// Bytes of the shortest frame on a wire, without its checksum.
const SHORTEST: usize = 60;

/// Keeps the other side's routers from giving this machine routes through the adapter.
fn refuse_routers(adapter: &str) {
    for setting in ["accept_ra", "autoconf"] {
        let file = format!("/proc/sys/net/ipv6/conf/{adapter}/{setting}");
        match fs::write(&file, "0") {
            Ok(()) => {}
            // Without IPv6 there is nothing to refuse.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => warn!(%error, file, "IPv6 routers of the other side may be listened to"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::UdpSocket;

    use nix::sys::socket::{getsockopt, sockopt};
    use tokio::time::timeout;

    use super::*;
    use crate::namespace::Namespace;

    const LIMIT: Duration = Duration::from_secs(5);
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 77, 1);

    /// Runs a test on a port with an address in a namespace, or says loudly why it cannot.
    fn with_port(test: impl AsyncFnOnce(TesterPort) + Send) {
        let namespace = match Namespace::new("tester's port") {
            Ok(namespace) => namespace,
            Err(error) => return println!("SKIPPED: a port in a namespace, because {error}"),
        };
        namespace.run(|| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                match TesterPort::make("car-test", OrderNumber(7)) {
                    Ok(mut port) => {
                        port.give((ADDRESS, 16), 1422).await.unwrap();
                        test(port).await;
                    }
                    Err(error) => println!("SKIPPED: the tester's port, because {error}"),
                }
            });
        });
    }

    #[test]
    fn its_address_is_announced_when_there_is_link() {
        with_port(async |mut port| {
            let expected = announcement(port.port.mac(), ADDRESS);
            assert_eq!(&expected[6..12], &hardware_address::of(OrderNumber(7), Role::Technician));
            port.set_carrier(true);
            let announced = async {
                while poll_fn(|cx| port.poll(cx)).await.unwrap()
                    != PortInput::Frame(expected.clone())
                {}
            };
            timeout(LIMIT, announced).await.expect("in time");
        });
    }

    #[test]
    fn the_kernels_packets_are_as_long_as_was_found_out() {
        with_port(async |mut port| {
            port.set_carrier(true);
            let mtu = || {
                let socket = UdpSocket::bind((ADDRESS, 0)).unwrap();
                socket.connect((Ipv4Addr::new(169, 254, 19, 2), 9)).unwrap();
                getsockopt(&socket, sockopt::IpMtu).unwrap()
            };
            assert_eq!(mtu(), 1422);
            port.fit(1322);
            let followed = async {
                while mtu() != 1322 {
                    tokio::task::yield_now().await;
                }
            };
            timeout(LIMIT, followed).await.expect("in time");
        });
    }
}
