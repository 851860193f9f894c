//! How one can tell that a program is ready: by its log, its sockets, its device.
//!
//! Sockets and devices are read from the kernel's tables of the network the program is in.

use std::time::{Duration, Instant};

use scenarios::manifest::{Ready, Value};

use super::prepare::fill;
use super::program::Program;
use super::{DeviceError, Ground};

/// Waits until everything its manifest names is there.
pub(super) async fn wait(
    program: &mut Program,
    ready: &Ready,
    values: &Value,
    ground: &dyn Ground,
) -> Result<(), DeviceError> {
    let device = ready.device.as_ref().map(|device| fill(device, values)).transpose()?;
    let deadline = Instant::now() + ready.within.0;
    loop {
        let Some(missing) = missing(program, ready, device.as_deref(), ground) else {
            return Ok(());
        };
        let role = program.name();
        if let Some(how) = program.poll_end() {
            program.output().wait_for_end(Duration::from_millis(200));
            let last = program.output().last(LINES);
            return Err(DeviceError::Ended { role, how, last });
        }
        if Instant::now() >= deadline {
            let last = program.output().last(LINES);
            return Err(DeviceError::NotReady { role, within: ready.within.0, missing, last });
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Says what is not there yet.
fn missing(
    program: &Program,
    ready: &Ready,
    device: Option<&str>,
    ground: &dyn Ground,
) -> Option<String> {
    if let Some(pattern) = ready.log.as_ref().filter(|_| !program.output().has_awaited()) {
        return Some(format!("no line has `{pattern}`"));
    }
    if let Some(port) = ready.udp.filter(|port| !is_open(ground, "udp", *port)) {
        return Some(format!("UDP port {port} is not open"));
    }
    if let Some(port) = ready.tcp.filter(|port| !is_open(ground, "tcp", *port)) {
        return Some(format!("TCP port {port} does not listen"));
    }
    let device = device.filter(|device| !exists(ground, device))?;
    Some(format!("there is no device {device}"))
}

/// Returns whether a port is open there, IPv4 or IPv6.
fn is_open(ground: &dyn Ground, transport: &str, port: u16) -> bool {
    ["", "6"].iter().any(|version| {
        let table = ground.table(&format!("{transport}{version}"));
        table.lines().skip(1).any(|line| holds(line, transport, port))
    })
}

/// Reads one line of such a table: its number, own address, other address, state.
fn holds(line: &str, transport: &str, port: u16) -> bool {
    let mut words = line.split_whitespace();
    let own = words.nth(1).and_then(|own| own.rsplit_once(':'));
    let is_port = own.is_some_and(|(_, hex)| u16::from_str_radix(hex, 16) == Ok(port));
    let state = words.nth(1);
    is_port && (transport == "udp" || state == Some(LISTENS))
}

/// Returns whether there is a device.
fn exists(ground: &dyn Ground, device: &str) -> bool {
    let table = ground.table("dev");
    table.lines().any(|line| line.split_once(':').is_some_and(|(name, _)| name.trim() == device))
}

/// The state of a TCP socket that listens, as the kernel writes it.
const LISTENS: &str = "0A";
/// How many lines of a program that is not ready are told.
const LINES: usize = 10;

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use rstest::rstest;

    use super::super::Here;
    use super::*;

    #[test]
    fn the_kernels_tables_tell_of_sockets_and_devices() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (tcp, udp) =
            (listener.local_addr().unwrap().port(), socket.local_addr().unwrap().port());
        assert!(is_open(&Here, "tcp", tcp) && is_open(&Here, "udp", udp));
        drop((listener, socket));
        assert!(!is_open(&Here, "tcp", tcp) && !is_open(&Here, "udp", udp));
        assert!(exists(&Here, "lo") && !exists(&Here, "no-such0"));
    }

    #[rstest]
    #[case::listens("0: 0100007F:1A91 00000000:0000 0A 0", "tcp", true)]
    #[case::connected("0: 0100007F:1A91 0100007F:CAFE 01 0", "tcp", false)]
    #[case::datagrams("0: 00000000:1A91 00000000:0000 07 0", "udp", true)]
    #[case::other_port("0: 00000000:1A92 00000000:0000 07 0", "udp", false)]
    #[case::nonsense("", "udp", false)]
    fn a_line_of_the_table_is_read(#[case] line: &str, #[case] transport: &str, #[case] is: bool) {
        assert_eq!(holds(line, transport, 6801), is);
    }
}
