//! Clears the fault memories of all control units (`uds-and-bmw-ecus.md` §2.7, §12 W1 step 19).

use wire::hsfz::Address;
use wire::uds::{Answer as Kind, classify};

use super::{Context, StepError};

/// Clears the primary memory, then the secondary one.
const CLEAR: [&[u8]; 2] = [&[0x14, 0xFF, 0xFF, 0xFF], &[0x31, 0x01, 0x0F, 0x06]];
const READ: [u8; 3] = [0x19, 0x02, 0x0C];
/// Clears the central fault memory of the gateway.
const CLEAR_CENTRAL: [u8; 5] = [0x31, 0x01, 0x40, 0x00, 0x05];

pub(super) async fn clear(context: &Context) -> Result<(), StepError> {
    let mut refused = None;
    for request in CLEAR {
        let answers = context.all(request).await?;
        for answer in &answers {
            if let Kind::Negative { nrc, .. } = classify(&answer.data) {
                let (ecu, request_in_words) =
                    (context.name(answer.ecu), wire::uds::describe(request));
                context.note(format!("{ecu} refused {request_in_words}: {nrc}"));
                // A unit need not have a secondary memory.
                if request == CLEAR[0] {
                    let request = request_in_words;
                    refused.get_or_insert(StepError::Refused { ecu, request, nrc });
                }
            }
        }
        if answers.is_empty() && request == CLEAR[0] {
            return Err(StepError::Nobody);
        }
    }
    for answer in context.all(&READ).await? {
        if let [0x59, 0x02, _, codes @ ..] = &answer.data[..]
            && !codes.is_empty()
        {
            let name = context.name(answer.ecu);
            context.note(format!("{name} still has {} fault codes", codes.len() / 4));
        }
    }
    match context.ask(Address::GATEWAY.0, &CLEAR_CENTRAL).await {
        Ok(_) => {}
        Err(error) if error.nrc().is_some() => context.note(error.to_string()),
        Err(error) => return Err(error),
    }
    // The others are cleared first: one that refuses keeps nobody from it.
    refused.map_or(Ok(()), Err)
}
