//! Reads software versions and fault memories of all control units (`uds-and-bmw-ecus.md` §12 W1
//! step 2).

use std::collections::BTreeSet;

use wire::uds::{Answer as Kind, classify};

use super::{Context, StepError};
use crate::tester::{Answer, Fault};

/// What is asked of everyone: description index, versions, fault memory.
const QUESTIONS: [&[u8]; 3] = [&[0x22, 0xF1, 0x50], &[0x22, 0xF1, 0x01], &[0x19, 0x02, 0x0C]];

/// Asks everyone at once, then those that did not answer one by one.
pub(super) async fn scan(context: &Context) -> Result<(), StepError> {
    let mut present = BTreeSet::new();
    let mut faults = 0;
    for question in QUESTIONS {
        let answers = context.all(question).await?;
        present.extend(answers.iter().map(|answer| answer.ecu));
        faults += answers.iter().map(count_faults).sum::<usize>();
    }
    let expected: BTreeSet<_> = context.config.ecus.values().map(|ecu| ecu.address).collect();
    for &ecu in expected.difference(&present.clone()) {
        for question in QUESTIONS {
            match context.ask(ecu, question).await {
                Ok(data) => {
                    present.insert(ecu);
                    faults += count_faults(&Answer { ecu, data });
                }
                Err(error) if error.nrc().is_some() => {
                    present.insert(ecu);
                }
                Err(error) if is_absent(&error) => {
                    context.note(format!("{} does not answer", context.name(ecu)));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
    }
    if present.is_empty() {
        return Err(StepError::Nobody);
    }
    context.note(format!("{} control units, {faults} fault codes", present.len()));
    Ok(())
}

/// Tells whether nothing but the control unit is missing.
fn is_absent(error: &StepError) -> bool {
    matches!(error.fault(), Some(Fault::NoAnswer | Fault::Word(_) | Fault::Nack(_)))
}

/// Counts the fault codes of an answer to `19 02`: mask, then four bytes each.
fn count_faults(answer: &Answer) -> usize {
    match (classify(&answer.data), &answer.data[..]) {
        (Kind::Positive { .. }, [0x59, 0x02, _, codes @ ..]) => codes.len() / 4,
        (_, [..]) => 0,
    }
}
