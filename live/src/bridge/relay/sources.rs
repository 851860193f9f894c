//! Which of this machine's addresses a relay's peers speak to: they are answered from there.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

/// What each peer that was let in speaks to.
///
/// Whoever has been silent for longest gives way to new ones.
#[derive(Debug)]
pub struct Sources {
    /// Most peers in each of the two maps.
    most: usize,
    recent: BTreeMap<SocketAddrV4, Ipv4Addr>,
    earlier: BTreeMap<SocketAddrV4, Ipv4Addr>,
}

impl Sources {
    /// Makes room for at least so many peers.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), recent: BTreeMap::new(), earlier: BTreeMap::new() }
    }

    /// Returns the address a peer speaks to, when it is known.
    pub fn of(&self, peer: SocketAddrV4) -> Option<Ipv4Addr> {
        self.recent.get(&peer).or_else(|| self.earlier.get(&peer)).copied()
    }

    /// Notes where a peer was let in.
    pub fn admit(&mut self, peer: SocketAddrV4, at: Ipv4Addr) {
        self.earlier.remove(&peer);
        self.recent.insert(peer, at);
        if self.recent.len() >= self.most {
            self.earlier = std::mem::take(&mut self.recent);
        }
    }

    /// Notes where a peer has spoken to; of who was not let in nothing is kept.
    ///
    /// `is_own` is asked whether this machine can answer from there when that is news.
    pub fn hear(
        &mut self,
        peer: SocketAddrV4,
        at: Ipv4Addr,
        is_own: impl FnOnce(Ipv4Addr) -> bool,
    ) {
        if let Some(known) = self.recent.get_mut(&peer) {
            if *known != at && is_own(at) {
                *known = at;
            }
        } else if let Some(known) = self.earlier.get(&peer).copied() {
            let at = if known == at || is_own(at) { at } else { known };
            self.admit(peer, at);
        }
    }

    /// Forgets an address this machine has no more.
    pub fn forget(&mut self, address: Ipv4Addr) {
        for peers in [&mut self.recent, &mut self.earlier] {
            peers.retain(|_, at| *at != address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

    fn peer(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
    }

    #[test]
    fn a_peer_is_answered_from_where_it_spoke_to_last() {
        let mut sources = Sources::new(9);
        sources.admit(peer(1), ONE);
        sources.admit(peer(2), ONE);
        sources.hear(peer(1), OTHER, |_| true);
        // Sent to everyone on the link, say.
        sources.hear(peer(2), OTHER, |_| false);
        assert_eq!([peer(1), peer(2)].map(|peer| sources.of(peer)), [Some(OTHER), Some(ONE)]);
        sources.forget(OTHER);
        assert_eq!([peer(1), peer(2)].map(|peer| sources.of(peer)), [None, Some(ONE)]);
    }

    #[test]
    fn nothing_is_kept_of_who_was_not_let_in() {
        let mut sources = Sources::new(9);
        sources.hear(peer(1), ONE, |_| true);
        assert_eq!(sources.of(peer(1)), None);
    }

    #[test]
    fn whoever_is_silent_gives_way_and_whoever_speaks_stays() {
        let mut sources = Sources::new(10);
        sources.admit(peer(1), ONE);
        sources.admit(peer(2), ONE);
        for port in 3..1000 {
            sources.admit(peer(port), ONE);
            sources.hear(peer(2), OTHER, |_| true);
        }
        assert_eq!([peer(1), peer(2)].map(|peer| sources.of(peer)), [None, Some(OTHER)]);
        assert!(sources.recent.len() + sources.earlier.len() <= 20);
    }
}
