//! What a scenario expects of the car and of the run.

use std::collections::BTreeMap;
use std::fmt;

use netem_rs::DurationText;
#[cfg(test)]
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de;

use crate::bound::Bound;
use crate::ecu::EndState;
use crate::ecu_fault::DtcNumber;
use crate::step::Outcome;

/// What a scenario expects.
///
/// A control unit that is not named has to end `untouched`; see [`Expectations::of`]. A step that
/// is not named has to end `done`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectations {
    /// Of control units, by name.
    pub ecus: BTreeMap<String, EcuExpectation>,
    /// How often the gateway resets.
    pub gateway_resets: Option<Bound<u64>>,
    /// How long the run takes, in the time of the world.
    pub duration: Option<Bound<DurationText>>,
    /// How steps end, by their number, counted from one.
    pub steps: BTreeMap<usize, Outcome>,
}

/// What is expected of one control unit. What is not named is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct EcuExpectation {
    /// In what state it is left. Where nothing is said, in any that does not cost the unit: not
    /// `stranded`, `dead` or `corrupt-accepted`.
    pub ends: Option<EndState>,
    /// What its fault memory holds: `none`, or the numbers of the faults.
    pub faults: Option<FaultsExpected>,
    /// How often an erase of its memory began, such as `2` or `< 4`.
    pub erases: Option<Bound<u64>>,
    /// How many blocks reached it that it had already written, and did not write twice.
    pub repeated_blocks: Option<Bound<u64>>,
}

/// What a fault memory is expected to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultsExpected {
    /// Nothing.
    None,
    /// Something, no matter what.
    Some,
    /// Exactly these, in any order.
    Exactly(Vec<DtcNumber>),
}

impl Expectations {
    /// The keys that are not control units.
    pub(crate) const KEYS: [&'static str; 3] = ["gateway-resets", "duration", "steps"];

    /// Returns what is expected of a control unit, named or not.
    pub fn of(&self, ecu: &str) -> EcuExpectation {
        let untouched =
            || EcuExpectation { ends: Some(EndState::Untouched), ..EcuExpectation::default() };
        self.ecus.get(ecu).cloned().unwrap_or_else(untouched)
    }

    /// Returns how a step is expected to end.
    pub fn of_step(&self, number: usize) -> Outcome {
        self.steps.get(&number).copied().unwrap_or(Outcome::Done)
    }
}

impl<'de> Deserialize<'de> for FaultsExpected {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FaultsVisitor)
    }
}

struct FaultsVisitor;

impl<'de> de::Visitor<'de> for FaultsVisitor {
    type Value = FaultsExpected;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`none`, `some`, or a list of fault numbers such as `[4F8001]`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<FaultsExpected, E> {
        match text {
            "none" => Ok(FaultsExpected::None),
            "some" => Ok(FaultsExpected::Some),
            other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
        }
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut access: A) -> Result<FaultsExpected, A::Error> {
        let mut numbers = Vec::new();
        while let Some(number) = access.next_element()? {
            numbers.push(number);
        }
        Ok(FaultsExpected::Exactly(numbers))
    }
}

#[cfg(test)]
impl JsonSchema for FaultsExpected {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FaultsExpected".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let number = generator.subschema_for::<DtcNumber>();
        json_schema!({
            "description": "What a fault memory is expected to hold.",
            "oneOf": [
                { "const": "none", "description": "Nothing." },
                { "const": "some", "description": "Something, no matter what." },
                { "type": "array", "items": number, "description": "Exactly these." },
            ],
        })
    }
}

#[cfg(test)]
impl JsonSchema for Expectations {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Expectations".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let ecu = generator.subschema_for::<EcuExpectation>();
        let count = generator.subschema_for::<Bound<u64>>();
        let duration = generator.subschema_for::<Bound<DurationText>>();
        let outcome = generator.subschema_for::<Outcome>();
        json_schema!({
            "description": "What is expected: of control units by name, and of the run. A control \
                            unit that is not named has to end `untouched`, a step `done`.",
            "type": "object",
            "properties": {
                "gateway-resets": {
                    "description": "How often the gateway resets, such as `2` or `1..3`.",
                    "allOf": [count],
                },
                "duration": {
                    "description": "How long the run takes, such as `< 35min`.",
                    "allOf": [duration],
                },
                "steps": {
                    "description": "How steps end, by their number, counted from 1.",
                    "type": "object",
                    "patternProperties": { "^[1-9][0-9]*$": outcome },
                    "additionalProperties": false,
                },
            },
            "additionalProperties": ecu,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_unit_that_is_not_named_has_to_end_untouched() {
        let expectations = Expectations::default();
        assert_eq!(expectations.of("dme").ends, Some(EndState::Untouched));
    }

    #[test]
    fn a_step_that_is_not_named_has_to_end_done() {
        let steps = BTreeMap::from([(3, Outcome::Failed)]);
        let expectations = Expectations { steps, ..Expectations::default() };
        assert_eq!(expectations.of_step(3), Outcome::Failed);
        assert_eq!(expectations.of_step(4), Outcome::Done);
    }
}
