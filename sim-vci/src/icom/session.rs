//! One tester's connection and its way to the car.

use std::collections::VecDeque;

use bytes::Bytes;
use node::{ConnectionId, Instant};
use wire::doip::{self, ActivationCode, Payload, Rules};

use crate::event::DropReason;
use crate::icom::config::{AwayPolicy, Framing, IcomConfig, Service};
use crate::icom::framing::{Framer, TooLong, doip_messages};

/// One tester's connection.
#[derive(Clone, Debug)]
pub struct Session {
    /// What it is connected to.
    pub service: Service,
    /// Its way to the car.
    pub leg: Leg,
    /// Whether the way was ever open.
    pub was_joined: bool,
    to_car: Framer,
    to_tester: Framer,
    queue: Queue,
    activation: Activation,
}

/// The way from a tester's connection to the car.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// The car is away.
    Absent,
    /// The car was asked to accept.
    Connecting(ConnectionId),
    /// The car was asked to activate routing again.
    Activating(ConnectionId),
    /// Messages pass.
    Open {
        /// To the car.
        connection: ConnectionId,
        /// Since when.
        since: Instant,
    },
    /// The car closed; whether on purpose is being found out.
    Doubtful,
}

/// Messages that wait for the car.
#[derive(Clone, Debug, Default)]
struct Queue {
    messages: VecDeque<Bytes>,
    bytes: usize,
}

/// What the car knows of the tester, and must be told again when it comes back.
#[derive(Clone, Debug, Default)]
struct Activation {
    /// The last request that has no answer yet.
    asked: Option<Bytes>,
    /// The last request that was granted.
    granted: Option<Bytes>,
}

/// What becomes of messages from the tester.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromTester {
    /// They are sent to the car.
    Send(ConnectionId, Bytes),
    /// They wait.
    Kept,
    /// They are lost.
    Dropped(usize, DropReason),
}

/// What becomes of messages from the car.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromCar {
    /// They are sent to the tester; may be empty.
    Pass(Bytes),
    /// Routing is activated again: the way is open.
    Activated(ConnectionId),
    /// Routing is refused: this connection is of no use.
    Refused(ConnectionId),
}

impl Session {
    /// Makes a session without a way to the car.
    pub fn new(service: Service, config: &IcomConfig) -> Self {
        let framer = Framer::new(service.framing, config.message_limit);
        Self {
            service,
            leg: Leg::Absent,
            was_joined: false,
            to_car: framer.clone(),
            to_tester: framer,
            queue: Queue::default(),
            activation: Activation::default(),
        }
    }

    /// Takes bytes from the tester.
    pub fn tester_sent(&mut self, config: &IcomConfig, data: Bytes) -> Result<FromTester, TooLong> {
        let whole = self.to_car.feed(data)?;
        if self.service.framing == Framing::Doip {
            let asked = doip_messages(whole.clone())
                .filter(|m| is(m, doip::PayloadType::RoutingActivationRequest));
            self.activation.asked = asked.last().or(self.activation.asked.take());
        }
        if whole.is_empty() {
            return Ok(FromTester::Kept);
        }
        let bytes = whole.len();
        Ok(match (self.leg, config.away) {
            (Leg::Open { connection, .. }, _) => FromTester::Send(connection, whole),
            (Leg::Absent | Leg::Doubtful, AwayPolicy::Drop) => {
                FromTester::Dropped(bytes, DropReason::CarAway)
            }
            (Leg::Connecting(_) | Leg::Activating(_), _)
            | (Leg::Absent | Leg::Doubtful, AwayPolicy::Queue) => {
                if self.queue.push(whole, config.queue_limit) {
                    FromTester::Kept
                } else {
                    FromTester::Dropped(bytes, DropReason::QueueFull)
                }
            }
        })
    }

    /// Takes bytes from the car.
    pub fn car_sent(&mut self, data: Bytes) -> Result<FromCar, TooLong> {
        let whole = self.to_tester.feed(data)?;
        if self.service.framing == Framing::Hsfz {
            return Ok(FromCar::Pass(whole));
        }
        for message in doip_messages(whole.clone()) {
            let Some(code) = activation_code(&message) else {
                continue;
            };
            let is_active = matches!(code, ActivationCode::Activated);
            match (self.leg, is_active) {
                (Leg::Activating(connection), true) => return Ok(FromCar::Activated(connection)),
                (Leg::Activating(connection), false) => return Ok(FromCar::Refused(connection)),
                (_, true) => self.activation.granted = self.activation.asked.take(),
                (_, false) => self.activation.asked = None,
            }
        }
        Ok(FromCar::Pass(whole))
    }

    /// Begins a way to the car.
    pub fn connect(&mut self, connection: ConnectionId) {
        self.to_tester.clear();
        self.leg = Leg::Connecting(connection);
    }

    /// Notes that the car accepted; returns what it must be told before anything else.
    pub fn connected(&mut self, now: Instant, connection: ConnectionId) -> Option<Bytes> {
        if let Some(request) = &self.activation.granted {
            self.leg = Leg::Activating(connection);
            return Some(request.clone());
        }
        self.open(now, connection);
        None
    }

    /// Notes that messages pass from now on.
    pub fn open(&mut self, now: Instant, connection: ConnectionId) {
        self.leg = Leg::Open { connection, since: now };
    }

    /// Takes the messages that waited for the way to open, oldest first.
    pub fn take_queue(&mut self) -> VecDeque<Bytes> {
        self.queue.bytes = 0;
        std::mem::take(&mut self.queue.messages)
    }

    /// Drops the messages that wait, when they may not wait for the car; returns their length.
    pub fn car_away(&mut self, policy: AwayPolicy) -> usize {
        match policy {
            AwayPolicy::Queue => 0,
            AwayPolicy::Drop => {
                let bytes = self.queue.bytes;
                self.take_queue();
                bytes
            }
        }
    }
}

impl Leg {
    /// Returns the connection to the car.
    pub fn connection(self) -> Option<ConnectionId> {
        match self {
            Self::Connecting(connection)
            | Self::Activating(connection)
            | Self::Open { connection, .. } => Some(connection),
            Self::Absent | Self::Doubtful => None,
        }
    }
}

impl Queue {
    fn push(&mut self, message: Bytes, limit: usize) -> bool {
        let bytes = self.bytes + message.len();
        if bytes > limit {
            return false;
        }
        self.bytes = bytes;
        self.messages.push_back(message);
        true
    }
}

fn is(message: &[u8], kind: doip::PayloadType) -> bool {
    message.get(2..4) == Some(&kind.number().to_be_bytes())
}

fn activation_code(message: &[u8]) -> Option<ActivationCode> {
    if !is(message, doip::PayloadType::RoutingActivationResponse) {
        return None;
    }
    let mut decoder = doip::Decoder::new(Rules::tester(doip::DEFAULT_LIMIT));
    decoder.feed(message);
    match decoder.next() {
        Ok(Some(doip::Message {
            payload: Payload::RoutingActivationResponse(response), ..
        })) => Some(response.code),
        Ok(_) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use node::Seed;

    use super::*;

    const ANSWER: Bytes = Bytes::from_static(b"\0\0\0\x04\0\x01\x10\xF4\x62\xF1");

    #[test]
    fn half_an_answer_does_not_outlive_its_connection() {
        let mut session = Session::new(Service::DIAGNOSIS, &IcomConfig::new(Seed(1)));
        session.connect(ConnectionId(0));
        session.open(Instant::ZERO, ConnectionId(0));
        assert_eq!(session.car_sent(ANSWER.slice(..7)), Ok(FromCar::Pass(Bytes::new())));
        session.connect(ConnectionId(1));
        session.open(Instant::ZERO, ConnectionId(1));
        assert_eq!(session.car_sent(ANSWER), Ok(FromCar::Pass(ANSWER)));
    }

    #[test]
    fn what_waits_is_forgotten_when_the_car_goes_away() {
        let config = IcomConfig::new(Seed(1));
        let mut session = Session::new(Service::DIAGNOSIS, &config);
        session.connect(ConnectionId(0));
        assert_eq!(session.tester_sent(&config, ANSWER), Ok(FromTester::Kept));
        assert_eq!(session.car_away(AwayPolicy::Drop), ANSWER.len());
        assert!(session.take_queue().is_empty());
    }
}
