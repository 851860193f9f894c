//! Two ends that know each other, and one in between who does not.

use crate::config::Carry;
use crate::message::OrderNumber;

use super::*;

const LIMITS: Limits = Limits { datagram: 1472, queue: 1 << 20, idle: Duration::from_secs(60) };

fn end(role: Role, passcode: &str) -> Tunnel {
    end_with(role, passcode, &Secret::from([role as u8; 32]))
}

fn end_with(role: Role, passcode: &str, secret: &Secret) -> Tunnel {
    let known = Known {
        role,
        order: OrderNumber(1),
        passcode: passcode.to_owned(),
        program: role as u64,
        carry: Carry::Datagram,
    };
    Tunnel::new(known, LIMITS, Duration::from_secs(10), secret)
}

/// Returns the first packet of a caller that says no more.
fn first_packet(caller: u32) -> Bytes {
    let secret = Secret::from([caller as u8; 32]);
    let mut caller = end_with(Role::Technician, "sesame", &secret);
    caller.connect(Instant::ZERO, 1);
    caller.poll_packet().expect("a call begins with a packet").1
}

/// Lets two ends talk over a perfect way; returns what each heard, and all bytes that passed.
fn talk(technician: &mut Tunnel, mechanic: &mut Tunnel) -> (Vec<Said>, Vec<Said>, Vec<u8>) {
    let mut wire = Vec::new();
    technician.connect(Instant::ZERO, 1);
    for round in 1..50 {
        let now = Instant::from_millis(round);
        while let Some((_, packet)) = technician.poll_packet() {
            wire.extend_from_slice(&packet);
            mechanic.handle(now, 7, packet, true);
        }
        while let Some((_, packet)) = mechanic.poll_packet() {
            wire.extend_from_slice(&packet);
            technician.handle(now, 1, packet, false);
        }
    }
    let heard = |tunnel: &mut Tunnel| {
        std::iter::from_fn(|| tunnel.poll_event()).map(|(_, said)| said).collect()
    };
    (heard(technician), heard(mechanic), wire)
}

#[test]
fn two_ends_prove_each_other_and_every_run_is_the_same_to_the_byte() {
    let run = || talk(&mut end(Role::Technician, "sesame"), &mut end(Role::Mechanic, "sesame"));
    let (technician, mechanic, wire) = run();
    assert!(matches!(technician[..], [Said::Proven(_)]), "{technician:?}");
    assert!(matches!(mechanic[..], [Said::Proven(_)]), "{mechanic:?}");
    assert!(wire == run().2, "the bytes of two runs differ");
}

#[test]
fn another_passcode_proves_nothing_to_either() {
    let mut mechanic = end(Role::Mechanic, "sesame");
    let (technician, mechanic, _) = talk(&mut end(Role::Technician, "barley"), &mut mechanic);
    assert_eq!((&technician[..], &mechanic[..]), (&[Said::Wrong][..], &[Said::Wrong][..]));
}

#[test]
fn payloads_arrive_as_they_were_sent() {
    let (mut technician, mut mechanic) =
        (end(Role::Technician, "sesame"), end(Role::Mechanic, "sesame"));
    talk(&mut technician, &mut mechanic);
    let now = Instant::from_secs(1);
    let payloads: Vec<Bytes> = (0..100_u8).map(|n| Bytes::from(vec![n; 900])).collect();
    for payload in &payloads {
        assert_eq!(technician.send(now, 1, payload.clone()), Ok(()));
    }
    while let Some((_, packet)) = technician.poll_packet() {
        assert!(packet.len() <= 1472);
        mechanic.handle(now, 7, packet, false);
    }
    let heard = std::iter::from_fn(|| mechanic.poll_event()).map(|(_, said)| said);
    assert_eq!(
        heard.collect::<Vec<_>>(),
        payloads.into_iter().map(Said::Payload).collect::<Vec<_>>()
    );
}

/// A relay that ends the connection of each side and hands the proof from one to the other.
struct Middle {
    faces: [Face; 2],
}

struct Face {
    endpoint: Endpoint,
    source: Option<Source>,
    connection: Option<(quinn_proto::ConnectionHandle, quinn_proto::Connection)>,
    stream: Option<quinn_proto::StreamId>,
    clock: Clock,
}

impl Face {
    fn new(role: Role) -> Self {
        let secret = Secret::from([9; 32]);
        let mut source = secret.source("middle");
        let config = Arc::new(transport::endpoint(&secret, LIMITS));
        let server =
            (role == Role::Mechanic).then(|| Arc::new(transport::server(&mut source, LIMITS)));
        let mut endpoint = Endpoint::new(config, server, true, None);
        let (clock, mut source) = (Clock::new(), Some(source));
        let connection = (role == Role::Technician).then(|| {
            let config = transport::client([1; 8], LIMITS);
            let at = clock.at(Instant::ZERO);
            chance::lend(&mut source, || endpoint.connect(at, config, address(1), "mechanic"))
                .expect("the address is one")
        });
        Self { endpoint, source, connection, stream: None, clock }
    }

    fn hear(&mut self, now: Instant, packet: &Bytes) {
        let at = self.clock.at(now);
        let (endpoint, connection) = (&mut self.endpoint, &mut self.connection);
        chance::lend(&mut self.source, || {
            let (data, mut answer) = (BytesMut::from(&packet[..]), Vec::new());
            match endpoint.handle(at, address(1), None, None, data, &mut answer) {
                Some(DatagramEvent::ConnectionEvent(_, event)) => {
                    connection.as_mut().expect("it was made").1.handle_event(event);
                }
                Some(DatagramEvent::NewConnection(incoming)) => {
                    *connection = endpoint.accept(incoming, at, &mut answer, None).ok();
                }
                Some(DatagramEvent::Response(_)) | None => {}
            }
        });
    }

    fn packets(&mut self, now: Instant) -> Vec<Bytes> {
        let (at, mut packets) = (self.clock.at(now), Vec::new());
        let Some((_, connection)) = &mut self.connection else {
            return packets;
        };
        loop {
            let mut buffer = Vec::new();
            let Some(transmit) = connection.poll_transmit(at, 1, &mut buffer) else {
                return packets;
            };
            packets.push(Bytes::from(buffer).slice(..transmit.size));
        }
    }

    fn read(&mut self) -> Vec<u8> {
        let Some((_, connection)) = &mut self.connection else {
            return Vec::new();
        };
        while connection.poll().is_some() {}
        if self.stream.is_none() {
            self.stream = connection.streams().accept(quinn_proto::Dir::Bi);
        }
        let Some(stream) = self.stream else {
            return Vec::new();
        };
        let mut stream = connection.recv_stream(stream);
        let Ok(mut chunks) = stream.read(true) else {
            return Vec::new();
        };
        let mut words = Vec::new();
        while let Ok(Some(chunk)) = chunks.next(1000) {
            words.extend_from_slice(&chunk.bytes);
        }
        let _ = chunks.finalize();
        words
    }

    fn write(&mut self, words: &[u8]) {
        let (_, connection) = self.connection.as_mut().expect("words come after the handshake");
        if self.stream.is_none() {
            self.stream = connection.streams().open(quinn_proto::Dir::Bi);
        }
        let stream = self.stream.expect("one stream may be opened");
        connection.send_stream(stream).write(words).expect("it is few words");
    }
}

#[test]
fn one_in_between_who_hands_the_proof_on_is_found_out() {
    let (mut technician, mut mechanic) =
        (end(Role::Technician, "sesame"), end(Role::Mechanic, "sesame"));
    let mut middle = Middle { faces: [Face::new(Role::Mechanic), Face::new(Role::Technician)] };
    technician.connect(Instant::ZERO, 1);
    let mut handed_on = 0;
    for round in 1..100 {
        let now = Instant::from_millis(round);
        let [left, right] = &mut middle.faces;
        while let Some((_, packet)) = technician.poll_packet() {
            left.hear(now, &packet);
        }
        while let Some((_, packet)) = mechanic.poll_packet() {
            right.hear(now, &packet);
        }
        let (from_left, from_right) = (left.read(), right.read());
        handed_on += from_left.len() + from_right.len();
        if !from_left.is_empty() {
            right.write(&from_left);
        }
        if !from_right.is_empty() {
            left.write(&from_right);
        }
        left.packets(now).into_iter().for_each(|packet| technician.handle(now, 1, packet, false));
        right.packets(now).into_iter().for_each(|packet| mechanic.handle(now, 7, packet, true));
    }
    assert_eq!(handed_on, 33 + 33 + 40, "both shares and a confirmation were handed on");
    assert_eq!(mechanic.poll_event().map(|(_, said)| said), Some(Said::Wrong));
    assert_eq!(technician.poll_event(), None, "the technician was never told anything it believes");
}

#[test]
fn who_began_first_and_proved_nothing_gives_way_to_a_new_caller() {
    let mut mechanic = end(Role::Mechanic, "sesame");
    let mut gone = Vec::new();
    for number in 100..150 {
        mechanic.handle(Instant::from_millis(number.into()), number, first_packet(number), true);
        assert!(mechanic.sessions.len() <= UNPROVEN);
        gone.extend(std::iter::from_fn(|| mechanic.poll_event()));
    }
    let first = (100..150 - UNPROVEN as u32).map(|number| (number, Said::Over));
    assert_eq!(gone, first.collect::<Vec<_>>());
    mechanic.packets.clear();
    let (_, heard, _) = talk(&mut end(Role::Technician, "sesame"), &mut mechanic);
    assert!(matches!(heard[..], [Said::Over, Said::Proven(_)]), "{heard:?}");
}

#[test]
fn connections_that_are_ending_take_nobodys_place() {
    let mut mechanic = end(Role::Mechanic, "sesame");
    for number in 100..150 {
        mechanic.handle(Instant::ZERO, number, first_packet(number), true);
        assert!(mechanic.is_open(number), "caller {number} was not heard");
        mechanic.close(Instant::ZERO, number);
        assert!(mechanic.sessions.len() <= SESSIONS);
    }
}
