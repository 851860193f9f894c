//! The JSON Schema of scenarios, as the types have it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use crate::bridge::Bridge;
use crate::check::KEYS;
use crate::client::ClientSetup;
use crate::ecu::EcuSetup;
use crate::expect::Expectations;
use crate::fault::Fault;
use crate::link::{Interface, Protocol};
use crate::scenario::{BackendSetup, Network, Supply};
use crate::step::Step;
use crate::threshold::Threshold;

/// Returns the JSON Schema of a scenario file.
fn schema() -> Value {
    settings().into_generator().into_root_schema_for::<ScenarioFile>().to_value()
}

/// Returns how types are described: as the reader takes them.
pub(crate) fn settings() -> SchemaSettings {
    SchemaSettings::draft07().with_transform(RecursiveTransform(without_null))
}

/// Fails where what is shipped is not what the types have; where it is asked to, writes it anew.
pub(crate) fn assert_committed(file: &str, fresh: &Value, shipped: &str) {
    let fresh = format!("{fresh:#}\n");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema");
        std::fs::write(folder.join(file), fresh).unwrap();
        return;
    }
    assert_eq!(shipped, fresh.trim_end(), "run: UPDATE_SCHEMA=1 cargo test -p scenarios schema");
}

/// A key is left out or has a value; schemars lets one that may be left out be null.
fn without_null(schema: &mut Schema) {
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = &types[..] {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    let Some(Value::Array(choices)) = schema.get_mut("anyOf") else { return };
    choices.retain(|choice| *choice != json!({ "type": "null" }));
    if choices.len() == 1
        && let Some(only) = schema.remove("anyOf")
    {
        schema.insert("allOf".to_owned(), only);
    }
}

/// A scenario: the car, what is between it and the tester, what is done, what is expected.
///
/// The reader takes the keys one by one, so that every mistake is told; this type describes them.
#[derive(JsonSchema)]
#[schemars(rename = "Scenario", rename_all = "kebab-case", deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file; the reader fills `Scenario` key by key")]
struct ScenarioFile {
    /// What it is, for people.
    #[schemars(length(min = 1))]
    scenario: String,
    /// What it proves, for people.
    proves: Option<String>,
    /// The vehicle by its name, such as `g05`.
    vehicle: String,
    /// Control units that differ from how the vehicle has them, by name.
    ecus: Option<BTreeMap<String, EcuSetup>>,
    /// What feeds the car.
    supply: Option<Supply>,
    /// What is plugged into the car; `enet-cable` where nothing is said.
    vci: Option<Interface>,
    /// The protocol between tester and gateway; the vehicle's own where nothing is said.
    protocol: Option<Protocol>,
    /// What carries frames between tester and workshop; `reference`, as a workshop has it,
    /// where nothing is said.
    bridge: Option<Bridge>,
    /// What the network beneath the bridge does.
    network: Option<Network>,
    /// How the manufacturer's service for plans and keys behaves.
    backend: Option<BackendSetup>,
    /// How the tester differs from the usual one.
    tester: Option<ClientSetup>,
    /// What goes wrong, and when.
    faults: Option<Vec<Fault>>,
    /// What the tester does, in order.
    #[schemars(length(min = 1))]
    steps: Vec<Step>,
    /// What is expected of the car and of the run.
    expect: Option<Expectations>,
    /// Limits on latencies, such as `transfer-data.p99 < 400ms`.
    thresholds: Option<Vec<Threshold>>,
}

#[test]
fn the_keys_are_those_the_reader_takes() {
    let schema = schema();
    let keys = schema["properties"].as_object().unwrap().keys().map(String::as_str);
    assert_eq!(keys.collect::<BTreeSet<_>>(), KEYS.into_iter().collect());
}

#[test]
fn the_committed_schema_is_the_one_of_the_types() {
    assert_committed("scenario.schema.json", &schema(), super::schema());
}

#[test]
fn every_key_is_described() {
    let mut bare = Vec::new();
    walk(&schema(), "", &mut bare);
    assert_eq!(bare, Vec::<String>::new());
}

/// Collects properties without a description.
fn walk(value: &serde_json::Value, path: &str, bare: &mut Vec<String>) {
    if let Some(properties) = value.get("properties").and_then(|p| p.as_object()) {
        for (key, property) in properties {
            let is_choice = properties.len() == 1;
            if property.get("description").is_none() && !is_choice {
                bare.push(format!("{path}/{key}"));
            }
        }
    }
    match value {
        serde_json::Value::Object(map) => {
            map.iter().for_each(|(key, below)| walk(below, &format!("{path}/{key}"), bare));
        }
        serde_json::Value::Array(list) => list.iter().for_each(|below| walk(below, path, bare)),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
}
