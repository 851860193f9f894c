//! The checks, in the order in which they are made.
//!
//! | file | holds |
//! |---|---|
//! | `passage` | that anything passes at all; that it does again after an interruption |
//! | `delivery` | frames that have to come out: ARP, discovery, foreign addresses, sizes, a stream |
//! | `largest` | the largest frame that passes, by search |
//! | `tag` | 802.1Q |
//! | `link` | link state, gateway reset, change of address |
//! | `patience` | idleness, half-open sessions, loss of the relay |
//! | `whole` | what is judged over all frames: order, duplication, damage, additions |
//! | `others` | frames of others that came out |
//! | `steady` | every change of the technician's link |
//! | `delay` | how long frames took |
//! | `claims` | what is claimed besides |

mod claims;
mod delay;
mod delivery;
mod largest;
mod link;
mod others;
mod passage;
mod patience;
mod steady;
mod tag;
mod whole;

use std::collections::VecDeque;

use super::check::Check;

/// Returns every check.
pub fn all() -> VecDeque<Box<dyn Check>> {
    let mut checks: VecDeque<Box<dyn Check>> = VecDeque::new();
    checks.push_back(Box::new(passage::Passage::default()));
    for delivery in delivery::all() {
        checks.push_back(Box::new(delivery));
    }
    checks.push_back(Box::new(largest::Largest::default()));
    checks.push_back(Box::new(tag::Tag));
    checks.push_back(Box::new(link::LinkState::default()));
    checks.push_back(Box::new(link::GatewayReset::default()));
    checks.push_back(Box::new(link::AddressChange::default()));
    checks.push_back(Box::new(patience::HalfOpen));
    checks.push_back(Box::new(patience::Idle));
    checks.push_back(Box::new(patience::RelayLoss::default()));
    for whole in whole::all() {
        checks.push_back(Box::new(whole));
    }
    checks.push_back(Box::new(others::Others));
    checks.push_back(Box::new(steady::Steady));
    checks.push_back(Box::new(delay::Delay));
    checks.push_back(Box::new(claims::Encryption));
    checks.push_back(Box::new(claims::Guard));
    checks
}
