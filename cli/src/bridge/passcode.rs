//! Where a passcode comes from, and where it must not go.

use std::fs;

use bridge::Secret;
use console::Term;

use super::options::OrderArgs;
use crate::complain;

/// The environment variable a passcode may be in.
const VARIABLE: &str = "BENCHCAR_PASSCODE";

/// Invisible, and no part of a passcode.
const BYTE_ORDER_MARK: char = '\u{FEFF}';

/// Decimal digits of a drawn order number.
const ORDER_DIGITS: u64 = 1_000_000;

/// Groups of a drawn passcode, three digits each.
const GROUPS: usize = 4;

/// Reads the passcode from wherever the user put it; `None` when it is nowhere.
pub fn given(args: &OrderArgs) -> Result<Option<String>, String> {
    if let Some(passcode) = &args.passcode {
        complain(format_args!(
            "warning: every user of this machine can read --passcode; use \
             --passcode-file or {VARIABLE}"
        ));
        return checked(passcode).map(Some);
    }
    if let Some(file) = &args.passcode_file {
        let text = fs::read_to_string(file)
            .map_err(|error| format!("the passcode file {}: {error}", file.display()))?;
        return checked(text.lines().next().unwrap_or_default()).map(Some);
    }
    match std::env::var(VARIABLE) {
        Ok(passcode) => checked(&passcode).map(Some),
        Err(_) => Ok(None),
    }
}

/// Asks for the passcode on a terminal, without showing it.
pub fn asked() -> Result<String, String> {
    let terminal = Term::stderr();
    if !terminal.is_term() {
        return Err(format!(
            "there is no passcode: use --passcode-file FILE or the environment variable {VARIABLE}"
        ));
    }
    terminal
        .write_str("Passcode: ")
        .and_then(|()| terminal.read_secure_line())
        .map_err(|error| format!("no passcode was read: {error}"))
        .and_then(|text| checked(&text))
}

/// Draws an order number of six digits and a passcode that is easy to say on the phone.
pub fn drawn(secret: &Secret) -> (u64, String) {
    let mut chance = secret.source("bridge/order");
    let order = ORDER_DIGITS / 10 + chance.below(ORDER_DIGITS - ORDER_DIGITS / 10);
    let groups: Vec<String> = (0..GROUPS).map(|_| format!("{:03}", chance.below(1000))).collect();
    (order, groups.concat())
}

/// Groups digits by three, for reading out.
pub fn spoken(digits: &str) -> String {
    let digits: Vec<char> = digits.chars().collect();
    digits.chunks(3).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// Takes out the spaces and dashes people put between digits; everything else stays.
fn checked(text: &str) -> Result<String, String> {
    // What some editors put at a file's beginning.
    let text = text.trim_start_matches(BYTE_ORDER_MARK).trim();
    let is_spoken = text.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-'));
    let passcode: String = text.chars().filter(|c| !is_spoken || c.is_ascii_digit()).collect();
    if passcode.is_empty() {
        return Err("the passcode is empty".to_owned());
    }
    Ok(passcode)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::grouped("048 291 376 655\n", Ok("048291376655"))]
    #[case::dashed("048-291", Ok("048291"))]
    #[case::words("correct horse-battery", Ok("correct horse-battery"))]
    #[case::marked("\u{FEFF}123 456\r", Ok("123456"))]
    #[case::only_marked("\u{FEFF}\n", Err(()))]
    #[case::empty("  \n", Err(()))]
    #[case::only_dashes("--", Err(()))]
    fn digits_may_be_grouped(#[case] text: &str, #[case] expected: Result<&str, ()>) {
        assert_eq!(checked(text).map_err(|_| ()), expected.map(str::to_owned));
    }

    #[test]
    fn what_is_drawn_can_be_said_and_typed_again() {
        let (order, passcode) = drawn(&Secret::from([1; 32]));
        assert!((100_000..1_000_000).contains(&order));
        assert_eq!(passcode.len(), 12);
        assert_eq!(checked(&spoken(&passcode)), Ok(passcode));
    }
}
