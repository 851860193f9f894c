//! One control unit: its power, its faults, and the way of a request through it.

use std::time::Duration;

use bytes::Bytes;
use node::{Instant, Node, Seed};
use wire::hsfz::Address;
use wire::uds::{Dtc, Nrc, Session};

use crate::end_state::EndState;
use crate::engine::desk::{self, Desk, Reception, Tempo, Timer};
use crate::engine::{Deed, Then};
use crate::image::Image;
use crate::interface::{Condition, EcuEvent, EcuFault, EcuInput, Request, ResetKind, Response};
use crate::ledger::{LedgerEntry, LedgerKind};
use crate::profile::EcuProfile;
use crate::supply;
use crate::unit::{Mode, Unit};

/// Refusals kept; beyond it the oldest goes.
const REFUSALS_MAX: usize = 64;

/// A control unit: requests in, answers out, its flash memory really written.
///
/// One request is worked on at a time. Up to four wait while no `78` was sent for it; everything
/// else is told that the unit is busy.
#[derive(Clone, Debug)]
pub struct Ecu {
    unit: Unit,
    desk: Desk,
    power: Power,
    silent_until: Instant,
    silent_after_reset: Duration,
    extra: Duration,
    refusals: Vec<Refusal>,
}

/// Whether anything runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    On,
    /// It restarts, for a reason.
    Restarting(ResetKind),
    /// The supply is too low to live on.
    Off,
    /// It broke for good.
    Dead,
}

/// A fault that refuses requests.
#[derive(Clone, Debug)]
struct Refusal {
    prefix: Bytes,
    nrc: Nrc,
    times: Option<u32>,
    struck: bool,
}

impl Ecu {
    /// Makes a control unit in a given condition; everything random in it is drawn from `seed`
    /// and its name.
    pub fn new(profile: &EcuProfile, condition: Condition, seed: Seed) -> Self {
        Self {
            unit: Unit::new(profile, condition, seed),
            desk: Desk::default(),
            power: Power::On,
            silent_until: Instant::ZERO,
            silent_after_reset: Duration::ZERO,
            extra: Duration::ZERO,
            refusals: Vec::new(),
        }
    }

    /// Takes the next event, oldest first.
    pub fn poll_event(&mut self) -> Option<EcuEvent> {
        self.unit.events.pop_front()
    }

    /// Returns its diagnostic address.
    pub fn address(&self) -> Address {
        Address(self.unit.profile.address)
    }

    /// Returns its short name, such as `egs`.
    pub fn name(&self) -> &str {
        &self.unit.profile.name
    }

    /// Returns what kind of control unit it is.
    pub fn profile(&self) -> &EcuProfile {
        &self.unit.profile
    }

    /// Returns the active session.
    pub fn session(&self) -> Session {
        self.unit.session
    }

    /// Returns whether only the bootloader runs.
    pub fn is_in_bootloader(&self) -> bool {
        self.unit.mode == Mode::Bootloader
    }

    /// Returns whether it answers: not while it restarts, browned out or broke.
    pub fn is_running(&self) -> bool {
        self.power == Power::On
    }

    /// Returns whether a request is being worked on.
    pub fn is_working(&self) -> bool {
        self.desk.job.is_some()
    }

    /// Returns what became of it; `sent` is what the tester wrote.
    pub fn end_state(&self, sent: Option<&Image>) -> EndState {
        self.unit.end_state(sent)
    }

    /// Returns the faults that are pending or confirmed.
    pub fn fault_memory(&self) -> Vec<Dtc> {
        self.unit.faults.reported()
    }

    /// Returns everything that was done to it, oldest first.
    pub fn ledger(&self) -> &[LedgerEntry] {
        self.unit.ledger.entries()
    }

    /// Returns how often an erase of its flash memory began.
    pub fn erases(&self) -> u64 {
        self.unit.ledger.erases()
    }

    /// Returns how many blocks came that were already written.
    pub fn repeated_blocks(&self) -> u64 {
        self.unit.ledger.repeated_blocks()
    }

    /// Returns the faults that still wait for their moment: what they do was never seen.
    pub fn armed(&self) -> Vec<EcuFault> {
        let mut armed = self.unit.sabotage.armed();
        armed.extend(self.refusals.iter().filter(|refusal| !refusal.struck).map(|refusal| {
            let Refusal { prefix, nrc, times, .. } = refusal.clone();
            EcuFault::Refuse { prefix, nrc, times }
        }));
        if !self.silent_after_reset.is_zero() {
            armed.push(EcuFault::SilentAfterReset(self.silent_after_reset));
        }
        armed
    }

    /// Reads its flash memory; where nothing is written the bytes are FF.
    pub fn read_flash(&self, address: u32, length: usize) -> Vec<u8> {
        self.unit.memory.read(address, length)
    }

    /// Returns what it draws from the supply now, in milliamperes.
    pub fn load_milliamps(&self) -> u32 {
        let load = &self.unit.profile.load;
        if matches!(self.power, Power::Off | Power::Dead) {
            return 0;
        }
        match self.desk.job.as_ref().map(|job| &job.deed) {
            Some(Ok(Deed::Erase(_))) => load.erasing,
            Some(_) if self.unit.is_receiving() => load.writing,
            Some(_) => load.working,
            None if self.unit.is_receiving() => load.writing,
            None => load.idle,
        }
    }

    /// Returns whether nothing a session can change is changed.
    #[cfg(test)]
    pub(crate) fn is_as_at_start(&self) -> bool {
        let Unit { faults, transmitting, controlled, .. } = &self.unit;
        faults.recording && *transmitting && controlled.is_empty()
    }

    fn request(&mut self, now: Instant, request: Request) {
        let Some(first) = request.data.first() else {
            return;
        };
        let unheard = self.power != Power::On
            || now < self.silent_until
            || (request.functional && desk::is_physical_only(*first));
        if unheard {
            return;
        }
        if let Reception::Next(request) = self.desk.receive(request) {
            self.begin(now, &request);
        }
    }

    fn begin(&mut self, now: Instant, request: &Request) {
        if desk::is_silent_tester_present(&request.data) {
            self.arm_session(now);
            return;
        }
        self.desk.timers.cancel(Timer::Session);
        let work = match self.refusal(&request.data) {
            Some(nrc) => Err(nrc),
            None => self.unit.accept(now, request),
        };
        let jumps = matches!(&work, Ok(work) if matches!(work.deed, Deed::Landed));
        let timing = &self.unit.profile.timing;
        let tempo = Tempo {
            latency: timing.latency,
            functional_latency: timing.functional_latency,
            p2: self.unit.p2(self.unit.session),
            extra: self.extra,
            chance: &mut self.unit.chance.latency,
        };
        let done = self.desk.begin(now, request, work, tempo);
        if jumps {
            let kind = ResetKind::IntoBootloader;
            self.unit.tell(EcuEvent::Restarting { kind, silent_for: done - now });
            self.unit.stop(now, kind);
        }
    }

    /// Returns how a request is refused by a fault.
    fn refusal(&mut self, data: &[u8]) -> Option<Nrc> {
        let index = self.refusals.iter().position(|refusal| data.starts_with(&refusal.prefix))?;
        let refusal = &mut self.refusals[index];
        let nrc = refusal.nrc;
        refusal.struck = true;
        if let Some(times) = &mut refusal.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.refusals.remove(index);
            }
        }
        Some(nrc)
    }

    /// Lets deadlines expire and waiting requests begin, until nothing is due.
    fn run(&mut self, now: Instant) {
        loop {
            while let Some(timer) = self.desk.timers.expire(now) {
                match timer {
                    Timer::Done => self.conclude(now),
                    Timer::Pending => self.desk.announce(now),
                    Timer::Session => self.session_timeout(now),
                    Timer::Running => self.come_up(now),
                }
            }
            match self.desk.next_waiting() {
                Some(request) => self.begin(now, &request),
                None => break,
            }
        }
        if now < self.silent_until {
            self.desk.silence();
        }
    }

    fn conclude(&mut self, now: Instant) {
        let Some(mut job) = self.desk.job.take() else {
            return;
        };
        let jumped = matches!(job.deed, Ok(Deed::Landed));
        let (answer, then) = match job.take_deed() {
            Ok(deed) => self.unit.finish(now, deed),
            Err(nrc) => (Err(nrc), Then::Next),
        };
        self.desk.conclude(&job, answer);
        if jumped {
            self.unit.tell(EcuEvent::Running { bootloader: true });
        }
        match then {
            Then::Next => self.arm_session(now),
            Then::Restart(kind, silence) => self.restart(now, kind, silence),
        }
    }

    /// Sets S3 anew, where the session has one.
    fn arm_session(&mut self, now: Instant) {
        if self.unit.has_session_timeout() {
            self.desk.timers.set(Timer::Session, now + self.unit.profile.timing.s3);
        } else {
            self.desk.timers.cancel(Timer::Session);
        }
    }

    fn session_timeout(&mut self, now: Instant) {
        if self.unit.has_session_timeout() && self.unit.lose_session(now) {
            self.restart(now, ResetKind::SessionTimeout, self.unit.profile.timing.reset);
        }
    }

    /// Goes silent and comes up again; answers that already left are not taken back.
    fn restart(&mut self, now: Instant, kind: ResetKind, silence: Duration) {
        let extra = match kind {
            ResetKind::IntoBootloader => Duration::ZERO,
            ResetKind::Hard
            | ResetKind::KeyOffOn
            | ResetKind::Soft
            | ResetKind::PowerDown
            | ResetKind::OutOfBootloader
            | ResetKind::SessionTimeout
            | ResetKind::LowVoltage
            | ResetKind::Brownout
            | ResetKind::PowerCycle => std::mem::take(&mut self.silent_after_reset),
        };
        let silence = silence + extra;
        self.unit.tell(EcuEvent::Restarting { kind, silent_for: silence });
        if self.go_down(now, kind) {
            self.power = Power::Restarting(kind);
            self.desk.timers.set(Timer::Running, now + silence);
        }
    }

    /// Loses what a restart loses; returns whether it can come up again.
    fn go_down(&mut self, now: Instant, kind: ResetKind) -> bool {
        if let Some(Ok(Deed::Erase(area))) = self.desk.job.as_ref().map(|job| &job.deed) {
            let address = self.unit.memory.block(*area).address;
            self.unit.record(now, LedgerKind::EraseFailed { address });
        }
        self.desk.clear();
        self.unit.stop(now, kind);
        if self.unit.dead {
            self.power = Power::Dead;
        }
        !self.unit.dead
    }

    fn come_up(&mut self, now: Instant) {
        let Power::Restarting(kind) = self.power else {
            return;
        };
        self.power = Power::On;
        self.unit.start(now, Some(kind));
        self.unit.tell(EcuEvent::Running { bootloader: self.unit.mode == Mode::Bootloader });
        self.arm_session(now);
    }

    fn supply(&mut self, now: Instant, millivolts: u32) {
        self.unit.millivolts = millivolts;
        match self.power {
            Power::On | Power::Restarting(_) if millivolts < supply::BROWNOUT_BELOW => {
                self.unit.record(now, LedgerKind::Brownout { millivolts });
                let kind = ResetKind::Brownout;
                self.unit.tell(EcuEvent::Restarting { kind, silent_for: Duration::ZERO });
                if self.go_down(now, kind) {
                    self.power = Power::Off;
                }
            }
            Power::Off if millivolts >= supply::RECOVER_FROM => {
                self.power = Power::Restarting(ResetKind::Brownout);
                let extra = std::mem::take(&mut self.silent_after_reset);
                self.desk.timers.set(Timer::Running, now + self.unit.profile.timing.reset + extra);
            }
            Power::On | Power::Restarting(_) | Power::Off | Power::Dead => {}
        }
    }

    fn power_cycle(&mut self, now: Instant, silence: Duration) {
        if matches!(self.power, Power::On | Power::Restarting(_)) {
            self.restart(now, ResetKind::PowerCycle, silence);
        }
    }

    fn fault(&mut self, now: Instant, fault: EcuFault) {
        match fault {
            // The longer silence holds.
            EcuFault::Silent(time) => self.silent_until = self.silent_until.max(now + time),
            EcuFault::Delay(time) => self.extra = time,
            EcuFault::Refuse { prefix, nrc, times } => {
                if self.refusals.len() >= REFUSALS_MAX {
                    self.refusals.remove(0);
                }
                if times != Some(0) {
                    self.refusals.push(Refusal { prefix, nrc, times, struck: false });
                }
            }
            EcuFault::SilentAfterReset(time) => {
                self.silent_after_reset = self.silent_after_reset.max(time);
            }
            EcuFault::PowerCycle => self.power_cycle(now, self.unit.profile.timing.reset),
            EcuFault::SessionTimeout(enforced) => {
                self.unit.sabotage.endless_sessions = !enforced;
                if self.power == Power::On && self.desk.job.is_none() {
                    self.arm_session(now);
                }
            }
            EcuFault::Kill => {
                if self.power != Power::Dead {
                    self.power = Power::Dead;
                    self.desk.clear();
                    self.unit.record(now, LedgerKind::Killed);
                    self.unit.die();
                }
            }
            EcuFault::WriteErrorAtBlock(_)
            | EcuFault::WrongCounterAtBlock(_)
            | EcuFault::DamageBlock(_)
            | EcuFault::BlindVerify
            | EcuFault::Dtc { .. }
            | EcuFault::WrongVersions => self.unit.take_fault(now, &fault),
        }
    }
}

impl Node for Ecu {
    type In = EcuInput;
    type Out = Response;

    fn handle_input(&mut self, now: Instant, input: EcuInput) {
        match input {
            EcuInput::Request(request) => self.request(now, request),
            EcuInput::Supply { millivolts } => self.supply(now, millivolts),
            EcuInput::Fault(fault) => self.fault(now, fault),
            EcuInput::Restart { silent_for } => self.power_cycle(now, silent_for),
            EcuInput::ChannelGone(channel) => self.desk.forget(channel),
            EcuInput::Reachable(reachable) => {
                self.unit.reachable = reachable;
                if self.power == Power::On && self.desk.job.is_none() {
                    self.arm_session(now);
                }
            }
            EcuInput::Partner { slot, partner } => {
                self.unit.pairing.set_partner(slot, partner);
                self.unit.check_faults(now);
            }
        }
        self.run(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.run(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.desk.timers.next()
    }

    fn poll_output(&mut self) -> Option<Response> {
        self.desk.poll_answer()
    }
}
