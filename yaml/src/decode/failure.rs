//! A mistake on its way out of the type that noticed it.

use std::fmt;

use serde::de;

use crate::mistake::{self, Mistake};
use crate::span::Span;
use crate::suggest;
use crate::tree::{Tree, shorten};

/// A mistake; one pointer, as every step of every type carries it.
#[derive(Debug)]
pub(super) struct Failure(Box<Found>);

/// A mistake whose place may not be known yet.
#[derive(Debug)]
struct Found {
    message: String,
    help: Option<String>,
    /// The innermost node or key it is about.
    span: Option<Span>,
}

impl Failure {
    #[cold]
    pub fn new(message: String, help: Option<String>) -> Self {
        Self(Box::new(Found { message, help, span: None }))
    }

    #[cold]
    pub fn about(mut self, span: &Span) -> Self {
        self.0.span.get_or_insert_with(|| span.clone());
        self
    }

    /// Makes it about a node; about the key of it that the message names first, if one.
    #[cold]
    pub fn about_node(self, tree: &Tree) -> Self {
        if self.0.span.is_some() {
            return self;
        }
        let mut quoted = self.0.message.split('`').skip(1).step_by(2);
        let named = quoted.find_map(|word| tree.get(word)).unwrap_or(tree).span.clone();
        self.about(&named)
    }

    #[cold]
    pub fn into_mistake(self, tree: &Tree) -> Mistake {
        let Found { message, help, span } = *self.about_node(tree).0;
        Mistake { message, help, span: span.expect("it was made about a node at the latest above") }
    }

    #[cold]
    fn from_text(text: String) -> Self {
        let (message, help) = mistake::split(text);
        Self::new(message, help)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    /// Takes what follows the first `: ` outside of quotes as the help.
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::from_text(text.to_string())
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("{found} does not fit here"), Some(format!("write {expected}")))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("{found} does not fit here"), Some(format!("write {expected}")))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let help = suggest::among(field, "keys", expected.iter().copied());
        Self::new(format!("there is no key `{}` here", shorten(field)), Some(help))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let help = suggest::among(variant, "choices", expected.iter().copied());
        Self::new(format!("`{}` is not one of the choices", shorten(variant)), Some(help))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is missing"), Some(format!("add `{field}: …`")))
    }
}
