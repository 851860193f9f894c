//! Flashes one control unit: plan, prepare, erase, download, verify, reset, compare
//! (`uds-and-bmw-ecus.md` §7, §12 W1 steps 4 to 15).

use wire::hsfz::Address;
use wire::uds::{Answer as Kind, Nrc, classify};

use super::bootloader::{self, Bootloader};
use super::deploy::{self, Flash};
use super::error::volts;
use super::{Context, StepError, plan, reset};
use crate::step::Program;
use crate::tester::{BackendFailure, Image, TesterEcu};

/// The engine control unit, whose battery sensor is read (§4).
const DME: u8 = 0x12;
/// The body controller, which switches the terminals (§6.1).
const BODY: u8 = 0x40;
/// Reads the battery sensor.
const READ_BATTERY: [u8; 3] = [0x22, 0x40, 0x2B];
/// Reads the board power supply, in millivolts.
const READ_SUPPLY: [u8; 3] = [0x22, 0x17, 0x0C];
/// Brings the car into the diagnosis state.
const DIAGNOSIS_STATE: [u8; 7] = [0x31, 0x01, 0x10, 0x01, 0x0A, 0x0A, 0x43];
/// Makes the vehicle ready (§7.1 phase 3): extended session, flash mode, no fault recording, no
/// normal messages, extended operating mode.
const PREPARE: [&[u8]; 5] = [
    &[0x10, 0x03],
    &[0x31, 0x01, 0x0F, 0x0C, 0x03],
    &[0x85, 0x02],
    &[0x28, 0x01, 0x01],
    &[0x31, 0x01, 0x10, 0x03, 0x01],
];
/// Makes the vehicle normal again (§7.1 phase 8).
const FINALIZE: [&[u8]; 4] =
    [&[0x31, 0x01, 0x0F, 0x0C, 0x00], &[0x28, 0x00, 0x01], &[0x85, 0x01], &[0x10, 0x01]];

pub(super) async fn program(context: &Context, step: &Program) -> Result<(), StepError> {
    let ecu = context.ecu(&step.ecu)?;
    let image = ecu.images.get(&step.image).ok_or_else(|| StepError::UnknownImage {
        ecu: step.ecu.clone(),
        image: step.image.clone(),
    })?;
    context.image(ecu.address, image);
    check_supply(context).await?;
    context.backend(BackendFailure::Plan).await.ok_or(StepError::NoPlan)?;
    let result = match prepare(context, ecu).await {
        Ok(()) => flash(context, ecu, image).await,
        Err(error) => Err(error),
    };
    let is_reachable = result.as_ref().err().is_none_or(StepError::leaves_connection);
    let finalized = if is_reachable { finalize(context).await } else { Ok(()) };
    context.hold_session(false);
    result.and(finalized)
}

/// Reads the supply and refuses to begin below the limit (§11.3). A car that does not tell is
/// believed.
async fn check_supply(context: &Context) -> Result<(), StepError> {
    if context.knows(DME) {
        tolerate(context, context.ask(DME, &READ_BATTERY).await.map(drop))?;
    }
    let answer = match context.ask(Address::GATEWAY.0, &READ_SUPPLY).await {
        Ok(answer) => answer,
        Err(error) => return tolerate(context, Err(error)),
    };
    let [_, _, _, high, low, ..] = answer[..] else {
        context.note("the gateway does not tell the supply voltage");
        return Ok(());
    };
    let is = u32::from(u16::from_be_bytes([high, low]));
    let minimum = context.config.programming.minimum_millivolts;
    context.note(format!("supply {}", volts(is)));
    if is < minimum { Err(StepError::Supply { is, minimum }) } else { Ok(()) }
}

async fn prepare(context: &Context, ecu: &TesterEcu) -> Result<(), StepError> {
    if context.knows(BODY) {
        tolerate(context, context.ask(BODY, &DIAGNOSIS_STATE).await.map(drop))?;
    }
    for request in PREPARE {
        let answers = context.all(request).await?;
        context.hold_session(true);
        let refusal = answers.iter().filter(|answer| answer.ecu == ecu.address);
        let refusal = refusal.filter_map(|answer| match classify(&answer.data) {
            Kind::Negative { nrc, .. } => Some(nrc),
            Kind::Positive { .. } | Kind::Pending { .. } | Kind::Malformed => None,
        });
        if let Some(nrc) = refusal.last() {
            let (ecu, request) = (context.name(ecu.address), wire::uds::describe(request));
            return Err(StepError::Refused { ecu, request, nrc });
        }
    }
    bootloader::check_precondition(context, ecu).await
}

/// Brings every software unit into the control unit, repeating what fails as often as allowed,
/// then finishes and compares.
async fn flash(context: &Context, ecu: &TesterEcu, image: &Image) -> Result<(), StepError> {
    let mut flash = Flash::new(image);
    loop {
        let attempt = attempt(context, ecu, &mut flash).await;
        let Err(error) = attempt else { break };
        let may_repeat = error.leaves_connection() && is_repeatable(&error);
        if !may_repeat || !flash.repeat(context.config.programming.repeats) {
            return Err(error);
        }
        context.note(format!("{error}: beginning {} anew", flash.current_name()));
    }
    reset::hard_reset(context, ecu).await?;
    plan::compare(context, ecu, image).await
}

/// Enters the bootloader where need be and goes on with the flash where it stopped.
async fn attempt(
    context: &Context,
    ecu: &TesterEcu,
    flash: &mut Flash<'_>,
) -> Result<(), StepError> {
    match bootloader::enter(context, ecu).await? {
        Bootloader::Kept => {}
        Bootloader::Entered => flash.distrust(),
    }
    deploy::deploy(context, ecu.address, flash).await?;
    write_vin(context, ecu.address).await
}

/// Writes the VIN, still in the programming session (§6.2).
async fn write_vin(context: &Context, ecu: u8) -> Result<(), StepError> {
    let request = [&[0x2E, 0xF1, 0x90], context.config.vin.as_bytes()].concat();
    context.ask(ecu, &request).await.map(drop)
}

/// Makes the vehicle normal again; a control unit that refuses is no reason to fail.
async fn finalize(context: &Context) -> Result<(), StepError> {
    for request in FINALIZE {
        context.all(request).await?;
    }
    Ok(())
}

/// Lets a question pass whose answer is not needed.
fn tolerate(context: &Context, result: Result<(), StepError>) -> Result<(), StepError> {
    match result {
        Err(error) if error.leaves_connection() => {
            context.note(error.to_string());
            Ok(())
        }
        result => result,
    }
}

/// Tells whether the flash tool begins the software unit anew after this (§7.1). Keys are not
/// tried again: each wrong one brings the delay nearer.
fn is_repeatable(error: &StepError) -> bool {
    let is_final = matches!(
        error.nrc(),
        Some(Nrc::InvalidKey | Nrc::ExceededNumberOfAttempts | Nrc::RequiredTimeDelayNotExpired)
    );
    !is_final && *error != StepError::NoKey
}
