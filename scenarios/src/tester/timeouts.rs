//! How long the tester waits for what; the defaults are those of an EDIABAS-like client.

use std::time::Duration;

use crate::Interface;

/// How long the tester waits for what (`hsfz-and-doip.md` §6, §7, §11, §13, §19, §21;
/// `uds-and-bmw-ecus.md` §11.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP connect, 5 s.
    pub connect: Duration,
    /// HSFZ acknowledge, 10 s in all; then one reconnect and one resend.
    pub acknowledge: Duration,
    /// DoIP acknowledge, 7 s; then routing activation and one resend.
    pub doip_acknowledge: Duration,
    /// DoIP routing activation, 7 s each time.
    pub activation: Duration,
    /// How often routing activation is asked for, 2.
    pub activation_tries: u32,
    /// First answer, counted from the acknowledge, 1.2 s, before [`Self::cable_extra`] or
    /// [`Self::icom_extra`] is added.
    pub answer: Duration,
    /// Next answer after a `78`, 5 s, before the extra is added.
    pub after_pending: Duration,
    /// Added to both waits over an ENET cable, 1 s.
    pub cable_extra: Duration,
    /// Added to both waits over an ICOM, 2 s.
    pub icom_extra: Duration,
    /// How many `78` of one control unit are tolerated, 3; the next is handed up as the answer.
    pub pending_limit: u32,
    /// Longest gap between two pieces of one frame, 300 ms; the frame is dropped after it.
    pub piece_gap: Duration,
    /// What an HSFZ error word other than `00FF` does.
    pub error_words: ErrorWords,
    /// How functional answers are collected.
    pub collection: Collection,
    /// Length of one discovery round, 1 s.
    pub discovery_round: Duration,
    /// Rounds of one discovery, 4.
    pub discovery_rounds: u32,
    /// How long the tester tries to find the car (again) before a step fails, 60 s.
    pub patience: Duration,
    /// Rest between two tries to find the car, 1 s.
    pub retry_rest: Duration,
    /// How often a request that is safe to repeat is sent again after the car was found again, 3.
    pub interruptions: u32,
    /// Rest before a request refused with NRC `21` is repeated, 1 s.
    pub busy_rest: Duration,
    /// How often a request refused with NRC `21` is repeated, 10.
    pub busy_repeats: u32,
}

/// What an HSFZ error word other than `00FF` does to the request (`hsfz-and-doip.md` §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorWords {
    /// Nothing, as in EDIABAS-like clients: the acknowledge wait runs out, the request is sent
    /// again on a new connection, and that wait runs out as well.
    Ignored,
    /// The request fails after this time and the connection is closed, as ISTA was seen to do
    /// after 500 ms.
    Heeded(Duration),
}

/// How answers to a functional request are collected (`hsfz-and-doip.md` §7).
///
/// Collecting ends when the window is over and no answer came for the gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Shortest time after the acknowledge, 250 ms.
    pub window: Duration,
    /// Longest time without an answer, 2.2 s; zero leaves the window alone to decide.
    pub gap: Duration,
    /// Window after any control unit sent `78`, 5.05 s.
    pub after_pending: Duration,
    /// Longest time in all, 60 s.
    pub limit: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            acknowledge: Duration::from_secs(10),
            doip_acknowledge: Duration::from_secs(7),
            activation: Duration::from_secs(7),
            activation_tries: 2,
            answer: Duration::from_millis(1_200),
            after_pending: Duration::from_secs(5),
            cable_extra: Duration::from_secs(1),
            icom_extra: Duration::from_secs(2),
            pending_limit: 3,
            piece_gap: Duration::from_millis(300),
            error_words: ErrorWords::Ignored,
            collection: Collection::default(),
            discovery_round: Duration::from_secs(1),
            discovery_rounds: 4,
            patience: Duration::from_secs(60),
            retry_rest: Duration::from_secs(1),
            interruptions: 3,
            busy_rest: Duration::from_secs(1),
            busy_repeats: 10,
        }
    }
}

impl Default for Collection {
    fn default() -> Self {
        Self {
            window: Duration::from_millis(250),
            gap: Duration::from_millis(2_200),
            after_pending: Duration::from_millis(5_050),
            limit: Duration::from_secs(60),
        }
    }
}

impl Timeouts {
    /// Returns how long the first answer may take after the acknowledge.
    pub fn first_answer(&self, interface: Interface) -> Duration {
        self.answer + self.extra(interface)
    }

    /// Returns how long the next answer may take after a `78`.
    pub fn next_answer(&self, interface: Interface) -> Duration {
        self.after_pending + self.extra(interface)
    }

    fn extra(&self, interface: Interface) -> Duration {
        match interface {
            Interface::EnetCable => self.cable_extra,
            Interface::IcomNext => self.icom_extra,
        }
    }
}
