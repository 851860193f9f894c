//! One leg of the way: what the network between a site and the relay does to frames.

use std::fmt;
use std::time::Duration;

use netem_rs::{DurationText, Impairment, ImpairmentError};
use node::Seed;
#[cfg(test)]
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, MapAccess};

use crate::time::TimeRange;

/// The way between one site and the relay, there and back.
///
/// In YAML the keys of one direction hold for both, and three more are known: `rtt` sets the
/// delay of each direction to half of itself, `up` (to the relay) and `down` (from the relay)
/// say what is different in one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leg {
    /// The round trip; half of it is the delay of each direction.
    pub rtt: Option<TimeRange>,
    /// What happens to frames on their way to the relay.
    pub up: Impairment,
    /// What happens to frames on their way from the relay.
    pub down: Impairment,
}

/// Why the keys of a leg do not fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegError {
    /// The key it is about.
    pub key: &'static str,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Leg {
    /// Returns what each direction does in this run, up first; `purpose` names the leg.
    ///
    /// A round trip given as a range is drawn from the seed.
    pub fn impairments(&self, seed: Seed, purpose: &str) -> (Impairment, Impairment) {
        self.of_round_trip(|rtt| rtt.draw(seed, purpose))
    }

    /// Checks that the keys fit together.
    ///
    /// # Errors
    ///
    /// Names the key that does not fit.
    pub fn check(&self) -> Result<(), LegError> {
        let fixed = self.up.delay.or(self.down.delay);
        if let (Some(rtt), Some(delay)) = (self.rtt, fixed) {
            let message = format!(
                "a round trip of {rtt} and a delay of {delay} cannot both be: keep `rtt` or `delay`"
            );
            return Err(LegError { key: "rtt", message });
        }
        let (up, down) = self.shortest();
        [up, down].iter().try_for_each(|direction| direction.check().map_err(wrong))
    }

    /// Checks that a change to this makes sense of a leg that was as `before`.
    ///
    /// # Errors
    ///
    /// Names the key that does not fit.
    pub fn check_over(&self, before: &Self) -> Result<(), LegError> {
        let ((up, down), (up_before, down_before)) = (self.shortest(), before.shortest());
        let directions = [up.over(&up_before), down.over(&down_before)];
        directions.iter().try_for_each(|direction| direction.check().map_err(wrong))
    }

    /// What each direction does where the round trip is the shortest it may be, up first.
    fn shortest(&self) -> (Impairment, Impairment) {
        self.of_round_trip(|rtt| rtt.low())
    }

    fn of_round_trip(&self, pick: impl FnOnce(TimeRange) -> Duration) -> (Impairment, Impairment) {
        let (mut up, mut down) = (self.up.clone(), self.down.clone());
        if let Some(rtt) = self.rtt {
            let half = Some(DurationText(pick(rtt) / 2));
            (up.delay, down.delay) = (half, half);
        }
        (up, down)
    }
}

fn wrong(error: ImpairmentError) -> LegError {
    LegError { key: error.key(), message: error.to_string() }
}

impl<'de> Deserialize<'de> for Leg {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("Leg", KEYS, LegVisitor)
    }
}

struct LegVisitor;

impl<'de> de::Visitor<'de> for LegVisitor {
    type Value = Leg;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what the network does, such as `{ rtt: 30ms, loss: 0.1% }`")
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Leg, A::Error> {
        let mut own = OwnKeys::default();
        let both =
            Impairment::deserialize(MapAccessDeserializer::new(Sieve { access, own: &mut own }))?;
        let over = |change: Option<Impairment>| match change {
            Some(change) => change.over(&both),
            None => both.clone(),
        };
        Ok(Leg { rtt: own.rtt, up: over(own.up), down: over(own.down) })
    }
}

/// The keys of a leg that are not keys of one direction.
#[derive(Default)]
struct OwnKeys {
    rtt: Option<TimeRange>,
    up: Option<Impairment>,
    down: Option<Impairment>,
}

/// Keeps a leg's own keys, and lets those of one direction through.
struct Sieve<'a, A> {
    access: A,
    own: &'a mut OwnKeys,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Sieve<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let mut seed = Some(seed);
        loop {
            let Some(key) = self.access.next_key_seed(SieveKey { seed: &mut seed })? else {
                return Ok(None);
            };
            match key {
                Sieved::Rtt => self.own.rtt = Some(self.access.next_value()?),
                Sieved::Up => self.own.up = Some(self.access.next_value()?),
                Sieved::Down => self.own.down = Some(self.access.next_value()?),
                Sieved::Through(value) => return Ok(Some(value)),
            }
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.access.next_value_seed(seed)
    }
}

/// A key of a leg.
enum Sieved<T> {
    Rtt,
    Up,
    Down,
    Through(T),
}

/// Reads one key while the reader still knows where it stands.
struct SieveKey<'a, S> {
    /// Taken by the first key that is let through.
    seed: &'a mut Option<S>,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for SieveKey<'_, S> {
    type Value = Sieved<S::Value>;

    fn deserialize<D: de::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> de::Visitor<'de> for SieveKey<'_, S> {
    type Value = Sieved<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<Self::Value, E> {
        match key {
            "rtt" => Ok(Sieved::Rtt),
            "up" => Ok(Sieved::Up),
            "down" => Ok(Sieved::Down),
            key if KEYS.contains(&key) => {
                let seed = self.seed.take().expect("one key is let through at a time");
                seed.deserialize(de::value::StrDeserializer::new(key)).map(Sieved::Through)
            }
            other => Err(E::unknown_field(other, KEYS)),
        }
    }
}

#[cfg(test)]
impl JsonSchema for Leg {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Leg".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let direction = generator.subschema_for::<Impairment>();
        let rtt = generator.subschema_for::<TimeRange>();
        let both = Impairment::json_schema(generator);
        let mut properties =
            both.get("properties").and_then(|keys| keys.as_object()).cloned().unwrap_or_default();
        let described =
            |schema: &Schema, text: &str| json_schema!({ "description": text, "allOf": [schema] });
        let own = [
            ("rtt", described(&rtt, "The round trip; half of it is the delay of each direction.")),
            ("up", described(&direction, "What is different on the way to the relay.")),
            ("down", described(&direction, "What is different on the way from the relay.")),
        ];
        properties.extend(own.map(|(key, schema)| (key.to_owned(), schema.to_value())));
        json_schema!({
            "description": "The way between one site and the relay, there and back: the keys of \
                            one direction hold for both.",
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        })
    }
}

/// The keys of a leg: its own, then those of one direction.
const KEYS: &[&str] = &[
    "rtt",
    "up",
    "down",
    "preset",
    "delay",
    "jitter",
    "distribution",
    "keep-order",
    "loss",
    "burst",
    "drop",
    "rate",
    "queue",
    "mtu",
    "duplicate",
    "corrupt",
    "reorder",
    "reorder-by",
    "blackout",
    "schedule",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;

    use super::*;
    use yaml::Tree;
    use yaml::{Mistake, decode};

    #[test]
    fn half_of_the_round_trip_is_the_delay_of_each_direction() {
        let (up, down) = leg("{ rtt: 30ms, loss: 1% }").unwrap().impairments(Seed(1), "leg");
        assert_eq!(up.delay, Some("15ms".parse().unwrap()));
        assert_eq!(down.delay, up.delay);
        assert_eq!(down.loss, Some("1%".parse().unwrap()));
    }

    #[test]
    fn one_direction_may_differ() {
        let leg = leg("{ up: { loss: 3% }, delay: 5ms, loss: 1% }").unwrap();
        assert_eq!(leg.up.loss, Some("3%".parse().unwrap()));
        assert_eq!(leg.up.delay, Some("5ms".parse().unwrap()));
        assert_eq!(leg.down.loss, Some("1%".parse().unwrap()));
    }

    #[rstest]
    #[case::unknown_key("{ los: 1% }", "los")]
    #[case::wrong_unit("{ rtt: 30 }", "30")]
    #[case::unknown_key_inside("{ up: { rtt: 3ms } }", "rtt")]
    #[case::unknown_preset("{ preset: garage }", "garage")]
    #[case::too_much("{ loss: 120% }", "120%")]
    fn points_at_what_is_wrong(#[case] text: &str, #[case] place: &str) {
        let error = leg(text).unwrap_err();
        assert_eq!(&text[error.span.bytes], place);
    }

    #[rstest]
    #[case::twice("{ rtt: 30ms, delay: 10ms }", "rtt")]
    #[case::jitter("{ rtt: 30ms, jitter: 16ms }", "jitter")]
    #[case::queue("{ queue: 64KiB }", "queue")]
    fn keys_have_to_fit_together(#[case] text: &str, #[case] key: &str) {
        assert_eq!(leg(text).unwrap().check().unwrap_err().key, key);
    }

    #[test]
    fn the_keys_are_those_of_one_direction_and_three_more() {
        let schema = schemars::schema_for!(Impairment);
        let direction = schema.get("properties").unwrap().as_object().unwrap();
        let keys: BTreeSet<&str> =
            direction.keys().map(String::as_str).chain(["rtt", "up", "down"]).collect();
        assert_eq!(keys, KEYS.iter().copied().collect());
    }

    fn leg(text: &str) -> Result<Leg, Mistake> {
        decode(&Tree::parse(text, 0).unwrap())
    }
}
