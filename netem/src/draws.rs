//! Chance by frame index.

use node::{Seed, Stream};

/// One uniform 64-bit draw per frame, for one purpose.
///
/// The draw of a frame depends on seed, purpose and index alone: not on which other frames were
/// asked for, nor on what any other purpose drew. Indices must not decrease.
#[derive(Clone, Debug)]
pub struct Draws {
    stream: Stream,
    next: u64,
}

impl Draws {
    /// Begins the draws of one purpose.
    pub fn new(seed: Seed, purpose: &str) -> Self {
        Self { stream: seed.stream(purpose), next: 0 }
    }

    /// Returns the draw of frame `index`.
    pub fn at(&mut self, index: u64) -> u64 {
        debug_assert!(index >= self.next, "frames are numbered upwards");
        let ahead = index - self.next;
        if ahead > WALK {
            self.stream.seek(index);
        } else {
            for _ in 0..ahead {
                self.stream.next_u64();
            }
        }
        self.next = index + 1;
        self.stream.next_u64()
    }
}

/// Up to this many draws are thrown away before jumping is cheaper.
const WALK: u64 = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_draw_depends_on_its_index_alone(
            seed: u64,
            gaps in prop::collection::vec(0u64..200, 1..50),
        ) {
            let mut draws = Draws::new(Seed(seed), "loss");
            let mut index = 0;
            for gap in gaps {
                index += gap;
                let mut alone = Seed(seed).stream("loss");
                alone.seek(index);
                prop_assert_eq!(draws.at(index), alone.next_u64());
                index += 1;
            }
        }
    }
}
