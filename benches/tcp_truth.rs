//! The flash-like transfer of `network.md` §2 in virtual time, beside what the Linux kernel takes.
//!
//! 1024 exchanges of 4 KiB → 6 B over 80 ms RTT, `linux` profile at both ends, ten seeds per loss
//! rate. Prints the medians and their ratio to the kernel's; exits with 1 when one is off by more
//! than 5 %.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use node::{
    AddressPlan, ConnectionId, Frame, Host, HostConfig, Instant, Node, PortInput, PortOutput,
    Ratio, Seed, SocketAction, SocketEvent, Stream, TcpProfile,
};

const PORT: u16 = 6801;
const EXCHANGES: u32 = 1024;
const REQUEST: usize = 4096;
const ANSWER: usize = 6;
const ONE_WAY: Duration = Duration::from_millis(40);
const SEEDS: u64 = 10;
/// Loss per direction in parts per billion, and the kernel's median completion time in seconds.
const KERNEL: [(u32, f64); 3] = [(0, 82.51), (1_000_000, 83.20), (10_000_000, 92.67)];
const TOLERANCE: f64 = 0.05;

fn main() -> ExitCode {
    let mut off = false;
    for (loss, kernel) in KERNEL {
        let mut times: Vec<f64> = (0..SEEDS).map(|seed| transfer(Seed(seed), loss)).collect();
        times.sort_by(f64::total_cmp);
        let median = (times[4] + times[5]) / 2.0;
        let ratio = median / kernel;
        off |= (ratio - 1.0).abs() > TOLERANCE;
        let (least, most) = (times[0], times[times.len() - 1]);
        println!(
            "loss {:>4} %  median {median:>7.2} s [{least:.2}–{most:.2}]  kernel {kernel:.2} s  ratio {ratio:.3}",
            f64::from(loss) / 1e7
        );
    }
    if off { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Returns the virtual seconds one transfer takes.
fn transfer(seed: Seed, loss_ppb: u32) -> f64 {
    let mut hosts = [
        Host::new(config(seed, 1), End::Client(Client::default())),
        Host::new(config(seed, 2), End::Server(Server::default())),
    ];
    let mut losses = [seed.stream("bench/up"), seed.stream("bench/down")];
    let loss = Ratio::from_ppb(loss_ppb);
    let mut flying = VecDeque::new();
    let mut now = Instant::ZERO;
    for side in [0, 1] {
        hosts[side].handle_input(now, PortInput::Link(true));
        collect(&mut hosts[side], side, now, &mut losses, loss, &mut flying);
    }
    loop {
        if let End::Client(Client { finished: Some(at), .. }) = hosts[0].app() {
            return at.as_secs_f64();
        }
        let wakes = hosts.iter().filter_map(Node::poll_timeout).min();
        let lands = flying.front().map(|(at, _, _): &(Instant, usize, Frame)| *at);
        now = wakes.into_iter().chain(lands).min().expect("the transfer goes on until it is done");
        while flying.front().is_some_and(|(at, _, _)| *at <= now) {
            let (_, side, frame) = flying.pop_front().expect("just seen");
            hosts[side].handle_input(now, PortInput::Frame(frame));
            collect(&mut hosts[side], side, now, &mut losses, loss, &mut flying);
        }
        for side in [0, 1] {
            hosts[side].handle_timeout(now);
            collect(&mut hosts[side], side, now, &mut losses, loss, &mut flying);
        }
    }
}

fn collect(
    host: &mut Host<End>,
    side: usize,
    now: Instant,
    losses: &mut [Stream; 2],
    loss: Ratio,
    flying: &mut VecDeque<(Instant, usize, Frame)>,
) {
    while let Some(output) = host.poll_output() {
        if let PortOutput::Frame(frame) = output
            && !losses[side].chance(loss)
        {
            flying.push_back((now + ONE_WAY, 1 - side, frame));
        }
    }
}

fn config(seed: Seed, number: u8) -> HostConfig {
    let address = Ipv4Addr::new(10, 0, 0, number);
    HostConfig {
        mac: [2, 0, 0, 0, 0, number],
        address: AddressPlan::Static { address, prefix: 24, router: None },
        tcp: TcpProfile::LINUX,
        name: String::new(),
        mtu: 1500,
        seed: seed.child(&number.to_string()),
    }
}

enum End {
    Client(Client),
    Server(Server),
}

#[derive(Default)]
struct Client {
    answered: usize,
    exchanges: u32,
    finished: Option<Instant>,
    asks: VecDeque<SocketAction>,
}

#[derive(Default)]
struct Server {
    received: usize,
    started: bool,
    asks: VecDeque<SocketAction>,
}

impl Client {
    fn hear(&mut self, now: Instant, event: SocketEvent) {
        let connection = ConnectionId(1);
        match event {
            SocketEvent::AddressAcquired { .. } => {
                let peer = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), PORT);
                let timeout = Duration::from_secs(60);
                self.asks.push_back(SocketAction::Connect { connection, peer, timeout });
            }
            SocketEvent::Connected { .. } => self.request(),
            SocketEvent::Received { data, .. } => {
                self.answered += data.len();
                if self.answered == ANSWER {
                    self.answered = 0;
                    self.exchanges += 1;
                    if self.exchanges == EXCHANGES {
                        self.finished = Some(now);
                    } else {
                        self.request();
                    }
                }
            }
            other => assert!(!matches!(other, SocketEvent::Closed { .. }), "{other:?}"),
        }
    }

    fn request(&mut self) {
        let data = Bytes::from_static(&[0x36; REQUEST]);
        self.asks.push_back(SocketAction::Send { connection: ConnectionId(1), data });
    }
}

impl Server {
    fn hear(&mut self, event: SocketEvent) {
        if let SocketEvent::Received { connection, data } = event {
            self.received += data.len();
            if self.received >= REQUEST {
                self.received -= REQUEST;
                let data = Bytes::from_static(&[0x76; ANSWER]);
                self.asks.push_back(SocketAction::Send { connection, data });
            }
        }
    }
}

impl Node for End {
    type In = SocketEvent;
    type Out = SocketAction;

    fn handle_input(&mut self, now: Instant, event: SocketEvent) {
        match self {
            Self::Client(client) => client.hear(now, event),
            Self::Server(server) => server.hear(event),
        }
    }
    fn handle_timeout(&mut self, _: Instant) {}
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
    fn poll_output(&mut self) -> Option<SocketAction> {
        match self {
            Self::Client(client) => client.asks.pop_front(),
            Self::Server(server) => {
                if !std::mem::replace(&mut server.started, true) {
                    return Some(SocketAction::Listen { port: PORT });
                }
                server.asks.pop_front()
            }
        }
    }
}
