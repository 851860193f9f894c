//! What somebody probably meant.

/// Says what would be right where `wrong` stands: the nearest name, or all of them.
///
/// `what` names the kind in the plural, such as `keys` or `control units`.
pub fn among<'a>(wrong: &str, what: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    among_all(wrong, what, &names.into_iter().collect::<Vec<_>>())
}

fn among_all(wrong: &str, what: &str, names: &[&str]) -> String {
    if names.is_empty() {
        return format!("there are no {what} here");
    }
    let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match nearest(wrong, names) {
        Some(name) => format!("did you mean `{name}`? {what}: {list}"),
        None => format!("{what}: {list}"),
    }
}

/// Returns the name closest to `wrong`, when it is close enough to be a slip of the hand.
pub fn nearest<'a>(wrong: &str, names: &[&'a str]) -> Option<&'a str> {
    let plain = wrong.to_lowercase().replace(['_', ' '], "-");
    let distance = |name: &str| strsim::damerau_levenshtein(&plain, name);
    let best = names.iter().copied().min_by_key(|name| distance(name))?;
    if distance(best) <= best.chars().count().max(3) / 3 {
        return Some(best);
    }
    names.iter().copied().find(|name| plain.len() >= 3 && name.starts_with(&plain))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const NAMES: [&str; 4] = ["gateway-reset", "blackout", "egs", "kafas"];

    #[rstest]
    #[case::a_letter_missing("blackot", Some("blackout"))]
    #[case::two_letters_swapped("esg", Some("egs"))]
    #[case::other_separator("gateway_reset", Some("gateway-reset"))]
    #[case::capitals("KAFAS", Some("kafas"))]
    #[case::beginning("gate", Some("gateway-reset"))]
    #[case::something_else("network", None)]
    fn finds_the_nearest_name(#[case] wrong: &str, #[case] name: Option<&str>) {
        assert_eq!(nearest(wrong, &NAMES), name);
    }

    #[test]
    fn lists_all_names_even_when_none_is_near() {
        assert_eq!(among("xyz", "keys", ["a", "b"]), "keys: `a`, `b`");
    }
}
