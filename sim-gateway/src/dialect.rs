//! HSFZ dialects: the points on which public implementations disagree, by name.
//!
//! Every dialect is a file in `dialects/`; `default.yaml` says of each knob where it comes from
//! (`hsfz-and-doip.md` §14).

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;

use crate::ProfileError;
use crate::quantity;

/// How a gateway speaks HSFZ where implementations disagree (`hsfz-and-doip.md` §14).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Dialect {
    /// Tester addresses that are served; the first is named as the expected one in error 0040.
    #[serde(deserialize_with = "quantity::bytes")]
    pub testers: Vec<u8>,
    /// What a tester with another address gets.
    pub unknown_tester: UnknownTester,
    /// Addresses that reach every control unit.
    #[serde(deserialize_with = "quantity::bytes")]
    pub functional: Vec<u8>,
    /// How much of a request the acknowledge repeats.
    pub ack_echo: AckEcho,
    /// What a request for an address without a route gets.
    pub unknown_target: UnknownTarget,
    /// What a request for a known address gets whose unit does not answer.
    pub silent_target: SilentTarget,
    /// What a request gets while the gateway is starting.
    pub not_ready: NotReady,
    /// The shape of error 00FF.
    pub out_of_memory: ErrorForm,
    /// What follows a frame longer than the limit, after error 0044.
    pub too_large: TooLarge,
    /// Which alive check is sent to a connection that has gone quiet.
    pub alive: Alive,
    /// How long a connection is quiet before it is checked.
    #[serde(deserialize_with = "quantity::duration")]
    pub alive_idle: Duration,
    /// How long an answer to the alive check may take.
    #[serde(deserialize_with = "quantity::duration")]
    pub alive_wait: Duration,
    /// What counts as an answer to the alive check.
    pub alive_reply: AliveReply,
    /// How long a connection may be quiet before it is closed; `None` for ever.
    #[serde(deserialize_with = "quantity::optional_duration")]
    pub idle_close: Option<Duration>,
    /// How many diagnosis connections are served at once.
    pub connections: usize,
    /// Who yields when a second connection uses the same tester address, or the table is full.
    pub contention: Contention,
    /// The control word identification answers carry.
    pub identification_control: IdentificationControl,
    /// How long identification answers take.
    #[serde(deserialize_with = "quantity::range")]
    pub identification_delay: (Duration, Duration),
    /// Whether identification is answered on the TCP ports as well.
    pub identification_on_tcp: bool,
    /// How often the vehicle announces itself after it got an address.
    pub announcements: u32,
    /// The time before the first announcement.
    #[serde(deserialize_with = "quantity::range")]
    pub announce_wait: (Duration, Duration),
    /// The time between two announcements.
    #[serde(deserialize_with = "quantity::duration")]
    pub announce_interval: Duration,
    /// Whether the control port listens.
    pub control_port: bool,
    /// The terminal 15 byte when the ignition is on.
    #[serde(deserialize_with = "quantity::byte")]
    pub terminal_15_on: u8,
    /// The terminal 15 byte when the ignition is off.
    #[serde(deserialize_with = "quantity::byte")]
    pub terminal_15_off: u8,
}

/// What a tester with an address that is not permitted gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownTester {
    /// Error 0040; the connection stays.
    Refuse,
    /// Nothing; the connection is reset.
    Drop,
    /// Service like any other.
    Serve,
}

/// How much of a request the acknowledge repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AckEcho {
    /// The first five bytes at most.
    Five,
    /// Everything.
    Full,
    /// Nothing but the addresses.
    None,
}

/// What a request for an address without a route gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownTarget {
    /// Error 0043 instead of an acknowledge.
    Refuse,
    /// An acknowledge, then silence.
    Silence,
    /// An acknowledge, then `7F sid 25` in the target's name.
    NoResponse,
}

/// What a request for a known address gets whose unit does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SilentTarget {
    /// An acknowledge, then silence.
    Silence,
    /// An acknowledge, then `7F sid 25` in the target's name.
    NoResponse,
}

/// What a request gets while the gateway is starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotReady {
    /// Error 0045 with the request's addresses.
    Addresses,
    /// Error 0045 without a body.
    Empty,
    /// Nothing.
    Silence,
}

/// The body of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorForm {
    /// None.
    Empty,
    /// Source and target of the request.
    Addresses,
}

/// What follows a frame longer than the limit, after error 0044.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TooLarge {
    /// The connection is finished.
    Close,
    /// The body is discarded and the connection goes on.
    Skip,
}

/// Which alive check is sent to a connection that has gone quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alive {
    /// None.
    Off,
    /// `DIAGADR…BMWVIN…`, 32 bytes.
    Long,
    /// Tester address and zero, 2 bytes.
    Short,
    /// The long one, then the short one.
    Both,
}

/// What counts as an answer to an alive check, besides any other traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AliveReply {
    /// Control word 0012 or 0013 with two bytes.
    Either,
    /// Control word 0012 with two bytes; 0013 is ignored.
    Strict,
}

/// Who yields when connections contend (`hsfz-and-doip.md` §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contention {
    /// One connection per tester address; a newcomer resets the old one.
    NewestWins,
    /// One connection per tester address; a newcomer gets error 0040 and is finished.
    Refuse,
    /// Any number per tester address; only a full table resets the one quiet for longest.
    Share,
}

/// The control word identification answers carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum IdentificationControl {
    /// As every capture has it.
    #[serde(rename = "0011")]
    Standard,
    /// As one toolkit's document claims.
    #[serde(rename = "0004")]
    Toolkit,
}

impl Default for Dialect {
    /// What most clients accept; `dialects/default.yaml` says the same, with reasons.
    fn default() -> Self {
        Self {
            testers: vec![0xF4, 0xF5],
            unknown_tester: UnknownTester::Refuse,
            functional: vec![0xDF, 0xEF],
            ack_echo: AckEcho::Five,
            unknown_target: UnknownTarget::Refuse,
            silent_target: SilentTarget::Silence,
            not_ready: NotReady::Addresses,
            out_of_memory: ErrorForm::Empty,
            too_large: TooLarge::Close,
            alive: Alive::Off,
            alive_idle: Duration::from_secs(2),
            alive_wait: Duration::from_secs(5),
            alive_reply: AliveReply::Either,
            idle_close: None,
            connections: 2,
            contention: Contention::NewestWins,
            identification_control: IdentificationControl::Standard,
            identification_delay: (Duration::from_micros(800), Duration::from_micros(2_800)),
            identification_on_tcp: false,
            announcements: 3,
            announce_wait: (Duration::ZERO, Duration::from_millis(500)),
            announce_interval: Duration::from_millis(500),
            control_port: true,
            terminal_15_on: 0x05,
            terminal_15_off: 0x01,
        }
    }
}

impl Dialect {
    /// Returns a shipped dialect, such as `default` or `bdc-like`.
    pub fn named(name: &str) -> Result<Self, ProfileError> {
        let (_, text) = SHIPPED
            .iter()
            .find(|(shipped, _)| *shipped == name)
            .ok_or_else(|| ProfileError::unknown("dialect", name, Self::names()))?;
        Self::from_yaml(text)
    }

    /// Returns the names of the shipped dialects.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }

    /// Reads a dialect; knobs it does not name are the default's.
    pub fn from_yaml(text: &str) -> Result<Self, ProfileError> {
        let dialect: Self = yaml::from_str(text).map_err(ProfileError::from_yaml)?;
        let (testers, functional) = (&dialect.testers, &dialect.functional);
        if testers.is_empty() || functional.is_empty() || dialect.connections == 0 {
            return Err(ProfileError::invalid(
                "a dialect needs a tester, a functional address and a connection",
            ));
        }
        if dialect.announcements > 100 || dialect.connections > 100 {
            return Err(ProfileError::invalid("at most 100 announcements and 100 connections"));
        }
        Ok(dialect)
    }

    /// Returns the bytes of a request that its acknowledge repeats.
    pub(crate) fn echo(&self, data: &Bytes) -> Bytes {
        match self.ack_echo {
            AckEcho::Five => data.slice(..data.len().min(5)),
            AckEcho::Full => data.clone(),
            AckEcho::None => Bytes::new(),
        }
    }
}

const SHIPPED: [(&str, &str); 6] = [
    ("default", include_str!("../dialects/default.yaml")),
    ("bdc-like", include_str!("../dialects/bdc-like.yaml")),
    ("carsimulator-like", include_str!("../dialects/carsimulator-like.yaml")),
    ("python-like", include_str!("../dialects/python-like.yaml")),
    ("toolkit-like", include_str!("../dialects/toolkit-like.yaml")),
    ("checking", include_str!("../dialects/checking.yaml")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_says_what_the_default_is() {
        let Ok(named) = Dialect::named("default") else { panic!("default.yaml does not parse") };
        assert_eq!(named, Dialect::default());
    }

    #[test]
    fn every_shipped_dialect_parses_and_differs_from_the_others() {
        let dialects: Vec<_> =
            Dialect::names().map(|name| Dialect::named(name).expect(name)).collect();
        for (index, dialect) in dialects.iter().enumerate() {
            assert!(!dialects[..index].contains(dialect), "number {index} repeats another");
        }
    }

    #[test]
    fn an_unknown_knob_is_refused_with_its_position() {
        let error = Dialect::from_yaml("alive: off\nalive-idel: 2s\n").expect_err("a typo");
        assert_eq!((error.line(), error.column()), (Some(2), Some(1)));
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = Dialect::named("klingon").expect_err("no such dialect").to_string();
        assert!(error.contains("klingon") && error.contains("bdc-like"), "{error}");
    }
}
