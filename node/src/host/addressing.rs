//! How a host comes by its address, and what it does when it loses it.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use super::HostConfig;
use super::arp;
use super::dhcp::{self, Dhcp};
use super::link_local::{self, LinkLocal};
use crate::{AddressPlan, Frame, Instant};

const LINK_LOCAL_PREFIX: u8 = 16;

/// An address a host holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The address.
    pub address: Ipv4Addr,
    /// Length of the subnet prefix in bits.
    pub prefix: u8,
    /// The way out of the subnet.
    pub router: Option<Ipv4Addr>,
}

impl Held {
    /// Returns whether an address is a host of the link; probes have none.
    pub fn is_on_link(self, other: Ipv4Addr) -> bool {
        let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
        !other.is_unspecified() && u32::from(self.address) & mask == u32::from(other) & mask
    }

    /// Returns the host of the link to which goes what is for one host.
    pub fn next_hop(self, to: Ipv4Addr) -> Option<Ipv4Addr> {
        if to.is_broadcast() || to.is_multicast() {
            return None;
        }
        let hop = if self.is_on_link(to) { Some(to) } else { self.router };
        hop.filter(|hop| self.is_on_link(*hop))
    }
}

/// A change of the host's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The host may use this address now.
    Acquired(Held),
    /// The host may not use its address any more.
    Lost,
}

/// The address of one host.
#[derive(Debug)]
pub struct Addressing {
    plan: AddressPlan,
    link_local: LinkLocal,
    dhcp: Dhcp,
    current: Option<Held>,
    changes: VecDeque<Change>,
}

impl Addressing {
    /// Makes the machine; it begins with the first [`Addressing::link_up`].
    pub fn new(config: &HostConfig) -> Self {
        Self {
            plan: config.address,
            link_local: LinkLocal::new(config.mac, config.seed.stream("link-local")),
            dhcp: Dhcp::new(config.mac, config.name.clone(), config.seed.stream("dhcp")),
            current: None,
            changes: VecDeque::new(),
        }
    }

    /// Begins, or begins again: the link is there.
    pub fn link_up(&mut self, now: Instant) {
        match self.plan {
            AddressPlan::Static { address, prefix, router } => {
                if self.current.is_none() {
                    self.acquire(Held { address, prefix, router });
                }
            }
            AddressPlan::LinkLocal => {
                self.link_local.stop();
                self.link_local.start(now);
            }
            AddressPlan::Dhcp | AddressPlan::DhcpThenLinkLocal => {
                self.link_local.stop();
                self.dhcp.start(now);
            }
        }
    }

    /// Stops asking and probing; an address held is kept, as hosts do for a short loss of link.
    pub fn link_down(&mut self) {
        self.link_local.stop();
        self.dhcp.stop();
    }

    /// Forgets everything: the stack is gone.
    pub fn stop(&mut self) {
        self.link_down();
        self.current = None;
        self.changes.clear();
    }

    /// Prepares for a stack that comes back.
    pub fn restart(&mut self, new_address: bool) {
        self.stop();
        if new_address {
            self.link_local.choose_another();
        }
    }

    /// Takes an ARP or DHCP frame.
    pub fn handle_frame(&mut self, now: Instant, frame: &[u8]) {
        if let Some(claim) = arp::parse(frame).filter(|_| arp::is_arp(frame)) {
            let finding = self.link_local.handle_claim(now, claim);
            self.link_local_found(finding);
        } else if dhcp::is_for_client(frame) {
            let finding = self.dhcp.handle_frame(now, frame);
            self.dhcp_found(now, finding);
        }
    }

    /// Lets the machines do what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let finding = self.link_local.handle_timeout(now);
        self.link_local_found(finding);
        let finding = self.dhcp.handle_timeout(now);
        self.dhcp_found(now, finding);
    }

    /// When the machines want to be called.
    #[inline]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.link_local.poll_timeout(), self.dhcp.poll_timeout()].into_iter().flatten().min()
    }

    /// Takes the next change.
    #[inline]
    pub fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Takes the next frame to be sent.
    #[inline]
    pub fn take_frame(&mut self) -> Option<Frame> {
        self.link_local.frames.pop_front().or_else(|| self.dhcp.frames.pop_front())
    }

    /// The address held.
    pub fn current(&self) -> Option<Held> {
        self.current
    }

    fn link_local_found(&mut self, finding: Option<link_local::Finding>) {
        match finding {
            Some(link_local::Finding::Claimed(address)) => {
                self.acquire(Held { address, prefix: LINK_LOCAL_PREFIX, router: None });
            }
            Some(link_local::Finding::Lost) => self.lose(),
            None => {}
        }
    }

    fn dhcp_found(&mut self, now: Instant, finding: Option<dhcp::Finding>) {
        match finding {
            Some(dhcp::Finding::Bound(lease)) => {
                self.link_local.stop();
                let dhcp::Lease { address, prefix, router, .. } = lease;
                self.acquire(Held { address, prefix, router });
            }
            Some(dhcp::Finding::Expired) => {
                self.lose();
                self.fall_back(now);
            }
            Some(dhcp::Finding::NoOffer) => {
                if self.current.is_some_and(|held| !held.address.is_link_local()) {
                    self.lose();
                }
                if !self.link_local.is_claimed() {
                    self.fall_back(now);
                }
            }
            None => {}
        }
    }

    /// Does without a DHCP server, where the plan says so.
    fn fall_back(&mut self, now: Instant) {
        if self.plan == AddressPlan::DhcpThenLinkLocal {
            self.link_local.start(now);
        }
    }

    fn acquire(&mut self, held: Held) {
        if self.current == Some(held) {
            return;
        }
        self.lose();
        self.current = Some(held);
        self.changes.push_back(Change::Acquired(held));
    }

    fn lose(&mut self) {
        if self.current.take().is_some() {
            self.changes.push_back(Change::Lost);
        }
    }
}
