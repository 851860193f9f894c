//! How a profile writes numbers, bytes and times.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use node::Ratio;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::software::SgbmId;

/// Something a profile writes as one piece of text.
pub(super) trait Text: Sized {
    /// What is expected, for error messages.
    const EXPECTED: &'static str;
    fn parse(text: &str) -> Option<Self>;
}

/// Reads one text.
pub(super) fn text<'de, D: Deserializer<'de>, T: Text>(deserializer: D) -> Result<T, D::Error> {
    Parsed::deserialize(deserializer).map(|Parsed(value)| value)
}

/// Reads a list of texts.
pub(super) fn list<'de, D: Deserializer<'de>, T: Text>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let parsed: Vec<Parsed<T>> = Vec::deserialize(deserializer)?;
    Ok(parsed.into_iter().map(|Parsed(value)| value).collect())
}

/// Reads a text that may be missing; goes with `#[serde(default)]`.
pub(super) fn maybe<'de, D: Deserializer<'de>, T: Text>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    text(deserializer).map(Some)
}

/// Reads a map whose keys are hexadecimal identifiers.
pub(super) fn map<'de, D, V>(deserializer: D) -> Result<BTreeMap<u16, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    let parsed: BTreeMap<Parsed<u16>, V> = BTreeMap::deserialize(deserializer)?;
    Ok(parsed.into_iter().map(|(Parsed(key), value)| (key, value)).collect())
}

/// Reads a map from hexadecimal identifiers to bytes.
pub(super) fn bytes_map<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<u16, Vec<u8>>, D::Error> {
    let parsed: BTreeMap<u16, Parsed<Vec<u8>>> = map(deserializer)?;
    Ok(parsed.into_iter().map(|(key, Parsed(value))| (key, value)).collect())
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Parsed<T>(T);

impl<'de, T: Text> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<T: Text> Visitor<'_> for Reader<T> {
            type Value = Parsed<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                T::parse(text).map(Parsed).ok_or_else(|| E::custom(unfit(text, T::EXPECTED)))
            }
        }
        deserializer.deserialize_str(Reader(PhantomData))
    }
}

fn unfit(text: &str, expected: &str) -> String {
    format!("`{text}` does not fit here: write {expected}")
}

impl Text for u8 {
    const EXPECTED: &'static str = "two hexadecimal digits";

    fn parse(text: &str) -> Option<Self> {
        digits(text, 2).then(|| Self::from_str_radix(text, 16).ok()).flatten()
    }
}

impl Text for u16 {
    const EXPECTED: &'static str = "four hexadecimal digits";

    fn parse(text: &str) -> Option<Self> {
        digits(text, 4).then(|| Self::from_str_radix(text, 16).ok()).flatten()
    }
}

impl Text for u32 {
    const EXPECTED: &'static str = "eight hexadecimal digits";

    fn parse(text: &str) -> Option<Self> {
        digits(text, 8).then(|| Self::from_str_radix(text, 16).ok()).flatten()
    }
}

fn digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Bytes: pairs of hexadecimal digits and text in single quotes, such as `01 'abc' FF`;
/// `FF*17` repeats one byte.
impl Text for Vec<u8> {
    const EXPECTED: &'static str = "bytes such as `0F 'abc' FF*4`";

    fn parse(text: &str) -> Option<Self> {
        let mut bytes = Self::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            if let Some(quoted) = rest.strip_prefix('\'') {
                let (inside, after) = quoted.split_once('\'')?;
                bytes.extend_from_slice(inside.as_bytes());
                rest = after.trim_start();
                continue;
            }
            let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
            let (pair, times) = match word.split_once('*') {
                Some((pair, times)) => (pair, times.parse::<u16>().ok()?),
                None => (word, 1),
            };
            let byte = u8::parse(pair)?;
            bytes.extend(std::iter::repeat_n(byte, usize::from(times)));
            rest = after.trim_start();
        }
        Some(bytes)
    }
}

impl Text for Duration {
    const EXPECTED: &'static str = "a time such as `50ms`, `5s` or `20min`";

    fn parse(text: &str) -> Option<Self> {
        let unit = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at(unit);
        let number: u32 = number.parse().ok()?;
        let nanos: u64 = match unit {
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "min" => 60_000_000_000,
            _ => return None,
        };
        Some(Self::from_nanos(nanos.checked_mul(u64::from(number))?))
    }
}

/// A range of times, drawn from by chance; a single time is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The shortest.
    pub low: Duration,
    /// The longest.
    pub high: Duration,
}

impl Text for Span {
    const EXPECTED: &'static str = "a time or a range such as `5ms..30ms`";

    fn parse(text: &str) -> Option<Self> {
        let (low, high) = text.split_once("..").unwrap_or((text, text));
        let (low, high) = (Duration::parse(low)?, Duration::parse(high)?);
        (low <= high).then_some(Self { low, high })
    }
}

impl Text for Ratio {
    const EXPECTED: &'static str = "a percentage from `0%` to `100%`";

    fn parse(text: &str) -> Option<Self> {
        let percent: u32 = text.strip_suffix('%')?.parse().ok()?;
        (percent <= 100).then(|| Self::from_ppb(percent * 10_000_000))
    }
}

impl Text for SgbmId {
    const EXPECTED: &'static str = "a software number such as `SWFL_0000E102_030_057_000`";

    fn parse(text: &str) -> Option<Self> {
        Self::parse(text)
    }
}

/// A current in milliamperes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Milliamps(pub u32);

impl Text for Milliamps {
    const EXPECTED: &'static str = "a current such as `350mA`";

    fn parse(text: &str) -> Option<Self> {
        text.strip_suffix("mA")?.parse().ok().map(Self)
    }
}

/// Reads a current.
pub(super) fn milliamps<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    text(deserializer).map(|Milliamps(value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::pairs("0F 21 D0", Some(vec![0x0F, 0x21, 0xD0]))]
    #[case::quoted("01 'ab c' FF", Some(b"\x01ab c\xFF".to_vec()))]
    #[case::repeated("FF*3", Some(vec![0xFF; 3]))]
    #[case::empty("", Some(vec![]))]
    #[case::half("0F 2", None)]
    #[case::open("'abc", None)]
    #[case::too_often("FF*70000", None)]
    fn bytes_are_pairs_and_quoted_text(#[case] text: &str, #[case] bytes: Option<Vec<u8>>) {
        assert_eq!(Vec::<u8>::parse(text), bytes);
    }

    #[rstest]
    #[case("50ms", Some(Duration::from_millis(50)))]
    #[case("5s", Some(Duration::from_secs(5)))]
    #[case("2min", Some(Duration::from_secs(120)))]
    #[case("5", None)]
    #[case("ms", None)]
    #[case("5 h", None)]
    fn times_carry_a_unit(#[case] text: &str, #[case] time: Option<Duration>) {
        assert_eq!(Duration::parse(text), time);
    }

    #[test]
    fn a_range_does_not_run_backwards() {
        assert!(Span::parse("5ms..30ms").is_some());
        assert!(Span::parse("30ms..5ms").is_none());
    }

    #[test]
    fn a_percentage_stays_below_one_hundred() {
        assert_eq!(Ratio::parse("30%").map(Ratio::as_ppb), Some(300_000_000));
        assert_eq!(Ratio::parse("101%"), None);
    }
}
