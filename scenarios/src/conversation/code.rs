//! Writes the coding of one control unit (`uds-and-bmw-ecus.md` §8, §12 W1 step 16).

use bytes::Bytes;
use wire::uds::Nrc;

use super::{Context, StepError, bootloader, reset};
use crate::step::Target;
use crate::tester::{BackendFailure, TesterEcu};

const CODING_SESSION: [u8; 2] = [0x10, 0x41];
/// The level of security before coding.
const CODING_LEVEL: u8 = 0x01;
/// Has the control unit check what was written.
const CODING_CHECKSUM: [u8; 4] = [0x31, 0x01, 0x0F, 0x01];
/// The coding stamp.
const STAMP: [u8; 2] = [0x37, 0xFE];

pub(super) async fn code(context: &Context, target: &Target) -> Result<(), StepError> {
    let ecu = context.ecu(&target.ecu)?;
    context.backend(BackendFailure::Plan).await.ok_or(StepError::NoPlan)?;
    let stamp = stamp(context, ecu);
    let result = write_repeatedly(context, ecu, &stamp).await;
    context.hold_session(false);
    result?;
    reset::hard_reset(context, ecu).await?;
    let read = [&[0x22], &STAMP[..]].concat();
    let answer = context.ask_patiently(ecu.address, &read).await?;
    if answer.get(3..) == Some(&stamp[..]) {
        return Ok(());
    }
    let why = format!("coding stamp {}", wire::Hex(answer.get(3..).unwrap_or_default()));
    Err(StepError::Plan { ecu: context.name(ecu.address), why })
}

/// Writes the coding, from the session on, as often as allowed.
async fn write_repeatedly(
    context: &Context,
    ecu: &TesterEcu,
    stamp: &Bytes,
) -> Result<(), StepError> {
    let mut repeats = 0;
    loop {
        let Err(error) = write(context, ecu, stamp).await else {
            return Ok(());
        };
        let may_repeat = error.leaves_connection() && is_repeatable(&error);
        if !may_repeat || repeats >= context.config.programming.repeats {
            return Err(error);
        }
        repeats += 1;
        context.note(format!("{error}: beginning the coding anew"));
    }
}

async fn write(context: &Context, ecu: &TesterEcu, stamp: &Bytes) -> Result<(), StepError> {
    context.ask_patiently(ecu.address, &CODING_SESSION).await?;
    context.hold_session(true);
    bootloader::unlock(context, ecu, CODING_LEVEL).await?;
    let total = ecu.coding.records.len() as u64;
    for (done, (did, data)) in (1..).zip(&ecu.coding.records) {
        let request = [&[0x2E], &did.to_be_bytes()[..], data].concat();
        context.ask(ecu.address, &request).await?;
        context.progress(done, total, "coding records");
    }
    context.ask(ecu.address, &CODING_CHECKSUM).await?;
    let request = [&[0x2E], &STAMP[..], stamp].concat();
    context.ask(ecu.address, &request).await.map(drop)
}

/// Returns the coding stamp: its own, or the last seven characters of the VIN.
fn stamp(context: &Context, ecu: &TesterEcu) -> Bytes {
    if !ecu.coding.stamp.is_empty() {
        return ecu.coding.stamp.clone();
    }
    let vin = context.config.vin.as_bytes();
    Bytes::copy_from_slice(&vin[vin.len().saturating_sub(7)..])
}

/// Tells whether beginning anew may help: not where the session or the data are refused.
fn is_repeatable(error: &StepError) -> bool {
    let is_final = matches!(
        error.nrc(),
        Some(
            Nrc::SubFunctionNotSupported
                | Nrc::SubFunctionNotSupportedInActiveSession
                | Nrc::InvalidKey
                | Nrc::ExceededNumberOfAttempts
                | Nrc::RequiredTimeDelayNotExpired
        )
    );
    !is_final && *error != StepError::NoKey
}
