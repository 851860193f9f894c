//! What is wrong with a scenario, and where.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report,
};
use yaml::span;

/// A text somebody wrote: a scenario file, or a setting on the command line.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceText {
    /// The file as the user named it, or the setting.
    pub name: String,
    /// The text.
    pub text: String,
}

/// One mistake in a scenario: what, where, and what would be right.
///
/// Prints as `file:line:column: message; help`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    message: String,
    help: Option<String>,
    source: Arc<SourceText>,
    /// Bytes of the source; none when there is no text to point into.
    span: Option<Range<usize>>,
}

/// All mistakes found in one scenario, in the order of the file; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioErrors(Vec<ScenarioError>);

impl ScenarioError {
    /// Makes an error that points at bytes of a text; a span beyond its end points at the end.
    pub(crate) fn at(
        source: &Arc<SourceText>,
        span: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Self {
        let span = Some(span::fit(&source.text, span));
        Self { message: message.into(), help, source: Arc::clone(source), span }
    }

    /// Makes an error about a file whose text could not be had.
    pub(crate) fn about(file: &str, message: impl Into<String>) -> Self {
        let source = Arc::new(SourceText { name: file.to_owned(), text: String::new() });
        Self { message: message.into(), help: None, source, span: None }
    }

    /// Returns the file, or the setting.
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// Returns what is wrong, as a fragment.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns what would be right, when that can be said.
    pub fn help_text(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Returns line and column, counted from one in characters; none without a text.
    pub fn position(&self) -> Option<(usize, usize)> {
        Some(span::position(&self.source.text, self.span.as_ref()?.start))
    }

    /// Returns the byte the error points at.
    pub(crate) fn start(&self) -> usize {
        self.span.as_ref().map_or(0, |span| span.start)
    }

    /// Draws the line with a caret, for a terminal.
    pub fn render(&self, colour: bool) -> String {
        let theme =
            if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let mut out = String::new();
        GraphicalReportHandler::new_themed(theme)
            .with_width(100)
            .with_links(false)
            .render_report(&mut out, self.report().as_ref())
            .expect("writing to a string does not fail");
        out
    }

    fn report(&self) -> Report {
        let Some(span) = &self.span else {
            return Report::new(MietteDiagnostic::new(self.to_string()));
        };
        let mut diagnostic = MietteDiagnostic::new(self.message.clone())
            .with_label(LabeledSpan::new_with_span(Some("here".to_owned()), span.clone()));
        diagnostic.help.clone_from(&self.help);
        let source = NamedSource::new(&self.source.name, self.source.text.clone());
        Report::new(diagnostic).with_source_code(source)
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source.name)?;
        if let Some((line, column)) = self.position() {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ScenarioError {}

/// How many mistakes of one file are drawn: nobody mends more at once.
const DRAWN: usize = 20;

impl ScenarioErrors {
    /// Drops repetitions; none when there are no errors.
    pub(crate) fn from_list(mut errors: Vec<ScenarioError>) -> Option<Self> {
        errors.dedup();
        (!errors.is_empty()).then_some(Self(errors))
    }

    /// Returns the errors in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, ScenarioError> {
        self.0.iter()
    }

    /// Draws every error with its line and a caret, for a terminal.
    pub fn render(&self, colour: bool) -> String {
        let mut text: String =
            self.0.iter().take(DRAWN).map(|error| error.render(colour)).collect();
        if let Some(more @ 1..) = self.0.len().checked_sub(DRAWN) {
            text += &format!("… and {more} more in {}\n", self.0[DRAWN].file());
        }
        text
    }
}

impl From<ScenarioError> for ScenarioErrors {
    fn from(error: ScenarioError) -> Self {
        Self(vec![error])
    }
}

impl<'a> IntoIterator for &'a ScenarioErrors {
    type Item = &'a ScenarioError;
    type IntoIter = std::slice::Iter<'a, ScenarioError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One line per error.
impl fmt::Display for ScenarioErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for ScenarioErrors {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_file_line_and_column_in_characters() {
        let source = text("car.yaml", "ä: 1\nü: ü2\n");
        let error = ScenarioError::at(&source, 11..13, "no", Some("yes".to_owned()));
        assert_eq!(error.to_string(), "car.yaml:2:4: no; yes");
    }

    #[test]
    fn no_more_are_drawn_than_anybody_mends_at_once() {
        let source = text("car.yaml", &"a: 1\n".repeat(25));
        let wrong = |n: usize| ScenarioError::at(&source, n * 5..n * 5 + 1, "wrong", None);
        let errors = ScenarioErrors::from_list((0..25).map(wrong).collect()).unwrap();
        let drawn = errors.render(false);
        assert_eq!(drawn.matches("wrong").count(), 20);
        assert!(drawn.ends_with("… and 5 more in car.yaml\n"), "{drawn}");
    }

    #[test]
    fn draws_the_line_with_a_caret() {
        let source = text("car.yaml", "vehicle: g50\n");
        let help = Some("did you mean `g05`?".to_owned());
        let error = ScenarioError::at(&source, 9..12, "there is no vehicle `g50`", help);
        insta::assert_snapshot!(error.render(false));
    }

    #[test]
    fn colour_is_a_choice() {
        let error = ScenarioError::at(&text("car.yaml", "a"), 0..1, "no", None);
        assert!(error.render(true).contains('\u{1b}'));
        assert!(!error.render(false).contains('\u{1b}'));
    }

    fn text(name: &str, text: &str) -> Arc<SourceText> {
        Arc::new(SourceText { name: name.to_owned(), text: text.to_owned() })
    }
}
