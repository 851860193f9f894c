//! How long a packet may be for its frame to fit into one datagram.

/// What was found out about the way, and what of it was told.
///
/// A connection begins with the least any way takes and searches upwards: what it has found counts
/// once two measurements agree. What no longer fits counts at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Room {
    told: Option<u16>,
    seen: Option<u16>,
}

impl Room {
    /// Begins anew with another connection; what was told holds until something else is found.
    pub fn search(&mut self) {
        self.seen = None;
    }

    /// Takes what one measurement found; returns what is to be told.
    pub fn measure(&mut self, mtu: u16) -> Option<u16> {
        let is_settled = self.seen.replace(mtu) == Some(mtu);
        if is_settled { self.tell(mtu) } else { None }
    }

    /// Takes what is there for a frame that did not fit; returns what is to be told.
    pub fn miss(&mut self, mtu: u16) -> Option<u16> {
        if self.seen.is_none_or(|seen| mtu >= seen) {
            return None;
        }
        self.seen = Some(mtu);
        self.tell(mtu)
    }

    fn tell(&mut self, mtu: u16) -> Option<u16> {
        (self.told.replace(mtu) != Some(mtu)).then_some(mtu)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::searching(&[1150, 1286, 1354], None)]
    #[case::settled(&[1150, 1286, 1422, 1422], Some(1422))]
    fn a_search_is_told_when_it_has_settled(#[case] found: &[u16], #[case] told: Option<u16>) {
        let mut room = Room::default();
        let last = found.iter().filter_map(|mtu| room.measure(*mtu)).last();
        assert_eq!(last, told);
    }

    #[test]
    fn the_same_is_told_once() {
        let mut room = Room::default();
        assert_eq!([1422; 4].map(|mtu| room.measure(mtu)), [None, Some(1422), None, None]);
        room.search();
        assert_eq!([1422; 2].map(|mtu| room.measure(mtu)), [None, None]);
    }

    #[test]
    fn what_no_longer_fits_is_told_at_once() {
        let mut room = Room::default();
        room.measure(1422);
        room.measure(1422);
        assert_eq!([1422, 1150, 1150].map(|mtu| room.miss(mtu)), [None, Some(1150), None]);
    }

    #[test]
    fn what_does_not_fit_during_a_search_is_not_told() {
        let mut room = Room::default();
        assert_eq!(room.miss(1150), None);
        room.measure(1150);
        assert_eq!(room.miss(1286), None);
    }
}
