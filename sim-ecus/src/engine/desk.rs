//! One request at a time: queue, response pending, and who hears which answer
//! (`uds-and-bmw-ecus.md` §2.1–§2.3).

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use node::{Instant, Stream, Timers};
use wire::uds::service as sid;
use wire::uds::{Nrc, SUPPRESS_POSITIVE_RESPONSE, negative};

use super::{Deed, Pace, Work};
use crate::interface::{Request, Response};
use crate::profile::Span;

/// Requests that wait while one is worked on; more are told that the unit is busy.
const WAITING_MAX: usize = 4;

/// Time between two `78` of one request (§2.1).
const PENDING_EVERY: Duration = Duration::from_secs(3);

/// Deadlines of a control unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The work on a request is done.
    Done,
    /// The waiting tester is told that the answer comes later.
    Pending,
    /// A session has been without a request for S3.
    Session,
    /// A restart is over.
    Running,
}

/// What is being worked on.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// Who asked; nobody once the tester is gone.
    channel: Option<u64>,
    functional: bool,
    /// Service identifier of the request.
    sid: u8,
    suppressed: bool,
    /// Whether a `78` was sent, after which the final answer must be.
    announced: bool,
    /// Whether nothing is heard while it runs.
    deaf: bool,
    /// What ends it; an error is the negative answer.
    pub deed: Result<Deed, Nrc>,
}

impl Job {
    /// Takes out what ends the job.
    pub(crate) fn take_deed(&mut self) -> Result<Deed, Nrc> {
        std::mem::replace(&mut self.deed, Err(Nrc::GeneralReject))
    }
}

/// What becomes of a request that arrives.
pub(crate) enum Reception {
    /// It is the next to be worked on.
    Next(Request),
    /// It waits, or was answered, or is not heard.
    Settled,
}

/// Where requests arrive and answers leave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Desk {
    pub job: Option<Job>,
    waiting: VecDeque<Request>,
    answers: VecDeque<Response>,
    pub timers: Timers<Timer>,
}

/// How fast a unit answers.
pub(crate) struct Tempo<'a> {
    pub latency: Span,
    pub functional_latency: Span,
    pub p2: Duration,
    /// What a fault adds.
    pub extra: Duration,
    pub chance: &'a mut Stream,
}

impl Desk {
    /// Takes a request in.
    pub(crate) fn receive(&mut self, request: Request) -> Reception {
        let Some(job) = &self.job else {
            return Reception::Next(request);
        };
        if job.deaf || is_silent_tester_present(&request.data) {
            return Reception::Settled;
        }
        if job.announced || self.waiting.len() >= WAITING_MAX {
            let first = request.data[0];
            self.push(Some(request.channel), negative(first, Nrc::BusyRepeatRequest));
        } else {
            self.waiting.push_back(request);
        }
        Reception::Settled
    }

    /// Returns the request that waited longest, when nothing is worked on.
    pub(crate) fn next_waiting(&mut self) -> Option<Request> {
        if self.job.is_some() { None } else { self.waiting.pop_front() }
    }

    /// Begins work on a request; returns when it is done.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        request: &Request,
        work: Result<Work, Nrc>,
        tempo: Tempo<'_>,
    ) -> Instant {
        let (pace, deed) = match work {
            Ok(work) => (work.pace, Ok(work.deed)),
            Err(nrc) => (Pace::Prompt, Err(nrc)),
        };
        let first = request.data[0];
        let suppressed = sid::has_sub_function(first)
            && request.data.get(1).is_some_and(|sub| sub & SUPPRESS_POSITIVE_RESPONSE != 0);
        self.job = Some(Job {
            channel: Some(request.channel),
            functional: request.functional,
            sid: first,
            suppressed,
            announced: false,
            deaf: matches!(pace, Pace::Deaf(_)),
            deed,
        });
        self.schedule(now, request.functional, pace, tempo)
    }

    fn schedule(
        &mut self,
        now: Instant,
        functional: bool,
        pace: Pace,
        tempo: Tempo<'_>,
    ) -> Instant {
        let span = if functional { tempo.functional_latency } else { tempo.latency };
        let (work, at_once, latency) = match pace {
            Pace::Prompt => (Duration::ZERO, false, true),
            Pace::Busy(work) => (work, false, true),
            Pace::Long(work) => (work, true, true),
            Pace::Exactly(work) => (work, false, false),
            Pace::Deaf(work) => (work, true, false),
        };
        let latency =
            if latency { tempo.chance.between(span.low, span.high) } else { Duration::ZERO };
        let work = work + tempo.extra;
        let done = now + work + latency;
        self.timers.set(Timer::Done, done);
        let grace = tempo.p2 * 4 / 5;
        if at_once {
            self.announce(now);
        } else if work > grace {
            self.timers.set(Timer::Pending, now + grace);
        }
        done
    }

    /// Tells the waiting tester that the answer comes later, and when it is told next.
    pub(crate) fn announce(&mut self, now: Instant) {
        let Some(job) = &mut self.job else {
            return;
        };
        job.announced = true;
        let (channel, data) = (job.channel, negative(job.sid, Nrc::ResponsePending));
        self.push(channel, data);
        self.timers.set(Timer::Pending, now + PENDING_EVERY);
    }

    /// Sends the final answer of a job, where it is to be sent.
    pub(crate) fn conclude(&mut self, job: &Job, answer: Result<Bytes, Nrc>) {
        self.timers.cancel(Timer::Pending);
        match answer {
            Ok(_) if job.suppressed && !job.announced => {}
            Ok(data) => self.push(job.channel, data),
            Err(nrc) if job.functional && !job.announced && is_kept_quiet(nrc) => {}
            Err(nrc) => self.push(job.channel, negative(job.sid, nrc)),
        }
    }

    /// Forgets everything that is under way; answers that already left stay.
    pub(crate) fn clear(&mut self) {
        self.job = None;
        self.waiting.clear();
        self.timers.clear();
    }

    /// Forgets a tester; what is worked on for it goes on.
    pub(crate) fn forget(&mut self, channel: u64) {
        self.waiting.retain(|request| request.channel != channel);
        self.answers.retain(|answer| answer.channel != channel);
        if let Some(job) = &mut self.job {
            job.channel = job.channel.filter(|own| *own != channel);
        }
    }

    /// Drops answers that have not left.
    pub(crate) fn silence(&mut self) {
        self.answers.clear();
    }

    pub(crate) fn poll_answer(&mut self) -> Option<Response> {
        self.answers.pop_front()
    }

    fn push(&mut self, channel: Option<u64>, data: Bytes) {
        if let Some(channel) = channel {
            self.answers.push_back(Response { channel, data });
        }
    }
}

/// Returns whether a request is TesterPresent that wants no answer.
pub(crate) fn is_silent_tester_present(data: &[u8]) -> bool {
    data == [sid::TESTER_PRESENT, SUPPRESS_POSITIVE_RESPONSE]
}

/// Returns whether a service is never heard when it is sent to all (§2.3).
pub(crate) fn is_physical_only(service: u8) -> bool {
    matches!(
        service,
        sid::SECURITY_ACCESS
            | sid::REQUEST_DOWNLOAD
            | sid::TRANSFER_DATA
            | sid::REQUEST_TRANSFER_EXIT
    )
}

/// Negative answers that are not sent to functional requests (§2.3).
fn is_kept_quiet(nrc: Nrc) -> bool {
    matches!(
        nrc,
        Nrc::ServiceNotSupported
            | Nrc::SubFunctionNotSupported
            | Nrc::RequestOutOfRange
            | Nrc::SubFunctionNotSupportedInActiveSession
            | Nrc::ServiceNotSupportedInActiveSession
    )
}
