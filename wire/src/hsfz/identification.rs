//! The text by which a vehicle identifies itself (§5).

use bytes::{BufMut, Bytes, BytesMut};

const ADDRESS_MARK: &[u8] = b"DIAGADR";
const MAC_MARK: &[u8] = b"BMWMAC";
const VIN_MARK: &[u8] = b"BMWVIN";

/// What the 50 characters of an identification say:
/// `DIAGADR10BMWMAC020000BC0001BMWVINWBASMTEST00000001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identification {
    /// The gateway's diagnostic address, two hex digits in the text.
    pub diagnostic_address: u8,
    /// The gateway's MAC address.
    pub mac: [u8; 6],
    /// The vehicle identification number in ASCII.
    pub vin: [u8; 17],
}

impl Identification {
    /// Length of the text in bytes.
    pub const LENGTH: usize = 50;

    /// Reads the text.
    ///
    /// # Errors
    ///
    /// If it does not have exactly the layout above. Hex digits may be of either case; the VIN may
    /// be any 17 bytes.
    pub fn parse(text: &[u8]) -> Result<Self, IdentificationError> {
        if text.len() != Self::LENGTH {
            return Err(IdentificationError::Length { length: text.len() });
        }
        let mut reader = Reader { text, offset: 0 };
        reader.mark(ADDRESS_MARK)?;
        let diagnostic_address = reader.hex_byte()?;
        reader.mark(MAC_MARK)?;
        let mut mac = [0; 6];
        for byte in &mut mac {
            *byte = reader.hex_byte()?;
        }
        reader.mark(VIN_MARK)?;
        let mut vin = [0; 17];
        vin.copy_from_slice(&text[reader.offset..]);
        Ok(Self { diagnostic_address, mac, vin })
    }

    /// Writes the text.
    pub fn to_text(&self) -> Bytes {
        let mut text = BytesMut::with_capacity(Self::LENGTH);
        text.put_slice(ADDRESS_MARK);
        put_hex(&mut text, &[self.diagnostic_address]);
        text.put_slice(MAC_MARK);
        put_hex(&mut text, &self.mac);
        text.put_slice(VIN_MARK);
        text.put_slice(&self.vin);
        text.freeze()
    }
}

/// Why a text is no identification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentificationError {
    /// The text does not have 50 bytes.
    #[error("identification of {length} bytes instead of {}", Identification::LENGTH)]
    Length {
        /// How many it has.
        length: usize,
    },
    /// One of the words `DIAGADR`, `BMWMAC`, `BMWVIN` is not in its place.
    #[error("identification lacks its mark at byte {offset}")]
    Mark {
        /// Where the word should begin.
        offset: usize,
    },
    /// A character is no hex digit.
    #[error("identification has no hex digit at byte {offset}")]
    Digit {
        /// Where.
        offset: usize,
    },
}

/// Walks the text; its length has been checked.
struct Reader<'a> {
    text: &'a [u8],
    offset: usize,
}

impl Reader<'_> {
    fn mark(&mut self, mark: &[u8]) -> Result<(), IdentificationError> {
        if !self.text[self.offset..].starts_with(mark) {
            return Err(IdentificationError::Mark { offset: self.offset });
        }
        self.offset += mark.len();
        Ok(())
    }

    fn hex_byte(&mut self) -> Result<u8, IdentificationError> {
        Ok(self.digit()? << 4 | self.digit()?)
    }

    fn digit(&mut self) -> Result<u8, IdentificationError> {
        let offset = self.offset;
        self.offset += 1;
        match self.text[offset] {
            digit @ b'0'..=b'9' => Ok(digit - b'0'),
            digit @ b'A'..=b'F' => Ok(digit - b'A' + 10),
            digit @ b'a'..=b'f' => Ok(digit - b'a' + 10),
            _ => Err(IdentificationError::Digit { offset }),
        }
    }
}

fn put_hex(text: &mut BytesMut, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        text.put_u8(DIGITS[usize::from(byte >> 4)]);
        text.put_u8(DIGITS[usize::from(byte & 0x0F)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const TEXT: &[u8; 50] = b"DIAGADR10BMWMAC020000BC0001BMWVINWBASMTEST00000001";

    #[test]
    fn parse_reads_the_three_parts() {
        let expected = Identification {
            diagnostic_address: 0x10,
            mac: [0x02, 0x00, 0x00, 0xBC, 0x00, 0x01],
            vin: *b"WBASMTEST00000001",
        };
        assert_eq!(Identification::parse(TEXT), Ok(expected));
        assert_eq!(expected.to_text(), TEXT[..]);
    }

    #[test]
    fn parse_refuses_another_length() {
        let error = Identification::parse(&TEXT[..49]);
        assert_eq!(error, Err(IdentificationError::Length { length: 49 }));
    }

    #[rstest]
    #[case::address_mark(3, IdentificationError::Mark { offset: 0 })]
    #[case::address_digit(8, IdentificationError::Digit { offset: 8 })]
    #[case::mac_mark(9, IdentificationError::Mark { offset: 9 })]
    #[case::mac_digit(26, IdentificationError::Digit { offset: 26 })]
    #[case::vin_mark(32, IdentificationError::Mark { offset: 27 })]
    fn parse_refuses_a_damaged_text(#[case] damaged: usize, #[case] expected: IdentificationError) {
        let mut text = *TEXT;
        text[damaged] = b'x';
        assert_eq!(Identification::parse(&text), Err(expected));
    }
}
