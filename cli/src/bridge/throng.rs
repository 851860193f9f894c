//! Keeps whoever knocks often from filling the log.

use std::collections::BTreeMap;

use serde_json::{Map, json};

use super::words::Line;

/// How many lines of one kind are told one by one in a second.
const TOLD: u64 = 5;

/// What was told, and what was left out, of the present second.
#[derive(Default)]
pub struct Throng {
    counts: BTreeMap<&'static str, u64>,
}

impl Throng {
    /// Returns whether a line is to be told by itself.
    pub fn is_told(&mut self, line: &Line) -> bool {
        let count = self.counts.entry(line.name).or_default();
        *count += 1;
        *count <= TOLD
    }

    /// Returns what there is to tell of those left out, and begins a new second.
    pub fn rest(&mut self) -> Option<Line> {
        let counts = std::mem::take(&mut self.counts).into_iter();
        let left_out: Vec<(&str, u64)> = counts
            .filter_map(|(name, count)| Some((name, count.checked_sub(TOLD)?)))
            .filter(|(_, more)| *more > 0)
            .collect();
        if left_out.is_empty() {
            return None;
        }
        let words: Vec<String> =
            left_out.iter().map(|(name, more)| format!("{more} more {name}")).collect();
        let data: Map<_, _> =
            left_out.iter().map(|(name, more)| ((*name).to_owned(), json!(more))).collect();
        let text = format!("{} within a second", words.join(", "));
        Some(Line { name: "left-out", data: data.into(), text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &'static str) -> Line {
        Line { name, data: json!({}), text: String::new() }
    }

    #[test]
    fn few_of_a_kind_are_told_and_the_others_counted() {
        let kinds = ["refused", "offered", "side-left", "closed"];
        let mut throng = Throng::default();
        for kind in kinds {
            let told = (0..580).filter(|_| throng.is_told(&line(kind))).count();
            assert_eq!(told, 5, "{kind}");
        }
        assert!(throng.is_told(&line("paired")));
        let rest = throng.rest().unwrap();
        assert_eq!(
            rest.data,
            json!({ "closed": 575, "offered": 575, "refused": 575, "side-left": 575 })
        );
        assert!(rest.text.starts_with("575 more closed, "), "{}", rest.text);
        assert!(throng.rest().is_none());
        assert!(throng.is_told(&line("refused")), "a new second begins");
    }
}
