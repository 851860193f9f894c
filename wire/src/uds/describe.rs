//! Bytes into words for people.
//!
//! Words are one line of at most 200 characters, whatever the bytes; of long data, the head is
//! shown.

mod request;
mod response;
mod words;

use super::{Answer, NEGATIVE_RESPONSE, classify};
use crate::Hex;
use words::{Data, Refusal, Service};

/// Turns a UDS request or response into words: `TransferData block 0x12, 2999 bytes`.
///
/// For failures and logs. The words may change; nothing should read them back.
pub fn describe(bytes: &[u8]) -> String {
    match (classify(bytes), bytes) {
        (_, []) => "no bytes".to_owned(),
        (Answer::Pending { sid }, _) => format!("{} pending (78)", Service(sid)),
        (Answer::Negative { sid, nrc }, _) => format!("{} refused: {}", Service(sid), Refusal(nrc)),
        (Answer::Positive { sid }, [_, rest @ ..]) => {
            let words = response::describe(sid, rest);
            words.unwrap_or_else(|| format!("{} accepted{}", Service(sid), Data(rest)))
        }
        (Answer::Malformed, [NEGATIVE_RESPONSE, ..]) => {
            format!("incomplete negative response {}", Hex(bytes))
        }
        (Answer::Malformed, [sid, rest @ ..]) => {
            let words = request::describe(*sid, rest);
            words.unwrap_or_else(|| format!("{}{}", Service(*sid), Data(rest)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unhex(text: &str) -> Vec<u8> {
        text.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
    }

    /// One line per form of message that the workflows use, and the odd ones.
    const MESSAGES: &str = include_str!("describe/messages.txt");

    #[test]
    fn every_message_has_its_words() {
        let table: String = MESSAGES
            .lines()
            .map(|line| format!("{line:<48} {}\n", describe(&unhex(line))))
            .collect();
        insta::assert_snapshot!(table);
    }

    #[test]
    fn a_block_is_told_by_counter_and_length() {
        let mut block = vec![0x36, 0x12];
        block.resize(2 + 2999, 0xAA);
        assert_eq!(describe(&block), "TransferData block 0x12, 2999 bytes");
    }

    #[test]
    fn nothing_has_words_too() {
        assert_eq!(describe(&[]), "no bytes");
    }

    proptest! {
        #[test]
        fn words_are_one_short_line(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let words = describe(&bytes);
            prop_assert!(!words.is_empty());
            prop_assert!(words.chars().count() <= 200, "{}", words);
            prop_assert!(!words.chars().any(char::is_control));
        }

        #[test]
        fn words_of_every_service_are_one_short_line(
            sid: u8,
            sub in 0u8..0x12,
            rest in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let words = describe(&[&[sid, sub], &rest[..]].concat());
            prop_assert!(words.chars().count() <= 200, "{}", words);
            prop_assert!(!words.chars().any(char::is_control));
        }
    }
}
