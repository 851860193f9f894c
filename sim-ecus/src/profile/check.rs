//! What a profile must keep beyond its grammar.

use std::fmt;

use thiserror::Error;

use super::EcuProfile;

/// Why a profile is not one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProfileError {
    /// Its text cannot be read; the message carries line and column.
    #[error("{message}")]
    Text {
        /// What is wrong, where, and what would be right.
        message: String,
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: u64,
    },
    /// It contradicts itself.
    #[error("profile `{profile}`: {rule}")]
    Rule {
        /// Name of the profile.
        profile: String,
        /// The rule it breaks.
        rule: Rule,
    },
}

/// A rule every profile keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A VIN has 17 ASCII characters.
    Vin,
    /// A fingerprint has 13 bytes.
    Fingerprint,
    /// Blocks of flash memory are not empty, ordered, and do not overlap.
    FlashOrder,
    /// Every piece of software has room for its identifier and its checksum.
    FlashRoom,
    /// A block of `36` carries between 1 and 4093 bytes.
    BlockLength,
    /// Fault numbers have three bytes.
    FaultNumber,
    /// Coding items are not empty, and no identifier is used twice.
    Coding,
    /// Nothing is answered later than P2* or drawn from an empty set of attempts.
    Timing,
    /// The address is neither a tester's nor the functional one.
    Address,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vin => "a VIN has 17 ASCII characters",
            Self::Fingerprint => "a fingerprint has 13 bytes",
            Self::FlashOrder => "flash blocks are not empty, ordered, and do not overlap",
            Self::FlashRoom => "a flash block has room for at least 32 bytes",
            Self::BlockLength => "max-block-length is between 3 and 4095",
            Self::FaultNumber => "a fault number has three bytes",
            Self::Coding => "coding identifiers are used once, and their items are not empty",
            Self::Timing => "P2 is shorter than P2*, S3 and the number of attempts are not zero",
            Self::Address => "the address is below DF",
        })
    }
}

impl ProfileError {
    #[expect(clippy::needless_pass_by_value, reason = "stands in map_err without a closure")]
    pub(super) fn from_yaml(error: yaml::Error) -> Self {
        Self::Text { message: error.to_string(), line: error.line, column: error.column }
    }
}

pub(super) fn check(profile: &EcuProfile) -> Result<(), ProfileError> {
    let broken = |rule| ProfileError::Rule { profile: profile.name.clone(), rule };
    match first_broken(profile) {
        Some(rule) => Err(broken(rule)),
        None => Ok(()),
    }
}

fn first_broken(profile: &EcuProfile) -> Option<Rule> {
    let rules: [(Rule, bool); 9] = [
        (Rule::Vin, profile.vin.len() == 17 && profile.vin.is_ascii()),
        (Rule::Fingerprint, profile.fingerprint.len() == 13),
        (Rule::FlashOrder, flash_is_ordered(profile)),
        (Rule::FlashRoom, profile.flash.blocks.iter().all(|block| block.size >= 32)),
        (Rule::BlockLength, (3..=4095).contains(&profile.flash.max_block_length)),
        (Rule::FaultNumber, fault_numbers(profile).all(|dtc| dtc.len() == 3)),
        (Rule::Coding, coding_is_sound(profile)),
        (Rule::Timing, timing_is_sound(profile)),
        (Rule::Address, profile.address < 0xDF),
    ];
    rules.into_iter().find(|(_, kept)| !kept).map(|(rule, _)| rule)
}

fn flash_is_ordered(profile: &EcuProfile) -> bool {
    let mut end = 0;
    !profile.flash.blocks.is_empty()
        && std::iter::once(&profile.flash.boot).chain(&profile.flash.blocks).all(|block| {
            let start = u64::from(block.address);
            let fits = start >= end && block.size > 0;
            end = start + u64::from(block.size);
            fits && end <= 1 << 32
        })
}

fn fault_numbers(profile: &EcuProfile) -> impl Iterator<Item = &Vec<u8>> {
    let faults = &profile.faults;
    let stored = faults.stored.iter().chain(&faults.info).map(|fault| &fault.dtc);
    std::iter::once(&faults.uncoded)
        .chain(&faults.no_release)
        .chain(&faults.uncalibrated)
        .chain(&faults.known)
        .chain(stored)
}

fn coding_is_sound(profile: &EcuProfile) -> bool {
    let coding = &profile.coding;
    let special = [coding.index_did, coding.cafd_did, coding.signature_did];
    let distinct = special[0] != special[1] && special[1] != special[2] && special[0] != special[2];
    distinct
        && coding.index.len() == 4
        && !coding.items.is_empty()
        && coding.items.iter().all(|(did, data)| !special.contains(did) && !data.is_empty())
}

fn timing_is_sound(profile: &EcuProfile) -> bool {
    let timing = &profile.timing;
    !timing.p2_default.is_zero()
        && !timing.p2.is_zero()
        && timing.p2_default < timing.p2_star
        && timing.p2 < timing.p2_star
        && !timing.s3.is_zero()
        && profile.security.attempts > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const EGS: &str = include_str!("../../profiles/egs.yaml");

    #[test]
    fn every_shipped_profile_is_sound_and_has_its_name() {
        for name in EcuProfile::names() {
            let profile = EcuProfile::named(name).expect("it ships");
            assert_eq!(first_broken(&profile), None, "{name}");
        }
        assert_eq!(EcuProfile::named("none"), None);
    }

    #[rstest]
    #[case::unknown_key("paired: true", "pared: true")]
    #[case::unknown_inner_key("  sixth: 60s", "  seventh: 60s")]
    #[case::no_unit("  reset: 2s", "  reset: 2")]
    #[case::no_hexadecimal("address: \"18\"", "address: \"1G\"")]
    #[case::no_software("hardware: [HWEL_", "hardware: [HWXX_")]
    #[case::backwards("latency: 5ms..25ms", "latency: 25ms..5ms")]
    fn a_wrong_text_is_an_error_with_its_line(#[case] right: &str, #[case] wrong: &str) {
        let text = EGS.replacen(right, wrong, 1);
        let before = EGS.split(right).next().expect("the text has a beginning");
        let expected = before.matches('\n').count() as u64 + 1;
        match EcuProfile::parse(&text) {
            Err(ProfileError::Text { message, line, column }) => {
                assert_eq!(line, expected);
                let place = format!("line {line}, column {column}: ");
                assert!(message.starts_with(&place) && message.contains("; "), "{message}");
            }
            other => panic!("{wrong} gave {other:?}"),
        }
    }

    #[rstest]
    #[case::fingerprint("fingerprint: 24 ", "fingerprint: ", Rule::Fingerprint)]
    #[case::overlap("\"00140000\"", "\"00130000\"", Rule::FlashOrder)]
    #[case::tiny("\"000C0000\"", "\"00000010\"", Rule::FlashRoom)]
    #[case::block("max-block-length: 3001", "max-block-length: 4096", Rule::BlockLength)]
    #[case::fault("known: [4F 80 01", "known: [4F 80", Rule::FaultNumber)]
    #[case::coding("index-did: \"3002\"", "index-did: \"3000\"", Rule::Coding)]
    #[case::slow("p2: 50ms", "p2: 5s", Rule::Timing)]
    #[case::address("address: \"18\"", "address: \"DF\"", Rule::Address)]
    #[case::vin("name: egs", "name: egs\nvin: SHORT", Rule::Vin)]
    fn a_profile_that_contradicts_itself_names_the_rule(
        #[case] right: &str,
        #[case] wrong: &str,
        #[case] rule: Rule,
    ) {
        let error = EcuProfile::parse(&EGS.replacen(right, wrong, 1));
        assert_eq!(error, Err(ProfileError::Rule { profile: "egs".to_owned(), rule }));
    }
}
