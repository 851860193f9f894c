//! One order at a relay.

use std::net::SocketAddrV4;

use node::{Duration, Instant};

use crate::message::{OrderNumber, Role};
use crate::passcode::Verifier;
use crate::relay::limit::Limit;

/// One order: a number, what its passcode is checked with, and up to two sides.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its number.
    pub number: OrderNumber,
    /// Its name on data messages.
    pub channel: u64,
    /// What passcodes are checked with.
    pub verifier: Verifier,
    /// Who is there.
    pub sides: Sides,
    /// What it may still forward.
    pub traffic: Limit,
    failures: u32,
    barred_until: Instant,
}

/// Who of an order is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    /// One side, waiting for the other since then.
    Half {
        /// Which.
        role: Role,
        /// Who.
        side: Side,
        /// Since when it is alone.
        since: Instant,
    },
    /// Both.
    Both {
        /// The end with the tester.
        technician: Side,
        /// The end with the vehicle.
        mechanic: Side,
    },
}

/// One side of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    /// Where it speaks from.
    pub peer: SocketAddrV4,
    /// Its own number.
    pub instance: u64,
    /// When it last spoke.
    pub heard: Instant,
}

impl Order {
    /// Makes an order that its mechanic has just opened.
    pub fn new(
        number: OrderNumber,
        channel: u64,
        verifier: Verifier,
        mechanic: Side,
        traffic: Limit,
    ) -> Self {
        let since = mechanic.heard;
        let sides = Sides::Half { role: Role::Mechanic, side: mechanic, since };
        Self { number, channel, verifier, sides, traffic, failures: 0, barred_until: Instant::ZERO }
    }

    /// Returns how long newcomers must still wait, `None` when they need not.
    pub fn barred_for(&self, now: Instant) -> Option<Duration> {
        (self.barred_until > now).then(|| self.barred_until - now)
    }

    /// Notes a wrong passcode and returns how long newcomers must wait now.
    pub fn bar(&mut self, now: Instant, delay: Duration, delay_max: Duration) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let wait = delay.saturating_mul(factor).min(delay_max);
        self.failures = self.failures.saturating_add(1);
        self.barred_until = now + wait;
        wait
    }

    /// Notes a right passcode.
    pub fn absolve(&mut self) {
        self.failures = 0;
        self.barred_until = Instant::ZERO;
    }

    /// Finds who speaks, notes that it was heard, and returns its role and the other side.
    pub fn hear(&mut self, now: Instant, peer: SocketAddrV4) -> Option<(Role, Option<Side>)> {
        match &mut self.sides {
            Sides::Half { role, side, .. } if side.peer == peer => {
                side.heard = now;
                Some((*role, None))
            }
            Sides::Both { technician, mechanic } if technician.peer == peer => {
                technician.heard = now;
                Some((Role::Technician, Some(*mechanic)))
            }
            Sides::Both { technician, mechanic } if mechanic.peer == peer => {
                mechanic.heard = now;
                Some((Role::Mechanic, Some(*technician)))
            }
            Sides::Half { .. } | Sides::Both { .. } => None,
        }
    }
}

impl Sides {
    /// Returns one side.
    pub fn get(&self, role: Role) -> Option<Side> {
        match *self {
            Self::Half { role: present, side, .. } => (present == role).then_some(side),
            Self::Both { technician, mechanic } => Some(match role {
                Role::Technician => technician,
                Role::Mechanic => mechanic,
            }),
        }
    }

    /// Puts a side in, in place of the one with the same role; returns that one.
    pub fn put(&mut self, role: Role, side: Side) -> Option<Side> {
        let before = self.get(role);
        *self = match (self.get(role.other()), role) {
            (None, _) => {
                let since = match *self {
                    Self::Half { since, .. } => since,
                    Self::Both { .. } => side.heard,
                };
                Self::Half { role, side, since }
            }
            (Some(other), Role::Technician) => Self::Both { technician: side, mechanic: other },
            (Some(other), Role::Mechanic) => Self::Both { technician: other, mechanic: side },
        };
        before
    }

    /// Takes a side away; `None` when nobody is left.
    pub fn without(self, now: Instant, role: Role) -> Option<Self> {
        let side = self.get(role.other())?;
        let since = match self {
            Self::Half { since, .. } => since,
            Self::Both { .. } => now,
        };
        Some(Self::Half { role: role.other(), side, since })
    }
}
