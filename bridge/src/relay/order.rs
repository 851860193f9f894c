//! One order at a relay.

use std::net::{Ipv4Addr, SocketAddrV4};

use node::{Duration, Instant};

use crate::config::RelayConfig;
use crate::message::OrderNumber;
use crate::relay::limit::Limit;

/// How many addresses that sent wrong passcodes an order remembers; the mildest give way.
const OFFENDERS: usize = 64;

/// How often an address may call in vain before it must wait: who restarts a program does.
const VAIN_FREE: u32 = 3;

/// Longest time an address must wait because it called in vain.
const VAIN_MAX: Duration = Duration::from_secs(30);

/// How long a candidate may prove itself before another may take its place.
const CANDIDATE_TIME: Duration = Duration::from_secs(2);

/// One order: a number, its mechanic, the admitted technician, and whoever wants to be that.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its number.
    pub number: OrderNumber,
    /// Its name on control messages.
    pub channel: u64,
    /// The end with the vehicle.
    pub mechanic: Option<Side>,
    /// The end with the tester, once the mechanic has admitted it.
    pub technician: Option<Candidate>,
    /// Who wants to be the technician.
    pub candidates: Vec<Candidate>,
    /// What it may still forward between mechanic and technician.
    pub traffic: Limit,
    /// The address that made it, for which it counts as long as it is held.
    pub creator: Ipv4Addr,
    /// Since when it has one side only.
    pub half_since: Option<Instant>,
    /// Since when it has no mechanic.
    pub orphan_since: Option<Instant>,
    /// What it may still forward between mechanic and candidates while there is no technician.
    callers: Limit,
    /// And while there is one, who is not to be disturbed.
    intruders: Limit,
    offenders: Vec<Offender>,
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
    /// How many control messages of it are still read.
    pub control: Limit,
}

/// A technician, or one who wants to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its number at this relay.
    pub number: u32,
    /// Who it is.
    pub side: Side,
    /// Since when it is there.
    pub since: Instant,
}

/// An address that sent wrong passcodes, or called and proved nothing.
#[derive(Clone, Copy, Debug)]
struct Offender {
    address: Ipv4Addr,
    wrong: u32,
    vain: u32,
    until: Instant,
}

impl Order {
    /// Makes an order that its mechanic has just opened.
    pub fn new(
        number: OrderNumber,
        channel: u64,
        mechanic: Side,
        traffic: Limit,
        callers: Limit,
        intruders: Limit,
    ) -> Self {
        Self {
            number,
            channel,
            creator: *mechanic.peer.ip(),
            half_since: Some(mechanic.heard),
            orphan_since: None,
            mechanic: Some(mechanic),
            technician: None,
            candidates: Vec::new(),
            traffic,
            callers,
            intruders,
            offenders: Vec::new(),
        }
    }

    /// Returns how long an address must still wait, `None` when it need not.
    pub fn barred_for(&self, now: Instant, address: Ipv4Addr) -> Option<Duration> {
        let offender = self.offenders.iter().find(|offender| offender.address == address)?;
        (offender.until > now).then(|| offender.until - now)
    }

    /// Notes a wrong passcode and returns how long its address must wait now.
    pub fn bar(
        &mut self,
        now: Instant,
        address: Ipv4Addr,
        delay: Duration,
        delay_max: Duration,
    ) -> Duration {
        let offender = self.offender(address);
        let wait = doubled(delay, offender.wrong).min(delay_max);
        offender.wrong = offender.wrong.saturating_add(1);
        offender.until = offender.until.max(now + wait);
        wait
    }

    /// Notes that an address called and is gone without having proven anything.
    pub fn note_vain(&mut self, now: Instant, address: Ipv4Addr, delay: Duration) {
        let offender = self.offender(address);
        offender.vain = offender.vain.saturating_add(1);
        if let Some(over) = offender.vain.checked_sub(VAIN_FREE + 1) {
            let wait = doubled(delay, over).min(VAIN_MAX);
            offender.until = offender.until.max(now + wait);
        }
    }

    /// Notes a right passcode.
    pub fn absolve(&mut self, address: Ipv4Addr) {
        self.offenders.retain(|offender| offender.address != address);
    }

    fn offender(&mut self, address: Ipv4Addr) -> &mut Offender {
        let known = self.offenders.iter().position(|offender| offender.address == address);
        let index = known.unwrap_or_else(|| {
            let badness = |one: &Offender| (one.wrong, one.vain);
            if self.offenders.len() == OFFENDERS
                && let Some(mildest) =
                    (0..OFFENDERS).min_by_key(|index| (badness(&self.offenders[*index]), *index))
            {
                self.offenders.swap_remove(mildest);
            }
            self.offenders.push(Offender { address, wrong: 0, vain: 0, until: Instant::ZERO });
            self.offenders.len() - 1
        });
        &mut self.offenders[index]
    }

    /// Finds the technician or candidate with this number.
    pub fn candidate(&self, number: u32) -> Option<&Candidate> {
        self.technician.iter().chain(&self.candidates).find(|one| one.number == number)
    }

    /// Finds the technician or candidate with this number, to change it.
    pub fn find(&mut self, number: u32) -> Option<&mut Candidate> {
        let all = self.technician.iter_mut().chain(&mut self.candidates);
        all.into_iter().find(|one| one.number == number)
    }

    /// Notes that the technician or candidate with this number was heard.
    pub fn hear(&mut self, now: Instant, number: u32) {
        if let Some(one) = self.find(number) {
            one.side.heard = now;
        }
    }

    /// Returns what it may still forward between mechanic and candidates now.
    pub fn strangers(&mut self) -> &mut Limit {
        if self.technician.is_some() { &mut self.intruders } else { &mut self.callers }
    }

    /// Returns whether this one has called and not been admitted.
    pub fn is_vain(&self, number: u32) -> bool {
        self.candidates.iter().any(|one| one.number == number)
    }

    /// Finds the technician or candidate by its own number.
    pub fn by_instance(&mut self, instance: u64) -> Option<&mut Candidate> {
        let all = self.technician.iter_mut().chain(&mut self.candidates);
        all.into_iter().find(|one| one.side.instance == instance)
    }

    /// Makes room for one more candidate from `address`; returns who had to go for it.
    ///
    /// An error is how long the newcomer must wait.
    pub fn make_room(
        &mut self,
        now: Instant,
        address: Ipv4Addr,
        limit: usize,
        limit_per_address: usize,
    ) -> Result<Option<Candidate>, Duration> {
        let is_same = |one: &&Candidate| *one.side.peer.ip() == address;
        if self.candidates.iter().filter(is_same).count() >= limit_per_address {
            let oldest = self.candidates.iter().position(|one| *one.side.peer.ip() == address);
            return Ok(oldest.map(|index| self.candidates.remove(index)));
        }
        if self.candidates.len() < limit {
            return Ok(None);
        }
        match self.candidates.first() {
            Some(oldest) if now - oldest.since >= CANDIDATE_TIME => {
                Ok(Some(self.candidates.remove(0)))
            }
            Some(_) | None => Err(CANDIDATE_TIME / 2),
        }
    }

    /// Keeps `half_since` and `orphan_since` right after a side came or went.
    pub fn settle(&mut self, now: Instant) {
        let is_orphan = self.mechanic.is_none();
        self.orphan_since = is_orphan.then(|| self.orphan_since.unwrap_or(now));
        let is_half = self.mechanic.is_none() || self.technician.is_none();
        self.half_since = if is_half { Some(self.half_since.unwrap_or(now)) } else { None };
    }

    /// Returns when the order wants to be looked at.
    pub fn due(&self, config: &RelayConfig) -> Option<Instant> {
        let silence = config.silence;
        let candidates = self.technician.iter().chain(&self.candidates).map(|one| one.side);
        let silent = candidates.chain(self.mechanic).map(|side| side.heard + silence).min();
        let half = self.half_since.map(|since| since + config.half_open_limit);
        let orphan = self.orphan_since.map(|since| since + config.orphan_limit);
        silent.into_iter().chain(half).chain(orphan).min()
    }
}

fn doubled(delay: Duration, times: u32) -> Duration {
    delay.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX))
}
