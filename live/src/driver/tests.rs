//! The driver with a small application, against plain sockets on loopback.

mod echo;

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::rc::Rc;

use bytes::Bytes;
use node::{CloseReason, Duration};
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use self::echo::{Away, Echo, Timer};
use super::*;
use crate::Transport;

const TCP: u16 = 1;
const UDP: u16 = 2;
/// How long an answer that must not come is waited for.
const SILENCE: Duration = Duration::from_millis(30);
const LIMIT: Duration = Duration::from_secs(10);

/// Starts an application on ports of loopback that are free at present.
fn start(app: impl Fn() -> Echo) -> (Driver<Echo>, Place) {
    loop {
        let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let free = probe.local_addr().unwrap().port();
        drop(probe);
        let place = Place::new(Ipv4Addr::LOCALHOST, free - TCP);
        match Driver::start(place, app()) {
            Ok(driver) => return (driver, place),
            Err(LiveError::PortTaken { .. } | LiveError::OffsetTooLarge { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Runs a client against a driver, both bounded in time; returns the driver afterwards.
fn against<F>(client: impl FnOnce(Place) -> F) -> Driver<Echo>
where
    F: Future<Output = io::Result<()>>,
{
    against_one_that_goes_away(|place, _| client(place))
}

/// As [`against`], with a client that decides how long the application stays away.
fn against_one_that_goes_away<F>(client: impl FnOnce(Place, Away) -> F) -> Driver<Echo>
where
    F: Future<Output = io::Result<()>>,
{
    in_runtime(async {
        let (mut driver, place) = start(Echo::default);
        let client = client(place, driver.app().away.clone());
        let stop = async { timeout(LIMIT, client).await.expect("in time").unwrap() };
        driver.run(stop, |_, _, _| {}).await.unwrap();
        driver
    })
}

fn in_runtime<R>(future: impl Future<Output = R>) -> R {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

async fn connect(place: Place) -> io::Result<TcpStream> {
    TcpStream::connect(("127.0.0.1", place.port(TCP).unwrap())).await
}

async fn expect_echo(stream: &mut TcpStream, text: &[u8]) -> io::Result<()> {
    stream.write_all(text).await?;
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).await?;
    assert_eq!(answer, text);
    Ok(())
}

fn closed(driver: &Driver<Echo>) -> Vec<CloseReason> {
    let events = driver.app().events.iter();
    events
        .filter_map(|event| match event {
            SocketEvent::Closed { reason, .. } => Some(*reason),
            _ => None,
        })
        .collect()
}
#[test]
fn the_application_learns_of_link_then_address_and_its_ports_are_open() {
    in_runtime(async {
        let (driver, place) = start(Echo::default);
        let acquired = SocketEvent::AddressAcquired { address: Ipv4Addr::LOCALHOST, prefix: 8 };
        assert_eq!(driver.app().events, [SocketEvent::LinkUp, acquired]);
        let ports: Vec<_> =
            driver.open_ports().iter().map(|port| (port.standard, port.real)).collect();
        assert_eq!(ports, [(TCP, TCP + place.port_offset), (UDP, UDP + place.port_offset)]);
    });
}

#[test]
fn a_stream_is_echoed_in_order_whatever_its_size() {
    let driver = against(|place| async move {
        let (mut reader, mut writer) = connect(place).await?.into_split();
        let sent: Vec<u8> = (0..600_000_u32).map(|n| (n / 7) as u8).collect();
        let copy = sent.clone();
        let writing = tokio::spawn(async move { writer.write_all(&copy).await.map(|()| writer) });
        let mut received = vec![0; sent.len()];
        reader.read_exact(&mut received).await?;
        drop(writing.await?);
        assert!(received == sent, "the stream came back changed");
        Ok(())
    });
    let totals = driver.sockets.totals();
    assert_eq!((totals.accepted, totals.bytes_received), (1, 600_000));
    assert_eq!(totals.bytes_sent, totals.bytes_received);
}

#[test]
fn many_connections_are_served_at_once() {
    against(|place| async move {
        let mut streams = Vec::new();
        for _ in 0..40 {
            streams.push(connect(place).await?);
        }
        for (index, stream) in streams.iter_mut().enumerate() {
            expect_echo(stream, format!("tester {index}").as_bytes()).await?;
        }
        Ok(())
    });
}

#[test]
fn a_peers_fin_is_told_once_and_answered() {
    let driver = against(|place| async move {
        let mut stream = connect(place).await?;
        stream.write_all(b"last words").await?;
        stream.shutdown().await?;
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await?;
        assert_eq!(rest, b"last words");
        Ok(())
    });
    assert_eq!(closed(&driver), [CloseReason::Finished]);
}

#[test]
fn a_peers_reset_is_told_once() {
    let driver = against(|place| async move {
        let mut stream = connect(place).await?;
        expect_echo(&mut stream, b"x").await?;
        stream.set_zero_linger()?;
        drop(stream);
        expect_echo(&mut connect(place).await?, b"y").await
    });
    assert_eq!(closed(&driver)[0], CloseReason::Reset);
}

#[rstest]
#[case::close(b"close", None)]
#[case::abort(b"abort", Some(io::ErrorKind::ConnectionReset))]
#[case::stack_reset(b"reset", Some(io::ErrorKind::ConnectionReset))]
#[case::stack_finish(b"finish", None)]
#[case::stack_silent(b"silent", Some(io::ErrorKind::ConnectionReset))]
fn a_connection_ends_as_the_application_asks(
    #[case] word: &'static [u8],
    #[case] error: Option<io::ErrorKind>,
) {
    let driver = against(|place| async move {
        let mut stream = connect(place).await?;
        expect_echo(&mut stream, b"hello").await?;
        stream.write_all(word).await?;
        let end = stream.read(&mut [0; 8]).await;
        assert_eq!(end.as_ref().err().map(io::Error::kind), error, "{end:?}");
        assert!(end.is_err() || matches!(end, Ok(0)));
        Ok(())
    });
    assert_eq!(closed(&driver), [], "what the application ended ends without a word to it");
}

#[test]
fn a_silent_stack_answers_nothing_until_it_is_back_and_then_begins_anew() {
    let driver = against_one_that_goes_away(|place, away| async move {
        away.hold();
        let mut before = connect(place).await?;
        expect_echo(&mut before, b"hello").await?;
        before.write_all(b"silent").await?;
        assert!(timeout(SILENCE, before.read(&mut [0; 8])).await.is_err());
        // The kernel takes the connection, but nobody serves it.
        let mut during = connect(place).await?;
        during.write_all(b"anyone?").await?;
        assert!(timeout(SILENCE, during.read(&mut [0; 8])).await.is_err());
        away.release();
        assert!(before.read(&mut [0; 8]).await.is_err());
        assert!(during.read(&mut [0; 8]).await.is_err());
        expect_echo(&mut reconnect(place).await?, b"again").await
    });
    assert_eq!(driver.sockets.totals().stack_losses, 1);
    let text = Bytes::from_static(b"anyone?");
    let heard =
        |event: &SocketEvent| matches!(event, SocketEvent::Received { data, .. } if *data == text);
    assert!(!driver.app().events.iter().any(heard), "nobody heard what came during the silence");
}

#[rstest]
#[case(b"reset")]
#[case(b"finish")]
fn a_stack_that_went_away_loudly_refuses_until_it_is_back(#[case] word: &'static [u8]) {
    against_one_that_goes_away(|place, away| async move {
        away.hold();
        let mut before = connect(place).await?;
        before.write_all(word).await?;
        assert!(matches!(before.read(&mut [0; 8]).await, Ok(0) | Err(_)));
        let refused = connect(place).await.expect_err("nobody listens");
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        away.release();
        expect_echo(&mut reconnect(place).await?, b"again").await
    });
}

#[test]
fn without_carrier_nothing_is_served_and_connections_survive() {
    let driver = against_one_that_goes_away(|place, away| async move {
        away.hold();
        let mut stream = connect(place).await?;
        expect_echo(&mut stream, b"hello").await?;
        stream.write_all(b"unlink").await?;
        assert!(timeout(SILENCE, stream.read(&mut [0; 8])).await.is_err());
        stream.write_all(b"later").await?;
        assert!(timeout(SILENCE, stream.read(&mut [0; 8])).await.is_err());
        away.release();
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"later");
        Ok(())
    });
    let events = &driver.app().events;
    assert!(events.contains(&SocketEvent::LinkDown));
    assert_eq!(events.iter().filter(|event| **event == SocketEvent::LinkUp).count(), 2);
}

#[test]
fn an_application_that_sends_without_end_overruns() {
    let driver = against(|place| async move {
        let mut stream = connect(place).await?;
        stream.write_all(b"flood").await?;
        assert!(stream.read(&mut [0; 8]).await.is_err());
        Ok(())
    });
    assert_eq!(closed(&driver), [CloseReason::Overrun]);
}

#[rstest]
#[case::unicast("127.0.0.1")]
#[case::directed_broadcast("127.255.255.255")]
fn a_datagram_is_answered_to_the_port_that_asked(#[case] to: &'static str) {
    if to != "127.0.0.1" && !cfg!(target_os = "linux") {
        return;
    }
    against(|place| async move {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        socket.set_broadcast(true)?;
        let port = place.port(UDP).unwrap();
        socket.send_to(b"who?", (to, port)).await?;
        let mut answer = [0; 16];
        let (length, from) = socket.recv_from(&mut answer).await?;
        assert_eq!(&answer[..length], b"who?");
        assert_eq!(from, SocketAddrV4::new(Ipv4Addr::LOCALHOST, port).into());
        Ok(())
    });
}

#[cfg(target_os = "linux")]
#[test]
fn an_announcement_reaches_whoever_listens_on_the_moved_port() {
    against(|place| async move {
        let listener = UdpSocket::bind(("0.0.0.0", place.port(UDP + 1).unwrap())).await?;
        connect(place).await?.write_all(b"announce").await?;
        let mut heard = [0; 16];
        let (length, _) = listener.recv_from(&mut heard).await?;
        assert_eq!(&heard[..length], b"here");
        Ok(())
    });
}

#[test]
fn no_deadline_expires_early_and_on_linux_none_waits_for_a_whole_millisecond() {
    in_runtime(async {
        let mut best = Duration::MAX;
        // A busy machine may be late every now and then, but not every time.
        for _ in 0..100 {
            // Rounded up to milliseconds this is always 0.9 ms late.
            let at = Instant::from_micros(2_100);
            let (mut driver, _) = start(|| {
                let mut app = Echo::default();
                app.timers.set(Timer::Tick, at);
                app
            });
            let fired = Rc::new(tokio::sync::Notify::new());
            let stop = timeout(LIMIT, fired.notified());
            let run = driver.run(async { stop.await.expect("in time") }, |_, app, _| {
                if !app.fired.is_empty() {
                    fired.notify_one();
                }
            });
            run.await.unwrap();
            let (_, expired) = driver.app().fired[0];
            assert!(expired >= at);
            best = best.min(expired - at);
            if best < Duration::from_micros(600) {
                return;
            }
        }
        if cfg!(target_os = "linux") {
            panic!("never better than {best:?}");
        }
    });
}

#[test]
fn a_taken_port_is_an_error_that_names_it_and_who_has_it() {
    in_runtime(async {
        let (driver, place) = start(Echo::default);
        let error = Driver::start(place, Echo::default()).err().expect("both want the same port");
        let LiveError::PortTaken { transport: Transport::Tcp, port, holder, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(*port, place.port(TCP).unwrap());
        if cfg!(target_os = "linux") {
            assert_eq!(holder.as_ref().map(|holder| holder.pid), Some(std::process::id()));
        }
        drop(driver);
    });
}

#[rstest]
#[case::connected(true)]
#[case::refused(false)]
fn an_application_can_open_connections(#[case] listening: bool) {
    in_runtime(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = SocketAddrV4::new(Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port());
        let listener = listening.then_some(listener);
        let connection = ConnectionId(7);
        let (mut driver, _) = start(|| {
            let mut app = Echo::default();
            app.output.push_back(SocketAction::Connect { connection, peer, timeout: LIMIT });
            app
        });
        let expected = if listening {
            SocketEvent::Connected { connection }
        } else {
            SocketEvent::Closed { connection, reason: CloseReason::Reset }
        };
        let (told, heard) = tokio::sync::oneshot::channel();
        let mut told = Some(told);
        let run = driver.run(
            async { timeout(LIMIT, heard).await.expect("in time").unwrap() },
            |_, app, _| {
                if app.events.contains(&expected)
                    && let Some(told) = told.take()
                {
                    told.send(()).unwrap();
                }
            },
        );
        run.await.unwrap();
        drop(listener);
    });
}

#[test]
fn stopping_ends_every_connection_with_fin() {
    in_runtime(async {
        let (mut driver, place) = start(Echo::default);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let client = async {
            let mut stream = connect(place).await?;
            expect_echo(&mut stream, b"hello").await?;
            stop.send(()).unwrap();
            stream.read(&mut [0; 8]).await
        };
        let run = driver.run(async { stopped.await.unwrap() }, |_, _, _| {});
        let (totals, end) = tokio::join!(run, timeout(LIMIT, client));
        assert_eq!(end.expect("in time").unwrap(), 0);
        assert_eq!(totals.unwrap().accepted, 1);
        assert!(driver.open_ports().is_empty());
    });
}

#[test]
fn observers_hear_of_connections() {
    in_runtime(async {
        let (mut driver, place) = start(Echo::default);
        let mut notes = Vec::new();
        let client = async {
            expect_echo(&mut connect(place).await.unwrap(), b"hello").await.unwrap();
            expect_echo(&mut connect(place).await.unwrap(), b"again").await.unwrap();
        };
        let run =
            driver.run(async { timeout(LIMIT, client).await.expect("in time") }, |_, _, new| {
                notes.extend_from_slice(new);
            });
        run.await.unwrap();
        let first = ConnectionId(ConnectionId::FIRST_ACCEPTED);
        assert!(
            matches!(notes[0], Note::Connected { connection, port: TCP, .. } if connection == first)
        );
        assert!(notes.contains(&Note::Disconnected { connection: first }));
    });
}

/// Connects once the stack is back, however long that takes.
async fn reconnect(place: Place) -> io::Result<TcpStream> {
    loop {
        match connect(place).await {
            Ok(mut stream) => {
                if expect_echo(&mut stream, b"?").await.is_ok() {
                    return Ok(stream);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

#[test]
fn an_idle_application_sleeps() {
    in_runtime(async {
        let (mut driver, _) = start(Echo::default);
        let mut rounds = 0;
        let run = driver.run(pending(), |_, _, _| rounds += 1);
        assert!(timeout(Duration::from_millis(50), run).await.is_err());
        assert_eq!(rounds, 0);
    });
}
