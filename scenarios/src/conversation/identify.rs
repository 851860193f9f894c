//! Finds the car and reads what its gateway says of itself (`hsfz-and-doip.md` §5, §15).

use wire::hsfz::Address;

use super::{Context, StepError};

/// What is read of the gateway, in the order ISTA was seen to read it; only the VIN has to come.
const READ: [[u8; 3]; 5] = [
    [0x22, 0xF1, 0x50],
    [0x22, 0xF1, 0x90],
    [0x22, 0x3F, 0x06],
    [0x22, 0x3F, 0x07],
    [0x22, 0x10, 0x0B],
];

const VIN: [u8; 3] = [0x22, 0xF1, 0x90];

pub(super) async fn identify(context: &Context) -> Result<(), StepError> {
    let found = context.find().await?;
    if let Some(vin) = &found.vin {
        context.note(format!("found {vin} at {}", found.peer));
    }
    for request in READ {
        let answer = context.ask(Address::GATEWAY.0, &request).await;
        match answer {
            Ok(_) => {}
            Err(error) if error.nrc().is_some() && request != VIN => {
                context.note(error.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
