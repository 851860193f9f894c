//! What is wrong, where, and what would be right.

use std::fmt;
use std::ops::Range;

use crate::span::Span;

/// One mistake in a text.
///
/// Prints as `message; help`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong, as a fragment.
    pub message: String,
    /// What would be right, when that can be said.
    pub help: Option<String>,
    /// The innermost node or key it is about.
    pub span: Span,
}

impl Mistake {
    /// Makes a mistake about bytes of text number `text`.
    pub fn new(
        text: usize,
        bytes: Range<usize>,
        message: impl Into<String>,
        help: Option<&str>,
    ) -> Self {
        let help = help.map(str::to_owned);
        Self { message: message.into(), help, span: Span { text, bytes } }
    }

    /// Makes a mistake about a place; what follows the first `: ` outside of quotes is the help.
    pub fn at(span: &Span, text: impl Into<String>) -> Self {
        let (message, help) = split(text.into());
        Self { message, help, span: span.clone() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Mistake {}

/// Takes what follows the first `: ` outside of quotes as the help.
pub(crate) fn split(mut text: String) -> (String, Option<String>) {
    let mut quoted = false;
    for (index, byte) in text.bytes().enumerate() {
        quoted ^= byte == b'`';
        if !quoted && text.as_bytes()[index..].starts_with(b": ") {
            let help = text[index + 2..].to_owned();
            text.truncate(index);
            return (text, Some(help));
        }
    }
    (text, None)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::in_quotes("`a: b` is wrong: write `c`", "`a: b` is wrong", Some("write `c`"))]
    #[case::the_first("ü is: this: that", "ü is", Some("this: that"))]
    #[case::without("10:30 is no time", "10:30 is no time", None)]
    fn help_follows_the_first_colon_outside_of_quotes(
        #[case] text: &str,
        #[case] message: &str,
        #[case] help: Option<&str>,
    ) {
        let mistake = Mistake::at(&Span { text: 0, bytes: 0..1 }, text);
        assert_eq!((mistake.message.as_str(), mistake.help.as_deref()), (message, help));
    }
}
