//! The firmware alone: every state of a way to the car meets everything that can happen to it.

use std::fmt::Write;

use node::Seed;

use super::*;
use crate::icom::session::Leg;

const TESTER: ConnectionId = ConnectionId(ConnectionId::FIRST_ACCEPTED);
const CAR: Ipv4Addr = Ipv4Addr::new(192, 168, 11, 100);

/// What can happen.
#[derive(Clone, Copy, Debug)]
enum Stimulus {
    CarAnswers,
    CarAnnounces,
    CarAnswersElsewhere,
    CarAccepts,
    CarCloses,
    CarSends,
    CarUnplugged,
    Verdict,
    TesterSends,
    TesterCloses,
}

const STIMULI: [Stimulus; 10] = [
    Stimulus::CarAnswers,
    Stimulus::CarAnnounces,
    Stimulus::CarAnswersElsewhere,
    Stimulus::CarAccepts,
    Stimulus::CarCloses,
    Stimulus::CarSends,
    Stimulus::CarUnplugged,
    Stimulus::Verdict,
    Stimulus::TesterSends,
    Stimulus::TesterCloses,
];

fn firmware() -> Firmware {
    let mut firmware = Firmware::new(IcomConfig::new(Seed(1)));
    drain(&mut firmware);
    firmware
}

/// A firmware with one tester whose way to the car is in this state, a minute after it was opened.
fn reach(leg: Leg) -> Firmware {
    let mut firmware = firmware();
    let peer = SocketAddrV4::new(Ipv4Addr::new(169, 254, 1, 1), 50_000);
    let accepted = SocketEvent::Accepted { connection: TESTER, local_port: 50160, peer };
    firmware.handle_input(Instant::ZERO, (Side::Workshop, accepted));
    firmware.handle_input(Instant::ZERO, (Side::Car, SocketEvent::LinkUp));
    let session = firmware.sessions.get_mut(&TESTER).expect("the tester was accepted");
    session.leg = leg;
    if let Some(connection) = leg.connection() {
        firmware.legs.insert(connection, TESTER);
        firmware.legs_opened = connection.0 + 1;
        firmware.search.found(CAR);
    }
    firmware.timers.clear();
    drain(&mut firmware);
    firmware
}

fn apply(firmware: &mut Firmware, stimulus: Stimulus) {
    let now = Instant::from_secs(60);
    let answer = |port, address| {
        let text = hsfz::Identification { diagnostic_address: 0x10, mac: [2; 6], vin: [b'V'; 17] };
        let data = hsfz::Message::Identification { text: text.to_text() }.to_bytes();
        let peer = SocketAddrV4::new(address, hsfz::CONTROL_PORT);
        (Side::Car, SocketEvent::Datagram { local_port: port, peer, data })
    };
    let connection = ConnectionId(0);
    let data = Bytes::from_static(b"\0\0\0\0\0\x10");
    let input = match stimulus {
        Stimulus::CarAnswers => answer(hsfz::CONTROL_PORT, CAR),
        Stimulus::CarAnnounces => answer(hsfz::ANNOUNCEMENT_PORT, CAR),
        Stimulus::CarAnswersElsewhere => {
            answer(hsfz::CONTROL_PORT, Ipv4Addr::new(192, 168, 11, 101))
        }
        Stimulus::CarAccepts => (Side::Car, SocketEvent::Connected { connection }),
        Stimulus::CarCloses => {
            (Side::Car, SocketEvent::Closed { connection, reason: CloseReason::Finished })
        }
        Stimulus::CarSends => (Side::Car, SocketEvent::Received { connection, data }),
        Stimulus::CarUnplugged => (Side::Car, SocketEvent::LinkDown),
        Stimulus::Verdict => return firmware.give_up_doubtful(now),
        Stimulus::TesterSends => {
            (Side::Workshop, SocketEvent::Received { connection: TESTER, data })
        }
        Stimulus::TesterCloses => {
            let reason = CloseReason::Finished;
            (Side::Workshop, SocketEvent::Closed { connection: TESTER, reason })
        }
    };
    firmware.handle_input(now, input);
}

fn drain(firmware: &mut Firmware) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some((side, action)) = firmware.poll_output() {
        lines.push(match action {
            SocketAction::SendTo { peer, data, .. } => {
                format!("{side:?} datagram to {peer}, {} bytes", data.len())
            }
            other => format!("{side:?} {other:?}"),
        });
    }
    lines.extend(std::iter::from_fn(|| firmware.poll_event()).map(|event| format!("{event:?}")));
    lines
}

#[test]
fn every_way_to_the_car_meets_every_stimulus() {
    let connection = ConnectionId(0);
    let legs = [
        Leg::Absent,
        Leg::Connecting(connection),
        Leg::Activating(connection),
        Leg::Open { connection, since: Instant::ZERO },
        Leg::Doubtful,
    ];
    let mut table = String::new();
    for leg in legs {
        for stimulus in STIMULI {
            let mut firmware = reach(leg);
            apply(&mut firmware, stimulus);
            let after = match firmware.sessions.get(&TESTER) {
                Some(session) => format!("{:?}", session.leg),
                None => "gone".to_owned(),
            };
            let said = drain(&mut firmware).join("\n    ");
            let said = if said.is_empty() { "(nothing)" } else { &said };
            let leg = format!("{leg:?}");
            writeln!(table, "{leg} × {stimulus:?} → {after}\n    {said}")
                .expect("a string takes everything");
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn no_bytes_upset_an_icom() {
    let mut chance = Seed(3).stream("noise");
    let shapes: [&[u8]; 6] = [
        b"\0\0\0\x32\0\x11DIAGADR10BMWMAC",
        b"\x03\xFC\0\x04\0\0\0\x21",
        b"\x02\x06\0\0\x21",
        b"\x01\x01\x06\0",
        b"\0\0\0\x02\0\x43",
        b"",
    ];
    for round in 0..2_000_u64 {
        let leg = Leg::Open { connection: ConnectionId(0), since: Instant::ZERO };
        let mut firmware = reach(leg);
        for _ in 0..10 {
            let mut data = vec![0; chance.below(300) as usize];
            chance.fill(&mut data);
            let shape = shapes[chance.below(6) as usize];
            data.iter_mut().zip(shape).for_each(|(byte, shaped)| *byte = *shaped);
            let side = if chance.below(2) == 0 { Side::Workshop } else { Side::Car };
            let local_port = [67, 427, 6811, 7811, 13400, 13401, 9][chance.below(7) as usize];
            let peer = SocketAddrV4::new(CAR, 6811);
            let connection = if side == Side::Car { ConnectionId(0) } else { TESTER };
            let data = Bytes::from(data);
            let event = match chance.below(2) {
                0 => SocketEvent::Datagram { local_port, peer, data },
                _ => SocketEvent::Received { connection, data },
            };
            firmware.handle_input(Instant::from_millis(round), (side, event));
            assert!(drain(&mut firmware).len() < 20);
        }
    }
}
