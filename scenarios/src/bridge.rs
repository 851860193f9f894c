//! What carries frames between tester and workshop, and how.

use std::fmt;

#[cfg(test)]
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess};

/// What carries frames between tester and workshop.
///
/// In YAML a word, `reference` or `none`, or the settings of the reference bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bridge {
    /// Our own bridge: technician, relay, mechanic.
    Reference(BridgeSetup),
    /// None: the tester is in the workshop.
    None,
}

/// How the bridge is set, what is not said as a workshop has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BridgeSetup {
    /// How frames ride through the tunnel; `datagram` where nothing is said.
    pub carry: Carry,
    /// What follows from what the bridge measures; `advise` where nothing is said.
    pub guard: Guard,
}

/// How frames ride through the tunnel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Carry {
    /// Each in a datagram: what the network loses is lost, as on a wire.
    #[default]
    Datagram,
    /// On a reliable stream: nothing is lost, later frames wait for earlier ones.
    Stream,
}

/// What follows from what the bridge measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// Nothing.
    Off,
    /// It tells what it thinks of the network.
    #[default]
    Advise,
    /// It also lets no programming session begin while it thinks badly of it.
    Enforce,
}

impl Bridge {
    /// Returns how the bridge is set; none where there is no bridge.
    pub const fn setup(self) -> Option<BridgeSetup> {
        match self {
            Self::Reference(setup) => Some(setup),
            Self::None => None,
        }
    }
}

impl Carry {
    /// The word used in scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Datagram => "datagram",
            Self::Stream => "stream",
        }
    }
}

impl Guard {
    /// The word used in scenarios.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Advise => "advise",
            Self::Enforce => "enforce",
        }
    }
}

impl Default for Bridge {
    fn default() -> Self {
        Self::Reference(BridgeSetup::default())
    }
}

impl<'de> Deserialize<'de> for Bridge {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BridgeVisitor)
    }
}

struct BridgeVisitor;

impl<'de> de::Visitor<'de> for BridgeVisitor {
    type Value = Bridge;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`reference`, `none`, or settings such as `{ carry: stream, guard: enforce }`")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Bridge, E> {
        match word {
            "reference" => Ok(Bridge::default()),
            "none" => Ok(Bridge::None),
            other => Err(E::unknown_variant(other, &["reference", "none"])),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Bridge, A::Error> {
        BridgeSetup::deserialize(MapAccessDeserializer::new(access)).map(Bridge::Reference)
    }
}

#[cfg(test)]
impl JsonSchema for Bridge {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Bridge".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let setup = generator.subschema_for::<BridgeSetup>();
        json_schema!({
            "description": "What carries frames between tester and workshop.",
            "oneOf": [
                {
                    "const": "reference",
                    "description": "Our own bridge: technician, relay, mechanic.",
                    "type": "string",
                },
                {
                    "const": "none",
                    "description": "None: the tester is in the workshop.",
                    "type": "string",
                },
                setup,
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::fixture::catalogue;
    use crate::setting::Setting;
    use yaml::Tree;
    use yaml::{Mistake, decode};

    fn bridge(text: &str) -> Result<Bridge, Mistake> {
        decode(&Tree::parse(text, 0).unwrap())
    }

    #[rstest]
    #[case::by_name("reference", Carry::Datagram, Guard::Advise)]
    #[case::nothing_said("{}", Carry::Datagram, Guard::Advise)]
    #[case::stream("{ carry: stream }", Carry::Stream, Guard::Advise)]
    #[case::enforce("{ guard: enforce }", Carry::Datagram, Guard::Enforce)]
    #[case::off("{ guard: off, carry: datagram }", Carry::Datagram, Guard::Off)]
    fn settings_are_those_that_are_said(
        #[case] text: &str,
        #[case] carry: Carry,
        #[case] guard: Guard,
    ) {
        assert_eq!(bridge(text), Ok(Bridge::Reference(BridgeSetup { carry, guard })));
    }

    #[rstest]
    #[case::a_word("openvpn", "openvpn", "reference")]
    #[case::a_key("{ carrry: stream }", "carrry", "`carry`")]
    #[case::a_carry("{ carry: streem }", "streem", "`stream`")]
    #[case::a_guard("{ guard: on }", "on", "`off`")]
    #[case::a_list("[carry]", "[", "`{ carry: stream, guard: enforce }`")]
    #[case::a_number("1", "1", "`reference`")]
    fn what_is_wrong_is_told_with_its_place(
        #[case] text: &str,
        #[case] place: &str,
        #[case] help: &str,
    ) {
        let error = bridge(text).unwrap_err();
        assert_eq!(&text[error.span.bytes], place, "{}", error.message);
        assert!(error.help.as_deref().is_some_and(|said| said.contains(help)), "{:?}", error.help);
    }

    #[rstest]
    #[case::where_nothing_is_said("")]
    #[case::where_something_else_is_said("bridge: { guard: enforce }\n")]
    #[case::where_another_is_said("bridge: { carry: datagram }\n")]
    fn the_command_line_sets_one_of_them(#[case] said: &str) {
        let text = format!("scenario: A\nvehicle: g05\n{said}steps: [identify]\n");
        let setting: Setting = "bridge.carry=stream".parse().unwrap();
        let scenario = crate::parse("a.yaml", &text, &[setting], &catalogue()).unwrap();
        assert_eq!(scenario.bridge.setup().map(|setup| setup.carry), Some(Carry::Stream));
    }

    #[test]
    fn words_are_those_of_the_file() {
        for carry in [Carry::Datagram, Carry::Stream] {
            let read = bridge(&format!("{{ carry: {} }}", carry.name())).unwrap();
            assert_eq!(read.setup().map(|setup| setup.carry), Some(carry));
        }
        for guard in [Guard::Off, Guard::Advise, Guard::Enforce] {
            let read = bridge(&format!("{{ guard: {} }}", guard.name())).unwrap();
            assert_eq!(read.setup().map(|setup| setup.guard), Some(guard));
        }
    }
}
