//! How values written as text become types: one macro for serde and the JSON Schema.

/// Implements `Deserialize`, `Serialize` and `JsonSchema` for a type with `FromStr` and `Display`.
///
/// The error of `FromStr` is what people read; the pattern is what editors check. `$json` are the
/// types an editor may take the text for: `22` is a number to those who do not know better, which
/// no pattern binds; what follows binds it.
macro_rules! text_type {
    ($type:ty, $name:literal, $pattern:literal, $forms:literal) => {
        $crate::text::text_type!($type, $name, $pattern, $forms, "string");
    };
    ($type:ty, $name:literal, $pattern:literal, $forms:literal, $json:tt $(, $key:literal: $value:tt)*) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl serde::de::Visitor<'_> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($forms)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[cfg(test)]
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": $json,
                    "pattern": $pattern,
                    $($key: $value,)*
                    "description": $forms,
                })
            }
        }
    };
}

pub(crate) use text_type;
