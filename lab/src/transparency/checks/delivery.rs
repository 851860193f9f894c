//! Frames that have to come out at the other end.

use std::net::Ipv4Addr;

use node::{Duration, Frame};
use scenarios::manifest::Capability;

use crate::transparency::check::{Check, Numbers, Round, Scene, Verdict, milliseconds};
use crate::transparency::frames::{
    BROADCAST, DISCOVERY, LONGEST, address, arp, arp_for, group_mac, mac, probe, probe_between, udp,
};
use crate::transparency::machine::{End, Options};
use crate::transparency::row::Grade;

/// Sends frames and expects each at the other end.
pub struct Delivery {
    name: &'static str,
    frames: fn(&mut Numbers) -> Vec<(End, Frame)>,
    spacing: Duration,
    /// How bad it is when one does not come out.
    lack: fn(&Options) -> Grade,
    /// What then happens to people.
    harm: &'static str,
    /// Whether frames longer than the longest that came out are left to another check.
    up_to_longest: bool,
}

/// Returns these checks.
pub fn all() -> [Delivery; 7] {
    let every = Delivery {
        name: "ARP",
        frames: arps,
        spacing: Duration::from_millis(20),
        lack: |_| Grade::Fail,
        harm: "neither side finds the other",
        up_to_longest: false,
    };
    [
        Delivery { ..every },
        Delivery {
            name: "broadcast discovery",
            frames: broadcasts,
            harm: "the tester does not find the car",
            ..every
        },
        Delivery {
            name: "multicast discovery",
            frames: multicasts,
            harm: "what is found by SLP or mDNS is not found",
            ..every
        },
        Delivery {
            name: "foreign addresses",
            frames: foreigners,
            harm: "only known hardware addresses pass, a second device stays unseen",
            ..every
        },
        Delivery {
            name: "full-size frames",
            frames: full_size,
            lack: |options| options.lack_of(Capability::FullSizeFrames, Grade::Finding),
            harm: "they vanish without a word: a transfer with full segments hangs unless both \
                   ends use a smaller MTU",
            ..every
        },
        Delivery {
            name: "odd sizes",
            frames: odd_sizes,
            spacing: Duration::from_millis(1),
            harm: "some lengths never arrive",
            up_to_longest: true,
            ..every
        },
        Delivery {
            name: "loss",
            frames: stream,
            spacing: Duration::from_millis(1),
            harm: "frames are lost where the way loses none",
            ..every
        },
    ]
}

impl Check for Delivery {
    fn name(&self) -> &'static str {
        self.name
    }

    fn round(&mut self, scene: &mut Scene<'_>) -> Option<Round> {
        let frames = (scene.number == 0).then(|| (self.frames)(scene.numbers))?;
        Some(Round::of_frames(frames, self.spacing, PATIENCE))
    }

    fn judge(&self, scene: &Scene<'_>) -> Verdict {
        let Scene { trace, first, .. } = *scene;
        let lengths = |end: End| {
            let passed = trace.seen(first).filter(move |(_, entry, ..)| entry.end != end);
            passed.map(|(_, _, frame, _)| frame.len()).max().unwrap_or(0)
        };
        let longest = |end: End| if self.up_to_longest { lengths(end) } else { usize::MAX };
        let limits = (longest(End::Technician), longest(End::Vehicle));
        let wanted: Vec<(usize, usize)> = trace
            .sent(first)
            .filter(|(_, entry, frame)| {
                let limit = if entry.end == End::Technician { limits.0 } else { limits.1 };
                frame.len() <= limit
            })
            .map(|(index, _, frame)| (index, frame.len()))
            .collect();
        let missing = trace.missing(first);
        let lost: Vec<(usize, usize)> =
            wanted.iter().copied().filter(|(index, _)| missing.contains(index)).collect();
        if lost.is_empty() && !wanted.is_empty() {
            let slowest = trace.slowest(first).map(milliseconds).unwrap_or_default();
            let words = format!("{} of {0} frames passed, the slowest in {slowest}", wanted.len());
            let shown = trace.since(first).take(4).map(|(index, _)| index).collect();
            return Verdict::new(Grade::Pass, words, shown);
        }
        let bytes: Vec<String> =
            lost.iter().take(6).map(|(_, length)| length.to_string()).collect();
        let words = format!(
            "{} of {} frames did not come out (bytes: {}): {}",
            lost.len(),
            wanted.len(),
            bytes.join(", "),
            self.harm
        );
        let shown = lost.iter().map(|(index, _)| *index).collect();
        Verdict::new((self.lack)(scene.options), words, shown)
    }
}

const BOTH: [End; 2] = [End::Technician, End::Vehicle];

fn arps(_: &mut Numbers) -> Vec<(End, Frame)> {
    let (tester, car) = (address(End::Technician), address(End::Vehicle));
    vec![
        // A probe, as RFC 3927 has it, before an address is used.
        (End::Vehicle, arp_for(1, mac(End::Vehicle), Ipv4Addr::UNSPECIFIED, car, BROADCAST)),
        (End::Vehicle, arp(1, End::Vehicle, car, BROADCAST)),
        (End::Technician, arp(1, End::Technician, car, BROADCAST)),
        (End::Vehicle, arp(2, End::Vehicle, tester, mac(End::Technician))),
        (End::Vehicle, arp(1, End::Vehicle, tester, BROADCAST)),
        (End::Technician, arp(2, End::Technician, car, mac(End::Vehicle))),
    ]
}

fn broadcasts(numbers: &mut Numbers) -> Vec<(End, Frame)> {
    let ports = (DISCOVERY, DISCOVERY);
    let mut datagram =
        |from, to, data: &[u8]| (from, udp(from, to, ports, numbers.draw() as u16, data));
    let question = [0, 0, 0, 0, 0, 0x11];
    let subnet = Ipv4Addr::new(169, 254, 255, 255);
    vec![
        datagram(End::Technician, (BROADCAST, Ipv4Addr::BROADCAST), &question),
        datagram(End::Technician, (BROADCAST, subnet), &question),
        datagram(
            End::Vehicle,
            (mac(End::Technician), address(End::Technician)),
            b"\x00\x00\x00\x1a\x00\x11DIAGADR10BMWMACBMWVIN",
        ),
        // The car announces itself to everybody when it has got its address.
        datagram(End::Vehicle, (BROADCAST, Ipv4Addr::BROADCAST), b"\0\0\0\x08\0\x11announce"),
    ]
}

fn multicasts(numbers: &mut Numbers) -> Vec<(End, Frame)> {
    // SLP, mDNS, and a group nobody has joined.
    let groups = [
        (Ipv4Addr::new(239, 255, 255, 253), 427),
        (Ipv4Addr::new(224, 0, 0, 251), 5353),
        (Ipv4Addr::new(239, 73, 1, 2), DISCOVERY),
    ];
    let mut frames = Vec::new();
    for (group, port) in groups {
        for end in BOTH {
            let to = (group_mac(group), group);
            let number = numbers.draw() as u16;
            frames.push((end, udp(end, to, (DISCOVERY, port), number, b"anybody there?")));
        }
    }
    frames
}

fn foreigners(numbers: &mut Numbers) -> Vec<(End, Frame)> {
    let mut frames = Vec::new();
    for index in 0..16 {
        for end in BOTH {
            // Half of them universally administered: the block for documents, RFC 7042.
            let side = if end == End::Technician { 0x10 } else { 0x20 };
            let foreign = if index % 2 == 0 {
                [0x00, 0x00, 0x5E, 0x00, 0x53, side + index]
            } else {
                [0x06, 0x73, side, 0x00, 0x00, index]
            };
            let to = mac(end.other());
            frames.push((end, probe_between(foreign, to, numbers.draw(), 120)));
        }
    }
    frames
}

fn full_size(numbers: &mut Numbers) -> Vec<(End, Frame)> {
    let frames = (0..5).flat_map(|_| BOTH);
    frames.map(|end| (end, probe(end, numbers.draw(), LONGEST))).collect()
}

/// Runts as stacks hand them to a port, every seventh length, and those around powers of two.
fn odd_sizes(numbers: &mut Numbers) -> Vec<(End, Frame)> {
    let edges = [42, 46, 59, 60, 61, 63, 65, 127, 128, 129, 255, 257, 511, 513, 1023, 1025, 1513];
    let mut sizes: Vec<usize> = (60..=LONGEST).step_by(7).chain(edges).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let frames = sizes.into_iter().flat_map(|size| BOTH.map(|end| (end, size)));
    frames.map(|(end, size)| (end, probe(end, numbers.draw(), size))).collect()
}

/// Short and long frames in turn, so that a shortcut for either shows as disorder.
fn stream(numbers: &mut Numbers) -> Vec<(End, Frame)> {
    let sizes = (0..250).map(|index| [60, 900, 60, 400, 1000][index % 5] + index % 40);
    let frames = sizes.flat_map(|size| BOTH.map(|end| (end, size)));
    frames.map(|(end, size)| (end, probe(end, numbers.draw(), size))).collect()
}

/// How long the last frame may take.
const PATIENCE: Duration = Duration::from_secs(2);
