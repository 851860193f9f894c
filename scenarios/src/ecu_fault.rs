//! How a control unit misbehaves.

use std::fmt;
use std::str::FromStr;

#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;

use crate::hex::HexBytes;
use crate::text::text_type;
use crate::time::TimeRange;

/// A control unit that misbehaves.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(try_from = "EcuFaultKeys")]
#[cfg_attr(test, schemars(with = "EcuFaultKeys"))]
pub struct EcuAction {
    /// The control unit by its name in the vehicle.
    pub name: String,
    /// What it does.
    pub fault: EcuFault,
}

/// What a control unit does wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EcuFault {
    /// Neither hears nor answers for this long.
    Silent(TimeRange),
    /// Does not answer for this long after its next reset, on top of the reset time.
    SilentAfterReset(TimeRange),
    /// Fails to write this block, counted from 1 in each download, once.
    WriteErrorAtBlock(u32),
    /// Calls the counter of this block wrong, once.
    WrongCounterAtBlock(u32),
    /// Writes this block with one bit flipped, once.
    DamageBlock(u32),
    /// Calls every memory check good.
    BlindVerify,
    /// Takes this much longer for every request.
    Delay(TimeRange),
    /// Refuses requests.
    Refuse(Refusal),
    /// Stores this fault in its memory.
    Dtc(DtcNumber),
    /// Loses power for a moment.
    PowerCycle,
    /// Reports other software than it holds, from its next reset on.
    WrongVersions,
    /// Never answers again.
    Kill,
}

/// Which requests are refused, and how.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Refusal {
    /// How the request begins, such as `34` or `31 01 FF 00`.
    pub request: HexBytes,
    /// What is answered, such as `22`.
    pub nrc: Nrc,
    /// How often; always where nothing is said.
    #[serde(default)]
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub times: Option<u32>,
}

/// A negative response code, `10` to `FE` in hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nrc(pub u8);

/// The number of a fault, six hex digits such as `4F8001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DtcNumber(pub u32);

text_type!(
    Nrc,
    "Nrc",
    r"^[0-9A-Fa-f]{2}$",
    "a negative response code such as `22`",
    ["string", "number"], "minimum": 0
);
text_type!(
    DtcNumber,
    "Dtc",
    r"^[0-9A-Fa-f]{6}$",
    "a fault number such as `4F8001`",
    ["string", "number"], "minimum": 0
);

/// Why a text is no number of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Not a negative response code.
    #[error("`{0}` is not a negative response code: write two hex digits from `10` to `FE`")]
    Nrc(String),
    /// Pending is no refusal.
    #[error("`78` only delays the answer: use `delay: 5s`")]
    Pending,
    /// Not a fault number.
    #[error("`{0}` is not a fault number: write six hex digits such as `4F8001`")]
    Dtc(String),
}

/// A control unit that misbehaves: its name, and one thing it does.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[cfg_attr(test, schemars(rename = "EcuAction"))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct EcuFaultKeys {
    /// The control unit by its name in the vehicle.
    name: String,
    /// Neither hears nor answers for this long.
    #[serde(default)]
    silent: Option<TimeRange>,
    /// Does not answer for this long after its next reset, on top of the reset time.
    #[serde(default)]
    silent_after_reset: Option<TimeRange>,
    /// Fails to write this block, counted from 1 in each download, once (NRC 72).
    #[serde(default)]
    #[cfg_attr(test, schemars(range(min = 1)))]
    write_error_at_block: Option<u32>,
    /// Calls the counter of this block wrong, counted from 1 in each download, once (NRC 73).
    #[serde(default)]
    #[cfg_attr(test, schemars(range(min = 1)))]
    wrong_counter_at_block: Option<u32>,
    /// Writes this block, counted from 1 in each download, with one bit flipped, once.
    #[serde(default)]
    #[cfg_attr(test, schemars(range(min = 1)))]
    damage_block: Option<u32>,
    /// Calls every memory check good, whatever the memory holds.
    #[serde(default)]
    blind_verify: Option<bool>,
    /// Takes this much longer for every request.
    #[serde(default)]
    delay: Option<TimeRange>,
    /// Refuses requests that begin like this.
    #[serde(default)]
    refuse: Option<Refusal>,
    /// Stores this fault in its memory.
    #[serde(default)]
    dtc: Option<DtcNumber>,
    /// Loses power for a moment.
    #[serde(default)]
    power_cycle: Option<bool>,
    /// Reports other software than it holds, from its next reset on.
    #[serde(default)]
    wrong_versions: Option<bool>,
    /// Never answers again.
    #[serde(default)]
    kill: Option<bool>,
}

/// Why keys do not make a fault of a control unit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum EcuFaultError {
    #[error("nothing says what `{0}` does: add `silent: 5s`, `kill: true` or another of the keys")]
    Nothing(String),
    #[error("`{0}` and `{1}` are two faults: write each as a fault of its own")]
    Two(&'static str, &'static str),
    #[error("`{0}: false` does nothing: write `{0}: true`")]
    Off(&'static str),
    #[error("`{0}` is counted from 1: write 1 for the first block")]
    Zero(&'static str),
    #[error("a refusal that happens 0 times is none: write `times: 1` or more")]
    Never,
}

impl TryFrom<EcuFaultKeys> for EcuAction {
    type Error = EcuFaultError;

    fn try_from(keys: EcuFaultKeys) -> Result<Self, EcuFaultError> {
        let flag = |key, value: Option<bool>, fault| match value {
            Some(true) => Ok(Some(fault)),
            Some(false) => Err(EcuFaultError::Off(key)),
            None => Ok(None),
        };
        let block = |key, value: Option<u32>, fault: fn(u32) -> EcuFault| match value {
            Some(0) => Err(EcuFaultError::Zero(key)),
            Some(number) => Ok(Some(fault(number))),
            None => Ok(None),
        };
        if keys.refuse.as_ref().is_some_and(|refusal| refusal.times == Some(0)) {
            return Err(EcuFaultError::Never);
        }
        let all = [
            ("silent", keys.silent.map(EcuFault::Silent)),
            ("silent-after-reset", keys.silent_after_reset.map(EcuFault::SilentAfterReset)),
            ("delay", keys.delay.map(EcuFault::Delay)),
            ("refuse", keys.refuse.map(EcuFault::Refuse)),
            ("dtc", keys.dtc.map(EcuFault::Dtc)),
            (
                "write-error-at-block",
                block("write-error-at-block", keys.write_error_at_block, |number| {
                    EcuFault::WriteErrorAtBlock(number)
                })?,
            ),
            (
                "wrong-counter-at-block",
                block("wrong-counter-at-block", keys.wrong_counter_at_block, |number| {
                    EcuFault::WrongCounterAtBlock(number)
                })?,
            ),
            ("damage-block", block("damage-block", keys.damage_block, EcuFault::DamageBlock)?),
            ("blind-verify", flag("blind-verify", keys.blind_verify, EcuFault::BlindVerify)?),
            ("power-cycle", flag("power-cycle", keys.power_cycle, EcuFault::PowerCycle)?),
            (
                "wrong-versions",
                flag("wrong-versions", keys.wrong_versions, EcuFault::WrongVersions)?,
            ),
            ("kill", flag("kill", keys.kill, EcuFault::Kill)?),
        ];
        let mut named = all.into_iter().filter_map(|(key, fault)| Some((key, fault?)));
        let Some((first, fault)) = named.next() else {
            return Err(EcuFaultError::Nothing(keys.name));
        };
        match named.next() {
            Some((second, _)) => Err(EcuFaultError::Two(first, second)),
            None => Ok(Self { name: keys.name, fault }),
        }
    }
}

impl fmt::Display for EcuFault {
    /// As scenarios write it, without what is drawn.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(time) => write!(f, "silent {time}"),
            Self::SilentAfterReset(time) => write!(f, "silent-after-reset {time}"),
            Self::WriteErrorAtBlock(block) => write!(f, "write-error-at-block {block}"),
            Self::WrongCounterAtBlock(block) => write!(f, "wrong-counter-at-block {block}"),
            Self::DamageBlock(block) => write!(f, "damage-block {block}"),
            Self::BlindVerify => f.write_str("blind-verify"),
            Self::Delay(time) => write!(f, "delay {time}"),
            Self::Refuse(refusal) => {
                let Refusal { request, nrc, .. } = refusal;
                write!(f, "refuse {request} with {nrc}")
            }
            Self::Dtc(number) => write!(f, "dtc {number}"),
            Self::PowerCycle => f.write_str("power-cycle"),
            Self::WrongVersions => f.write_str("wrong-versions"),
            Self::Kill => f.write_str("kill"),
        }
    }
}

impl EcuFault {
    /// Returns the block the fault waits for, counted from 1 in each download.
    pub fn block(&self) -> Option<(&'static str, u32)> {
        match self {
            Self::WriteErrorAtBlock(block) => Some(("write-error-at-block", *block)),
            Self::WrongCounterAtBlock(block) => Some(("wrong-counter-at-block", *block)),
            Self::DamageBlock(block) => Some(("damage-block", *block)),
            Self::Silent(_)
            | Self::SilentAfterReset(_)
            | Self::BlindVerify
            | Self::Delay(_)
            | Self::Refuse(_)
            | Self::Dtc(_)
            | Self::PowerCycle
            | Self::WrongVersions
            | Self::Kill => None,
        }
    }
}

impl FromStr for Nrc {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        let wrong = || NumberError::Nrc(text.to_owned());
        let is_hex = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = u8::from_str_radix(text, 16).ok().filter(|_| is_hex).ok_or_else(wrong)?;
        match code {
            0x78 => Err(NumberError::Pending),
            0x10..=0xFE => Ok(Self(code)),
            _ => Err(wrong()),
        }
    }
}

impl FromStr for DtcNumber {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        let is_hex = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(text, 16).ok().filter(|_| is_hex);
        number.map(Self).ok_or_else(|| NumberError::Dtc(text.to_owned()))
    }
}

impl fmt::Display for Nrc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}

impl fmt::Display for DtcNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:06X}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use yaml::Tree;
    use yaml::{Mistake, decode};

    #[rstest]
    #[case("{ name: egs, silent: 5s }", EcuFault::Silent("5s".parse().unwrap()))]
    #[case("{ name: egs, write-error-at-block: 30 }", EcuFault::WriteErrorAtBlock(30))]
    #[case("{ name: egs, kill: true }", EcuFault::Kill)]
    #[case("{ name: egs, dtc: 4F8001 }", EcuFault::Dtc(DtcNumber(0x4F_8001)))]
    #[case("{ name: egs, dtc: 480001 }", EcuFault::Dtc(DtcNumber(0x48_0001)))]
    fn reads_a_fault(#[case] text: &str, #[case] fault: EcuFault) {
        assert_eq!(action(text).unwrap().fault, fault);
    }

    #[test]
    fn says_what_would_be_right() {
        let wrong = [
            "{ name: egs }",
            "{ silent: 5s }",
            "{ name: egs, silent: 5s, kill: true }",
            "{ name: egs, kill: false }",
            "{ name: egs, damage-block: 0 }",
            "{ name: egs, refuse: { request: 34, nrc: 78 } }",
            "{ name: egs, refuse: { request: 34, nrc: 5 } }",
            "{ name: egs, refuse: { request: 34, nrc: 22, times: 0 } }",
            "{ name: egs, refuse: 34 }",
            "{ name: egs, dtc: P0700 }",
            "{ name: egs, write-error: 30 }",
        ];
        let answers = wrong.map(|text| {
            let error = action(text).unwrap_err();
            format!("{text}\n    {}: {}", error.message, error.help.unwrap_or_default())
        });
        insta::assert_snapshot!(answers.join("\n"));
    }

    fn action(text: &str) -> Result<EcuAction, Mistake> {
        decode(&Tree::parse(text, 0).unwrap())
    }
}
