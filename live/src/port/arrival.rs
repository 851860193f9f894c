//! When a frame arrived at a packet socket, by the kernel's word: its reader wakes up later.

use std::io;
use std::os::fd::AsFd;

use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeSpec, TimeValLike};
use nix::time::{ClockId, clock_gettime};
use node::Duration;

/// More than any reader of ours ever lags behind; longer is a clock that was set meanwhile.
const WAITED_MAX: Duration = Duration::from_millis(100);

/// Has the kernel tell when each frame arrived.
pub fn ask(socket: &impl AsFd) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::ReceiveTimestampns, &true)?)
}

/// Returns how long ago a frame with this stamp arrived; zero where that cannot be known.
pub fn ago(stamp: TimeSpec) -> Duration {
    clock_gettime(ClockId::CLOCK_REALTIME).map_or(Duration::ZERO, |now| between(stamp, now))
}

fn between(stamp: TimeSpec, now: TimeSpec) -> Duration {
    let waited = u64::try_from((now - stamp).num_nanoseconds()).map(Duration::from_nanos);
    waited.ok().filter(|waited| *waited <= WAITED_MAX).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::a_moment_ago(1_000, 41_000, 40)]
    #[case::just_now(1_000, 1_000, 0)]
    #[case::the_clock_was_set_back(41_000, 1_000, 0)]
    #[case::the_clock_was_set_forward(0, 3_600_000_000_000, 0)]
    fn a_stamp_is_believed_within_reason(
        #[case] stamp: i64,
        #[case] now: i64,
        #[case] micros: u64,
    ) {
        let at = TimeSpec::nanoseconds;
        assert_eq!(between(at(stamp), at(now)), Duration::from_micros(micros));
    }
}
