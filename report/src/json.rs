//! One object per line.

use record::Summary;

/// Returns the object `--json` prints, on one line, without a line feed.
pub fn json_line(summary: &Summary) -> String {
    serde_json::to_string(summary).expect("a summary has only text keys and plain values")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{failed, passed};

    #[test]
    fn an_object_is_one_line_and_reads_back() {
        for summary in [passed(), failed()] {
            let line = json_line(&summary);
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Summary>(&line).unwrap(), summary);
        }
    }

    #[test]
    fn the_keys_are_pinned() {
        insta::assert_snapshot!(json_line(&passed()));
    }
}
