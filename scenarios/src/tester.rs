//! The client that carries out the steps.
//!
//! | file | holds |
//! |---|---|
//! | `config` | [`TesterConfig`] and what the tester knows about control units |
//! | `timeouts` | [`Timeouts`]: how long the tester waits for what |
//! | `event` | [`TesterEvent`], the names of latencies |

mod config;
mod event;
mod timeouts;

pub use config::{
    Backend, BackendFailure, Coding, Image, KeyFunction, Programming, Segment, TesterConfig,
    TesterEcu,
};
pub use event::{Connection, Exchange, LATENCY_NAMES, TesterEvent, latency_name};
pub use timeouts::{Collection, ErrorWords, Timeouts};
