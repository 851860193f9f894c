//! Runs that the tests of this crate tell.

use std::collections::BTreeMap;
use std::time::Duration;

use record::{
    Engine, Failure, FailureKind, LastExchange, Latencies, Outcome, StepSummary, Summary, Verdict,
};

pub fn passed() -> Summary {
    let mut latencies = Latencies::default();
    latencies.add("transfer-data", Duration::from_micros(82_500));
    let ends = [("dme", "untouched"), ("egs", "programmed"), ("zgw", "untouched")];
    Summary {
        scenario: "8HP control unit exchange over an ICOM, 60 ms away".into(),
        file: "w1-hsfz-icom.yaml".into(),
        seed: 7,
        engine: Engine::Virtual,
        protocol: "hsfz".into(),
        vci: "icom-next".into(),
        verdict: Verdict::Pass,
        ends: ends.map(|(ecu, state)| (ecu.into(), state.into())).into(),
        gateway_resets: 2,
        virtual_s: 754.4,
        completed_s: 724.4,
        wall_s: 0.412,
        frames: 40_961,
        digest: "00112233445566778899aabbccddeeff".into(),
        repeat: "benchcar run w1-hsfz-icom.yaml --seed 7".into(),
        failures: Vec::new(),
        steps: vec![step(1, "program egs", Outcome::Done, None)],
        latencies: latencies.summarise(),
        last_exchange: Some(LastExchange {
            response: Some("7F 36 73".into()),
            response_words: "wrongBlockSequenceCounter".into(),
            ..unanswered()
        }),
        partial: false,
        timeliness: None,
    }
}

pub fn failed() -> Summary {
    Summary {
        scenario: "Tester killed after erase".into(),
        file: "killed.yaml".into(),
        protocol: "doip".into(),
        vci: "enet-cable".into(),
        verdict: Verdict::Fail,
        ends: BTreeMap::from([("egs".into(), "stranded".into())]),
        gateway_resets: 1,
        virtual_s: 42.0,
        wall_s: 0.031,
        repeat: "benchcar run killed.yaml --seed 7 --protocol doip".into(),
        failures: vec![
            failure(FailureKind::Step, Some(2), "no answer to TransferData block 0x13 within 2s"),
            failure(
                FailureKind::Expectation,
                None,
                "egs ends stranded, expected programmed: the new software was erased and written \
                 only up to block 18 of 700 when the tester gave up",
            ),
            failure(FailureKind::Threshold, None, "transfer-data.p99 is 412ms, expected < 400ms"),
        ],
        steps: vec![
            step(1, "identify", Outcome::Done, None),
            step(2, "program egs", Outcome::Failed, Some("no answer")),
        ],
        last_exchange: Some(unanswered()),
        ..passed()
    }
}

pub fn errored() -> Summary {
    Summary {
        scenario: "A world that is busy without end".into(),
        file: "busy.yaml".into(),
        verdict: Verdict::Error,
        ends: BTreeMap::from([("egs".into(), "untouched".into())]),
        gateway_resets: 0,
        virtual_s: 0.0005,
        wall_s: 0.1,
        repeat: "benchcar run busy.yaml --seed 7".into(),
        failures: vec![failure(FailureKind::Error, None, "the run took more than 10000000 events")],
        steps: Vec::new(),
        last_exchange: None,
        partial: true,
        ..passed()
    }
}

fn unanswered() -> LastExchange {
    LastExchange {
        ecu: "egs".into(),
        at_s: 40.0,
        request: "36 13 4B 8F 02 11 95 A0 3C 77 18 4B 8F 02 11 95 A0 3C 77 18 … (4096 bytes)"
            .into(),
        request_words: "TransferData block 0x13, 4094 bytes".into(),
        response: None,
        response_words: "no answer within 2s".into(),
        latency_ms: 2_000.0,
    }
}

fn failure(kind: FailureKind, step: Option<usize>, message: &str) -> Failure {
    Failure { kind, step, message: message.into() }
}

fn step(index: usize, name: &str, outcome: Outcome, why: Option<&str>) -> StepSummary {
    let why = why.map(str::to_owned);
    StepSummary { index, name: name.into(), outcome, why, virtual_s: 1.5 }
}
