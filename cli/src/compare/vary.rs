//! Values to be tried one after another: `network.mechanic.loss=0%/0.1%/1%`.

use std::fmt;
use std::str::FromStr;

use scenarios::{Setting, SettingError};

/// Places of a scenario that take one value after another, all the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vary {
    paths: Vec<String>,
    values: Vec<String>,
}

/// One choice of a value for everything that is varied.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// The choice as people name it: `rtt 40ms, loss 1%`; empty when nothing is varied.
    pub name: String,
    /// What it sets.
    pub settings: Vec<Setting>,
    /// The same as it is written on a command line.
    pub words: Vec<String>,
}

/// Why a word says nothing to be varied.
#[derive(Debug, thiserror::Error)]
pub enum VaryError {
    /// Neither path nor values.
    #[error("`{0}` is not PATH[+PATH…]=VALUE[/VALUE…]")]
    NotVaried(String),
    /// One of the settings it stands for is wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
}

/// Returns every combination of what is varied; the last varies fastest.
pub fn choices(varied: &[Vary]) -> Result<Vec<Choice>, VaryError> {
    let mut choices = vec![Choice::default()];
    for vary in varied {
        let mut longer = Vec::new();
        for choice in &choices {
            for value in &vary.values {
                longer.push(choice.with(vary, value)?);
            }
        }
        choices = longer;
    }
    Ok(choices)
}

impl FromStr for Vary {
    type Err = VaryError;

    fn from_str(text: &str) -> Result<Self, VaryError> {
        let wrong = || VaryError::NotVaried(text.to_owned());
        let (paths, values) = text.split_once('=').ok_or_else(wrong)?;
        let split = |words: &str, at: char| words.split(at).map(str::to_owned).collect::<Vec<_>>();
        let vary = Self { paths: split(paths, '+'), values: split(values, '/') };
        if vary.paths.iter().chain(&vary.values).any(String::is_empty) {
            return Err(wrong());
        }
        Ok(vary)
    }
}

impl fmt::Display for Vary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.paths.join("+"), self.values.join("/"))
    }
}

impl Choice {
    fn with(&self, vary: &Vary, value: &str) -> Result<Self, VaryError> {
        let mut choice = self.clone();
        for path in &vary.paths {
            let word = format!("{path}={value}");
            choice.settings.push(word.parse()?);
            choice.words.push(word);
        }
        if !choice.name.is_empty() {
            choice.name += ", ";
        }
        let path = &vary.paths[0];
        let key = path.rsplit_once('.').map_or(path.as_str(), |(_, key)| key);
        choice.name += &format!("{key} {value}");
        Ok(choice)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn named(words: &[&str]) -> Vec<String> {
        let varied: Vec<Vary> = words.iter().map(|word| word.parse().unwrap()).collect();
        choices(&varied).unwrap().into_iter().map(|choice| choice.name).collect()
    }

    #[test]
    fn every_value_meets_every_other() {
        let names = named(&["network.technician.loss=0%/1%", "network.technician.rtt=20ms/80ms"]);
        let expected =
            ["loss 0%, rtt 20ms", "loss 0%, rtt 80ms", "loss 1%, rtt 20ms", "loss 1%, rtt 80ms"];
        assert_eq!(names, expected);
    }

    #[test]
    fn nothing_varied_is_one_choice_without_a_name() {
        assert_eq!(named(&[]), [""]);
    }

    #[test]
    fn tied_places_take_the_same_value() {
        let vary: Vary = "network.technician.rtt+network.mechanic.rtt=10ms/40ms".parse().unwrap();
        let choices = choices(&[vary]).unwrap();
        assert_eq!(choices.len(), 2);
        assert_eq!(choices[1].words, ["network.technician.rtt=40ms", "network.mechanic.rtt=40ms"]);
    }

    #[rstest]
    #[case("rtt")]
    #[case("rtt=")]
    #[case("rtt=20ms/")]
    #[case("a+=20ms")]
    fn what_is_not_varied_is_refused(#[case] text: &str) {
        assert!(text.parse::<Vary>().is_err());
    }
}
