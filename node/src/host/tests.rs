//! Two hosts on a wire, in virtual time.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use bytes::Bytes;

use super::{Host, HostConfig, TcpProfile};
use crate::{
    AddressPlan, CloseReason, ConnectionId, Frame, Instant, Node, PortInput, PortOutput, Seed,
    SocketAction, SocketEvent, StackLoss,
};

const PORT: u16 = 6801;

#[test]
fn bytes_sent_arrive_and_a_finished_peer_is_told() {
    let mut wire = Wire::new(fixed(1), fixed(2));
    wire.ask(1, SocketAction::Listen { port: PORT });
    wire.run(Duration::from_millis(1));
    wire.ask(0, connect(7));
    wire.run(Duration::from_millis(500));
    wire.ask(0, send(7, b"hello"));
    wire.ask(0, SocketAction::Close { connection: ConnectionId(7) });
    wire.run(Duration::from_secs(1));
    let heard = wire.heard(1);
    let connection = accepted(&heard);
    let data = Bytes::from_static(b"hello");
    assert!(heard.contains(&SocketEvent::Received { connection, data }), "{heard:?}");
    let closed = SocketEvent::Closed { connection, reason: CloseReason::Finished };
    assert!(heard.contains(&closed), "{heard:?}");
}

#[test]
fn more_than_any_window_arrives_whole_through_loss() {
    let mut wire = Wire::new(fixed(1), fixed(2));
    wire.drop_every = Some(13);
    wire.ask(1, SocketAction::Listen { port: PORT });
    wire.run(Duration::from_millis(1));
    wire.ask(0, connect(1));
    wire.run(Duration::from_secs(3));
    let sent: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
    wire.ask(0, send(1, &sent));
    wire.run(Duration::from_secs(120));
    let heard = wire.heard(1);
    let received: Vec<u8> = heard.iter().flat_map(bytes).collect();
    assert_eq!(received.len(), sent.len());
    assert!(received == sent);
}

#[test]
fn a_connect_nobody_answers_times_out_when_it_said() {
    let mut wire = Wire::new(fixed(1), fixed(2));
    wire.ask(1, SocketAction::StackDown { loss: StackLoss::Silent });
    wire.run(Duration::from_millis(1));
    wire.ask(0, connect(1));
    let asked = wire.now;
    wire.run(Duration::from_secs(6));
    let connection = ConnectionId(1);
    let closed = SocketEvent::Closed { connection, reason: CloseReason::TimedOut };
    let at = wire.when(0, &closed).expect("the connect is given up");
    assert_eq!(at - asked, Duration::from_secs(5));
}

#[test]
fn a_connect_to_a_closed_port_is_reset() {
    let mut wire = Wire::new(fixed(1), fixed(2));
    wire.run(Duration::from_millis(1));
    wire.ask(0, connect(1));
    wire.run(Duration::from_secs(1));
    let connection = ConnectionId(1);
    let closed = SocketEvent::Closed { connection, reason: CloseReason::Reset };
    assert!(wire.when(0, &closed).is_some());
}

#[test]
fn a_stack_lost_silently_is_noticed_only_by_what_comes_after() {
    let mut wire = connected(StackLoss::Silent);
    assert!(wire.heard(0).iter().all(|event| !is_closed(event)));
    wire.ask(1, SocketAction::StackUp { new_address: false });
    wire.run(Duration::from_secs(1));
    wire.ask(0, send(1, b"anyone?"));
    wire.run(Duration::from_secs(5));
    let connection = ConnectionId(1);
    let reset = SocketEvent::Closed { connection, reason: CloseReason::Reset };
    assert!(wire.heard(0).contains(&reset), "the new stack resets what it does not know");
}

#[test]
fn a_stack_lost_with_reset_tells_its_peers() {
    let connection = ConnectionId(1);
    let reset = SocketEvent::Closed { connection, reason: CloseReason::Reset };
    assert!(connected(StackLoss::Reset).heard(0).contains(&reset));
}

#[test]
fn what_arrives_before_the_carrier_goes_at_the_same_instant_is_heard_before() {
    let mut wire = connected_with(TcpProfile::LINUX);
    wire.ask(0, send(1, b"last words"));
    let (_, _, frame) = wire.flying.pop_front().unwrap();
    let both = [PortInput::Frame(frame), PortInput::Link(false)];
    wire.hosts[1].handle_inputs(wire.now + Duration::from_millis(1), both);
    let heard = wire.heard(1);
    let [.., words, SocketEvent::LinkDown] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(bytes(words), b"last words");
}

#[test]
fn a_broadcast_reaches_a_bound_port() {
    let mut wire = Wire::new(fixed(1), fixed(2));
    wire.run(Duration::from_millis(1));
    wire.ask(1, SocketAction::Bind { port: 6811 });
    wire.ask(0, SocketAction::Bind { port: 7811 });
    let peer = SocketAddrV4::new(Ipv4Addr::BROADCAST, 6811);
    let data = Bytes::from_static(b"\0\0\0\0\0\x11");
    wire.ask(0, SocketAction::SendTo { port: 7811, peer, data: data.clone() });
    wire.run(Duration::from_millis(5));
    let peer = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 7811);
    assert!(wire.heard(1).contains(&SocketEvent::Datagram { local_port: 6811, peer, data }));
}

#[test]
fn a_connection_left_to_a_host_that_is_gone_holds_up_no_other() {
    let plans = [AddressPlan::LinkLocal; 2];
    let mut wire = Wire::new(config(1, plans[0]), config(2, plans[1]));
    wire.ask(1, SocketAction::Listen { port: PORT });
    wire.run(Duration::from_secs(20));
    let before = wire.hosts[1].address().expect("an address after 20 s");
    wire.ask(0, connect_to(1, before));
    wire.run(Duration::from_secs(1));
    let connection = ConnectionId(1);
    assert!(wire.heard(0).contains(&SocketEvent::Connected { connection }));
    wire.ask(1, SocketAction::StackDown { loss: StackLoss::Silent });
    wire.ask(1, SocketAction::StackUp { new_address: true });
    wire.ask(1, SocketAction::Listen { port: PORT });
    wire.run(Duration::from_secs(20));
    let after = wire.hosts[1].address().expect("an address after 20 s");
    assert_ne!(before, after);
    wire.ask(0, SocketAction::Close { connection });
    wire.run(Duration::from_millis(330));
    wire.ask(0, connect_to(2, after));
    let asked = wire.now;
    wire.run(Duration::from_secs(5));
    let connected = SocketEvent::Connected { connection: ConnectionId(2) };
    let at = wire.when(0, &connected).expect("nobody else is in the way");
    assert!(at - asked < Duration::from_secs(1), "{:?}", at - asked);
}

#[test]
fn a_connect_nobody_answers_holds_up_no_datagram() {
    let mut wire = Wire::new(fixed(1), fixed(2));
    wire.ask(0, SocketAction::Bind { port: 7811 });
    wire.ask(1, SocketAction::Bind { port: 6811 });
    wire.run(Duration::from_millis(1));
    wire.ask(0, connect_to(1, Ipv4Addr::new(10, 0, 0, 9)));
    wire.run(Duration::from_millis(50));
    let peer = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 6811);
    let data = Bytes::from_static(b"hello");
    wire.ask(0, SocketAction::SendTo { port: 7811, peer, data: data.clone() });
    wire.run(Duration::from_secs(1));
    let peer = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 7811);
    assert!(wire.heard(1).contains(&SocketEvent::Datagram { local_port: 6811, peer, data }));
}

#[test]
fn hosts_without_a_server_end_on_link_local_addresses() {
    let plans = [AddressPlan::LinkLocal, AddressPlan::DhcpThenLinkLocal];
    let mut wire = Wire::new(config(1, plans[0]), config(2, plans[1]));
    wire.run(Duration::from_secs(20));
    for side in [0, 1] {
        let address = wire.hosts[side].address().expect("an address after 20 s");
        assert!(address.is_link_local());
    }
}

#[test]
fn an_input_that_overtakes_a_deadline_in_real_time_is_taken_with_it() {
    let mut host = Host::new(config(1, AddressPlan::LinkLocal), Script::default());
    host.handle_input(Instant::ZERO, PortInput::Link(true));
    let late = host.poll_timeout().expect("a probe is due") + Duration::from_millis(5);
    while host.poll_output().is_some() {}
    host.handle_input(late, PortInput::Frame(Frame::from_static(&[0; 60])));
    let sent = std::iter::from_fn(|| host.poll_output());
    assert!(sent.into_iter().any(|output| matches!(output, PortOutput::Frame(_))), "the probe");
    assert!(host.poll_timeout().is_some_and(|at| at > late));
}

#[test]
fn a_host_that_waits_for_a_server_has_no_address_without_one() {
    let mut wire = Wire::new(config(1, AddressPlan::LinkLocal), config(2, AddressPlan::Dhcp));
    wire.run(Duration::from_secs(60));
    assert_eq!(wire.hosts[1].address(), None);
}

#[test]
fn the_retransmission_floor_is_the_profiles() {
    for profile in TcpProfile::ALL {
        let mut wire = connected_with(profile);
        wire.drop_next = 1;
        let sent = wire.now;
        wire.ask(0, send(1, b"lost once"));
        wire.run(Duration::from_secs(3));
        let connection = accepted(&wire.heard(1));
        let data = Bytes::from_static(b"lost once");
        let at = wire.when(1, &SocketEvent::Received { connection, data }).expect("repeated");
        let late = at - sent;
        let floor = profile.retransmission_floor;
        assert!(late >= floor && late <= floor * 11 / 10, "{}: {late:?}", profile.name);
    }
}

/// Collects what it hears; asks what it is told to.
#[derive(Default)]
struct Script {
    heard: Vec<(Instant, SocketEvent)>,
    asks: VecDeque<SocketAction>,
}

impl Node for Script {
    type In = SocketEvent;
    type Out = SocketAction;

    fn handle_input(&mut self, now: Instant, event: SocketEvent) {
        self.heard.push((now, event));
    }
    fn handle_timeout(&mut self, _: Instant) {}
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
    fn poll_output(&mut self) -> Option<SocketAction> {
        self.asks.pop_front()
    }
}

/// Two hosts and 1 ms of cable.
struct Wire {
    hosts: [Host<Script>; 2],
    flying: VecDeque<(Instant, usize, Frame)>,
    now: Instant,
    frames: u32,
    drop_every: Option<u32>,
    drop_next: u32,
}

impl Wire {
    fn new(first: HostConfig, second: HostConfig) -> Self {
        let hosts = [first, second].map(|config| Host::new(config, Script::default()));
        let now = Instant::ZERO;
        let flying = VecDeque::new();
        let mut wire = Self { hosts, flying, now, frames: 0, drop_every: None, drop_next: 0 };
        for side in [0, 1] {
            wire.hosts[side].handle_input(now, PortInput::Link(true));
            wire.collect(side);
        }
        wire
    }

    fn ask(&mut self, side: usize, action: SocketAction) {
        self.hosts[side].with_app(self.now, |app| app.asks.push_back(action));
        self.collect(side);
    }

    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let wakes = self.hosts.iter().filter_map(Node::poll_timeout).min();
            let lands = self.flying.front().map(|(at, ..)| *at);
            let Some(next) = [wakes, lands].into_iter().flatten().min().filter(|at| *at <= end)
            else {
                break;
            };
            self.now = next;
            while self.flying.front().is_some_and(|(at, ..)| *at <= next) {
                let (_, side, frame) = self.flying.pop_front().expect("just seen");
                self.hosts[side].handle_input(next, PortInput::Frame(frame));
                self.collect(side);
            }
            for side in [0, 1] {
                self.hosts[side].handle_timeout(next);
                self.collect(side);
            }
        }
        self.now = end;
    }

    fn collect(&mut self, side: usize) {
        while let Some(output) = self.hosts[side].poll_output() {
            let PortOutput::Frame(frame) = output else { continue };
            self.frames += 1;
            if self.drop_every.is_some_and(|n| self.frames.is_multiple_of(n)) {
                continue;
            }
            if self.drop_next > 0 {
                self.drop_next -= 1;
                continue;
            }
            self.flying.push_back((self.now + Duration::from_millis(1), 1 - side, frame));
        }
    }

    fn heard(&self, side: usize) -> Vec<SocketEvent> {
        self.hosts[side].app().heard.iter().map(|(_, event)| event.clone()).collect()
    }

    fn when(&self, side: usize, wanted: &SocketEvent) -> Option<Instant> {
        let heard = &self.hosts[side].app().heard;
        heard.iter().find(|(_, event)| event == wanted).map(|(at, _)| *at)
    }
}

fn connected(loss: StackLoss) -> Wire {
    let mut wire = connected_with(TcpProfile::LINUX);
    wire.ask(1, SocketAction::StackDown { loss });
    wire.run(Duration::from_secs(5));
    wire
}

fn connected_with(tcp: TcpProfile) -> Wire {
    let [mut first, mut second] = [fixed(1), fixed(2)];
    first.tcp = tcp;
    second.tcp = tcp;
    let mut wire = Wire::new(first, second);
    wire.ask(1, SocketAction::Listen { port: PORT });
    wire.run(Duration::from_millis(1));
    wire.ask(0, connect(1));
    wire.run(Duration::from_secs(2));
    let connection = ConnectionId(1);
    assert!(wire.heard(0).contains(&SocketEvent::Connected { connection }));
    wire
}

fn fixed(number: u8) -> HostConfig {
    let address = Ipv4Addr::new(10, 0, 0, number);
    config(number, AddressPlan::Static { address, prefix: 24, router: None })
}

fn config(number: u8, address: AddressPlan) -> HostConfig {
    let mac = [2, 0, 0, 0, 0, number];
    let seed = Seed(u64::from(number));
    HostConfig { mac, address, tcp: TcpProfile::LINUX, name: "host".into(), mtu: 1500, seed }
}

fn connect(number: u64) -> SocketAction {
    connect_to(number, Ipv4Addr::new(10, 0, 0, 2))
}

fn connect_to(number: u64, peer: Ipv4Addr) -> SocketAction {
    let peer = SocketAddrV4::new(peer, PORT);
    let timeout = Duration::from_secs(5);
    SocketAction::Connect { connection: ConnectionId(number), peer, timeout }
}

fn send(number: u64, data: &[u8]) -> SocketAction {
    SocketAction::Send { connection: ConnectionId(number), data: Bytes::copy_from_slice(data) }
}

fn accepted(heard: &[SocketEvent]) -> ConnectionId {
    heard
        .iter()
        .find_map(|event| match event {
            SocketEvent::Accepted { connection, .. } => Some(*connection),
            _ => None,
        })
        .expect("a connection was accepted")
}

fn bytes(event: &SocketEvent) -> Vec<u8> {
    match event {
        SocketEvent::Received { data, .. } => data.to_vec(),
        _ => Vec::new(),
    }
}

fn is_closed(event: &SocketEvent) -> bool {
    matches!(event, SocketEvent::Closed { .. })
}
