//! A technician, a relay and a mechanic on loopback, their Ethernet ports in memory.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::task::Waker;

use bridge::{EndpointConfig, Mechanic, OrderNumber, RelayConfig, Secret, Technician};
use bytes::Bytes;

use super::super::RelayService;
use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// An Ethernet port whose other end is the test.
#[derive(Clone, Default)]
struct Memory(Rc<RefCell<Ends>>);

#[derive(Default)]
struct Ends {
    towards_session: VecDeque<PortInput>,
    from_session: Vec<Bytes>,
    carrier: Option<bool>,
    is_gone: bool,
    mtu: Option<u16>,
    session: Option<Waker>,
    test: Option<Waker>,
}

impl Lan for Memory {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<PortInput>> {
        let mut ends = self.0.borrow_mut();
        if ends.is_gone {
            return Poll::Ready(Err(io::ErrorKind::NotFound.into()));
        }
        match ends.towards_session.pop_front() {
            Some(input) => Poll::Ready(Ok(input)),
            None => {
                ends.session = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        let mut ends = self.0.borrow_mut();
        ends.from_session.push(Bytes::copy_from_slice(frame));
        wake(&mut ends.test);
        Ok(())
    }

    fn set_carrier(&mut self, up: bool) {
        let mut ends = self.0.borrow_mut();
        ends.carrier = Some(up);
        wake(&mut ends.test);
    }

    fn fit(&mut self, mtu: u16) {
        let mut ends = self.0.borrow_mut();
        ends.mtu = Some(mtu);
        wake(&mut ends.test);
    }
}

impl Memory {
    fn give(&self, input: PortInput) {
        let mut ends = self.0.borrow_mut();
        ends.towards_session.push_back(input);
        wake(&mut ends.session);
    }

    /// Waits until the session has done what `is_done` looks for.
    async fn until(&self, is_done: impl Fn(&Ends) -> bool) {
        let wait = poll_fn(|cx| {
            let mut ends = self.0.borrow_mut();
            ends.test = Some(cx.waker().clone());
            if is_done(&ends) { Poll::Ready(()) } else { Poll::Pending }
        });
        timeout(LIMIT, wait).await.expect("within the limit");
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

fn config(relay: SocketAddrV4, passcode: &str) -> EndpointConfig {
    EndpointConfig::new(relay, OrderNumber(7), passcode)
}

fn frame(number: u16) -> Bytes {
    let mut frame = vec![0xFF; 1400];
    frame[..2].copy_from_slice(&number.to_be_bytes());
    Bytes::from(frame)
}

fn relay_service() -> (RelayService, SocketAddrV4) {
    let listen = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
    let relay =
        RelayService::start(listen, RelayConfig::default(), &Secret::from([1; 32])).unwrap();
    let at = SocketAddrV4::new(Ipv4Addr::LOCALHOST, relay.port());
    (relay, at)
}

fn name(relay: SocketAddrV4) -> RelayName {
    RelayName { host: relay.ip().to_string(), port: relay.port() }
}

/// Runs both endpoints and a relay while `play` lasts; returns how the endpoints' sessions went.
async fn with_bridge<F: Future<Output = ()>>(
    play: impl FnOnce(Memory, Memory) -> F,
) -> [Summary; 2] {
    let (relay, at) = relay_service();
    let (near, far) = (Memory::default(), Memory::default());
    let technician = Technician::new(config(at, "open sesame"), &Secret::from([2; 32]));
    let mechanic = Mechanic::new(config(at, "open sesame"), &Secret::from([3; 32]));
    let technician = Session::start(technician, near.clone(), name(at), at).unwrap();
    let mechanic = Session::start(mechanic, far.clone(), name(at), at).unwrap();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let stopped = || {
        let mut stopped = stopped.clone();
        async move { stopped.wait_for(|stopped| *stopped).await.map_or((), |_| ()) }
    };
    let play = play(near, far);
    let ((), _, technician, mechanic) = tokio::join!(
        async {
            play.await;
            stop.send(true).expect("everyone waits for it");
        },
        relay.run(stopped(), |_, _| {}),
        technician.run(stopped(), |_, _, _| {}),
        mechanic.run(stopped(), |_, _, _| {}),
    );
    [technician, mechanic]
}

#[tokio::test]
async fn frames_pass_in_order_both_ways() {
    let [technician, mechanic] = with_bridge(|near, far| async move {
        far.give(PortInput::Link(true));
        near.until(|ends| ends.carrier == Some(true)).await;
        for number in 0..200 {
            near.give(PortInput::Frame(frame(number)));
        }
        far.until(|ends| ends.from_session.len() == 200).await;
        let expected: Vec<Bytes> = (0..200).map(frame).collect();
        assert_eq!(far.0.borrow().from_session, expected);
        far.give(PortInput::Frame(frame(9)));
        near.until(|ends| !ends.from_session.is_empty()).await;
        assert_eq!(near.0.borrow().from_session, [frame(9)]);
    })
    .await;
    assert_eq!((technician.status.outbound.frames, technician.status.inbound.frames), (200, 1));
    assert_eq!((mechanic.status.outbound.frames, mechanic.status.inbound.frames), (1, 200));
    assert_eq!((technician.ended, mechanic.ended), (None, None));
}

/// Each side speaks to another address of the relay's machine than the one the way leads to.
#[tokio::test]
async fn a_relay_on_a_machine_with_many_addresses_answers_from_the_one_spoken_to() {
    let everywhere = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
    let relay =
        RelayService::start(everywhere, RelayConfig::default(), &Secret::from([1; 32])).unwrap();
    let at = |last| SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, last), relay.port());
    let (near, far) = (Memory::default(), Memory::default());
    let technician = Technician::new(config(at(2), "open sesame"), &Secret::from([2; 32]));
    let mechanic = Mechanic::new(config(at(3), "open sesame"), &Secret::from([3; 32]));
    let technician = Session::start(technician, near.clone(), name(at(2)), at(2)).unwrap();
    let mechanic = Session::start(mechanic, far.clone(), name(at(3)), at(3)).unwrap();
    let play = async {
        far.give(PortInput::Link(true));
        near.until(|ends| ends.carrier == Some(true)).await;
        near.give(PortInput::Frame(frame(1)));
        far.until(|ends| ends.from_session == [frame(1)]).await;
    };
    let never = std::future::pending::<()>;
    let others = async {
        tokio::join!(
            relay.run(never(), |_, _| {}),
            technician.run(never(), |_, _, _| {}),
            mechanic.run(never(), |_, _, _| {}),
        )
    };
    select! {
        () = play => {}
        _ = others => unreachable!("everyone runs until told"),
    }
}

#[tokio::test]
async fn the_vehicle_s_link_is_the_technician_s_carrier() {
    with_bridge(|near, far| async move {
        far.give(PortInput::Link(true));
        near.until(|ends| ends.carrier == Some(true)).await;
        far.give(PortInput::Link(false));
        near.until(|ends| ends.carrier == Some(false)).await;
    })
    .await;
}

#[tokio::test]
async fn an_adapter_that_goes_ends_the_session_with_a_summary() {
    let (_relay, at) = relay_service();
    let lan = Memory::default();
    lan.0.borrow_mut().is_gone = true;
    let mechanic = Mechanic::new(config(at, "open sesame"), &Secret::from([3; 32]));
    let mechanic = Session::start(mechanic, lan, name(at), at).unwrap();
    let never = std::future::pending();
    let summary = timeout(LIMIT, mechanic.run(never, |_, _, _| {})).await.expect("in time");
    assert!(matches!(summary.failed, Some(BridgeError::LanGone { .. })), "{summary:?}");
    // The relay was told that this side leaves, after it had greeted it.
    assert!(summary.wan.sent > 0, "{summary:?}");
}

#[tokio::test]
async fn a_wrong_passcode_ends_the_session_with_the_reason() {
    let (relay, at) = relay_service();
    let mechanic = Mechanic::new(config(at, "right"), &Secret::from([3; 32]));
    let mechanic = Session::start(mechanic, Memory::default(), name(at), at).unwrap();
    let wrong = EndpointConfig { passcode_attempts: 1, ..config(at, "wrong") };
    let technician = Technician::new(wrong, &Secret::from([2; 32]));
    let technician = Session::start(technician, Memory::default(), name(at), at).unwrap();
    let is_offered = Rc::new(tokio::sync::Notify::new());
    let offered = is_offered.clone();
    let guess = async {
        is_offered.notified().await;
        let never = std::future::pending();
        technician.run(never, |_, _, _| {}).await
    };
    let others = async {
        let never = std::future::pending::<()>;
        let observe = |_: Instant, _: &Status, happening: Happening<'_>| {
            if let Happening::Event(BridgeEvent::Waiting) = happening {
                offered.notify_one();
            }
        };
        tokio::join!(relay.run(never(), |_, _| {}), mechanic.run(never(), observe));
    };
    let summary = select! {
        summary = timeout(LIMIT, guess) => summary.expect("within the limit"),
        () = others => unreachable!("relay and mechanic run until they are told"),
    };
    assert_eq!(summary.ended, Some(EndReason::WrongPasscode));
}
