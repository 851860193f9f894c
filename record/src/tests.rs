//! A run that the tests of this crate write and read.

use std::collections::BTreeMap;

use node::Instant;
use serde_json::json;

use crate::timeliness::{Lateness, Timeliness};
use crate::{
    Engine, Event, Exchange, FORMAT, Failure, FailureKind, FrameFate, Header, LastExchange,
    Latencies, Line, Outcome, StepSummary, Summary, Verdict, seconds,
};
use std::time::Duration;

pub fn header() -> Header {
    Header {
        format: FORMAT,
        program: "benchcar 0.1.0".into(),
        scenario: "8HP exchange".into(),
        file: "w1.yaml".into(),
        seed: u64::MAX,
        engine: Engine::Virtual,
        protocol: "hsfz".into(),
        vci: "icom-next".into(),
        vehicle: "g05".into(),
        world: BTreeMap::from([("network".into(), json!({ "technician": { "delay": "15ms" } }))]),
    }
}

pub fn lines() -> Vec<Line> {
    let details = BTreeMap::from([("address".into(), json!(1_048_576))]);
    let events = [
        Event::StepStarted { step: 1, name: "program egs".into() },
        Event::Exchange(exchange()),
        Event::Connection { party: "tester".into(), state: "reset".into() },
        Event::GatewayReset { cause: "ecu reset".into(), phase: "link-down".into() },
        Event::Ecu { ecu: "egs".into(), what: "erase-started".into(), details },
        Event::Supply { millivolts: 12_400 },
        Event::Carrier { port: "vehicle".into(), up: false },
        Event::Frame { link: "technician/up".into(), index: 12, bytes: 60, fate: lost() },
        Event::Frame {
            link: "technician/up".into(),
            index: 13,
            bytes: 60,
            fate: FrameFate::Damaged,
        },
        Event::Link { link: "technician/up".into(), parameters: json!({ "loss": "3%" }) },
        Event::Fault { fault: "gateway-reset".into() },
        Event::Note { party: "tester".into(), text: "waits for the gateway".into() },
        Event::Progress { step: 1, done: 10, total: 20, unit: "bytes".into() },
        Event::Expectation {
            expected: "egs ends programmed".into(),
            found: "stranded".into(),
            met: false,
        },
        Event::StepFinished { step: 1, outcome: Outcome::Failed, why: Some("no answer".into()) },
    ];
    let at = |i: u64| Instant::from_micros(1_500 * i);
    (0..).zip(events).map(|(i, event)| Line::new(at(i), event)).collect()
}

pub fn summary() -> Summary {
    let mut latencies = Latencies::default();
    latencies.add("transfer-data", Duration::from_micros(82_500));
    let virtual_s = seconds(Duration::from_millis(1_250));
    Summary {
        scenario: "8HP exchange".into(),
        file: "w1.yaml".into(),
        seed: u64::MAX,
        engine: Engine::Virtual,
        protocol: "hsfz".into(),
        vci: "icom-next".into(),
        verdict: Verdict::Fail,
        ends: BTreeMap::from([("egs".into(), "stranded".into())]),
        gateway_resets: 2,
        virtual_s,
        completed_s: 12.5,
        wall_s: 0.004,
        frames: 4_096,
        digest: "00112233445566778899aabbccddeeff".into(),
        repeat: "benchcar run w1.yaml --seed 18446744073709551615".into(),
        failures: vec![Failure {
            kind: FailureKind::Step,
            step: Some(1),
            message: "no answer".into(),
        }],
        steps: vec![StepSummary {
            index: 1,
            name: "program egs".into(),
            outcome: Outcome::Failed,
            why: Some("no answer".into()),
            virtual_s,
        }],
        latencies: latencies.summarise(),
        last_exchange: Some(last_exchange()),
        partial: false,
        timeliness: Some(Timeliness {
            network: Lateness { count: 3, p50_us: 1.0, p99_us: 20.5, max_us: 20.5 },
            real_time: true,
            ..Timeliness::default()
        }),
    }
}

fn exchange() -> Exchange {
    Exchange {
        ecu: "egs".into(),
        functional: false,
        request: "36 01 AA … (4096 bytes)".into(),
        response: None,
        sent: 1_000,
        latency: 2_000_000_000,
        pending: 1,
        resent: true,
    }
}

fn last_exchange() -> LastExchange {
    LastExchange {
        ecu: "egs".into(),
        at_s: 0.5,
        request: "36 01 AA … (4096 bytes)".into(),
        request_words: "TransferData block 0x01, 4094 bytes".into(),
        response: None,
        response_words: "no answer".into(),
        latency_ms: 2_000.0,
    }
}

fn lost() -> FrameFate {
    FrameFate::Lost("burst".into())
}
