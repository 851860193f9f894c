//! Bytes as people read them.

use std::fmt::Write;

/// Prints bytes as `22 F1 90`, and more than `limit` of them as `36 01 AA … (4096 bytes)`.
pub fn hex(bytes: &[u8], limit: usize) -> String {
    let shown = &bytes[..bytes.len().min(limit)];
    let mut text = String::with_capacity(shown.len() * 3 + 16);
    for (i, byte) in shown.iter().enumerate() {
        let gap = if i == 0 { "" } else { " " };
        write!(text, "{gap}{byte:02X}").expect("writing to a string cannot fail");
    }
    if shown.len() < bytes.len() {
        write!(text, " … ({} bytes)", bytes.len()).expect("writing to a string cannot fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing(&[], "")]
    #[case::as_many_as_the_limit(&[0x22, 0xF1, 0x90], "22 F1 90")]
    #[case::one_more(&[0x36, 0x01, 0xAA, 0xBB], "36 01 AA … (4 bytes)")]
    fn prints_up_to_the_limit(#[case] bytes: &[u8], #[case] text: &str) {
        assert_eq!(hex(bytes, 3), text);
    }
}
