//! The contract between a simulated party and whoever drives it.

use crate::Instant;

/// A sans-IO machine: inputs and time go in, outputs and a deadline come out.
///
/// The contract:
///
/// 1. After any `handle_*`, the driver drains `poll_output` to `None` before the next `handle_*`.
/// 2. An early `handle_timeout` changes nothing.
/// 3. Once drained at `now`, `poll_timeout` is later than `now`, or `None`.
/// 4. `None` means nothing is scheduled; there is no far-future stand-in.
/// 5. No clocks, no blocking, no generator but the stream the machine was given.
///
/// A second kind of output gets a second verb (`poll_event`), not a bigger enum.
pub trait Node {
    /// What the machine is told.
    type In;
    /// What the machine asks of its driver.
    type Out;

    /// Takes one input that arrives at `now`.
    fn handle_input(&mut self, now: Instant, input: Self::In);
    /// Lets every deadline that is due at `now` expire.
    fn handle_timeout(&mut self, now: Instant);
    /// Returns when `handle_timeout` wants to be called next.
    fn poll_timeout(&self) -> Option<Instant>;
    /// Takes the next output, oldest first.
    fn poll_output(&mut self) -> Option<Self::Out>;
}
