//! The JSON Schema of scenarios, for editors.

#[cfg(test)]
pub(crate) mod from_types;

/// Returns the JSON Schema of a scenario file, as JSON.
///
/// It is the committed text: a test makes it anew from the types and wants the same. So nobody who
/// builds benchcar builds what describes types.
pub fn schema() -> &'static str {
    include_str!("../../schema/scenario.schema.json").trim_end()
}
