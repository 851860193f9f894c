//! Waits for frames and deadlines: epoll in nanoseconds, naps and spins.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use node::{Duration, Instant};
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::time::Timespec;

use super::{Options, Pace};
use crate::Clock;

/// Polls descriptors, each known by a number, until one has something or a deadline is reached.
pub struct Waiter {
    epoll: OwnedFd,
    ready: Vec<Ready>,
    pace: Pace,
    spin: Duration,
    /// What has just happened rarely happens once: until then nobody goes to sleep.
    awake_until: Instant,
    budget: Option<Budget>,
}

/// A descriptor that has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Its number.
    pub number: u64,
    /// Whether its far end is gone or it is in an error.
    pub broken: bool,
}

impl Waiter {
    /// Makes a waiter that knows no descriptor.
    pub fn new(options: &Options) -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            ready: Vec::with_capacity(EVENTS),
            pace: options.pace,
            spin: options.spin,
            awake_until: Instant::ZERO,
            budget: None,
        })
    }

    /// Polls a descriptor from now on.
    pub fn add(&self, descriptor: impl AsFd, number: u64) -> io::Result<()> {
        let data = epoll::EventData::new_u64(number);
        Ok(epoll::add(&self.epoll, descriptor, data, epoll::EventFlags::IN)?)
    }

    /// Polls a descriptor no more.
    pub fn remove(&self, descriptor: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, descriptor)?)
    }

    /// Leaves others on this processor some time: a spinning thread of real-time priority must.
    pub fn share_processor(&mut self) {
        self.budget = Some(Budget::default());
    }

    /// Returns when a descriptor has something or `until` is reached, whichever comes first.
    pub fn wait(&mut self, clock: &Clock, until: Option<Instant>) -> io::Result<()> {
        loop {
            let now = clock.now();
            let sleep = self.sleep(now, until);
            self.poll(sleep)?;
            if sleep == Some(Duration::ZERO)
                && let Some(budget) = &mut self.budget
            {
                budget.spend(now, clock.now());
            }
            let now = clock.now();
            if !self.ready.is_empty() || until.is_some_and(|until| until <= now) {
                self.awake_until = now + self.spin;
                return Ok(());
            }
        }
    }

    /// Returns the descriptors that have something.
    pub fn ready(&self) -> &[Ready] {
        &self.ready
    }

    /// How long to sleep before looking again; zero to spin, `None` to sleep until woken.
    fn sleep(&self, now: Instant, until: Option<Instant>) -> Option<Duration> {
        let left = until.map(|until| until - now);
        match self.pace {
            Pace::Epoll => left,
            Pace::Spin => Some(Duration::ZERO),
            Pace::Hybrid if self.budget.as_ref().is_some_and(|budget| budget.is_spent(now)) => left,
            Pace::Hybrid if now < self.awake_until => Some(Duration::ZERO),
            Pace::Hybrid => left.map(|left| left.saturating_sub(self.spin)),
        }
    }

    fn poll(&mut self, sleep: Option<Duration>) -> io::Result<()> {
        let timeout = sleep.map(|sleep| Timespec {
            tv_sec: i64::try_from(sleep.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: sleep.subsec_nanos().into(),
        });
        self.ready.clear();
        let mut space = [MaybeUninit::uninit(); EVENTS];
        match epoll::wait(&self.epoll, &mut space[..], timeout.as_ref()) {
            Ok((events, _)) => self.ready.extend(events.iter().map(Ready::new)),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

impl Ready {
    fn new(event: &epoll::Event) -> Self {
        let (flags, data) = (event.flags, event.data);
        let broken = flags.intersects(epoll::EventFlags::ERR | epoll::EventFlags::HUP);
        Self { number: data.u64(), broken }
    }
}

/// How much of a processor was spun away in the current window of time.
#[derive(Clone, Copy, Debug, Default)]
struct Budget {
    window: u64,
    spun: Duration,
}

impl Budget {
    fn spend(&mut self, from: Instant, to: Instant) {
        let window = to.as_nanos() / WINDOW;
        if window != self.window {
            *self = Self { window, spun: Duration::ZERO };
        }
        self.spun += to - from;
    }

    fn is_spent(&self, now: Instant) -> bool {
        now.as_nanos() / WINDOW == self.window && self.spun >= SPUN_MAX
    }
}

/// Descriptors told at once; the others are told next.
const EVENTS: usize = 8;

/// Length of a window in which spinning is counted, in nanoseconds.
const WINDOW: u64 = 100_000_000;

/// What a thread of real-time priority may spin away in a window: the rest is for everyone else.
const SPUN_MAX: Duration = Duration::from_millis(80);

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::epoll_sleeps_to_the_end(Pace::Epoll, Some(500), Some(500))]
    #[case::hybrid_wakes_before(Pace::Hybrid, Some(500), Some(400))]
    #[case::hybrid_spins_near_the_end(Pace::Hybrid, Some(90), Some(0))]
    #[case::spin_never_sleeps(Pace::Spin, Some(500), Some(0))]
    #[case::epoll_sleeps_until_woken(Pace::Epoll, None, None)]
    #[case::hybrid_sleeps_until_woken(Pace::Hybrid, None, None)]
    #[case::spin_spins_for_nothing(Pace::Spin, None, Some(0))]
    #[case::what_is_past_is_not_slept_for(Pace::Epoll, Some(0), Some(0))]
    fn the_pace_says_how_long_to_sleep(
        #[case] pace: Pace,
        #[case] left: Option<u64>,
        #[case] sleep: Option<u64>,
    ) {
        let waiter = Waiter::new(&Options { pace, ..Options::default() }).unwrap();
        let now = Instant::from_millis(7);
        let until = left.map(|left| now + Duration::from_micros(left));
        assert_eq!(waiter.sleep(now, until), sleep.map(Duration::from_micros));
    }

    #[rstest]
    #[case::hybrid_waits_for_more(Pace::Hybrid, 99, Some(Duration::ZERO))]
    #[case::hybrid_sleeps_when_none_came(Pace::Hybrid, 100, None)]
    #[case::epoll_sleeps_at_once(Pace::Epoll, 0, None)]
    fn something_that_happened_keeps_awake(
        #[case] pace: Pace,
        #[case] micros_later: u64,
        #[case] sleep: Option<Duration>,
    ) {
        let mut waiter = Waiter::new(&Options { pace, ..Options::default() }).unwrap();
        let happened = Instant::from_millis(7);
        waiter.awake_until = happened + waiter.spin;
        let now = happened + Duration::from_micros(micros_later);
        assert_eq!(waiter.sleep(now, None), sleep);
    }

    #[test]
    fn a_spent_budget_is_slept_for_until_the_next_window() {
        let mut waiter =
            Waiter::new(&Options { pace: Pace::Hybrid, ..Options::default() }).unwrap();
        let mut budget = Budget::default();
        budget.spend(Instant::from_millis(110), Instant::from_millis(191));
        waiter.budget = Some(budget);
        let sleep = |now| waiter.sleep(now, Some(now + Duration::from_micros(50)));
        assert_eq!(sleep(Instant::from_millis(195)), Some(Duration::from_micros(50)));
        assert_eq!(sleep(Instant::from_millis(200)), Some(Duration::ZERO));
    }

    #[test]
    fn what_was_spun_in_a_window_before_is_forgotten() {
        let mut budget = Budget::default();
        budget.spend(Instant::from_millis(110), Instant::from_millis(191));
        assert!(budget.is_spent(Instant::from_millis(191)));
        budget.spend(Instant::from_millis(299), Instant::from_millis(301));
        assert!(!budget.is_spent(Instant::from_millis(301)));
    }
}
