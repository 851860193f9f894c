//! Writes the committed corpus: every frame of `wire/vectors/wire-vectors.json`, in front of it the
//! bytes by which a target picks limits and chunks; for the vehicle, scripts that send them, and
//! ladders from `uds-and-bmw-ecus.md` §12.
//!
//! `cargo run --manifest-path tests/fuzz/Cargo.toml --example make_corpus`

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sim_ecus::{EcuProfile, Image};
use wire::Hex;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let vectors = root.join("../../wire/vectors/wire-vectors.json");
    let vectors = fs::read_to_string(vectors).expect("the vectors are in the repository");
    let vectors: Vec<Value> = serde_json::from_str(&vectors).expect("the vectors are a list");
    let corpus = root.join("corpus");
    for target in ["hsfz_decoder", "doip_decoder", "uds_describe", "gateway"] {
        fs::create_dir_all(corpus.join(target)).expect("the corpus can be written");
    }
    let (mut hsfz, mut doip) = (Vec::new(), Vec::new());
    for vector in &vectors {
        let text = |key: &str| vector[key].as_str().expect("a vector has names and hex");
        let name = text("name");
        let bytes = unhex(text("hex"));
        if text("transport").starts_with("hsfz") {
            write(&corpus, "hsfz_decoder", name, &[&[0xFF, 3], &bytes[..]].concat());
            vehicle(&corpus, vector, name, &bytes);
            hsfz.extend(bytes);
        } else {
            let side = u8::from(text("direction").starts_with("gateway"));
            write(&corpus, "doip_decoder", name, &[&[side, 0xFF, 0xFF, 3], &bytes[..]].concat());
            vehicle(&corpus, vector, name, &bytes);
            doip.extend(bytes);
        }
        if let Some(data) = vector["fields"].get("data").and_then(Value::as_str) {
            write(&corpus, "uds_describe", name, &unhex(data));
        }
    }
    ladders(&corpus);
    write(&corpus, "hsfz_decoder", "all", &[&[0xFF, 7], &hsfz[..]].concat());
    write(&corpus, "doip_decoder", "all", &[&[2, 0xFF, 0xFF, 7], &doip[..]].concat());
}

/// Opcodes of a script for the vehicle, see `fuzz_targets/gateway/script.rs`.
const CONNECT: u8 = 0;
const BYTES: u8 = 1;
const REQUEST: u8 = 3;
const KEY: u8 = 6;
const CLOSE: u8 = 7;
const DATAGRAM: u8 = 8;
const WAIT: u8 = 10;
const RESET: u8 = 14;
const ADDRESS: u8 = 11;

/// Two seconds pass, then a tester present to every unit.
const TWO_SECONDS_ALIVE: [u8; 9] = [WAIT, 8, REQUEST, 0, 0, 0xDF, 2, 0x3E, 0x80];

/// Sends what a tester would send to a vehicle, on a connection or as a datagram.
fn vehicle(corpus: &Path, vector: &Value, name: &str, bytes: &[u8]) {
    let text = |key: &str| vector[key].as_str().expect("a vector has a transport");
    if !text("direction").starts_with("tester") {
        return;
    }
    let length = u8::try_from(bytes.len()).expect("what a tester sends is short");
    let before = match text("transport") {
        "hsfz-udp" => vec![DATAGRAM, 0, length],
        "doip-udp" => vec![DATAGRAM, 1, length],
        "hsfz-tcp" => vec![CONNECT, 0, BYTES, 0, length],
        _ => vec![CONNECT, 1, BYTES, 0, length],
    };
    let script = [&[0x80, 1], &before[..], bytes, &[WAIT, 4]].concat();
    write(corpus, "gateway", name, &script);
}

/// A control unit exchange, a scan of all units, and gateway resets, over both protocols.
fn ladders(corpus: &Path) {
    let scan = [
        "22 F1 50",
        "22 F1 01",
        "22 F1 90",
        "19 02 0C",
        "14 FF FF FF",
        "31 01 0F 06",
        "3E 80",
        "3E 00",
        "22 3F 07",
        "22 F1 90 F1 01 10 0A",
    ];
    let reset = ["22 F1 90", "11 01", "22 F1 90", "31 01 10 44 FF 05", "10 02"];
    let owned = |requests: &[&str]| requests.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let ladders = [
        ("exchange", 0x18, exchange()),
        ("scan", 0xDF, owned(&scan)),
        ("reset", 0x10, owned(&reset)),
        ("housing", 0x40, owned(&reset)),
    ];
    for (name, unit, requests) in ladders {
        for (protocol, port) in [("hsfz", 0), ("doip", 1)] {
            let mut script = vec![0x80, 1, CONNECT, port];
            if protocol == "doip" {
                script.extend([REQUEST, 0, 0, 0, 0]);
            }
            for request in &requests {
                let uds = unhex(&request.replace(' ', ""));
                if uds.starts_with(&[0x27]) && uds[1].is_multiple_of(2) {
                    script.extend([KEY, 0, 0, WAIT, 4]);
                    continue;
                }
                let length = u8::try_from(uds.len()).expect("a request here is short");
                script.extend([REQUEST, 0, 0, unit, length]);
                script.extend(uds);
                let is_long = ["31 01 FF 00", "31 01 02 02", "31 01 FF 01"];
                let rounds = if is_long.iter().any(|it| request.starts_with(it)) { 16 } else { 1 };
                for _ in 0..rounds {
                    script.extend(TWO_SECONDS_ALIVE);
                }
            }
            script.extend([WAIT, 0xFF, ADDRESS, 1, WAIT, 0xFF, CONNECT, port, CONNECT, port]);
            script.extend([REQUEST, 1, 0, unit, 2, 0x3E, 0x00, RESET, 0, WAIT, 0xFF, CLOSE, 0]);
            write(corpus, "gateway", &format!("ladder.{name}.{protocol}"), &script);
        }
    }
}

/// Programs and codes the EGS with the smallest image there is.
fn exchange() -> Vec<String> {
    let profile = EcuProfile::named("egs").expect("the profile ships");
    let before = [
        "10 03",
        "31 01 0F 0C 03",
        "85 02",
        "28 01 01",
        "31 01 02 03",
        "10 02",
        "27 11 FF FF FF FF",
        "27 12",
        "2E F1 5A 24 03 15 8A 00 01 01 00 00 10 00 00 00",
    ];
    let after = [
        "31 01 FF 01",
        "11 01",
        "22 F1 01",
        "10 03",
        "10 41",
        "27 01 FF FF FF FF",
        "27 02",
        "2E 30 00 01 02",
        "31 01 0F 01",
        "2E 37 FE 30 30 30 30 30 30 31",
        "11 01",
        "19 02 0C",
    ];
    let mut requests: Vec<String> = before.map(str::to_owned).into();
    for segment in Image::for_profile(&profile, "seed", Some(0)).segments {
        let (address, size) = (segment.address, segment.data.len());
        requests.extend([
            format!("31 01 FF 00 02 40 {address:08X} 06"),
            format!("34 00 44 {address:08X} {size:08X}"),
            format!("36 01 {:#}", Hex(&segment.data)),
            format!("36 01 {:#}", Hex(&segment.data)),
            "37".to_owned(),
            format!("31 01 02 02 12 40 {address:08X} 00 00"),
        ]);
    }
    requests.extend(after.map(str::to_owned));
    requests
}

fn write(corpus: &Path, target: &str, name: &str, bytes: &[u8]) {
    let path: PathBuf = corpus.join(target).join(format!("seed-{name}"));
    fs::write(path, bytes).expect("the corpus can be written");
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16);
    text.as_bytes().chunks(2).map(|pair| byte(pair).expect("hex")).collect()
}
