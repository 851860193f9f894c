//! Reads quantities with their units: durations, voltages, currents, addresses.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

/// Reads a duration such as `500ms`, `2s`, `1.5s`, `5min`, `0s`.
pub(crate) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    parse_duration(&text).ok_or_else(|| {
        D::Error::custom(format!("`{text}` is not a duration: write `500ms` or `2s`"))
    })
}

/// Reads a duration, or `none`.
pub(crate) fn optional_duration<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    if text == "none" {
        return Ok(None);
    }
    let problem = || format!("`{text}` is not a duration: write `500ms`, or `none`");
    parse_duration(&text).map(Some).ok_or_else(|| D::Error::custom(problem()))
}

/// Reads a range of durations such as `5ms..150ms`, or one duration for both ends.
pub(crate) fn range<'de, D: Deserializer<'de>>(from: D) -> Result<(Duration, Duration), D::Error> {
    let text = String::deserialize(from)?;
    let (low, high) = text.split_once("..").unwrap_or((&text, &text));
    match (parse_duration(low), parse_duration(high)) {
        (Some(low), Some(high)) if low <= high => Ok((low, high)),
        _ => Err(D::Error::custom(format!("`{text}` is not a range: write `5ms..150ms`"))),
    }
}

/// Reads a voltage such as `12.6V` or `9950mV` into millivolts.
pub(crate) fn millivolts<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let text = String::deserialize(from)?;
    parse_scaled(&text, "V")
        .ok_or_else(|| D::Error::custom(format!("`{text}` is not a voltage: write `12.6V`")))
}

/// Reads a voltage, or `none`.
pub(crate) fn optional_millivolts<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<u32>, D::Error> {
    let text = String::deserialize(from)?;
    if text == "none" {
        return Ok(None);
    }
    let problem = || format!("`{text}` is not a voltage: write `14.2V`, or `none`");
    parse_scaled(&text, "V").map(Some).ok_or_else(|| D::Error::custom(problem()))
}

/// Reads a current such as `60A` or `800mA` into milliamperes.
pub(crate) fn milliamps<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let text = String::deserialize(from)?;
    parse_scaled(&text, "A")
        .ok_or_else(|| D::Error::custom(format!("`{text}` is not a current: write `60A`")))
}

/// Reads an 8-bit number in hex, such as `F4`.
pub(crate) fn byte<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    let text = String::deserialize(from)?;
    parse_byte(&text).map_err(D::Error::custom)
}

/// Reads a list of 8-bit numbers in hex.
pub(crate) fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    texts.iter().map(|text| parse_byte(text).map_err(D::Error::custom)).collect()
}

/// Reads a 16-bit number in hex, such as `0010`.
pub(crate) fn word<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    let text = String::deserialize(from)?;
    match parse_word_range(&text) {
        Ok((low, high)) if low == high => Ok(low),
        _ => Err(D::Error::custom(format!("`{text}` is not an address: write four hex digits"))),
    }
}

/// Reads a list of ranges of 16-bit numbers in hex, such as `0EF1..0EFF` or `0E80`.
pub(crate) fn word_ranges<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(u16, u16)>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    texts.iter().map(|text| parse_word_range(text).map_err(D::Error::custom)).collect()
}

fn parse_duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(split);
    let nanos_per_unit = match unit {
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    parse_decimal(number, nanos_per_unit).map(Duration::from_nanos)
}

fn parse_scaled(text: &str, unit: &str) -> Option<u32> {
    let number = text.strip_suffix(unit)?;
    let (number, scale) = match number.strip_suffix('m') {
        Some(number) => (number, 1),
        None => (number, 1_000),
    };
    u32::try_from(parse_decimal(number, scale)?).ok()
}

/// Reads a decimal number times `scale`, without floating point; digits below one are cut.
fn parse_decimal(text: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = |s: &str| s.len() <= 12 && s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let mut value = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    let mut unit = scale;
    for digit in fraction.bytes() {
        unit /= 10;
        value = value.checked_add(u64::from(digit - b'0') * unit)?;
    }
    Some(value)
}

fn parse_byte(text: &str) -> Result<u8, String> {
    let valid = text.len() == 2 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let value = valid.then(|| u8::from_str_radix(text, 16).ok()).flatten();
    value.ok_or_else(|| format!("`{text}` is not an address: write two hex digits"))
}

fn parse_word_range(text: &str) -> Result<(u16, u16), String> {
    let (low, high) = text.split_once("..").unwrap_or((text, text));
    let word = |s: &str| {
        let valid = s.len() == 4 && s.bytes().all(|b| b.is_ascii_hexdigit());
        valid.then(|| u16::from_str_radix(s, 16).ok()).flatten()
    };
    match (word(low), word(high)) {
        (Some(low), Some(high)) if low <= high => Ok((low, high)),
        _ => Err(format!("`{text}` is not a range of addresses: write `0EF1..0EFF`")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("500ms", Some(500_000))]
    #[case("1.5s", Some(1_500_000))]
    #[case("0.8ms", Some(800))]
    #[case("5min", Some(300_000_000))]
    #[case("0s", Some(0))]
    #[case("5", None)]
    #[case("-1s", None)]
    #[case("1 parsec", None)]
    #[case("99999999999999s", None)]
    #[case("s", None)]
    fn durations(#[case] text: &str, #[case] micros: Option<u64>) {
        assert_eq!(parse_duration(text), micros.map(Duration::from_micros));
    }

    #[rstest]
    #[case("12.6V", Some(12_600))]
    #[case("9950mV", Some(9_950))]
    #[case("13V", Some(13_000))]
    #[case("13", None)]
    #[case("13A", None)]
    #[case("-1V", None)]
    #[case("5000000V", None)]
    fn voltages(#[case] text: &str, #[case] millivolts: Option<u32>) {
        assert_eq!(parse_scaled(text, "V"), millivolts);
    }

    #[rstest]
    #[case("F4", Some(0xF4))]
    #[case("4", None)]
    #[case("+4", None)]
    #[case("G4", None)]
    fn addresses(#[case] text: &str, #[case] address: Option<u8>) {
        assert_eq!(parse_byte(text).ok(), address);
    }

    #[rstest]
    #[case("0EF1..0EFF", Some((0x0EF1, 0x0EFF)))]
    #[case("0E80", Some((0x0E80, 0x0E80)))]
    #[case("0EFF..0EF1", None)]
    #[case("EF1", None)]
    fn address_ranges(#[case] text: &str, #[case] range: Option<(u16, u16)>) {
        assert_eq!(parse_word_range(text).ok(), range);
    }
}
