//! Cutting, padding and wrapping text, one column per character.

/// Cuts text to at most `width` columns; an ellipsis stands for what is gone.
pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept = text.chars().take(width.saturating_sub(1));
    kept.chain((width > 0).then_some('…')).collect()
}

/// Fills text up with blanks to `width` columns.
pub fn pad(text: &str, width: usize) -> String {
    format!("{text:width$}")
}

/// Breaks text between words so that no line is wider than `width`, unless a single word is.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        let filled = line.chars().count();
        if filled == 0 {
            line.push_str(word);
        } else if filled + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::fits("müde", 4, "müde")]
    #[case::one_too_many("müder", 4, "müd…")]
    #[case::no_room("müder", 0, "")]
    fn cuts_at_a_column(#[case] text: &str, #[case] width: usize, #[case] expected: &str) {
        assert_eq!(cut(text, width), expected);
    }

    #[test]
    fn pads_by_characters_not_by_bytes() {
        assert_eq!(pad("mü", 4), "mü  ");
        assert_eq!(pad("müder", 4), "müder");
    }

    #[rstest]
    #[case::fits("no answer", 9, &["no answer"])]
    #[case::breaks("no answer", 8, &["no", "answer"])]
    #[case::long_word("unbelievable", 4, &["unbelievable"])]
    #[case::line_feeds("a\n  b", 9, &["a b"])]
    #[case::nothing("", 9, &[""])]
    fn wraps_between_words(#[case] text: &str, #[case] width: usize, #[case] lines: &[&str]) {
        assert_eq!(wrap(text, width), lines);
    }
}
