//! Resets the learned values of a gearbox (`uds-and-bmw-ecus.md` §10, §12 W1 step 17).

use super::{Context, StepError};
use crate::step::Target;

/// Reading learned values: clutch fill pressures, fast-fill times.
const LEARNED: [&[u8]; 2] = [&[0x22, 0x41, 0x3A], &[0x22, 0x41, 0x40]];

pub(super) async fn initialise(context: &Context, target: &Target) -> Result<(), StepError> {
    let ecu = context.ecu(&target.ecu)?.address;
    context.ask(ecu, &[0x10, 0x03]).await?;
    context.hold_session(true);
    let result = clear(context, ecu).await;
    context.hold_session(false);
    result?;
    context.ask(ecu, &[0x10, 0x01]).await.map(drop)
}

async fn clear(context: &Context, ecu: u8) -> Result<(), StepError> {
    context.ask(ecu, &[0x2E, 0x41, 0x50, 0x00]).await?;
    for request in LEARNED {
        let answer = context.ask(ecu, request).await?;
        if !is_blank(answer.get(3..).unwrap_or_default()) {
            let routine = wire::uds::describe(request);
            let result = format!("still learned: {}", wire::Hex(&answer));
            return Err(StepError::Routine { ecu: context.name(ecu), routine, result });
        }
    }
    Ok(())
}

/// Tells whether a value was never learned: all `FF`, or all `00`.
fn is_blank(value: &[u8]) -> bool {
    value.iter().all(|byte| *byte == 0xFF) || value.iter().all(|byte| *byte == 0x00)
}
