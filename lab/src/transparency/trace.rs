//! What was sent and seen, and which belongs to which.

use node::{Duration, Frame, Instant};

use super::decode::{describe, hex};
use super::frames::{SHORTEST, untagged};
use super::machine::End;
use super::row::Capture;

/// Everything that happened at both ports, in the order of time.
#[derive(Debug, Default)]
pub struct Trace {
    entries: Vec<Entry>,
    /// Entries beyond the limit.
    dropped: u64,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When.
    pub at: Instant,
    /// At which port.
    pub end: End,
    /// What.
    pub what: What,
}

/// What can happen at a port.
#[derive(Clone, Debug)]
pub enum What {
    /// A frame was sent into it.
    Sent(Frame),
    /// A frame came out of it.
    Seen {
        /// The frame.
        frame: Frame,
        /// What it is of what was sent at the other end.
        origin: Origin,
    },
    /// Its carrier was switched by us.
    LinkSet(bool),
    /// Its carrier changed.
    LinkSeen(bool),
    /// The relay was killed (false) or started (true); told at the technician's port.
    Relay(bool),
}

/// What a frame that was seen is of the frames that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The frame of this entry, byte for byte; a runt may have been padded.
    Same(usize),
    /// The frame of this entry, but not byte for byte.
    Damaged(usize),
    /// The frame of this entry without its tag.
    Untagged(usize),
    /// Nobody sent it, and it speaks for or to one of ours.
    Invented,
    /// Nobody sent it, and it is none of ours: somebody else's on the same network.
    Foreign,
}

impl Origin {
    /// Returns the entry of the frame that was sent.
    pub fn sent(self) -> Option<usize> {
        match self {
            Self::Same(index) | Self::Damaged(index) | Self::Untagged(index) => Some(index),
            Self::Invented | Self::Foreign => None,
        }
    }
}

impl Trace {
    /// Notes something, within bounds.
    pub fn note(&mut self, at: Instant, end: End, what: What) {
        if self.entries.len() < LIMIT {
            self.entries.push(Entry { at, end, what });
        } else {
            self.dropped += 1;
        }
    }

    /// Notes a frame that came out of a port, with what it is.
    pub fn note_seen(&mut self, at: Instant, end: End, frame: Frame) {
        let origin = self.origin(end, &frame);
        self.note(at, end, What::Seen { frame, origin });
    }

    /// How many things happened so far: where the next entry goes.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many things happened that were not kept.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Returns the entries with their numbers, from one on.
    pub fn since(&self, first: usize) -> impl DoubleEndedIterator<Item = (usize, &Entry)> {
        self.entries.iter().enumerate().skip(first)
    }

    /// Returns the frames sent since an entry.
    pub fn sent(&self, first: usize) -> impl Iterator<Item = (usize, &Entry, &Frame)> {
        self.since(first).filter_map(|(index, entry)| match &entry.what {
            What::Sent(frame) => Some((index, entry, frame)),
            What::Seen { .. } | What::LinkSet(_) | What::LinkSeen(_) | What::Relay(_) => None,
        })
    }

    /// Returns the frames seen since an entry.
    pub fn seen(&self, first: usize) -> impl Iterator<Item = (usize, &Entry, &Frame, Origin)> {
        self.since(first).filter_map(|(index, entry)| match &entry.what {
            What::Seen { frame, origin } => Some((index, entry, frame, *origin)),
            What::Sent(_) | What::LinkSet(_) | What::LinkSeen(_) | What::Relay(_) => None,
        })
    }

    /// Returns when carrier was seen to change to `up` at a port since an entry.
    pub fn link_seen(&self, first: usize, end: End, up: bool) -> Option<(usize, Instant)> {
        self.since(first).find_map(|(index, entry)| match entry.what {
            What::LinkSeen(now) if now == up && entry.end == end => Some((index, entry.at)),
            What::LinkSeen(_) | What::Sent(_) | What::Seen { .. } => None,
            What::LinkSet(_) | What::Relay(_) => None,
        })
    }

    /// Returns when a frame that was sent first came out, in whatever state.
    pub fn arrival(&self, sent: usize) -> Option<(usize, Instant)> {
        self.seen(sent)
            .find(|(_, _, _, origin)| origin.sent() == Some(sent))
            .map(|(index, entry, _, _)| (index, entry.at))
    }

    /// Returns the frames sent since an entry that did not come out.
    pub fn missing(&self, first: usize) -> Vec<usize> {
        let mut arrived: Vec<usize> =
            self.seen(first).filter_map(|(_, _, _, origin)| origin.sent()).collect();
        arrived.sort_unstable();
        self.sent(first)
            .map(|(index, ..)| index)
            .filter(|index| arrived.binary_search(index).is_err())
            .collect()
    }

    /// Returns how long the slowest frame since an entry took, of those that came out.
    pub fn slowest(&self, first: usize) -> Option<Duration> {
        let times = self.seen(first).filter_map(|(_, seen, _, origin)| {
            let sent = self.entries.get(origin.sent()?)?;
            Some(seen.at - sent.at)
        });
        times.max()
    }

    /// Draws entries for people.
    pub fn captures(&self, indices: &[usize]) -> Vec<Capture> {
        let mut sorted = indices.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        sorted.truncate(SHOWN);
        sorted.iter().filter_map(|index| self.entries.get(*index)).map(capture).collect()
    }

    /// Finds the frame that was sent at the other end and is nearest to this one.
    fn origin(&self, end: End, seen: &[u8]) -> Origin {
        let mut damaged = None;
        let mut sent =
            self.entries.iter().enumerate().rev().filter_map(|(index, entry)| match &entry.what {
                What::Sent(frame) if entry.end != end => Some((index, frame)),
                What::Sent(_) | What::Seen { .. } | What::Relay(_) => None,
                What::LinkSet(_) | What::LinkSeen(_) => None,
            });
        let found = sent.find_map(|(index, frame)| {
            if is_same(frame, seen) {
                return Some(Origin::Same(index));
            }
            if damaged.is_none() && is_near(frame, seen) {
                damaged = Some(Origin::Damaged(index));
            }
            let stripped = untagged(frame).is_some_and(|plain| is_same(&plain, seen));
            stripped.then_some(Origin::Untagged(index))
        });
        found
            .or(damaged)
            .unwrap_or_else(|| if is_ours(seen) { Origin::Invented } else { Origin::Foreign })
    }
}

/// Returns whether a frame came out as it went in; short ones may have been padded with zeros.
fn is_same(sent: &[u8], seen: &[u8]) -> bool {
    if sent.len() >= SHORTEST {
        return sent == seen;
    }
    let padding = seen.get(sent.len()..).filter(|_| seen.starts_with(sent));
    padding.is_some_and(|rest| seen.len() <= SHORTEST && rest.iter().all(|byte| *byte == 0))
}

/// Returns whether a frame is so like another that it must be that one, damaged: of the same
/// length, with few bytes changed, or cut off or drawn out behind its number.
fn is_near(sent: &[u8], seen: &[u8]) -> bool {
    let same_length = sent.len() == seen.len() || (sent.len() < SHORTEST && seen.len() == SHORTEST);
    let differing = sent.iter().zip(seen).filter(|(a, b)| a != b).take(DAMAGED + 1).count();
    let shorter = sent.len().min(seen.len());
    let is_cut = !same_length && differing == 0 && shorter >= 26;
    (same_length && differing <= DAMAGED && shorter >= 14) || is_cut
}

/// Returns whether a frame speaks for or to a port of ours.
fn is_ours(frame: &[u8]) -> bool {
    let ours = |mac: Option<&[u8]>| {
        mac.is_some_and(|mac| mac.starts_with(&[0x02, 0xBC]) && matches!(mac[2], 0x0A | 0x0B))
    };
    ours(frame.get(..6)) || ours(frame.get(6..12))
}

fn capture(entry: &Entry) -> Capture {
    let end = entry.end.name();
    let (place, words, shown) = match &entry.what {
        What::Sent(frame) => (format!("{end} sent"), describe(frame), hex(frame)),
        What::Seen { frame, origin } => {
            let note = match origin {
                Origin::Same(_) | Origin::Foreign => "",
                Origin::Damaged(_) => " (damaged)",
                Origin::Untagged(_) => " (without its tag)",
                Origin::Invented => " (nobody sent this)",
            };
            (format!("{end} received"), describe(frame) + note, hex(frame))
        }
        What::LinkSet(up) => (format!("{end} link"), switched(*up, "switched"), String::new()),
        What::LinkSeen(up) => (format!("{end} link"), switched(*up, "seen"), String::new()),
        What::Relay(up) => {
            let words = if *up { "started again" } else { "killed" };
            ("relay".to_owned(), words.to_owned(), String::new())
        }
    };
    Capture { at: entry.at, place, words, hex: shown }
}

fn switched(up: bool, how: &str) -> String {
    format!("{how} {}", if up { "up" } else { "down" })
}

/// The most things that are kept of one run.
const LIMIT: usize = 50_000;
/// The most things that are shown of one row.
const SHOWN: usize = 8;
/// How many bytes of a frame may differ for it to be the same frame, damaged.
const DAMAGED: usize = 8;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::frames::{probe, tagged};
    use super::*;

    #[rstest]
    #[case::as_it_was(probe(End::Vehicle, 2, 80), Origin::Same(1))]
    #[case::one_byte(changed(&[79]), Origin::Damaged(1))]
    #[case::eight_bytes(changed(&[6, 20, 30, 40, 50, 60, 70, 79]), Origin::Damaged(1))]
    #[case::cut(probe(End::Vehicle, 2, 80).slice(..70), Origin::Damaged(1))]
    #[case::stripped(probe(End::Vehicle, 3, 80), Origin::Untagged(2))]
    #[case::another(probe(End::Vehicle, 9, 80), Origin::Invented)]
    #[case::noise(Frame::from_static(&[0x33; 80]), Origin::Foreign)]
    #[case::padded(padded(60), Origin::Same(3))]
    #[case::padded_too_far(padded(61), Origin::Damaged(3))]
    fn a_frame_finds_its_origin(#[case] seen: Frame, #[case] origin: Origin) {
        let mut trace = Trace::default();
        for frame in [probe(End::Vehicle, 1, 80), probe(End::Vehicle, 2, 80)] {
            trace.note(Instant::ZERO, End::Vehicle, What::Sent(frame));
        }
        trace.note(Instant::ZERO, End::Vehicle, What::Sent(tagged(End::Vehicle, 3, 80)));
        trace.note(Instant::ZERO, End::Vehicle, What::Sent(probe(End::Vehicle, 4, 42)));
        assert_eq!(trace.origin(End::Technician, &seen), origin);
        let reflected = trace.origin(End::Vehicle, &seen);
        assert_eq!(reflected.sent(), None, "what comes back at the same end is no arrival");
    }

    #[test]
    fn what_is_beyond_the_limit_is_counted() {
        let mut trace = Trace::default();
        for _ in 0..LIMIT + 3 {
            trace.note(Instant::ZERO, End::Vehicle, What::LinkSeen(true));
        }
        assert_eq!((trace.len(), trace.dropped()), (LIMIT, 3));
    }

    fn changed(places: &[usize]) -> Frame {
        let mut bytes = probe(End::Vehicle, 2, 80).to_vec();
        places.iter().for_each(|place| bytes[*place] ^= 0x55);
        bytes.into()
    }

    fn padded(length: usize) -> Frame {
        let mut bytes = probe(End::Vehicle, 4, 42).to_vec();
        bytes.resize(length, 0);
        bytes.into()
    }
}
