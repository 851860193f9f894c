//! Writes the software units of one image: erase, download, verify each, then check that they fit
//! (`uds-and-bmw-ecus.md` §2.6, §6.2, §11.1, §12 W1 steps 12 and 13).

use bytes::Bytes;
use wire::uds::BlockCounter;

use super::context::Question;
use super::{Context, StepError};
use crate::tester::{Fault, Image, Segment};

/// How much of an image is in the control unit, and how often each part was begun anew.
#[derive(Debug)]
pub(super) struct Flash<'a> {
    units: Vec<Unit<'a>>,
    /// The unit that is worked on; past the last one the dependencies are.
    current: usize,
    /// How often the end (dependencies, VIN) was begun anew.
    end_repeats: u32,
}

#[derive(Debug)]
struct Unit<'a> {
    segment: &'a Segment,
    stage: Stage,
    repeats: u32,
}

/// The safe point from which a software unit goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// From the erase: a new request for download is refused while an old one may be open.
    Erase,
    /// Written: from the check.
    Verify,
    /// Written and found good.
    Done,
}

impl<'a> Flash<'a> {
    pub fn new(image: &'a Image) -> Self {
        let unit = |segment| Unit { segment, stage: Stage::Erase, repeats: 0 };
        Self { units: image.segments.iter().map(unit).collect(), current: 0, end_repeats: 0 }
    }

    /// Notes that the control unit lost its session: what was written is verified again.
    pub fn distrust(&mut self) {
        for unit in &mut self.units {
            unit.stage = match unit.stage {
                Stage::Erase => Stage::Erase,
                Stage::Verify | Stage::Done => Stage::Verify,
            };
        }
    }

    /// Counts a repetition of what is worked on; returns whether it is allowed.
    pub fn repeat(&mut self, limit: u32) -> bool {
        let repeats = match self.units.get_mut(self.current) {
            Some(unit) => &mut unit.repeats,
            None => &mut self.end_repeats,
        };
        *repeats += 1;
        *repeats <= limit
    }

    /// Returns how many blocks are written, and how many there are, if each holds `size` bytes.
    fn blocks(&self, size: usize) -> (u64, u64) {
        let count = |unit: &Unit<'_>| unit.segment.data.len().div_ceil(size) as u64;
        let written = self.units.iter().filter(|unit| unit.stage != Stage::Erase);
        (written.map(count).sum(), self.units.iter().map(count).sum())
    }

    /// Returns the name of what is worked on.
    pub fn current_name(&self) -> String {
        match self.units.get(self.current) {
            Some(unit) => name(unit.segment),
            None => "the end of the flash".to_owned(),
        }
    }
}

/// Brings every unit to its end, then checks that they fit each other.
pub(super) async fn deploy(
    context: &Context,
    ecu: u8,
    flash: &mut Flash<'_>,
) -> Result<(), StepError> {
    for index in 0..flash.units.len() {
        flash.current = index;
        while flash.units[index].stage != Stage::Done {
            advance(context, ecu, flash, index).await?;
        }
    }
    flash.current = flash.units.len();
    check_dependencies(context, ecu).await
}

/// Brings one unit one stage further. What fails leaves it at the stage from which it can go on.
async fn advance(
    context: &Context,
    ecu: u8,
    flash: &mut Flash<'_>,
    index: usize,
) -> Result<(), StepError> {
    let segment = flash.units[index].segment;
    match flash.units[index].stage {
        Stage::Erase => {
            erase(context, ecu, segment).await?;
            let size = request_download(context, ecu, segment).await?;
            transfer(context, ecu, segment, size, flash.blocks(size)).await?;
            flash.units[index].stage = Stage::Verify;
        }
        Stage::Verify => {
            let result = verify(context, ecu, segment).await;
            flash.units[index].stage = match &result {
                Ok(()) => Stage::Done,
                Err(StepError::Routine { .. }) => Stage::Erase,
                Err(_) => Stage::Verify,
            };
            result?;
        }
        Stage::Done => {}
    }
    Ok(())
}

async fn erase(context: &Context, ecu: u8, segment: &Segment) -> Result<(), StepError> {
    let address = segment.address.to_be_bytes();
    let request = [&[0x31, 0x01, 0xFF, 0x00, 0x02, 0x40], &address[..], &[0x06]].concat();
    let question = Question::new(context, ecu, &request).long(context).once();
    let answer = context.put(&question).await?;
    match answer.get(4).copied().unwrap_or(0) {
        0 => Ok(()),
        result => Err(failed(context, ecu, format!("erase of {}", name(segment)), result)),
    }
}

/// Asks for the download and returns how many bytes of data one block takes.
async fn request_download(
    context: &Context,
    ecu: u8,
    segment: &Segment,
) -> Result<usize, StepError> {
    let address = segment.address.to_be_bytes();
    let size = u32::try_from(segment.data.len()).expect("an image fits the address space");
    let request = [&[0x34, 0x00, 0x44], &address[..], &size.to_be_bytes()].concat();
    let question = Question::new(context, ecu, &request).once();
    let answer = context.put(&question).await?;
    block_size(&answer).ok_or_else(|| context.unexpected(&question, &answer))
}

/// Reads how many bytes of data one block takes: the announced length counts service and counter
/// (§2.6).
fn block_size(answer: &[u8]) -> Option<usize> {
    let (format, rest) = answer.get(1..)?.split_first()?;
    let width = usize::from(format >> 4);
    let digits = rest.get(..width).filter(|_| (1..=4).contains(&width))?;
    let length = digits.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    length.min(LONGEST_BLOCK).checked_sub(2).filter(|size| *size > 0)
}

async fn transfer(
    context: &Context,
    ecu: u8,
    segment: &Segment,
    size: usize,
    (mut done, total): (u64, u64),
) -> Result<(), StepError> {
    context.progress(done, total, "blocks");
    let mut counter = BlockCounter::FIRST;
    let mut rest = segment.data.clone();
    while !rest.is_empty() {
        let block = rest.split_to(rest.len().min(size));
        transfer_block(context, ecu, counter, block).await?;
        counter = counter.next();
        done += 1;
        context.progress(done, total, "blocks");
    }
    let question = Question::new(context, ecu, &[0x37]).long(context).once();
    context.put(&question).await.map(drop)
}

/// Sends one block; when nothing answers, sends it again: a control unit that has it already does
/// not write it twice.
async fn transfer_block(
    context: &Context,
    ecu: u8,
    counter: BlockCounter,
    block: Bytes,
) -> Result<(), StepError> {
    let mut question = Question::new(context, ecu, &[0x36, counter.0]).once();
    question.body = block;
    let mut repeats = 0;
    loop {
        let answer = match context.put(&question).await {
            Ok(answer) => answer,
            Err(error)
                if error.fault() == Some(&Fault::NoAnswer)
                    && repeats < context.config.programming.block_repeats =>
            {
                repeats += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        return match answer.get(1) {
            Some(echo) if *echo == counter.0 => Ok(()),
            Some(_) | None => Err(context.unexpected(&question, &answer)),
        };
    }
}

async fn verify(context: &Context, ecu: u8, segment: &Segment) -> Result<(), StepError> {
    let address = segment.address.to_be_bytes();
    let request = [&[0x31, 0x01, 0x02, 0x02, 0x12, 0x40], &address[..], &[0x00, 0x00]].concat();
    let question = Question::new(context, ecu, &request).long(context);
    let answer = context.put(&question).await?;
    match answer.get(4) {
        Some(0) => Ok(()),
        Some(result) => {
            Err(failed(context, ecu, format!("checkMemory of {}", name(segment)), *result))
        }
        None => Err(context.unexpected(&question, &answer)),
    }
}

async fn check_dependencies(context: &Context, ecu: u8) -> Result<(), StepError> {
    let question = Question::new(context, ecu, &[0x31, 0x01, 0xFF, 0x01]).long(context);
    let answer = context.put(&question).await?;
    let words = match answer.get(4).copied().unwrap_or(0) {
        0x00 => return Ok(()),
        0x01 => "incorrect".to_owned(),
        0x02 => "software does not fit hardware".to_owned(),
        0x03 => "software does not fit software".to_owned(),
        0x04 => "a block is not programmed".to_owned(),
        other => format!("result {other:02X}"),
    };
    let routine = "checkProgrammingDependencies".to_owned();
    Err(StepError::Routine { ecu: context.name(ecu), routine, result: words })
}

fn failed(context: &Context, ecu: u8, routine: String, result: u8) -> StepError {
    StepError::Routine { ecu: context.name(ecu), routine, result: format!("result {result:02X}") }
}

/// Returns the name of a software unit, such as `SWFL 0000E102`.
fn name(segment: &Segment) -> String {
    let class = match segment.class {
        0x06 => "BTLD".to_owned(),
        0x07 => "FLSL".to_owned(),
        0x08 => "SWFL".to_owned(),
        0x09 => "SWFF".to_owned(),
        0x0C => "IBAD".to_owned(),
        other => format!("class {other:02X}"),
    };
    format!("{class} {:08X}", segment.id)
}

/// EDIABAS-like clients send at most this many UDS bytes (`hsfz-and-doip.md` §3).
const LONGEST_BLOCK: usize = 0xFFFF;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::egs(&[0x74, 0x20, 0x0B, 0xB9], Some(2_999))]
    #[case::one_byte(&[0x74, 0x10, 0xFF], Some(253))]
    #[case::more_than_a_client_sends(&[0x74, 0x40, 0, 2, 0, 0], Some(0xFFFD))]
    #[case::no_room_for_data(&[0x74, 0x10, 0x02], None)]
    #[case::cut(&[0x74, 0x20, 0x0B], None)]
    #[case::no_width(&[0x74, 0x00, 0x0B, 0xB9], None)]
    #[case::too_wide(&[0x74, 0x50, 0, 0, 0, 1, 0], None)]
    #[case::bare(&[0x74], None)]
    fn a_block_holds_what_is_announced_but_two(#[case] answer: &[u8], #[case] size: Option<usize>) {
        assert_eq!(block_size(answer), size);
    }

    #[test]
    fn a_lost_session_spares_only_what_was_written() {
        let segment = Segment {
            address: 0,
            class: 8,
            id: 1,
            version: [0; 3],
            data: Bytes::from_static(&[0; 4]),
        };
        let image = Image { name: String::new(), segments: vec![segment; 3] };
        let mut flash = Flash::new(&image);
        let stages = [Stage::Done, Stage::Verify, Stage::Erase];
        for (unit, stage) in flash.units.iter_mut().zip(stages) {
            unit.stage = stage;
        }
        flash.distrust();
        let after: Vec<_> = flash.units.iter().map(|unit| unit.stage).collect();
        assert_eq!(after, [Stage::Verify, Stage::Verify, Stage::Erase]);
    }

    #[test]
    fn each_unit_is_repeated_as_often_as_allowed() {
        let image = Image::default();
        let mut flash = Flash::new(&image);
        assert!(flash.repeat(1));
        assert!(!flash.repeat(1));
    }
}
