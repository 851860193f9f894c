//! What was sent and seen, and which belongs to which.

use node::{Duration, Frame, Instant};

use super::decode::{describe, hex};
use super::frames::{SHORTEST, readable, speaks_of_ours, untagged};
use super::machine::End;
use super::row::Capture;

/// Everything that happened at both ports, in the order of time.
#[derive(Debug, Default)]
pub struct Trace {
    entries: Vec<Entry>,
    /// The entries of frames that were sent.
    sent: Vec<usize>,
    /// What came out, of ours and of others; changes of carrier; frames on the way.
    ours: Count,
    foreign: Count,
    changes: Count,
    readable: Count,
    way: Way,
}

/// How many of a kind there were, and how many of these were not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// All.
    pub all: u64,
    /// Those beyond the limit.
    pub dropped: u64,
}

/// What was overheard on the way between the sites.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// Frames.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
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
    /// The bridge ended without being asked; told at the technician's port.
    Ended(String),
    /// A frame on the way between the sites shows a probe's bytes from this place on.
    Readable(Frame, usize),
}

impl What {
    /// Returns the frame that was sent.
    fn sent(&self) -> Option<&Frame> {
        match self {
            Self::Sent(frame) => Some(frame),
            Self::Seen { .. } | Self::LinkSet(_) | Self::LinkSeen(_) => None,
            Self::Relay(_) | Self::Ended(_) | Self::Readable(..) => None,
        }
    }

    /// Returns the frame that came out, with what it is.
    fn seen(&self) -> Option<(&Frame, Origin)> {
        match self {
            Self::Seen { frame, origin } => Some((frame, *origin)),
            Self::Sent(_) | Self::LinkSet(_) | Self::LinkSeen(_) => None,
            Self::Relay(_) | Self::Ended(_) | Self::Readable(..) => None,
        }
    }

    /// Returns the carrier that was seen.
    pub fn link_seen(&self) -> Option<bool> {
        match self {
            Self::LinkSeen(up) => Some(*up),
            Self::Sent(_) | Self::Seen { .. } | Self::LinkSet(_) => None,
            Self::Relay(_) | Self::Ended(_) | Self::Readable(..) => None,
        }
    }

    /// Returns whether frames may be lost from here on without the bridge being at fault.
    pub fn interrupts(&self) -> bool {
        match self {
            Self::LinkSet(false) | Self::Relay(false) | Self::Ended(_) => true,
            Self::LinkSet(true) | Self::Relay(true) | Self::LinkSeen(_) => false,
            Self::Sent(_) | Self::Seen { .. } | Self::Readable(..) => false,
        }
    }

    /// Returns whether it is a frame that could be read on the way.
    pub fn is_readable(&self) -> bool {
        match self {
            Self::Readable(..) => true,
            Self::Sent(_) | Self::Seen { .. } | Self::LinkSet(_) | Self::LinkSeen(_) => false,
            Self::Relay(_) | Self::Ended(_) => false,
        }
    }

    /// Returns how the carrier was switched.
    pub fn link_set(&self) -> Option<bool> {
        match self {
            Self::LinkSet(up) => Some(*up),
            Self::Sent(_) | Self::Seen { .. } | Self::LinkSeen(_) => None,
            Self::Relay(_) | Self::Ended(_) | Self::Readable(..) => None,
        }
    }
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
    /// Notes something. What we do ourselves is always kept, as the checks bound it; what the
    /// bridge does is kept up to a limit for each kind, so that much of one kind hides nothing of another.
    pub fn note(&mut self, at: Instant, end: End, what: What) {
        let limited = match &what {
            What::Sent(_) => {
                self.sent.push(self.entries.len());
                None
            }
            What::LinkSet(_) | What::Relay(_) | What::Ended(_) => None,
            What::Seen { origin: Origin::Foreign, .. } => Some((&mut self.foreign, FOREIGN)),
            What::Seen { .. } => Some((&mut self.ours, OURS)),
            What::LinkSeen(_) => Some((&mut self.changes, CHANGES)),
            What::Readable(..) => Some((&mut self.readable, READABLE)),
        };
        if limited.is_none_or(|(count, limit)| count.takes(limit)) {
            self.entries.push(Entry { at, end, what });
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

    /// Frames of ours that came out, and frames that speak for ours.
    pub fn ours(&self) -> Count {
        self.ours
    }

    /// Frames of others that came out.
    pub fn foreign(&self) -> Count {
        self.foreign
    }

    /// Changes of carrier that were seen.
    pub fn changes(&self) -> Count {
        self.changes
    }

    /// Frames on the way between the sites that show bytes of ours.
    pub fn readable(&self) -> Count {
        self.readable
    }

    /// What was overheard on the way between the sites.
    pub fn way(&self) -> Way {
        self.way
    }

    /// Notes a frame on the way between the sites.
    pub fn overhear(&mut self, at: Instant, frame: &Frame) {
        self.way.frames += 1;
        self.way.bytes += frame.len() as u64;
        if let Some(place) = readable(frame) {
            self.note(at, End::Technician, What::Readable(frame.clone(), place));
        }
    }

    /// Returns the entries with their numbers, from one on.
    pub fn since(&self, first: usize) -> impl DoubleEndedIterator<Item = (usize, &Entry)> {
        self.entries.iter().enumerate().skip(first)
    }

    /// Returns the frames sent since an entry.
    pub fn sent(&self, first: usize) -> impl DoubleEndedIterator<Item = (usize, &Entry, &Frame)> {
        let from = self.sent.partition_point(|index| *index < first);
        self.sent[from..].iter().filter_map(|index| {
            let entry = self.entries.get(*index)?;
            Some((*index, entry, entry.what.sent()?))
        })
    }

    /// Returns the frames seen since an entry.
    pub fn seen(&self, first: usize) -> impl Iterator<Item = (usize, &Entry, &Frame, Origin)> {
        self.since(first).filter_map(|(index, entry)| {
            let (frame, origin) = entry.what.seen()?;
            Some((index, entry, frame, origin))
        })
    }

    /// Returns the changes of carrier seen at a port since an entry.
    pub fn links(&self, first: usize, end: End) -> impl Iterator<Item = (usize, Instant, bool)> {
        self.since(first)
            .filter(move |(_, entry)| entry.end == end)
            .filter_map(|(index, entry)| Some((index, entry.at, entry.what.link_seen()?)))
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
        let mut sent = self.sent(0).rev().filter(|(_, entry, _)| entry.end != end);
        let found = sent.find_map(|(index, _, frame)| {
            if is_unlike(frame, seen) {
                return None;
            }
            if is_same(frame, seen) {
                return Some(Origin::Same(index));
            }
            if damaged.is_none() && is_near(frame, seen) {
                damaged = Some(Origin::Damaged(index));
            }
            let stripped = untagged(frame).is_some_and(|plain| is_same(&plain, seen));
            stripped.then_some(Origin::Untagged(index))
        });
        found.or(damaged).unwrap_or_else(|| {
            if speaks_of_ours(seen) { Origin::Invented } else { Origin::Foreign }
        })
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

/// Returns whether a frame cannot be another at all, quickly: of another length, and neither padded
/// nor without its tag nor cut off.
fn is_unlike(sent: &[u8], seen: &[u8]) -> bool {
    let same_length = sent.len() == seen.len() || sent.len() == seen.len() + 4;
    !same_length && sent.len() >= SHORTEST && sent.get(..CUT) != seen.get(..CUT)
}

/// Returns whether a frame is so like another that it must be that one, damaged: of the same
/// length, with few bytes changed, or cut off or drawn out behind its number.
fn is_near(sent: &[u8], seen: &[u8]) -> bool {
    let same_length = sent.len() == seen.len() || (sent.len() < SHORTEST && seen.len() == SHORTEST);
    let shorter = sent.len().min(seen.len());
    if !same_length {
        return shorter >= CUT && sent[..shorter] == seen[..shorter];
    }
    let differing = sent.iter().zip(seen).filter(|(a, b)| a != b).take(DAMAGED + 1).count();
    differing <= DAMAGED && shorter >= 14
}

impl Count {
    /// Counts one more; returns whether it is to be kept.
    fn takes(&mut self, limit: u64) -> bool {
        self.all += 1;
        self.dropped += u64::from(self.all > limit);
        self.all <= limit
    }
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
        What::Ended(how) => ("bridge".to_owned(), how.clone(), String::new()),
        What::Readable(frame, place) => {
            let words = format!("{}; a probe's bytes from byte {place} on", describe(frame));
            ("between the sites".to_owned(), words, hex(&frame[*place..]))
        }
    };
    Capture { at: entry.at, place, words, hex: shown }
}

fn switched(up: bool, how: &str) -> String {
    format!("{how} {}", if up { "up" } else { "down" })
}

/// The most that is kept of one run: frames of ours that came out, those of others, changes of
/// carrier, frames on the way that can be read.
const OURS: u64 = 50_000;
const FOREIGN: u64 = 2000;
const CHANGES: u64 = 1000;
const READABLE: u64 = 4;
/// The most things that are shown of one row.
const SHOWN: usize = 8;
/// How many bytes of a frame that is cut off have to be left for it to be told.
const CUT: usize = 26;
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
    fn much_of_one_kind_hides_nothing_of_another() {
        let mut trace = Trace::default();
        for _ in 0..FOREIGN + 3 {
            trace.note_seen(Instant::ZERO, End::Vehicle, Frame::from_static(&[0x33; 80]));
        }
        assert_eq!(trace.foreign(), Count { all: FOREIGN + 3, dropped: 3 });
        trace.note(Instant::ZERO, End::Technician, What::Sent(probe(End::Technician, 1, 80)));
        trace.note_seen(Instant::ZERO, End::Vehicle, probe(End::Technician, 1, 80));
        trace.note(Instant::ZERO, End::Technician, What::LinkSeen(true));
        assert_eq!(trace.len() as u64, FOREIGN + 3);
        assert_eq!(
            trace.missing(0),
            Vec::<usize>::new(),
            "what was sent and what came out are kept"
        );
        assert_eq!((trace.ours().dropped, trace.changes().dropped), (0, 0));
    }

    #[test]
    fn what_was_sent_is_kept_beyond_every_limit() {
        let mut trace = Trace::default();
        for number in 0..OURS as u32 + 3 {
            let frame = probe(End::Technician, number % 7, 60);
            trace.note(Instant::ZERO, End::Technician, What::Sent(frame));
        }
        assert_eq!(trace.sent(0).count() as u64, OURS + 3);
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
