//! Bytes as people read them.

use std::fmt;

/// Prints bytes as upper-case hex with a space between them: `22 F1 90`.
///
/// The alternate form (`{:#}`) leaves the spaces out.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if index > 0 && !f.alternate() {
                f.write_str(" ")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_prints_both_forms() {
        assert_eq!(format!("{}", Hex(&[0x22, 0xF1, 0x09])), "22 F1 09");
        assert_eq!(format!("{:#}", Hex(&[0x22, 0xF1, 0x09])), "22F109");
        assert_eq!(format!("{}", Hex(&[])), "");
    }
}
