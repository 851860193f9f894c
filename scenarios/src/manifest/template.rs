//! Text with placeholders: `--dev {tap}` becomes `--dev tv0` where it runs.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::text::text_type;
use yaml::suggest;

/// Text with placeholders such as `{tap}`; `{{` and `}}` stand for braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: String,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(Placeholder),
}

/// What a template may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Placeholder {
    /// The number of the order that joins the two sides.
    Order,
    /// The order's passcode.
    Passcode,
    /// The relay's IPv4 address.
    RelayAddress,
    /// This role's own IPv4 address, one of the three.
    OwnAddress,
    /// The technician's IPv4 address on the internet.
    TechnicianAddress,
    /// The mechanic's IPv4 address on the internet.
    MechanicAddress,
    /// Name of the TAP device the role is to create.
    Tap,
    /// Name of the Ethernet port the role is to open.
    Port,
    /// A folder of this run for configuration and keys.
    Dir,
    /// Largest IP packet of the Ethernet port, in bytes.
    Mtu,
    /// How frames ride, as the scenario wants it: `datagram` or `stream`.
    Carry,
    /// What the guard does, as the scenario wants it: `off`, `advise` or `enforce`.
    Guard,
    /// The path of this program.
    Benchcar,
}

/// What placeholders stand for in one place.
pub type Value = BTreeMap<Placeholder, String>;

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A placeholder nobody knows.
    #[error("there is no placeholder `{{{0}}}`: {1}")]
    Unknown(String, String),
    /// A brace that opens and does not close.
    #[error("a `{{` is not closed: write `{{{{` for the brace itself")]
    Open,
    /// A brace that closes and was not opened.
    #[error("a `}}` closes nothing: write `}}}}` for the brace itself")]
    Closed,
    /// There is nothing in it.
    #[error("there is nothing here: write text, with placeholders such as `{{tap}}`")]
    Empty,
    /// A control character other than a line break.
    #[error("a control character has no place here: use plain text")]
    Control,
}

text_type!(
    Template,
    "Template",
    r"^([^{}]|\{\{|\}\}|\{[a-z-]+\})+$",
    "text, with placeholders such as `{tap}`"
);

impl Placeholder {
    /// Every placeholder.
    pub const ALL: [Self; 13] = [
        Self::Order,
        Self::Passcode,
        Self::RelayAddress,
        Self::TechnicianAddress,
        Self::MechanicAddress,
        Self::OwnAddress,
        Self::Tap,
        Self::Port,
        Self::Dir,
        Self::Mtu,
        Self::Carry,
        Self::Guard,
        Self::Benchcar,
    ];

    /// The word between the braces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Passcode => "passcode",
            Self::RelayAddress => "relay-address",
            Self::OwnAddress => "own-address",
            Self::TechnicianAddress => "technician-address",
            Self::MechanicAddress => "mechanic-address",
            Self::Tap => "tap",
            Self::Port => "port",
            Self::Dir => "dir",
            Self::Mtu => "mtu",
            Self::Carry => "carry",
            Self::Guard => "guard",
            Self::Benchcar => "benchcar",
        }
    }
}

impl Template {
    /// Puts values in the place of placeholders; what has no value is returned as the error.
    ///
    /// # Errors
    ///
    /// Names the first placeholder without a value.
    pub fn fill(&self, values: &Value) -> Result<String, Placeholder> {
        let mut filled = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Value(name) => filled.push_str(values.get(name).ok_or(*name)?),
            }
        }
        Ok(filled)
    }

    /// Returns what it asks for.
    pub fn placeholders(&self) -> impl Iterator<Item = Placeholder> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Value(name) => Some(*name),
        })
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(source: &str) -> Result<Self, TemplateError> {
        if source.is_empty() {
            return Err(TemplateError::Empty);
        }
        if source.chars().any(|c| c.is_control() && c != '\n') {
            return Err(TemplateError::Control);
        }
        let (mut pieces, mut text) = (Vec::new(), String::new());
        let mut rest = source;
        while let Some(at) = rest.find(['{', '}']) {
            text.push_str(&rest[..at]);
            let (brace, after) = rest[at..].split_at(1);
            if after.starts_with(brace) {
                text.push_str(brace);
                rest = &after[1..];
                continue;
            }
            if brace == "}" {
                return Err(TemplateError::Closed);
            }
            let (name, after) = after.split_once('}').ok_or(TemplateError::Open)?;
            pieces.extend((!text.is_empty()).then(|| Piece::Text(std::mem::take(&mut text))));
            pieces.push(Piece::Value(placeholder(name)?));
            rest = after;
        }
        text.push_str(rest);
        pieces.extend((!text.is_empty()).then_some(Piece::Text(text)));
        Ok(Self { source: source.to_owned(), pieces })
    }
}

fn placeholder(name: &str) -> Result<Placeholder, TemplateError> {
    Placeholder::ALL.into_iter().find(|known| known.name() == name).ok_or_else(|| {
        let names = Placeholder::ALL.map(Placeholder::name);
        TemplateError::Unknown(name.to_owned(), suggest::among(name, "placeholders", names))
    })
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing_to_fill("-D", "-D")]
    #[case::alone("{tap}", "tv0")]
    #[case::inside("{relay-address}:7654", "10.0.0.1:7654")]
    #[case::twice("{tap}{tap}", "tv0tv0")]
    #[case::braces("{{{tap}}} }}", "{tv0} }")]
    fn values_take_the_place_of_placeholders(#[case] source: &str, #[case] filled: &str) {
        let values = [
            (Placeholder::Tap, "tv0".to_owned()),
            (Placeholder::RelayAddress, "10.0.0.1".to_owned()),
        ];
        let template: Template = source.parse().unwrap();
        assert_eq!(template.fill(&values.into()).as_deref(), Ok(filled));
        assert_eq!(template.to_string(), source);
    }

    #[rstest]
    #[case::unknown("{tab}", "did you mean `tap`?")]
    #[case::open("{tap", "`{{` for the brace")]
    #[case::closed("tap}", "`}}` for the brace")]
    #[case::empty("", "there is nothing here")]
    #[case::empty_name("{}", "there is no placeholder `{}`")]
    #[case::control("a\u{1b}b", "control character")]
    fn what_is_no_template_is_explained(#[case] source: &str, #[case] told: &str) {
        let error = source.parse::<Template>().unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }

    #[test]
    fn a_placeholder_without_a_value_is_named() {
        let template: Template = "{dir}/x/{order}".parse().unwrap();
        let values = [(Placeholder::Dir, "/d".to_owned())];
        assert_eq!(template.fill(&values.into()), Err(Placeholder::Order));
    }
}
