//! Asks one control unit for a hard reset and waits until it answers again
//! (`uds-and-bmw-ecus.md` §2.7, §7.4).

use super::context::Question;
use super::{Context, StepError};
use crate::step::Target;
use crate::tester::{Fault, TesterEcu};

/// Reads the active session: every control unit has one, in every state.
const READ_SESSION: [u8; 3] = [0x22, 0xF1, 0x86];

pub(super) async fn reset(context: &Context, target: &Target) -> Result<(), StepError> {
    let ecu = context.ecu(&target.ecu)?;
    hard_reset(context, ecu).await?;
    match context.ask_patiently(ecu.address, &READ_SESSION).await {
        Ok(_) => Ok(()),
        Err(error) if error.nrc().is_some() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Sends `11 01` and waits for as long as the reset takes. A lost answer is no failure: what
/// comes back tells.
pub(super) async fn hard_reset(context: &Context, ecu: &TesterEcu) -> Result<(), StepError> {
    let question = Question::new(context, ecu.address, &[0x11, 0x01]).once();
    match context.put(&question).await {
        Ok(_) => {}
        Err(error) if matches!(error.fault(), Some(Fault::NoAnswer | Fault::Interrupted)) => {
            context.note(format!("{error}: what comes back will tell"));
        }
        Err(error) => return Err(error),
    }
    context.await_restart(ecu.address, ecu.reset_time).await
}
