//! Regular expressions that look for something in what a program prints.

use std::fmt;
use std::str::FromStr;

use regex_lite::{Regex, RegexBuilder};

use crate::text::text_type;

/// A regular expression; it is looked for anywhere in one line.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

/// Why a text is no regular expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is not one.
    #[error(
        "this is no regular expression, {0}: put `\\` before a character that stands for itself"
    )]
    Syntax(String),
    /// It would take too much memory.
    #[error("this regular expression is too large: ask for less repetition")]
    TooLarge,
    /// It matches where nothing is.
    #[error("this regular expression matches an empty line: write what has to be there")]
    MatchesNothing,
}

text_type!(
    Pattern,
    "Pattern",
    r"^.+$",
    "a regular expression, looked for in each line, such as `Initialization .* Completed`"
);

impl Pattern {
    /// Returns whether a line has it.
    pub fn is_in(&self, line: &str) -> bool {
        self.0.is_match(line)
    }

    /// Returns the first group of the first line that has it, or all that matches.
    pub fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        let found = text.lines().find_map(|line| self.0.captures(line))?;
        found.get(1).or_else(|| found.get(0)).map(|found| found.as_str())
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let built = RegexBuilder::new(text).size_limit(SIZE_LIMIT).build();
        let regex = built.map_err(|error| {
            // The library has no kinds of errors, only words.
            let told = error.to_string();
            if told.contains("size limit") {
                PatternError::TooLarge
            } else {
                PatternError::Syntax(told)
            }
        })?;
        if regex.is_match("") {
            return Err(PatternError::MatchesNothing);
        }
        Ok(Self(regex))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

/// The most memory one compiled expression may take, in bytes.
const SIZE_LIMIT: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::a_group(r"OpenVPN (\S+)", Some("2.6.14"))]
    #[case::no_group(r"2\.\d+", Some("2.6"))]
    #[case::only_in_a_later_line("more (.*)", Some("lines"))]
    #[case::absent("tinc", None)]
    fn finds_the_first_group_or_everything(#[case] pattern: &str, #[case] found: Option<&str>) {
        let pattern: Pattern = pattern.parse().unwrap();
        assert_eq!(pattern.find("OpenVPN 2.6.14 x86_64\nmore lines"), found);
    }

    #[rstest]
    #[case::open("(a", "no regular expression")]
    #[case::too_large("a{1000}{1000}", "too large")]
    #[case::everything("a*", "empty line")]
    fn refuses_what_cannot_be_looked_for(#[case] text: &str, #[case] told: &str) {
        let error = text.parse::<Pattern>().unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}
