//! Datagrams on their way to the kernel, as many to a system call as it takes.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};

/// Most datagrams in one run: what the kernel cuts at once.
const SEGMENTS: usize = 64;

/// Most bytes in one run: what fits into one IP packet before it is cut.
const RUN_BYTES: usize = 65_000;

/// Most runs that wait; more datagrams are lost, as on a full link.
const RUNS: usize = 1024;

/// Most bytes that wait.
const WAITING_BYTES: usize = 4 << 20;

/// Most buffers kept for later runs.
const SPARE: usize = 32;

/// How many runs are looked through for one that takes another datagram.
const LOOK_BACK: usize = 4;

/// Datagrams of equal length to one peer, from one address, back to back; the last may be shorter.
#[derive(Debug)]
pub struct Run {
    /// Where they go.
    pub peer: SocketAddrV4,
    /// Which of this machine's addresses they come from; `None` for the way's own.
    pub source: Option<Ipv4Addr>,
    /// Length of all but the last, in bytes.
    pub segment: usize,
    /// Their bytes.
    pub bytes: Vec<u8>,
    is_open: bool,
}

impl Run {
    /// Returns how many datagrams it holds.
    pub fn count(&self) -> usize {
        self.bytes.len().div_ceil(self.segment.max(1))
    }

    fn takes(&self, length: usize, segments: usize) -> bool {
        self.is_open
            && length <= self.segment
            && self.count() < segments
            && self.bytes.len() + length <= RUN_BYTES
    }
}

/// Runs that wait, oldest first; the order of datagrams to one peer is kept.
#[derive(Debug, Default)]
pub struct Outbox {
    runs: VecDeque<Run>,
    waiting: usize,
    spare: Vec<Vec<u8>>,
}

impl Outbox {
    /// Queues a datagram behind others to the same peer; false when there is no room.
    ///
    /// `segments` is how many the kernel cuts from one run at present.
    pub fn push(
        &mut self,
        source: Option<Ipv4Addr>,
        peer: SocketAddrV4,
        data: &[u8],
        segments: usize,
    ) -> bool {
        if self.waiting + data.len() > WAITING_BYTES {
            return false;
        }
        let recent = self.runs.iter_mut().rev().take(LOOK_BACK);
        let last = recent.into_iter().find(|run| run.peer == peer);
        if let Some(run) = last
            && run.source == source
            && run.takes(data.len(), segments.min(SEGMENTS))
        {
            run.bytes.extend_from_slice(data);
            run.is_open = data.len() == run.segment;
            self.waiting += data.len();
            return true;
        }
        if self.runs.len() == RUNS {
            return false;
        }
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.extend_from_slice(data);
        let is_open = !data.is_empty();
        self.waiting += data.len();
        self.runs.push_back(Run { peer, source, segment: data.len(), bytes, is_open });
        true
    }

    /// Returns the oldest run.
    pub fn front(&self) -> Option<&Run> {
        self.runs.front()
    }

    /// Takes the oldest run away; its buffer is used again.
    pub fn pop(&mut self) {
        if let Some(run) = self.runs.pop_front() {
            self.waiting -= run.bytes.len();
            if self.spare.len() < SPARE {
                let mut bytes = run.bytes;
                bytes.clear();
                self.spare.push(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn peer(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
    }

    /// Fills an outbox and returns its runs as (port, segment, datagrams).
    fn runs(datagrams: &[(u16, usize)], segments: usize) -> Vec<(u16, usize, usize)> {
        let mut outbox = Outbox::default();
        for (port, length) in datagrams {
            assert!(outbox.push(None, peer(*port), &vec![7; *length], segments));
        }
        let mut runs = Vec::new();
        while let Some(run) = outbox.front() {
            runs.push((run.peer.port(), run.segment, run.count()));
            outbox.pop();
        }
        runs
    }

    #[rstest]
    #[case::equal_lengths(&[(1, 9), (1, 9), (1, 9)], 64, &[(1, 9, 3)])]
    #[case::a_shorter_one_ends_a_run(&[(1, 9), (1, 5), (1, 5)], 64, &[(1, 9, 2), (1, 5, 1)])]
    #[case::a_longer_one_begins_one(&[(1, 5), (1, 9)], 64, &[(1, 5, 1), (1, 9, 1)])]
    #[case::two_peers_in_turn(&[(1, 9), (2, 5), (1, 9), (2, 5)], 64, &[(1, 9, 2), (2, 5, 2)])]
    #[case::without_segmentation(&[(1, 9), (1, 9)], 1, &[(1, 9, 1), (1, 9, 1)])]
    #[case::an_empty_one_stands_alone(&[(1, 0), (1, 9)], 64, &[(1, 0, 0), (1, 9, 1)])]
    fn datagrams_are_gathered(
        #[case] datagrams: &[(u16, usize)],
        #[case] segments: usize,
        #[case] expected: &[(u16, usize, usize)],
    ) {
        assert_eq!(runs(datagrams, segments), expected);
    }

    #[test]
    fn another_source_begins_a_run() {
        let mut outbox = Outbox::default();
        let sources = [Some(Ipv4Addr::LOCALHOST), None, None].into_iter();
        for source in sources {
            assert!(outbox.push(source, peer(1), &[7; 9], 64));
        }
        assert_eq!(
            outbox.front().map(|run| (run.source, run.count())),
            Some((Some(Ipv4Addr::LOCALHOST), 1))
        );
        outbox.pop();
        assert_eq!(outbox.front().map(|run| (run.source, run.count())), Some((None, 2)));
    }

    #[test]
    fn one_that_would_not_fit_into_a_packet_begins_a_run() {
        let runs = runs(&[(1, 1400); 50], 64);
        assert_eq!(runs, [(1, 1400, 46), (1, 1400, 4)]);
    }

    #[rstest]
    #[case::many_small(1, RUNS)]
    #[case::few_large(9000, WAITING_BYTES / 9000)]
    fn a_full_outbox_takes_no_more(#[case] length: usize, #[case] room: usize) {
        let mut outbox = Outbox::default();
        let data = vec![7; length];
        let taken = (0..5000).filter(|port| outbox.push(None, peer(*port), &data, 64)).count();
        assert_eq!(taken, room);
        outbox.pop();
        assert!(outbox.push(None, peer(1), &data, 64));
    }
}
