//! The JSON Schema of bridge manifests, for editors.

#[cfg(test)]
mod from_types;

/// Returns the JSON Schema of a manifest file, as JSON; made as that of scenarios is.
pub fn schema() -> &'static str {
    include_str!("../../../schema/bridge.schema.json").trim_end()
}
