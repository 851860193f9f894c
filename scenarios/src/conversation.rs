//! Steps of several exchanges, written as straight lines.
//!
//! | file | holds |
//! |---|---|
//! | `mailbox` | how a conversation and its tester talk |
//! | `context` | what a conversation may do: ask, pause, tell |
//! | `error` | why a step failed |
//! | `identify`, `scan`, `request` | looking |
//! | `program`, `deploy`, `bootloader`, `plan` | flashing |
//! | `code`, `adaptations`, `reset`, `faults` | writing |
//!
//! A conversation awaits only its [`Context`]. It is polled by the tester, without a runtime: what
//! it asks for is put into the mailbox, and it goes on when the answer lies there. Waiting,
//! resending and the session's heartbeat belong to the tester.

mod adaptations;
mod bootloader;
mod code;
mod context;
mod deploy;
mod error;
mod faults;
mod identify;
mod mailbox;
mod plan;
mod program;
mod request;
mod reset;
mod scan;

use std::future::Future;
use std::pin::Pin;

pub(crate) use self::context::Context;
pub(crate) use self::error::StepError;
pub(crate) use self::mailbox::{Mailbox, Order, Reply, Wish};
use crate::Step;

/// A step that is being carried out.
pub(crate) type Conversation = Pin<Box<dyn Future<Output = Result<(), StepError>>>>;

/// Begins a step; `path` tells it from others where chance is involved, such as `3/2`.
pub(crate) fn begin(context: Context, step: Step, path: String) -> Conversation {
    Box::pin(async move {
        match &step {
            Step::Identify => identify::identify(&context).await,
            Step::Scan => scan::scan(&context).await,
            Step::Request(request) => request::request(&context, request).await,
            Step::Program(program) => program::program(&context, program).await,
            Step::Code(target) => code::code(&context, target).await,
            Step::InitialiseAdaptations(target) => adaptations::initialise(&context, target).await,
            Step::Reset(target) => reset::reset(&context, target).await,
            Step::ClearFaults => faults::clear(&context).await,
            Step::Wait(time) => {
                context.pause(context.draw(*time, &path)).await;
                Ok(())
            }
            Step::Repeat(repeat) => {
                for round in 1..=repeat.times {
                    for (index, step) in (1..).zip(&repeat.steps) {
                        let path = format!("{path}/{round}/{index}");
                        let inner = begin(context.clone(), step.clone(), path);
                        inner.await.map_err(|why| why.in_round(round, step))?;
                    }
                }
                Ok(())
            }
        }
    })
}
