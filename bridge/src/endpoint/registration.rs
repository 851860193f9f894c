//! Getting into the order: greeting, being granted or refused.

use node::{Duration, Instant};
use tracing::info;

use crate::endpoint::{Endpoint, Phase, Timer};
use crate::event::{BridgeEvent, EndReason};
use crate::message::{Message, Refusal, Role};

/// How long a technician waits after its first wrong passcode; doubles each time.
const WRONG_PASSCODE: Duration = Duration::from_secs(1);

impl Endpoint {
    /// Asks the relay for a challenge; every later attempt in a row waits longer for it.
    pub(super) fn greet(&mut self, now: Instant, attempt: u32) {
        if let Some(bond) = &mut self.bond {
            bond.is_joined = false;
        } else if self.role == Role::Technician {
            // Every call is a candidate of its own to relay and mechanic.
            self.hang_up(now);
            self.instance = self.instances.number().max(1);
        }
        self.phase = Phase::Greeting { attempt };
        self.timers.cancel(Timer::KeepAlive);
        self.set_register(now, attempt);
        let (role, order) = (self.role, self.config.order);
        self.say(&Message::Hello { role, instance: self.instance, order });
    }

    /// Answers a challenge.
    pub(super) fn answer(&mut self, now: Instant, cookie: u64) {
        let (Phase::Greeting { attempt } | Phase::Proving { attempt }) = self.phase else {
            return;
        };
        self.phase = Phase::Proving { attempt };
        self.set_register(now, attempt);
        let (instance, order) = (self.instance, self.config.order);
        self.say(&match self.role {
            Role::Mechanic => Message::Open { instance, order, cookie },
            Role::Technician => Message::Join { instance, order, cookie },
        });
    }

    /// Greets again after the usual time.
    pub(super) fn register_later(&mut self, now: Instant) {
        if self.phase != Phase::Ended {
            self.phase = Phase::Refused { attempt: 0 };
            self.timers.cancel(Timer::KeepAlive);
            self.set_register(now, 0);
        }
    }

    fn hang_up(&mut self, now: Instant) {
        for lane in std::mem::take(&mut self.lanes) {
            self.tunnel.close(now, lane.session);
        }
        self.flush();
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
    pub(super) fn granted(&mut self, now: Instant, channel: u64, peer: Option<u32>) {
        if matches!(self.phase, Phase::Offline | Phase::Refused { .. } | Phase::Ended) {
            return;
        }
        self.timers.cancel(Timer::Register);
        let Some(peer) = peer else {
            if !matches!(self.phase, Phase::Waiting { .. }) {
                self.tell(BridgeEvent::Waiting);
            }
            self.phase = Phase::Waiting { channel, unanswered: 0 };
            self.timers.set(Timer::KeepAlive, now + self.config.keep_alive);
            return self.admit(now);
        };
        if matches!(
            self.phase,
            Phase::Joined { channel: known, peer: before, .. } if known == channel && before == peer
        ) {
            return;
        }
        self.phase = Phase::Joined { channel, peer, unanswered: 0 };
        self.call(now);
        self.admit(now);
        if let Some(bond) = self.bond.as_mut().filter(|bond| !bond.is_joined) {
            bond.is_joined = true;
            info!(role = ?self.role, "resumed");
            self.tell(BridgeEvent::Paired { resumed: true });
        }
        self.keep_alive(now);
    }

    /// Takes the relay's refusal.
    pub(super) fn refused(&mut self, now: Instant, reason: Refusal, retry: Duration) {
        let attempt = match self.phase {
            Phase::Greeting { attempt } | Phase::Proving { attempt } => attempt,
            Phase::Waiting { .. } | Phase::Joined { .. } if puts_out(reason) => 0,
            Phase::Refused { attempt } => return self.wait_longer(now, attempt, retry),
            Phase::Waiting { .. } | Phase::Joined { .. } | Phase::Offline | Phase::Ended => return,
        };
        info!(role = ?self.role, ?reason, "refused");
        match reason {
            Refusal::Expired => return self.end(EndReason::Expired),
            Refusal::Replaced => return self.end(EndReason::Replaced),
            Refusal::WrongPasscode => return self.passcode_refused(now, retry),
            Refusal::TryLater | Refusal::NoSuchOrder | Refusal::Full | Refusal::Taken => {}
        }
        let retry_in = retry.max(self.register_retry(attempt));
        self.tell(BridgeEvent::Refused { reason, retry_in });
        self.phase = Phase::Refused { attempt };
        self.timers.set(Timer::Register, now + retry_in);
    }

    /// Waits after the peer, or this side by itself, found the passcodes different.
    pub(super) fn passcode_refused(&mut self, now: Instant, retry: Duration) {
        let doubled = WRONG_PASSCODE.saturating_mul(1 << self.passcodes_refused.min(8));
        let retry_in = retry.max(doubled);
        self.passcodes_refused += 1;
        self.hang_up(now);
        self.tell(BridgeEvent::Refused { reason: Refusal::WrongPasscode, retry_in });
        if self.passcodes_refused >= self.config.passcode_attempts {
            return self.end(EndReason::WrongPasscode);
        }
        self.phase = Phase::Refused { attempt: 0 };
        self.timers.cancel(Timer::KeepAlive);
        self.timers.set(Timer::Register, now + retry_in);
    }

    fn wait_longer(&mut self, now: Instant, attempt: u32, retry: Duration) {
        let due = self.timers.deadline(Timer::Register);
        let later = (now + retry.max(self.register_retry(attempt))).max(due.unwrap_or(now));
        self.timers.set(Timer::Register, later);
    }
}

/// Returns true for the refusals that are also told to a side that was already in.
fn puts_out(reason: Refusal) -> bool {
    match reason {
        Refusal::Expired | Refusal::Replaced | Refusal::WrongPasscode => true,
        Refusal::TryLater | Refusal::NoSuchOrder | Refusal::Full | Refusal::Taken => false,
    }
}
