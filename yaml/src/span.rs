//! Places in a text: bytes for programs, line and column for people.

use std::ops::Range;

/// Where something was written: bytes of one of the texts that make up what is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// 0 is the file, 1 the first setting of the command line, and so on.
    pub text: usize,
    /// Bytes of that text.
    pub bytes: Range<usize>,
}

impl Span {
    /// Moves the place by a number of bytes, for a text that is the end of a longer one.
    pub fn move_by(&mut self, bytes: usize) {
        self.bytes = self.bytes.start + bytes..self.bytes.end + bytes;
    }
}

/// Moves bytes inside the text, onto one line and whole characters; at least one where there is.
pub fn fit(text: &str, bytes: Range<usize>) -> Range<usize> {
    let last = text.trim_end().char_indices().next_back().map_or(0, |(index, _)| index);
    let start = text.floor_char_boundary(bytes.start.min(last));
    let first = text[start..].chars().next().map_or(0, char::len_utf8);
    let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
    let end = text.ceil_char_boundary(bytes.end.min(line_end));
    start..end.max(start + first)
}

/// Returns line and column of a byte, counted from one in characters.
///
/// A byte that begins no character of the text counts as the one before it that does.
pub fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(byte)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::inside("ab: cd\nef", 4..6, 4..6)]
    #[case::over_a_line_break("ab: cd\nef", 4..9, 4..6)]
    #[case::beyond_the_end("ab\n\n", 40..41, 1..2)]
    #[case::inside_a_character("a: ü", 4..4, 3..5)]
    #[case::nothing_there("", 0..1, 0..0)]
    fn bytes_stay_inside_their_text(
        #[case] text: &str,
        #[case] bytes: Range<usize>,
        #[case] fitted: Range<usize>,
    ) {
        assert_eq!(fit(text, bytes), fitted);
    }

    #[rstest]
    #[case::beginning("a: 1", 0, (1, 1))]
    #[case::second_line("ä: 1\nü: ü2\n", 12, (2, 5))]
    #[case::inside_a_character("ä: 1\nü: ü2\n", 11, (2, 4))]
    #[case::beyond_the_end("ab", 7, (1, 3))]
    fn lines_and_columns_count_characters(
        #[case] text: &str,
        #[case] byte: usize,
        #[case] place: (usize, usize),
    ) {
        assert_eq!(position(text, byte), place);
    }
}
