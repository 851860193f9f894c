//! Writes the committed corpus: every frame of `wire/vectors/wire-vectors.json`, in front of it the
//! bytes by which a target picks limits and chunks.
//!
//! `cargo run --manifest-path tests/fuzz/Cargo.toml --example make_corpus`

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let vectors = root.join("../../wire/vectors/wire-vectors.json");
    let vectors = fs::read_to_string(vectors).expect("the vectors are in the repository");
    let vectors: Vec<Value> = serde_json::from_str(&vectors).expect("the vectors are a list");
    let corpus = root.join("corpus");
    for target in ["hsfz_decoder", "doip_decoder", "uds_describe"] {
        fs::create_dir_all(corpus.join(target)).expect("the corpus can be written");
    }
    let (mut hsfz, mut doip) = (Vec::new(), Vec::new());
    for vector in &vectors {
        let text = |key: &str| vector[key].as_str().expect("a vector has names and hex");
        let name = text("name");
        let bytes = unhex(text("hex"));
        if text("transport").starts_with("hsfz") {
            write(&corpus, "hsfz_decoder", name, &[&[0xFF, 3], &bytes[..]].concat());
            hsfz.extend(bytes);
        } else {
            let side = u8::from(text("direction").starts_with("gateway"));
            write(&corpus, "doip_decoder", name, &[&[side, 0xFF, 0xFF, 3], &bytes[..]].concat());
            doip.extend(bytes);
        }
        if let Some(data) = vector["fields"].get("data").and_then(Value::as_str) {
            write(&corpus, "uds_describe", name, &unhex(data));
        }
    }
    write(&corpus, "hsfz_decoder", "all", &[&[0xFF, 7], &hsfz[..]].concat());
    write(&corpus, "doip_decoder", "all", &[&[2, 0xFF, 0xFF, 7], &doip[..]].concat());
}

fn write(corpus: &Path, target: &str, name: &str, bytes: &[u8]) {
    let path: PathBuf = corpus.join(target).join(format!("seed-{name}"));
    fs::write(path, bytes).expect("the corpus can be written");
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16);
    text.as_bytes().chunks(2).map(|pair| byte(pair).expect("hex")).collect()
}
