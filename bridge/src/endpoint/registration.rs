//! Getting into the order: greeting, proving, being granted or refused.

use node::{Duration, Instant};
use tracing::info;

use crate::endpoint::{Bond, Endpoint, Notice, Phase, Timer};
use crate::event::{BridgeEvent, EndReason};
use crate::message::{Message, Refusal, Role};
use crate::passcode;
use crate::tunnel::Tunnel;

impl<T: Tunnel> Endpoint<T> {
    /// Asks the relay for a challenge; every later attempt in a row waits longer for it.
    pub(super) fn greet(&mut self, now: Instant, attempt: u32) {
        self.phase = Phase::Greeting { attempt };
        self.timers.cancel(Timer::KeepAlive);
        self.set_register(now, attempt);
        let (role, order) = (self.role, self.config.order);
        self.say(&Message::Hello { role, instance: self.instance, order });
    }

    /// Answers a challenge.
    pub(super) fn prove(&mut self, now: Instant, cookie: u64) {
        let (Phase::Greeting { attempt } | Phase::Proving { attempt }) = self.phase else {
            return;
        };
        self.phase = Phase::Proving { attempt };
        self.set_register(now, attempt);
        let (instance, order) = (self.instance, self.config.order);
        let verifier = passcode::verifier(&self.config.passcode, order);
        let message = match self.role {
            Role::Mechanic => Message::Open { instance, order, cookie, verifier },
            Role::Technician => {
                let proof = passcode::proof(&verifier, order, cookie);
                Message::Join { instance, order, cookie, proof }
            }
        };
        self.say(&message);
    }

    fn set_register(&mut self, now: Instant, attempt: u32) {
        let retry = self.register_retry(attempt);
        self.timers.set(Timer::Register, now + retry);
    }

    fn register_retry(&self, attempt: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempt).unwrap_or(u32::MAX);
        self.config.register_retry.saturating_mul(factor).min(self.config.register_retry_max)
    }

    /// Takes the relay's word that this side is in, and whether the peer is.
    pub(super) fn granted(
        &mut self,
        now: Instant,
        channel: u64,
        peer: Option<u64>,
    ) -> Option<Notice> {
        if matches!(self.phase, Phase::Offline | Phase::Refused { .. } | Phase::Ended) {
            return None;
        }
        self.timers.cancel(Timer::Register);
        self.passcodes_refused = 0;
        let Some(peer) = peer else {
            if !matches!(self.phase, Phase::Waiting { .. }) {
                self.tell(BridgeEvent::Waiting);
            }
            self.phase = Phase::Waiting { channel, unanswered: 0 };
            self.timers.set(Timer::KeepAlive, now + self.config.keep_alive);
            return None;
        };
        let was_paired = self.is_paired();
        let known = self.bond.as_ref().map(|bond| bond.peer);
        if was_paired && known == Some(peer) && self.channel() == Some(channel) {
            return None;
        }
        self.phase = Phase::Paired { channel, unanswered: 0 };
        let resumed = known == Some(peer);
        info!(role = ?self.role, resumed, "paired");
        if !resumed {
            if known.is_some() {
                self.tell(BridgeEvent::PeerReplaced);
            }
            self.bond = Some(Bond::new(peer, now, &self.config));
            self.link_seen = 0;
            self.timers.set(Timer::PeerLost, now + self.config.peer_timeout);
        }
        self.tell(BridgeEvent::Paired { resumed });
        self.keep_alive(now);
        (!resumed).then_some(Notice::Bonded)
    }

    /// Takes the relay's refusal.
    pub(super) fn refused(
        &mut self,
        now: Instant,
        reason: Refusal,
        retry: Duration,
    ) -> Option<Notice> {
        let attempt = match self.phase {
            Phase::Greeting { attempt } | Phase::Proving { attempt } => attempt,
            Phase::Waiting { .. } | Phase::Paired { .. } if puts_out(reason) => 0,
            Phase::Waiting { .. }
            | Phase::Paired { .. }
            | Phase::Offline
            | Phase::Refused { .. }
            | Phase::Ended => return None,
        };
        info!(role = ?self.role, ?reason, "refused");
        let retry_in = retry.max(self.register_retry(attempt));
        match reason {
            Refusal::Expired => return self.end(EndReason::Expired),
            Refusal::Replaced => return self.end(EndReason::Replaced),
            Refusal::WrongPasscode => self.passcodes_refused += 1,
            Refusal::TryLater | Refusal::NoSuchOrder | Refusal::Full => {}
        }
        self.tell(BridgeEvent::Refused { reason, retry_in });
        if self.passcodes_refused >= self.config.passcode_attempts {
            return self.end(EndReason::WrongPasscode);
        }
        self.phase = Phase::Refused { attempt };
        self.timers.set(Timer::Register, now + retry_in);
        None
    }
}

/// Returns true for the refusals that are also told to a side that was already in.
fn puts_out(reason: Refusal) -> bool {
    match reason {
        Refusal::Expired | Refusal::Replaced => true,
        Refusal::WrongPasscode | Refusal::TryLater | Refusal::NoSuchOrder | Refusal::Full => false,
    }
}
