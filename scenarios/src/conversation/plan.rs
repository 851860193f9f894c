//! Compares what runs with what was planned (`uds-and-bmw-ecus.md` §5, §7.1).

use std::fmt;

use super::{Context, StepError};
use crate::tester::{Image, Segment, TesterEcu};

/// Reads the current software versions (SVK).
const READ_VERSIONS: [u8; 3] = [0x22, 0xF1, 0x01];

/// Bytes before the entries: answer head, version, state, count, date, fingerprint.
const ENTRIES: usize = 3 + 1 + 1 + 2 + 3 + 10;
const ENTRY: usize = 8;

/// Waits until the control unit answers, and compares its versions with the image's.
pub(super) async fn compare(
    context: &Context,
    ecu: &TesterEcu,
    image: &Image,
) -> Result<(), StepError> {
    let answer = context.ask_patiently(ecu.address, &READ_VERSIONS).await?;
    difference(&answer, &image.segments)
        .map_or(Ok(()), |why| Err(StepError::Plan { ecu: context.name(ecu.address), why }))
}

/// Returns what differs, in words.
fn difference(answer: &[u8], planned: &[Segment]) -> Option<String> {
    let (Some(state), Some(entries)) = (answer.get(4), answer.get(ENTRIES..)) else {
        return Some("the list of software versions is cut".to_owned());
    };
    let state = match state {
        0x01 => None,
        0x02 => Some("a software unit is bad, or was not checked (02)".to_owned()),
        0x03 => Some("software does not fit hardware (03)".to_owned()),
        0x04 => Some("software does not fit software (04)".to_owned()),
        other => Some(format!("programming dependencies {other:02X}")),
    };
    let is_missing =
        |segment: &&Segment| !entries.as_chunks::<ENTRY>().0.contains(&Unit(segment).entry());
    let missing = planned.iter().find(is_missing).map(|it| format!("{} is missing", Unit(it)));
    state.or(missing)
}

/// A software unit as the list names it.
struct Unit<'a>(&'a Segment);

impl Unit<'_> {
    fn entry(&self) -> [u8; ENTRY] {
        let [a, b, c, d] = self.0.id.to_be_bytes();
        let [main, sub, patch] = self.0.version;
        [self.0.class, a, b, c, d, main, sub, patch]
    }
}

impl fmt::Display for Unit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [main, sub, patch] = self.0.version;
        let Segment { class, id, .. } = self.0;
        write!(f, "{class:02X} {id:08X}_{main:03}_{sub:03}_{patch:03}")
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rstest::rstest;

    use super::*;

    fn segment(id: u32) -> Segment {
        Segment { address: 0, class: 8, id, version: [30, 57, 0], data: Bytes::new() }
    }

    fn answer(state: u8, entries: &[Segment]) -> Vec<u8> {
        let mut answer = vec![0x62, 0xF1, 0x01, 0x01, state, 0, entries.len() as u8];
        answer.extend([0; 13]);
        answer.extend(entries.iter().flat_map(|it| Unit(it).entry()));
        answer
    }

    #[rstest]
    #[case::equal(answer(1, &[segment(0xE102)]), None)]
    #[case::bad(answer(2, &[segment(0xE102)]), Some("a software unit is bad, or was not checked (02)"))]
    #[case::other(answer(1, &[segment(0xE103)]), Some("08 0000E102_030_057_000 is missing"))]
    #[case::cut(vec![0x62, 0xF1, 0x01], Some("the list of software versions is cut"))]
    fn versions_are_compared(#[case] answer: Vec<u8>, #[case] why: Option<&str>) {
        assert_eq!(difference(&answer, &[segment(0xE102)]).as_deref(), why);
    }
}
