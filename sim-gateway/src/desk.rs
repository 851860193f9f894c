//! What a protocol works with while it handles one input.

use node::Instant;

use crate::outbox::Outbox;
use crate::units::Units;

/// What a protocol works with while it handles one input.
pub(crate) struct Desk<'a> {
    pub(crate) now: Instant,
    pub(crate) units: &'a mut Units,
    pub(crate) out: &'a mut Outbox,
}
