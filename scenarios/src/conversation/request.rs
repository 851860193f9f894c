//! Sends one request of the scenario and looks at the answer.

use wire::uds::{Answer as Kind, classify};

use super::context::{Question, is_suppressed};
use super::{Context, StepError};
use crate::hex::Expected;
use crate::step::Request;
use crate::tester::{Expect, FUNCTIONAL, Fault};

pub(super) async fn request(context: &Context, step: &Request) -> Result<(), StepError> {
    let target = match &step.ecu {
        Some(name) if !step.functional => context.ecu(name)?.address,
        Some(_) | None => FUNCTIONAL,
    };
    let data = &step.send.0;
    let question = Question::new(context, target, data);
    let question = if is_harmless(data) { question } else { question.once() };
    let answers = answers(context, step, &question).await?;
    follow_session(context, data, &answers);
    judge(context, step, &question, &answers)
}

/// Sends the request and returns all that came; silence is empty.
async fn answers(
    context: &Context,
    step: &Request,
    question: &Question,
) -> Result<Vec<bytes::Bytes>, StepError> {
    let is_silent = is_suppressed(&step.send.0) && step.expect.is_none();
    if question.ecu == FUNCTIONAL {
        let expect = if is_silent { Expect::Acknowledge } else { Expect::Answers };
        let answers = context.exchange(question.request(expect)).await;
        let answers = answers.map_err(|fault| context.fault(question, fault))?;
        return Ok(answers.into_iter().map(|answer| answer.data).collect());
    }
    if is_silent {
        let answers = context.exchange(question.request(Expect::Acknowledge)).await;
        return answers.map(|_| Vec::new()).map_err(|fault| context.fault(question, fault));
    }
    match context.answer(question).await {
        Ok(answer) => Ok(vec![answer]),
        Err(error) if error.fault() == Some(&Fault::NoAnswer) && step.expect.is_some() => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// Compares what came with what the scenario expects; without an expectation, an answer has to be
/// positive.
fn judge(
    context: &Context,
    step: &Request,
    question: &Question,
    answers: &[bytes::Bytes],
) -> Result<(), StepError> {
    let is_met = match &step.expect {
        Some(expected @ Expected::Silence) => {
            answers.is_empty() || answers.iter().all(|answer| expected.is_met(Some(answer)))
        }
        Some(expected @ Expected::Answer(_)) => {
            answers.iter().any(|answer| expected.is_met(Some(answer)))
        }
        None if is_suppressed(&step.send.0) => true,
        None => answers.iter().any(|answer| matches!(classify(answer), Kind::Positive { .. })),
    };
    if is_met {
        return Ok(());
    }
    let (ecu, request) = context.words(question);
    let words: Vec<_> = answers.iter().map(|answer| wire::Hex(answer).to_string()).collect();
    let answer = if words.is_empty() { "silence".to_owned() } else { words.join(" | ") };
    let expected =
        step.expect.as_ref().map_or_else(|| "a positive answer".to_owned(), Expected::to_string);
    Err(StepError::Unmet { ecu, request, answer, expected })
}

/// Keeps the session alive when the scenario opened one, and no longer when it left it.
fn follow_session(context: &Context, request: &[u8], answers: &[bytes::Bytes]) {
    let is_granted = is_suppressed(request)
        || answers.iter().any(|answer| matches!(classify(answer), Kind::Positive { .. }));
    match request {
        [0x10, session, ..] if is_granted => context.hold_session(session & 0x7F != 0x01),
        [..] => {}
    }
}

/// Tells whether asking twice does no harm: reading, and tester present.
fn is_harmless(request: &[u8]) -> bool {
    matches!(request, [0x19 | 0x22 | 0x23 | 0x3E, ..])
}
