//! Digits large enough to be read from the other end of a workshop.

/// Each digit in five rows of three.
const DIGITS: [[&str; 5]; 10] = [
    ["███", "█ █", "█ █", "█ █", "███"],
    [" █ ", "██ ", " █ ", " █ ", "███"],
    ["███", "  █", "███", "█  ", "███"],
    ["███", "  █", "███", "  █", "███"],
    ["█ █", "█ █", "███", "  █", "  █"],
    ["███", "█  ", "███", "  █", "███"],
    ["███", "█  ", "███", "█ █", "███"],
    ["███", "  █", "  █", "  █", "  █"],
    ["███", "█ █", "███", "█ █", "███"],
    ["███", "█ █", "███", "  █", "███"],
];

/// Draws digits and spaces; everything else is left out.
pub fn large(text: &str) -> String {
    let rows = (0..5).map(|row| {
        let cells = text.chars().filter_map(|c| match c.to_digit(10) {
            Some(digit) => Some(DIGITS[digit as usize][row]),
            None => (c == ' ').then_some(""),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    rows.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_side_by_side() {
        let rows: Vec<String> = large("1 2").lines().map(str::to_owned).collect();
        assert_eq!(rows, [" █     ███", "██       █", " █     ███", " █     █", "███    ███"]);
    }
}
