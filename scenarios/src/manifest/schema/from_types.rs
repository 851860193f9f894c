//! The JSON Schema of bridge manifests, as the types have it.

use std::collections::BTreeSet;

use schemars::JsonSchema;

use super::super::check::KEYS;
use super::super::{Capability, Installed, Preparation, Role, Version};
use crate::schema::from_types::{assert_committed, settings};

/// Returns the JSON Schema of a manifest file.
fn schema() -> serde_json::Value {
    settings().into_generator().into_root_schema_for::<ManifestFile>().to_value()
}

/// A bridge under test: how it is started, what it needs, what it claims.
///
/// The reader takes the keys one by one, so that every mistake is told; this type describes them.
#[derive(JsonSchema)]
#[schemars(rename = "Bridge", rename_all = "kebab-case", deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file; the reader fills `Manifest` key by key")]
struct ManifestFile {
    /// Its name.
    #[schemars(regex(pattern = "^[a-z0-9-]{1,32}$"))]
    bridge: String,
    /// What it is, for people.
    about: Option<String>,
    /// The programs it is made of, and how to get them.
    installed: Option<Installed>,
    /// How its version is found out.
    version: Option<Version>,
    /// What it claims to do; what is absent is not supported.
    capabilities: Option<Vec<Capability>>,
    /// What is made ready before anything starts, in order.
    prepare: Option<Vec<Preparation>>,
    /// Whether it is a plain wire: nothing is started.
    wire: Option<bool>,
    /// The programs by their role.
    roles: Option<RolesFile>,
}

/// The programs of a bridge by their role.
#[derive(JsonSchema)]
#[schemars(rename = "Roles", rename_all = "kebab-case", deny_unknown_fields)]
#[expect(dead_code, reason = "describes the file; the reader fills `Roles` key by key")]
struct RolesFile {
    /// Beside the tester.
    technician: Role,
    /// Somewhere on the internet, where the bridge has one.
    relay: Option<Role>,
    /// Beside the vehicle.
    mechanic: Role,
}

#[test]
fn the_keys_are_those_the_reader_takes() {
    let schema = schema();
    let keys = schema["properties"].as_object().unwrap().keys().map(String::as_str);
    assert_eq!(keys.collect::<BTreeSet<_>>(), KEYS.into_iter().collect());
}

#[test]
fn the_committed_schema_is_the_one_of_the_types() {
    assert_committed("bridge.schema.json", &schema(), super::schema());
}
