//! The shell around the policies: locks, tasks and the clock.
//!
//! There is no worker that polls and none that sleeps: whoever frees a slot (a finished task, a cancel, a raised
//! limit) starts the next request itself. One timer task wakes for backoffs and deadlines. No lock is held while an
//! event is delivered.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::attempt::{self, Outcome};
use super::classify;
use super::job::{Job, NewJob};
use super::line::{Line, Rank, Removed, Scope};
use super::pass::Pass;
use super::policy::Policy;
use super::retry::{self, Decision, History};
use crate::completion::{Delivery, Response, Sink};
use crate::error::{Error, Result};
use crate::status;
use crate::sync::{Current, lock};
use crate::transport::Transport;

/// Why a request was stopped from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// `oai_cancel`.
    Cancelled,
    /// The client was freed.
    Freed,
    /// `oai_shutdown`.
    Shutdown,
}

impl Stop {
    fn error(self) -> Error {
        match self {
            Stop::Cancelled => Error::new(status::CANCELLED, "the request was cancelled"),
            Stop::Freed => Error::new(
                status::CANCELLED,
                "the request was cancelled because its client was freed",
            ),
            Stop::Shutdown => Error::new(
                status::SHUTDOWN,
                "the request was cancelled because the library was shut down",
            ),
        }
    }
}

/// One client's scheduler.
pub struct Scheduler {
    transport: Arc<dyn Transport>,
    policy: Arc<Current<Policy>>,
    runtime: Handle,
    state: Mutex<State>,
    drained: Condvar,
    timer: Arc<Notify>,
}

struct State {
    line: Line<Box<Job>, oneshot::Sender<Stop>>,
    /// When something of a scope last succeeded.
    succeeded: HashMap<Scope, Instant>,
    /// Set once no more requests are taken.
    closed: Option<Stop>,
    /// Accepted requests whose terminal event is still owed.
    owed: usize,
    /// When the timer task will look again by itself.
    armed: Option<Instant>,
}

/// A job that has a slot, and how it is told to stop.
type Launched = (Box<Job>, oneshot::Receiver<Stop>);

/// How a flight ended.
#[allow(
    clippy::large_enum_variant,
    reason = "it lives on the stack, for one step"
)]
enum End {
    Outcome(Outcome),
    Stopped(Stop),
    Deadline,
    Panicked,
}

impl Scheduler {
    pub fn new(
        runtime: Handle,
        transport: Arc<dyn Transport>,
        policy: Arc<Current<Policy>>,
    ) -> Arc<Scheduler> {
        let scheduler = Arc::new(Scheduler {
            transport,
            policy,
            runtime,
            state: Mutex::new(State {
                line: Line::new(),
                succeeded: HashMap::new(),
                closed: None,
                owed: 0,
                armed: None,
            }),
            drained: Condvar::new(),
            timer: Arc::new(Notify::new()),
        });
        let timer = scheduler.timer.clone();
        scheduler
            .runtime
            .spawn(keep_time(Arc::downgrade(&scheduler), timer));
        scheduler
    }

    /// Accepts a request under `id`, or refuses it and runs its destructor.
    pub fn submit(self: &Arc<Self>, id: u64, new: NewJob, sink: Sink) -> Result<()> {
        let delivery = Delivery::new(id, sink);
        let policy = self.policy.get();
        let mut state = lock(&self.state);
        if let Some(stop) = state.closed {
            drop(state);
            delivery.refuse();
            return Err(match stop {
                Stop::Shutdown => stop.error(),
                _ => Error::new(
                    status::CLOSED,
                    "the client is closed and takes no more requests",
                ),
            });
        }
        let accepted = Instant::now();
        let timeout = new.timeout.or(policy.timeout);
        let job = Box::new(Job {
            call: new.call,
            expect: new.expect,
            delivery,
            rank: Rank {
                due: accepted + policy.ageing * new.priority,
                id,
            },
            scope: new.scope,
            accepted,
            deadline: timeout.and_then(|timeout| accepted.checked_add(timeout)),
            may_repeat: new.may_repeat,
            attempts: 0,
            retries: 0,
            attempted: accepted,
            streamed: false,
        });
        state.line.enqueue(job);
        let launched = state.start(&policy);
        let waits = !launched.iter().any(|(job, _)| job.rank.id == id);
        if waits
            && state.line.waiting() > policy.queue_size as usize
            && let Removed::Waiting(job) = state.line.remove(id)
        {
            drop(state);
            job.delivery.refuse();
            self.launch(launched);
            return Err(Error::new(
                status::QUEUE_FULL,
                format!(
                    "the queue is full: queue_size is {}; submit later or raise it with oai_set_queue_size",
                    policy.queue_size
                ),
            ));
        }
        state.owed += 1;
        self.arm(&mut state);
        drop(state);
        self.launch(launched);
        Ok(())
    }

    /// Cancels a request in whatever state it is; false if there is none of this id (any more).
    pub fn cancel(self: &Arc<Self>, id: u64) -> bool {
        let policy = self.policy.get();
        let mut state = lock(&self.state);
        let removed = state.line.remove(id);
        let launched = state.start(&policy);
        drop(state);
        let found = match removed {
            Removed::Waiting(job) => {
                self.end_waiting(job, Stop::Cancelled.error());
                true
            }
            // The task delivers: it may be handing over a chunk at this very moment.
            Removed::InFlight(stop) => stop.send(Stop::Cancelled).is_ok(),
            Removed::Unknown => false,
        };
        self.launch(launched);
        found
    }

    /// Looks again after the settings have changed.
    pub fn settings_changed(self: &Arc<Self>) {
        let policy = self.policy.get();
        let launched = lock(&self.state).start(&policy);
        self.launch(launched);
    }

    /// Takes no more requests; those that were accepted go on.
    pub fn close(&self) {
        lock(&self.state).closed.get_or_insert(Stop::Cancelled);
    }

    /// Takes no more requests and ends those that were accepted.
    pub fn stop(self: &Arc<Self>, stop: Stop) {
        let mut state = lock(&self.state);
        state.closed = Some(stop);
        let (waiting, flights) = state.line.clear();
        drop(state);
        for job in waiting {
            self.end_waiting(job, stop.error());
        }
        for flight in flights {
            let _ = flight.send(stop);
        }
    }

    /// Waits until every terminal event was handed over; false when the time was not enough.
    pub fn wait_drained(&self, timeout: Duration) -> bool {
        let mut state = lock(&self.state);
        let until = std::time::Instant::now().checked_add(timeout);
        while state.owed > 0 {
            let left = match until {
                Some(until) => until.saturating_duration_since(std::time::Instant::now()),
                None => Duration::from_secs(3600),
            };
            if left.is_zero() {
                return false;
            }
            let waited = self.drained.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn launch(self: &Arc<Self>, launched: Vec<Launched>) {
        for (job, stop) in launched {
            self.runtime.spawn(self.clone().fly(job, stop));
        }
    }

    /// A slot's task: it makes the attempt, and goes on with the next request when one waits.
    async fn fly(self: Arc<Self>, job: Box<Job>, stop: oneshot::Receiver<Stop>) {
        let mut next = Some((job, stop));
        while let Some((job, stop)) = next {
            next = self.flight(job, stop).await;
        }
    }

    async fn flight(
        self: &Arc<Self>,
        mut job: Box<Job>,
        mut stop: oneshot::Receiver<Stop>,
    ) -> Option<Launched> {
        job.attempts += 1;
        job.attempted = Instant::now();
        tracing::debug!(
            "request {}: attempt {} of {}",
            job.rank.id,
            job.attempts,
            describe(&job)
        );
        let policy = self.policy.get();
        let pass = Pass::new();
        let deadline = job.deadline;
        let attempt = attempt::run(&*self.transport, &policy, &mut job, &pass);
        let mut end = tokio::select! {
            biased;
            reason = &mut stop => End::Stopped(reason.unwrap_or(Stop::Cancelled)),
            () = until(deadline) => End::Deadline,
            outcome = AssertUnwindSafe(attempt).catch_unwind() => match outcome {
                Ok(outcome) => End::Outcome(outcome),
                Err(_) => End::Panicked,
            },
        };
        if let Ok(reason) = stop.try_recv() {
            end = End::Stopped(reason);
        }
        self.land(job, end, pass.was_sent())
    }

    /// Ends a flight: the job goes to its caller or into backoff, and its slot to the next request, which is returned.
    fn land(self: &Arc<Self>, mut job: Box<Job>, end: End, sent: bool) -> Option<Launched> {
        // Read anew: settings hold for every decision that is made after they change.
        let policy = &self.policy.get();
        let mut state = lock(&self.state);
        let end = match end {
            // A cancel that came in the last moment has freed the slot already, and promised to end it so.
            end if !state.line.land(job.rank.id) && !matches!(end, End::Stopped(_)) => {
                End::Stopped(Stop::Cancelled)
            }
            end => end,
        };
        let mut launched;
        match state.judge(&mut job, end, sent, policy) {
            Verdict::Retry(due) => {
                state.line.back_off(job, due);
                launched = state.start(policy);
                self.arm(&mut state);
                drop(state);
            }
            Verdict::Deliver(mut response) => {
                launched = state.start(policy);
                drop(state);
                response.attempts = job.attempts;
                job.delivery.finish(response);
                self.settle();
            }
        }
        let next = launched.pop();
        self.launch(launched);
        next
    }

    /// Ends a request that is not in flight.
    fn end_waiting(&self, job: Box<Job>, error: Error) {
        let mut response = Response::failed(job.rank.id, error);
        response.attempts = job.attempts;
        job.delivery.finish(response);
        self.settle();
    }

    /// Counts a delivered terminal event.
    fn settle(&self) {
        let mut state = lock(&self.state);
        state.owed -= 1;
        if state.owed == 0 {
            self.drained.notify_all();
        }
    }

    /// Sees to it that the timer task wakes in time for what was just added.
    fn arm(&self, state: &mut State) {
        if let Some(next) = state.line.next_change()
            && state.armed.is_none_or(|armed| next < armed)
        {
            state.armed = Some(next);
            self.timer.notify_one();
        }
    }

    /// The timer's visit: deadlines, backoffs that are over, and when to come again.
    fn tick(self: &Arc<Self>) -> Option<Instant> {
        let policy = self.policy.get();
        let now = Instant::now();
        let mut state = lock(&self.state);
        let expired = state.line.expired(now);
        state.line.return_due(now);
        let launched = state.start(&policy);
        state.armed = state.line.next_change();
        let next = state.armed;
        drop(state);
        for job in expired {
            let error = missed(&job);
            self.end_waiting(job, error);
        }
        self.launch(launched);
        next
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.timer.notify_one();
    }
}

async fn keep_time(scheduler: Weak<Scheduler>, woken: Arc<Notify>) {
    loop {
        let Some(next) = scheduler.upgrade().map(|scheduler| scheduler.tick()) else {
            return;
        };
        tokio::select! {
            () = until(next) => {}
            () = woken.notified() => {}
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// What a landed request's end leads to.
#[allow(
    clippy::large_enum_variant,
    reason = "it lives on the stack, for one step"
)]
enum Verdict {
    Deliver(Response),
    /// Another attempt at that time.
    Retry(Instant),
}

impl State {
    /// Gives free slots to those who wait.
    fn start(&mut self, policy: &Policy) -> Vec<Launched> {
        let mut launched = Vec::new();
        loop {
            let mut told = None;
            let job = self
                .line
                .start(policy.max_concurrent_requests as usize, |_| {
                    let (tell, listen) = oneshot::channel();
                    told = Some(listen);
                    tell
                });
            match (job, told) {
                (Some(job), Some(told)) => launched.push((job, told)),
                _ => return launched,
            }
        }
    }

    fn judge(&mut self, job: &mut Job, end: End, sent: bool, policy: &Policy) -> Verdict {
        let now = Instant::now();
        let harm = sent && !job.may_repeat;
        let failed = |error: Error| {
            Verdict::Deliver(Response::failed(
                job.rank.id,
                Error {
                    may_have_executed: harm,
                    ..error
                },
            ))
        };
        let (trouble, response) = match end {
            End::Stopped(reason) => return failed(reason.error()),
            End::Deadline => return failed(missed(job)),
            End::Panicked => {
                return failed(Error::new(
                    status::PANIC,
                    "the request met an internal failure of the library; other requests are not affected",
                ));
            }
            End::Outcome(Outcome::Success(response)) => {
                self.succeeded.insert(job.scope.clone(), now);
                return Verdict::Deliver(response);
            }
            End::Outcome(Outcome::Failed(trouble, response)) => (trouble, response),
        };
        let history = History {
            retries: job.retries,
            scope_moved: self
                .succeeded
                .get(&job.scope)
                .is_some_and(|at| *at > job.attempted),
            may_repeat: job.may_repeat,
        };
        match retry::decide(policy, &trouble, history, random()) {
            Decision::GiveUp(why) => Verdict::Deliver(with_error(response, |error| {
                let error = classify::advise(error, job.attempts, why);
                tracing::warn!("request {}: {}: {error}", job.rank.id, describe(job));
                error
            })),
            Decision::Retry { delay, .. } if job.deadline.is_some_and(|at| now + delay >= at) => {
                Verdict::Deliver(with_error(response, |error| Error {
                    message: format!(
                        "the deadline cannot be met: the next attempt would be in {}, after {}: {}",
                        classify::seconds(delay),
                        classify::attempts(job.attempts),
                        error.message
                    )
                    .into(),
                    status: status::DEADLINE,
                    ..error
                }))
            }
            Decision::Retry {
                delay,
                counts,
                reason,
            } => {
                let error = response
                    .error
                    .as_ref()
                    .map_or(String::new(), |e| e.message.to_string());
                tracing::warn!(
                    "request {}: attempt {} of {}: {reason} ({error}); retry {} of {}{} in {}{}",
                    job.rank.id,
                    job.attempts,
                    describe(job),
                    job.retries + u32::from(counts),
                    policy.max_retries,
                    if counts {
                        ""
                    } else {
                        " (not counted, others got through)"
                    },
                    classify::seconds(delay),
                    match response.request_id() {
                        Some(id) => format!(" [{}]", id.to_string_lossy()),
                        None => String::new(),
                    },
                );
                job.retries += u32::from(counts);
                Verdict::Retry(now + delay)
            }
        }
    }
}

fn with_error(mut response: Response, change: impl FnOnce(Error) -> Error) -> Response {
    response.error = response.error.map(change);
    response
}

/// The error of a request whose deadline has passed.
fn missed(job: &Job) -> Error {
    let given = job
        .deadline
        .map_or(Duration::ZERO, |deadline| deadline - job.accepted);
    let place = match job.attempts {
        0 => "while it waited in the queue".to_owned(),
        n => format!("after {} begun", classify::attempts(n)),
    };
    Error::new(
        status::DEADLINE,
        format!(
            "the deadline of {} passed {place}",
            classify::seconds(given)
        ),
    )
}

/// The call in few words, for the log.
fn describe(job: &Job) -> String {
    match &job.call.model {
        Some(model) => format!("{} {} ({model})", job.call.method, job.call.path),
        None => format!("{} {}", job.call.method, job.call.path),
    }
}

/// A number in 0..1 for jitter; nothing depends on its quality, only on different processes drawing different ones.
fn random() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let bits = RandomState::new().hash_one(0u8) >> 11;
    bits as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests;
