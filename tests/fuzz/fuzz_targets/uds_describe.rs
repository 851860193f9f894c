//! Any bytes as a UDS message: words of bounded length on one line, and a kind that agrees with
//! what was built.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::uds::{Answer, classify, describe, negative};

fuzz_target!(|bytes: &[u8]| {
    let words = describe(bytes);
    assert!(!words.is_empty());
    assert!(words.chars().count() <= 200, "{words:?}");
    assert!(!words.chars().any(char::is_control), "{words:?}");
    match classify(bytes) {
        Answer::Negative { sid, nrc } => assert!(bytes.starts_with(&negative(sid, nrc))),
        Answer::Pending { sid } => assert!(bytes.starts_with(&[0x7F, sid, 0x78])),
        Answer::Positive { sid } => assert_eq!(bytes[0], sid + 0x40),
        Answer::Malformed => {}
    }
});
