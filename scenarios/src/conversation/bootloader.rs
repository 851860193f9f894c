//! Brings a control unit into its bootloader and unlocks it (`uds-and-bmw-ecus.md` §2.4, §2.5,
//! §6.2, §6.3, §7.1).

use wire::uds::{Did, Nrc};

use super::context::Question;
use super::{Context, StepError};
use crate::tester::{BackendFailure, Fault, TesterEcu};

/// Asks whether programming may begin.
const CHECK_PRECONDITION: [u8; 4] = [0x31, 0x01, 0x02, 0x03];
/// Reads the active session.
const READ_SESSION: [u8; 3] = [0x22, 0xF1, 0x86];
const EXTENDED: [u8; 2] = [0x10, 0x03];
const PROGRAMMING: [u8; 2] = [0x10, 0x02];
/// The level of security before programming.
const FLASH_LEVEL: u8 = 0x11;
/// Who asks for a seed: four bytes.
const USER: [u8; 4] = [0xFF; 4];

/// How a control unit was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bootloader {
    /// In its bootloader and unlocked, as it was left.
    Kept,
    /// It had to be entered, or unlocked: what was under way is lost.
    Entered,
}

/// Asks whether programming may begin; a bootloader without the routine may be programmed.
pub(super) async fn check_precondition(
    context: &Context,
    ecu: &TesterEcu,
) -> Result<(), StepError> {
    let answer = match context.ask(ecu.address, &CHECK_PRECONDITION).await {
        Ok(answer) => answer,
        Err(error) if error.nrc().is_some_and(is_missing) => {
            context.note(error.to_string());
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let codes = answer.get(4..).unwrap_or_default();
    if codes.iter().all(|code| *code == 0) {
        return Ok(());
    }
    let codes: Vec<_> = codes.iter().map(|code| precondition(*code)).collect();
    let ecu = context.name(ecu.address);
    Err(StepError::Precondition { ecu, codes: codes.join(", ") })
}

/// Makes sure the control unit is in its bootloader and unlocked.
pub(super) async fn enter(context: &Context, ecu: &TesterEcu) -> Result<Bootloader, StepError> {
    let session = context.ask_patiently(ecu.address, &READ_SESSION).await?;
    if session.get(3) == Some(&0x02) && unlock(context, ecu, FLASH_LEVEL).await? == Lock::WasOpen {
        return Ok(Bootloader::Kept);
    }
    jump(context, ecu).await?;
    unlock(context, ecu, FLASH_LEVEL).await?;
    let fingerprint = &context.config.programming.fingerprint;
    let request = [&[0x2E], &Did::FINGERPRINT.to_bytes()[..], fingerprint].concat();
    context.ask(ecu.address, &request).await?;
    Ok(Bootloader::Entered)
}

/// Sends `10 03`, `10 02` and waits for the bootloader to start. The jump may cost the connection,
/// when the control unit is the gateway (§7.4).
async fn jump(context: &Context, ecu: &TesterEcu) -> Result<(), StepError> {
    context.ask(ecu.address, &EXTENDED).await?;
    context.hold_session(true);
    let question = Question::new(context, ecu.address, &PROGRAMMING).once();
    match context.put(&question).await {
        Ok(_) => {}
        Err(error) if error.fault() == Some(&Fault::Interrupted) => {
            context.note(format!("{error}: looking where it is"));
        }
        Err(error) => return Err(error),
    }
    context.await_restart(ecu.address, context.config.programming.bootloader_pause).await?;
    let session = context.ask_patiently(ecu.address, &READ_SESSION).await?;
    match session.get(3) {
        Some(0x02) => Ok(()),
        Some(_) | None => Err(context.unexpected(&question, &session)),
    }
}

/// What security access found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    /// The seed was zero: nothing was to be done.
    WasOpen,
    /// The key was taken.
    Opened,
}

/// Asks for a seed, has the manufacturer's service compute the key, sends it.
pub(super) async fn unlock(
    context: &Context,
    ecu: &TesterEcu,
    level: u8,
) -> Result<Lock, StepError> {
    let request = [&[0x27, level], &USER[..]].concat();
    let seed = context.ask_patiently(ecu.address, &request).await?;
    let seed = seed.get(2..).unwrap_or_default();
    if seed.iter().all(|byte| *byte == 0) {
        return Ok(Lock::WasOpen);
    }
    context.backend(BackendFailure::Key).await.ok_or(StepError::NoKey)?;
    let mut key = (context.config.key)(ecu.address, level, seed, ecu.wide_key);
    if context.config.backend.fails == Some(BackendFailure::WrongKey) {
        key.iter_mut().for_each(|byte| *byte = !*byte);
    }
    let request = [&[0x27, level + 1], &key[..]].concat();
    let question = Question::new(context, ecu.address, &request).once();
    context.put(&question).await?;
    Ok(Lock::Opened)
}

/// Tells whether a routine is refused because it does not exist where it was asked for.
fn is_missing(nrc: Nrc) -> bool {
    matches!(
        nrc,
        Nrc::ServiceNotSupported
            | Nrc::SubFunctionNotSupported
            | Nrc::RequestOutOfRange
            | Nrc::SubFunctionNotSupportedInActiveSession
            | Nrc::ServiceNotSupportedInActiveSession
    )
}

/// Returns a programming precondition in words (§6.3).
fn precondition(code: u8) -> String {
    let words = match code {
        0x01 => "engine running",
        0x02 => "immobiliser not released",
        0x03 => "gearbox input turning",
        0x04 => "gearbox output turning",
        0x05 => "vehicle moving",
        0x06 => "controller active",
        0x07 => "ignition cycle needed",
        0x08 => "programming voltage too low",
        0x09 => "ignition off",
        0x0A => "vehicle voltage too low",
        0x0B => "too hot",
        0x0C => "too cold",
        0x80 => "vehicle not in a safe state",
        other => return format!("condition {other:02X}"),
    };
    format!("{words} ({code:02X})")
}
