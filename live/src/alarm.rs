//! One wake-up call, exact to microseconds where the system can.
//!
//! The runtime's own sleep counts whole milliseconds and rounds up. On Linux a timer descriptor
//! takes its place; elsewhere the sleep has to do.

use std::task::{Context, Poll};

use node::Instant;

use crate::{Clock, LiveError};

/// Wakes the task that polls it at a deadline.
///
/// It may wake too early: whether a deadline is due is judged by the clock, never by the alarm.
pub struct Alarm {
    timer: timer::Timer,
    armed: Option<Instant>,
}

impl Alarm {
    /// Makes an alarm that is not set.
    pub fn new() -> Result<Self, LiveError> {
        let timer =
            timer::Timer::new().map_err(|source| LiveError::System { what: "timer", source })?;
        Ok(Self { timer, armed: None })
    }

    /// Is ready once `at` may be due; an earlier call still set is kept, a later one moved.
    pub fn poll(&mut self, cx: &mut Context<'_>, clock: &Clock, at: Instant) -> Poll<()> {
        if self.armed.is_none_or(|armed| at < armed) {
            self.timer.set(clock.until(at));
            self.armed = Some(at);
        }
        let rung = self.timer.poll(cx);
        if rung.is_ready() {
            self.armed = None;
        }
        rung
    }
}

#[cfg(target_os = "linux")]
mod timer {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::task::{Context, Poll, ready};

    use node::Duration;
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use crate::watched::watched;

    pub struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        pub fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            watched(timer, Interest::READABLE).map(Self)
        }

        pub fn set(&mut self, after: Duration) {
            // Zero would switch the timer off.
            let after = after.max(Duration::from_nanos(1));
            let once = Itimerspec {
                it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
                it_value: Timespec {
                    tv_sec: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
                    tv_nsec: i64::from(after.subsec_nanos()),
                },
            };
            timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)
                .expect("a timer descriptor takes every positive time");
        }

        pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            let mut guard =
                ready!(self.0.poll_read_ready(cx)).expect("the runtime outlives what runs in it");
            let mut expirations = [0; 8];
            let rung = rustix::io::read(guard.get_inner(), &mut expirations).is_ok();
            guard.clear_ready();
            if rung { Poll::Ready(()) } else { self.poll(cx) }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod timer {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use node::Duration;
    use tokio::time::{Instant, Sleep, sleep};

    pub struct Timer(Pin<Box<Sleep>>);

    impl Timer {
        pub fn new() -> io::Result<Self> {
            Ok(Self(Box::pin(sleep(Duration::ZERO))))
        }

        pub fn set(&mut self, after: Duration) {
            self.0.as_mut().reset(Instant::now() + after);
        }

        pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            self.0.as_mut().poll(cx)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use node::Duration;

    use super::*;

    #[tokio::test]
    async fn rings_after_the_deadline_and_on_linux_within_a_millisecond() {
        let clock = Clock::start();
        let mut alarm = Alarm::new().unwrap();
        let mut best = Duration::MAX;
        // A busy machine may be late every now and then, but not every time.
        for _ in 0..100 {
            let at = clock.now() + Duration::from_micros(300);
            poll_fn(|cx| alarm.poll(cx, &clock, at)).await;
            assert!(clock.now() >= at, "rang early");
            best = best.min(clock.now() - at);
        }
        if cfg!(target_os = "linux") {
            assert!(best < Duration::from_micros(600), "never better than {best:?}");
        }
    }

    #[tokio::test]
    async fn an_earlier_deadline_moves_the_call_forward() {
        let clock = Clock::start();
        let mut alarm = Alarm::new().unwrap();
        let far = clock.now() + Duration::from_secs(600);
        let near = clock.now() + Duration::from_millis(1);
        poll_fn(|cx| {
            assert!(alarm.poll(cx, &clock, far).is_pending());
            Poll::Ready(())
        })
        .await;
        poll_fn(|cx| alarm.poll(cx, &clock, near)).await;
        assert!(clock.now() >= near);
    }
}
