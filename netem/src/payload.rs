//! What a frame must be able to do to be carried.

use bytes::Bytes;

/// Something a link can carry. Cloning is how a frame is duplicated.
pub trait Payload: Clone {
    /// Returns the length in bytes, which costs time on a link with a rate.
    fn len(&self) -> usize;

    /// Flips the one bit that `draw`, a uniform 64-bit number, names.
    ///
    /// Returns whether the frame still arrives: a link layer with a frame check sequence discards
    /// it, one without passes it on.
    fn damage(&mut self, draw: u64) -> Damage;

    /// Returns whether the frame has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a link layer does with a damaged frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It arrives, damaged.
    Passed,
    /// It never arrives.
    Discarded,
}

/// Bytes without a check sequence: damage passes.
impl Payload for Bytes {
    fn len(&self) -> usize {
        self.as_ref().len()
    }

    fn damage(&mut self, draw: u64) -> Damage {
        let bits = self.as_ref().len() as u128 * 8;
        let bit = ((u128::from(draw) * bits) >> 64) as usize;
        let mut bytes = self.to_vec();
        if let Some(byte) = bytes.get_mut(bit / 8) {
            *byte ^= 1 << (bit % 8);
        }
        *self = bytes.into();
        Damage::Passed
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::first_bit(0, &[1, 0, 0])]
    #[case::last_bit(u64::MAX, &[0, 0, 0x80])]
    #[case::the_middle(1 << 63, &[0, 0x10, 0])]
    fn damage_flips_the_bit_the_draw_names(#[case] draw: u64, #[case] damaged: &[u8]) {
        let mut frame = Bytes::from_static(&[0, 0, 0]);
        assert_eq!(frame.damage(draw), Damage::Passed);
        assert_eq!(frame, damaged);
    }

    #[test]
    fn damage_leaves_other_copies_alone() {
        let mut frame = Bytes::from_static(&[0, 0, 0]);
        let copy = frame.clone();
        frame.damage(0);
        assert_eq!(copy, [0, 0, 0].as_slice());
    }

    #[test]
    fn an_empty_frame_has_nothing_to_damage() {
        let mut frame = Bytes::new();
        assert_eq!(frame.damage(u64::MAX), Damage::Passed);
        assert!(Payload::is_empty(&frame));
    }
}
