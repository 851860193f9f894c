//! What a conversation may do: ask, pause, tell.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use node::{Instant, Seed, Stream};
use wire::hsfz::Address;
use wire::uds::service::has_sub_function;
use wire::uds::{Answer as Kind, Nrc, SUPPRESS_POSITIVE_RESPONSE, classify};

use super::{Mailbox, Order, Reply, StepError, Wish};
use crate::tester::{
    Answer, BackendFailure, Expect, FUNCTIONAL, Fault, Found, Image, Request, TesterConfig,
    TesterEcu,
};
use crate::{Interface, TimeRange};

/// What a conversation may do.
#[derive(Clone)]
pub(crate) struct Context {
    pub config: Rc<TesterConfig>,
    mailbox: Rc<Mailbox>,
    seed: Seed,
    backend: Rc<RefCell<Stream>>,
}

/// What is asked of one control unit, and how patiently.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub ecu: u8,
    pub head: Bytes,
    pub body: Bytes,
    pub pending_limit: u32,
    /// Whether it does no harm to ask again when the connection broke before the answer.
    pub is_repeatable: bool,
}

impl Question {
    /// Asks something that may be asked any number of times.
    pub fn new(context: &Context, ecu: u8, data: &[u8]) -> Self {
        Self {
            ecu,
            head: Bytes::copy_from_slice(data),
            body: Bytes::new(),
            pending_limit: context.config.timeouts.pending_limit,
            is_repeatable: true,
        }
    }

    /// Asks once only: an interruption is the caller's business.
    pub fn once(self) -> Self {
        Self { is_repeatable: false, ..self }
    }

    /// Tolerates as many `78` as a long routine needs.
    pub fn long(self, context: &Context) -> Self {
        Self { pending_limit: context.config.programming.routine_pending, ..self }
    }

    pub fn request(&self, expect: Expect) -> Request {
        Request {
            target: self.ecu,
            head: self.head.clone(),
            body: self.body.clone(),
            expect,
            pending_limit: self.pending_limit,
        }
    }
}

impl Context {
    pub fn new(config: Rc<TesterConfig>, mailbox: Rc<Mailbox>, seed: Seed) -> Self {
        let backend = Rc::new(RefCell::new(seed.stream("backend")));
        Self { config, mailbox, seed, backend }
    }

    /// Finds the car and connects to it.
    pub async fn find(&self) -> Result<Found, StepError> {
        self.approach(Order::Find).await
    }

    /// Closes the connection, finds the same car again and connects to it: the gateway restarts,
    /// and would not say so.
    pub async fn renew(&self) -> Result<(), StepError> {
        self.approach(Order::Renew).await.map(drop)
    }

    async fn approach(&self, order: Order) -> Result<Found, StepError> {
        match self.mailbox.order(order).await {
            Reply::Found(result) => result.map_err(StepError::Search),
            Reply::Exchanged(_) | Reply::Elapsed => unreachable!("a search ends with its result"),
        }
    }

    /// Sends one request, without looking at what comes.
    pub async fn exchange(&self, request: Request) -> Result<Vec<Answer>, Fault> {
        match self.mailbox.order(Order::Exchange(request)).await {
            Reply::Exchanged(result) => result,
            Reply::Found(_) | Reply::Elapsed => unreachable!("an exchange ends with its result"),
        }
    }

    /// Lets time pass; the session is kept alive meanwhile if it is held.
    pub async fn pause(&self, time: Duration) {
        match self.mailbox.order(Order::Pause(time)).await {
            Reply::Elapsed => {}
            Reply::Found(_) | Reply::Exchanged(_) => unreachable!("a pause ends by elapsing"),
        }
    }

    /// Asks one control unit and returns its positive answer.
    pub async fn ask(&self, ecu: u8, data: &[u8]) -> Result<Bytes, StepError> {
        self.put(&Question::new(self, ecu, data)).await
    }

    /// Puts a question and returns the positive answer; asks again while the control unit is
    /// busy, and after an interruption when that does no harm.
    pub async fn put(&self, question: &Question) -> Result<Bytes, StepError> {
        let mut busy = 0;
        loop {
            let answer = self.answer(question).await?;
            match classify(&answer) {
                Kind::Positive { .. } => return Ok(answer),
                Kind::Negative { nrc: Nrc::BusyRepeatRequest, .. }
                    if busy < self.config.timeouts.busy_repeats =>
                {
                    busy += 1;
                    self.pause(self.config.timeouts.busy_rest).await;
                }
                Kind::Negative { nrc, .. } => return Err(self.refused(question, nrc)),
                Kind::Pending { .. } => {
                    return Err(self.refused(question, Nrc::ResponsePending));
                }
                Kind::Malformed => return Err(self.unexpected(question, &answer)),
            }
        }
    }

    /// Puts a question and returns whatever answer comes; asks again after an interruption when
    /// that does no harm.
    pub async fn answer(&self, question: &Question) -> Result<Bytes, StepError> {
        let mut interruptions = 0;
        loop {
            match self.exchange(question.request(Expect::Answer)).await {
                Ok(answers) => {
                    let answer = answers.into_iter().next().map(|answer| answer.data);
                    return answer.ok_or_else(|| self.fault(question, Fault::NoAnswer));
                }
                Err(Fault::Interrupted)
                    if question.is_repeatable
                        && interruptions < self.config.timeouts.interruptions =>
                {
                    interruptions += 1;
                }
                Err(fault) => return Err(self.fault(question, fault)),
            }
        }
    }

    /// Asks all control units at once and returns what came, negative answers included.
    pub async fn all(&self, data: &[u8]) -> Result<Vec<Answer>, StepError> {
        let question = Question::new(self, FUNCTIONAL, data);
        let expect = if is_suppressed(data) { Expect::Acknowledge } else { Expect::Answers };
        let mut interruptions = 0;
        loop {
            match self.exchange(question.request(expect)).await {
                Ok(answers) => return Ok(answers),
                Err(Fault::Interrupted) if interruptions < self.config.timeouts.interruptions => {
                    interruptions += 1;
                }
                Err(fault) => return Err(self.fault(&question, fault)),
            }
        }
    }

    /// Asks until an answer comes, for as long as the tester has patience: the control unit, or
    /// the gateway before it, may be restarting.
    pub async fn ask_patiently(&self, ecu: u8, data: &[u8]) -> Result<Bytes, StepError> {
        let until = self.now() + self.config.timeouts.patience;
        loop {
            match self.ask(ecu, data).await {
                Err(error) if error.may_pass() && self.now() < until => {
                    self.pause(self.config.timeouts.retry_rest).await;
                }
                result => return result,
            }
        }
    }

    /// Waits for the manufacturer's service; `None` when it fails at `what`.
    pub async fn backend(&self, what: BackendFailure) -> Option<()> {
        let latency = self.config.backend.latency;
        let time = self.backend.borrow_mut().between(latency.low(), latency.high());
        self.pause(time).await;
        (self.config.backend.fails != Some(what)).then_some(())
    }

    /// Keeps the session alive from now on, or no longer.
    pub fn hold_session(&self, hold: bool) {
        self.mailbox.wish(Wish::HoldSession(hold));
    }

    /// Tells how far the step is.
    pub fn progress(&self, done: u64, total: u64, unit: &'static str) {
        self.mailbox.wish(Wish::Progress { done, total, unit });
    }

    /// Tells which image is programmed from now on.
    pub fn image(&self, ecu: u8, image: &Image) {
        self.mailbox.wish(Wish::Image { ecu, name: image.name.clone() });
    }

    /// Tells something to people.
    pub fn note(&self, text: impl Into<String>) {
        self.mailbox.wish(Wish::Note(text.into()));
    }

    /// Draws a time; the same seed and step always give the same.
    pub fn draw(&self, time: TimeRange, path: &str) -> Duration {
        time.draw(self.seed, &format!("steps/{path}"))
    }

    pub fn now(&self) -> Instant {
        self.mailbox.now()
    }

    /// Returns the control unit of this name.
    pub fn ecu(&self, name: &str) -> Result<&TesterEcu, StepError> {
        self.config.ecus.get(name).ok_or_else(|| StepError::UnknownEcu(name.to_owned()))
    }

    /// Waits while a control unit restarts; over a cable, connects anew when it is the gateway.
    /// An ICOM rides through.
    pub async fn await_restart(&self, ecu: u8, time: Duration) -> Result<(), StepError> {
        self.pause(time).await;
        match self.config.interface {
            Interface::EnetCable if ecu == Address::GATEWAY.0 => self.renew().await,
            Interface::EnetCable | Interface::IcomNext => Ok(()),
        }
    }

    /// Tells whether the tester's data know a control unit at this address.
    pub fn knows(&self, address: u8) -> bool {
        self.config.ecus.values().any(|ecu| ecu.address == address)
    }

    /// Returns the name of a control unit for people, such as `egs (18)`.
    pub fn name(&self, address: u8) -> String {
        let name = self.config.ecus.iter().find(|(_, ecu)| ecu.address == address);
        match name {
            Some((name, _)) => format!("{name} ({address:02X})"),
            None if address == FUNCTIONAL => "all (DF)".to_owned(),
            None => format!("{address:02X}"),
        }
    }

    /// Makes the error of a question that drew a fault.
    pub fn fault(&self, question: &Question, fault: Fault) -> StepError {
        let (ecu, request) = self.words(question);
        StepError::Fault { ecu, request, fault }
    }

    /// Makes the error of a question whose answer makes no sense.
    pub fn unexpected(&self, question: &Question, answer: &Bytes) -> StepError {
        let (ecu, request) = self.words(question);
        StepError::Unexpected { ecu, request, answer: wire::Hex(answer).to_string() }
    }

    fn refused(&self, question: &Question, nrc: Nrc) -> StepError {
        let (ecu, request) = self.words(question);
        StepError::Refused { ecu, request, nrc }
    }

    /// Returns whom and what a question asks, in words.
    pub fn words(&self, question: &Question) -> (String, String) {
        let bytes = [&question.head[..], &question.body[..]].concat();
        (self.name(question.ecu), wire::uds::describe(&bytes))
    }
}

/// Tells whether a request asks for no positive answer (`uds-and-bmw-ecus.md` §2.3).
pub(super) fn is_suppressed(request: &[u8]) -> bool {
    match request {
        [service, sub_function, ..] => {
            has_sub_function(*service) && sub_function & SUPPRESS_POSITIVE_RESPONSE != 0
        }
        [..] => false,
    }
}
