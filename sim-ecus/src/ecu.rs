//! One control unit.

use std::collections::VecDeque;

use node::{Instant, Node, Seed};
use wire::hsfz::Address;
use wire::uds::{Dtc, Nrc, negative};

use crate::end_state::EndState;
use crate::image::Image;
use crate::interface::{Condition, EcuEvent, EcuInput, Response};
use crate::ledger::{Ledger, LedgerEntry};
use crate::profile::EcuProfile;

/// A control unit: requests in, answers out, its flash memory really written.
#[derive(Clone, Debug)]
pub struct Ecu {
    profile: EcuProfile,
    ledger: Ledger,
    answers: VecDeque<Response>,
    events: VecDeque<EcuEvent>,
}

impl Ecu {
    /// Makes a control unit in a given condition; everything random in it is drawn from `seed`.
    pub fn new(profile: &EcuProfile, condition: Condition, seed: Seed) -> Self {
        let _ = (condition, seed);
        Self {
            profile: profile.clone(),
            ledger: Ledger::default(),
            answers: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes the next event, oldest first.
    pub fn poll_event(&mut self) -> Option<EcuEvent> {
        self.events.pop_front()
    }

    /// Returns its diagnostic address.
    pub fn address(&self) -> Address {
        Address(self.profile.address)
    }

    /// Returns its short name, such as `egs`.
    pub fn name(&self) -> &str {
        &self.profile.name
    }

    /// Returns what kind of control unit it is.
    pub fn profile(&self) -> &EcuProfile {
        &self.profile
    }

    /// Returns what became of it; `sent` is what the tester believes it wrote.
    pub fn end_state(&self, sent: Option<&Image>) -> EndState {
        let _ = sent;
        EndState::Untouched
    }

    /// Returns the faults that are pending or confirmed.
    pub fn fault_memory(&self) -> Vec<Dtc> {
        Vec::new()
    }

    /// Returns everything that was done to it, oldest first.
    pub fn ledger(&self) -> &[LedgerEntry] {
        self.ledger.entries()
    }

    /// Returns what it draws from the supply now, in milliamperes.
    pub fn load_milliamps(&self) -> u32 {
        self.profile.load.idle
    }
}

impl Node for Ecu {
    type In = EcuInput;
    type Out = Response;

    fn handle_input(&mut self, _now: Instant, input: EcuInput) {
        if let EcuInput::Request(request) = input {
            let sid = request.data.first().copied().unwrap_or_default();
            let data = negative(sid, Nrc::ServiceNotSupported);
            self.answers.push_back(Response { channel: request.channel, data });
        }
    }

    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn poll_output(&mut self) -> Option<Response> {
        self.answers.pop_front()
    }
}
