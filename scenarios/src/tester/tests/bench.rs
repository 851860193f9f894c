//! The tester, a clock, and what passes between tester and car.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use node::{Instant, Node, Seed, SocketAction, SocketEvent};

use super::car::Car;
use crate::tester::{Exchange, Tester, TesterConfig, TesterEvent};
use crate::{Interface, Outcome, Protocol, Step};

pub const OWN: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);

pub struct Bench {
    pub tester: Tester,
    pub car: Car,
    pub now: Instant,
    /// Everything the tester asked of its host.
    pub actions: Vec<(Instant, SocketAction)>,
    pub events: Vec<(Instant, TesterEvent)>,
    inbox: BTreeMap<(Instant, u64), SocketEvent>,
    sequence: u64,
}

pub fn config(protocol: Protocol) -> TesterConfig {
    let key = |ecu: u8, level: u8, seed: &[u8], wide: bool| {
        let mut key = vec![ecu, level, u8::from(wide)];
        key.extend(seed);
        key
    };
    TesterConfig::new(protocol, Interface::EnetCable, "WBASMTEST00000001", key)
}

/// Reads steps from YAML, as a scenario would.
pub fn steps(yaml: &str) -> Vec<Step> {
    yaml::from_str(yaml).unwrap()
}

impl Bench {
    /// A tester with an address, and a car that is up.
    pub fn new(config: TesterConfig, yaml: &str) -> Self {
        let protocol = config.protocol;
        let mut bench = Self {
            tester: Tester::new(config, steps(yaml), Seed(1)),
            car: Car::new(protocol),
            now: Instant::ZERO,
            actions: Vec::new(),
            events: Vec::new(),
            inbox: BTreeMap::new(),
            sequence: 0,
        };
        bench.drain();
        bench.at(Duration::ZERO, SocketEvent::LinkUp);
        bench.at(Duration::ZERO, SocketEvent::AddressAcquired { address: OWN, prefix: 16 });
        bench
    }

    /// Lets an event reach the tester after a while.
    pub fn at(&mut self, after: Duration, event: SocketEvent) {
        self.sequence += 1;
        self.inbox.insert((self.now + after, self.sequence), event);
    }

    /// Runs until the tester is finished; returns how the steps ended.
    pub fn run(&mut self) -> Vec<(Outcome, Option<String>)> {
        self.run_until(Instant::from_secs(10_000));
        assert!(self.tester.is_finished(), "the tester is still busy: {:?}", self.events.last());
        self.outcomes()
    }

    pub fn run_until(&mut self, until: Instant) {
        loop {
            let next_event = self.inbox.keys().next().copied();
            let due = [next_event.map(|(at, _)| at), self.tester.poll_timeout()];
            let Some(at) = due.into_iter().flatten().min().filter(|at| *at <= until) else {
                self.now = until.max(self.now);
                return;
            };
            self.now = at;
            match next_event.filter(|(event_at, _)| *event_at == at) {
                Some(key) => {
                    let event = self.inbox.remove(&key).unwrap();
                    self.tester.handle_input(at, event);
                }
                None => self.tester.handle_timeout(at),
            }
            self.drain();
        }
    }

    pub fn crash(&mut self, restart: Option<Duration>) {
        self.tester.crash(self.now, restart);
        self.drain();
    }

    /// Takes what the tester wants done, shows it to the car, and queues what the car does.
    pub fn drain(&mut self) {
        while let Some(action) = self.tester.poll_output() {
            self.actions.push((self.now, action.clone()));
            if let SocketAction::StackUp { .. } = action {
                let event = SocketEvent::AddressAcquired { address: OWN, prefix: 16 };
                self.at(Duration::from_millis(100), event);
            }
            for (after, event) in self.car.handle(self.now, &action) {
                self.at(after, event);
            }
        }
        while let Some(event) = self.tester.poll_event() {
            self.events.push((self.now, event));
        }
        let is_later = self.tester.poll_timeout().is_none_or(|at| at > self.now);
        assert!(is_later || self.actions.len() < 3, "a deadline stays put");
    }

    pub fn outcomes(&self) -> Vec<(Outcome, Option<String>)> {
        let ends = self.events.iter().filter_map(|(_, event)| match event {
            TesterEvent::StepFinished { outcome, why, .. } => Some((*outcome, why.clone())),
            _ => None,
        });
        ends.collect()
    }

    pub fn exchanges(&self) -> Vec<Exchange> {
        let exchanges = self.events.iter().filter_map(|(_, event)| match event {
            TesterEvent::Exchange(exchange) => Some(exchange.clone()),
            _ => None,
        });
        exchanges.collect()
    }

    /// Returns when the car received which UDS request, in milliseconds; without tester present.
    pub fn requests(&self) -> Vec<(u64, String)> {
        let requests = self.car.heard.iter().filter(|heard| heard.uds[..] != [0x3E, 0x80]);
        requests
            .map(|heard| (millis(heard.at), format!("{:02X} {}", heard.target, hex(&heard.uds))))
            .collect()
    }

    /// Returns when the car received tester present, in milliseconds.
    pub fn keep_alives(&self) -> Vec<u64> {
        let heard = self.car.heard.iter().filter(|heard| heard.uds[..] == [0x3E, 0x80]);
        heard.map(|heard| millis(heard.at)).collect()
    }

    pub fn connects(&self) -> Vec<u64> {
        let connects =
            self.actions.iter().filter(|(_, it)| matches!(it, SocketAction::Connect { .. }));
        connects.map(|(at, _)| millis(*at)).collect()
    }
}

pub fn millis(at: Instant) -> u64 {
    at.as_nanos() / 1_000_000
}

pub fn hex(bytes: &[u8]) -> String {
    wire::Hex(bytes).to_string()
}

pub fn done() -> (Outcome, Option<String>) {
    (Outcome::Done, None)
}
