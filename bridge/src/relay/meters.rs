//! How much a relay takes of those who are in no order, or have proven nothing there.
//!
//! Who is in an order is metered by itself and never by these: what others send keeps nobody's
//! order from going on.

use std::net::Ipv4Addr;

use node::{Duration, Instant};

use crate::config::RelayConfig;
use crate::cookie;
use crate::relay::SLOW_BURST;
use crate::relay::limit::Limit;

/// How many places each table of senders has.
const SENDERS: usize = 1024;

/// Shortest datagram that can be a packet of the tunnel (RFC 9000, 10.3): a first byte, an
/// encrypted rest that is long enough to be decrypted.
pub const PACKET_MIN: usize = 21;

/// What a candidate's packet costs beyond its bytes: headers, and the work of both ends.
pub const PACKET_COST: u64 = 128;

/// The limits of strangers.
pub struct Meters {
    secret: [u8; 32],
    /// Whoever may not even receive at the address it sends from.
    greetings: Senders,
    /// Whoever does.
    entries: Senders,
    answers_to_strangers: Limit,
    /// Packets between mechanics and candidates, by the candidate's address.
    candidates: Vec<Limit>,
}

/// Everyone together, and each address by itself.
struct Senders {
    all: Limit,
    each: Vec<Limit>,
}

impl Meters {
    /// Makes the limits; which addresses share a place in a table follows from the secret.
    pub fn new(config: &RelayConfig, secret: [u8; 32]) -> Self {
        let candidate = Limit::new(config.candidate_bytes_per_second, SLOW_BURST);
        Self {
            secret,
            greetings: Senders::new(config),
            entries: Senders::new(config),
            answers_to_strangers: everyone(config),
            candidates: vec![candidate; SENDERS],
        }
    }

    /// Returns whether a message is read whose sender may be anybody.
    pub fn greets(&mut self, now: Instant, address: Ipv4Addr) -> bool {
        self.greetings.take(now, self.place(address))
    }

    /// Returns whether a message is read whose sender has shown its address.
    pub fn enters(&mut self, now: Instant, address: Ipv4Addr) -> bool {
        self.entries.take(now, self.place(address))
    }

    /// Returns whether a packet of a stranger is answered.
    pub fn answers(&mut self, now: Instant) -> bool {
        self.answers_to_strangers.take(now, 1)
    }

    /// Returns whether a packet of or for a candidate is within its address' share.
    pub fn carries(&mut self, now: Instant, address: Ipv4Addr, length: usize) -> bool {
        let place = self.place(address);
        self.candidates[place].take(now, length as u64 + PACKET_COST)
    }

    fn place(&self, address: Ipv4Addr) -> usize {
        cookie::place(&self.secret, address) % SENDERS
    }
}

impl Senders {
    fn new(config: &RelayConfig) -> Self {
        let each = Limit::new(u64::from(config.control_per_address), SLOW_BURST);
        Self { all: everyone(config), each: vec![each; SENDERS] }
    }

    fn take(&mut self, now: Instant, place: usize) -> bool {
        self.each[place].take(now, 1) && self.all.take(now, 1)
    }
}

fn everyone(config: &RelayConfig) -> Limit {
    Limit::new(u64::from(config.control_per_second), Duration::from_secs(1))
}
