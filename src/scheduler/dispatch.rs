//! The shell around the policies: locks, tasks and the clock.
//!
//! There is no worker that polls and none that sleeps: whoever frees a slot (a finished task, a cancel, a raised
//! limit) starts the next request itself. One timer task wakes for backoffs and deadlines. No lock is held while an
//! event is delivered.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::alarm::Alarm;
use super::attempt::{self, Outcome};
use super::classify;
use super::fallback;
use super::gate::{Waits, time};
use super::job::{Job, NewJob};
use super::line::{Rank, Removed, Scope};
use super::pass::Pass;
use super::policy::{Policy, QueueFull};
use super::shells::Shells;
use super::state::{End, Launched, Started, State, Verdict, describe, missed, too_slow};
use super::stats::{Attempt, Ended, Report, Stats};
use super::tokens::Tokens;
use crate::completion::{Delivery, Holder, Response, ResponseBox, ResponseMaker, Sink, Stop};
use crate::error::{Error, Result};
use crate::status;
use crate::sync::{Apart, Current, Signal, lock};
use crate::transport::Transport;

/// One client's scheduler.
pub struct Scheduler {
    transport: Arc<dyn Transport>,
    policy: Arc<Current<Policy>>,
    stats: Arc<Stats>,
    tokens: Arc<Tokens>,
    runtime: Handle,
    /// Apart from what is only read, as whatever each request changes.
    state: Apart<Mutex<State>>,
    /// Accepted requests whose terminal event is still owed. Raised under the state's lock.
    owed: Apart<AtomicUsize>,
    /// Told when the last owed event was delivered.
    drained: Signal,
    /// Told when somebody left the queue; only blocking calls with `queue_full` wait look.
    room: Signal,
    timer: Arc<Notify>,
    /// Of the jobs of this client.
    shells: Apart<Shells<Job>>,
    _maker: ResponseMaker,
}

impl Scheduler {
    pub fn new(
        runtime: Handle,
        transport: Arc<dyn Transport>,
        policy: Arc<Current<Policy>>,
        stats: Arc<Stats>,
        tokens: Arc<Tokens>,
    ) -> Arc<Scheduler> {
        let timer = Arc::new(Notify::new());
        let scheduler = Arc::new_cyclic(|own: &Weak<Scheduler>| Scheduler {
            transport,
            state: Apart(Mutex::new(State::new(
                policy.get(),
                stats.clone(),
                tokens.clone(),
                own.clone(),
            ))),
            policy,
            stats,
            tokens,
            runtime,
            owed: Apart(AtomicUsize::new(0)),
            drained: Signal::default(),
            room: Signal::default(),
            timer: timer.clone(),
            shells: Apart(Shells::new()),
            _maker: ResponseMaker::new(),
        });
        scheduler
            .runtime
            .spawn(keep_time(Arc::downgrade(&scheduler), timer));
        scheduler
    }

    /// Accepts a request under `id`, or refuses it and runs its destructor. With `patient` it may wait for a place in
    /// the queue, if the settings say so.
    pub fn submit(self: &Arc<Self>, id: u64, new: NewJob, sink: Sink, patient: bool) -> Result<()> {
        let delivery = Delivery::new(id, sink);
        let job = self.job(id, new, delivery);
        match self.accept(job, patient) {
            Ok(started) => {
                self.launch(started);
                Ok(())
            }
            Err((job, error, started)) => {
                self.stats.refused(error.status);
                job.delivery.refuse();
                self.launch(started);
                Err(error)
            }
        }
    }

    fn job(&self, id: u64, new: NewJob, delivery: Delivery) -> Box<Job> {
        let policy = self.policy.look();
        let model = self.stats.model(new.call.model.as_deref());
        let accepted = Instant::now();
        let timeout = new.timeout.or(policy.timeout);
        let elsewhere = fallback::open_to(&new.call, &policy.fallbacks);
        self.shells.fill(Job {
            own_key: self.transport.has_own_key(&new.call),
            token: 0,
            renewed: false,
            scope: match policy.group_of(&new.scope) {
                same if same == &*new.scope => new.scope,
                group => group.into(),
            },
            call: new.call,
            expect: new.expect,
            delivery,
            rank: Rank {
                due: accepted + policy.ageing * new.priority,
                id,
            },
            accepted,
            deadline: timeout.and_then(|timeout| accepted.checked_add(timeout)),
            may_repeat: new.may_repeat,
            tokens: new.tokens,
            model,
            elsewhere,
            asked: None,
            waited: None,
            attempts: 0,
            retries: 0,
            attempted: accepted,
            streamed: false,
        })
    }

    #[allow(
        clippy::type_complexity,
        reason = "a refused job goes back to its only caller"
    )]
    fn accept(
        self: &Arc<Self>,
        mut job: Box<Job>,
        patient: bool,
    ) -> std::result::Result<Started, (Box<Job>, Error, Started)> {
        let id = job.rank.id;
        let mut others = Started::default();
        // By the time that the lock is had, others may have told the limits of later times.
        let mut now = job.accepted;
        let mut state = lock(&self.state);
        loop {
            if let Some(stop) = state.closed {
                let error = match stop {
                    Stop::Shutdown => stop.error(),
                    _ => Error::new(
                        status::CLOSED,
                        "the client is closed and takes no more requests",
                    ),
                };
                return Err((job, error, others));
            }
            let policy = self.policy.look();
            state.consider_elsewhere(&mut job, &policy, now);
            if let Some(deadline) = job.deadline {
                if now >= deadline {
                    let error = missed(&job);
                    return Err((job, error, others));
                }
                let gate = state.gate(&job.scope);
                let mut wait = gate.least_wait(now, state.line.ahead(&job.scope), job.tokens);
                if now + wait > deadline {
                    // Some of the lane may rank behind.
                    let before = state.line.before(&job.scope, &job.rank);
                    wait = gate.least_wait(now, before, job.tokens);
                }
                if now + wait > deadline {
                    return Err((job, too_slow(wait), others));
                }
            }
            state.line.enqueue(job);
            let mut started = state.start(&policy, now);
            if let Some(own) = started.failed.iter().position(|(job, _)| job.rank.id == id) {
                let (job, error) = started.failed.swap_remove(own);
                others.append(&mut started);
                return Err((job, error, others));
            }
            others.append(&mut started);
            let full = state.line.waits(id) && state.line.waiting() > room(&policy, patient);
            let removed = if full {
                state.line.remove(id)
            } else {
                Removed::Unknown
            };
            let Removed::Waiting(back) = removed else {
                self.owed.fetch_add(1, Ordering::Relaxed);
                self.stats.accepted();
                self.arm(&mut state);
                return Ok(others);
            };
            job = back;
            if !patient || policy.queue_full == QueueFull::Reject {
                let error = Error::new(
                    status::QUEUE_FULL,
                    format!(
                        "the queue is full: queue_size is {}; submit later or raise it with oai_set_queue_size",
                        policy.queue_size
                    ),
                );
                return Err((job, error, others));
            }
            // Nobody may be kept from starting while we wait.
            drop(state);
            self.launch(std::mem::take(&mut others));
            state = self.wait_for_room(&job);
            now = Instant::now();
        }
    }

    /// Blocks until somebody has left the queue, or the job's deadline has passed.
    fn wait_for_room(&self, job: &Job) -> std::sync::MutexGuard<'_, State> {
        let state = lock(&self.state);
        let policy = self.policy.look();
        if state.closed.is_some() || state.line.waiting() < room(&policy, true) {
            return state;
        }
        match job.deadline {
            None => self.room.wait(state),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                self.room.wait_timeout(state, left)
            }
        }
    }

    /// Cancels a request in whatever state it is; false if there is none of this id (any more).
    pub fn cancel(self: &Arc<Self>, id: u64) -> bool {
        let mut state = lock(&self.state);
        let policy = self.policy.look();
        let removed = state.line.remove(id);
        let started = state.start(&policy, Instant::now());
        drop(state);
        let found = match removed {
            Removed::Waiting(job) => {
                self.end_waiting(job, Stop::Cancelled.error());
                true
            }
            // The task delivers: it may be handing over a chunk at this very moment.
            Removed::InFlight(flight) => {
                flight.set(Stop::Cancelled);
                true
            }
            Removed::Unknown => false,
        };
        self.launch(started);
        found
    }

    /// Looks again after the settings have changed.
    pub fn settings_changed(self: &Arc<Self>) {
        self.look_again(|_| true);
        self.room.notify_all();
    }

    /// Starts those who can go after `change`, which says whether there may be any.
    fn look_again(self: &Arc<Self>, change: impl FnOnce(&mut State) -> bool) {
        let mut state = lock(&self.state);
        let policy = self.policy.look();
        if !change(&mut state) {
            return;
        }
        let started = state.start(&policy, Instant::now());
        self.arm(&mut state);
        drop(state);
        self.launch(started);
    }

    /// Takes no more requests; those that were accepted go on.
    pub fn close(&self) {
        lock(&self.state).closed.get_or_insert(Stop::Cancelled);
        self.room.notify_all();
    }

    /// Takes no more requests and ends those that were accepted.
    pub fn stop(self: &Arc<Self>, stop: Stop) {
        let mut state = lock(&self.state);
        state.closed = Some(stop);
        let (waiting, flights) = state.line.clear();
        drop(state);
        self.room.notify_all();
        for job in waiting {
            self.end_waiting(job, stop.error());
        }
        for flight in flights {
            flight.set(stop);
        }
    }

    /// Waits until every terminal event was handed over; false when the time was not enough.
    pub fn wait_drained(&self, timeout: Duration) -> bool {
        let owes = |_: &State| self.owed.load(Ordering::Acquire) > 0;
        self.drained.wait_while(lock(&self.state), timeout, owes)
    }

    /// Sets those flying that have a slot, and ends those that can never go. Needs the lock to be free.
    fn launch(self: &Arc<Self>, started: Started) {
        if started.launched > 0 {
            self.room.notify_all();
        }
        for (job, error) in started.failed {
            self.end_waiting(job, error);
        }
        for _ in 0..started.launched {
            self.runtime.spawn(self.clone().fly());
        }
        if started.ask {
            self.ask_for_token();
        }
    }

    /// A slot's task: it makes the attempt, and goes on with the next request when one waits.
    async fn fly(self: Arc<Self>) {
        let mut alarm = Alarm::default();
        let mut policy = self.policy.get();
        let mut next = lock(&self.state).launched.pop_front();
        while let Some(launched) = next {
            if !Arc::ptr_eq(&policy, &self.policy.look()) {
                policy = self.policy.get();
            }
            next = self.flight(launched, &policy, &mut alarm).await;
        }
    }

    async fn flight(
        self: &Arc<Self>,
        launched: Launched,
        policy: &Policy,
        alarm: &mut Alarm,
    ) -> Option<Launched> {
        let Launched {
            mut job,
            cancelled,
            pass,
        } = launched;
        if let Some(reason) = cancelled.why() {
            return self.land(job, End::Stopped(reason), &pass);
        }
        job.attempts += 1;
        job.attempted = Instant::now();
        job.token = self.tokens.serial();
        job.waited.get_or_insert(job.attempted - job.accepted);
        tracing::debug!(
            "request {}: attempt {} of {}",
            job.rank.id,
            job.attempts,
            describe(&job)
        );
        let deadline = job.deadline;
        let attempt = async {
            let outcome = attempt::run(&*self.transport, policy, &mut job, &pass, alarm).await;
            if let Outcome::Success(response) = &outcome {
                // Looked for here, where a panic is caught, and kept.
                response.usage();
            }
            outcome
        };
        let mut end = tokio::select! {
            biased;
            reason = poll_fn(|context| cancelled.poll_why(context)) => End::Stopped(reason),
            () = until(deadline) => End::Deadline,
            outcome = AssertUnwindSafe(attempt).catch_unwind() => match outcome {
                Ok(outcome) => End::Outcome(outcome),
                Err(_) => End::Panicked,
            },
        };
        cancelled.forget_task();
        if let Some(reason) = cancelled.why() {
            end = End::Stopped(reason);
        }
        self.land(job, end, &pass)
    }

    /// Ends a flight: the job goes to its caller, into backoff or back into its lane, and its slot to the next request,
    /// which is returned.
    fn land(self: &Arc<Self>, mut job: Box<Job>, end: End, pass: &Arc<Pass>) -> Option<Launched> {
        let now = Instant::now();
        // What needs no look at the state is done before its lock is taken, for which every submit waits.
        self.stats.attempted(&observed(&job, &end, pass));
        if let End::Outcome(Outcome::Success(response)) = &end {
            pass.succeeded(response.usage(), now);
        }
        let mut state = lock(&self.state);
        // Read anew, and under the lock, or older settings could come after newer ones.
        let policy = self.policy.look();
        let end = match end {
            // A cancel that came in the last moment has freed the slot already, and promised to end it so.
            end if !state.line.land(job.rank.id) && !matches!(end, End::Stopped(_)) => {
                End::Stopped(Stop::Cancelled)
            }
            end => end,
        };
        let scope = job.scope.clone();
        let (verdict, doomed) = state.judge(&mut job, end, pass, &policy, now);
        // What ended may have been what the lane waited for.
        state.line.open(&scope);
        let finished = match verdict {
            Verdict::BackOff(due) => {
                state.line.back_off(job, due);
                None
            }
            Verdict::Rejoin => {
                state.line.enqueue(job);
                None
            }
            Verdict::Deliver(response) => {
                job.delivery.announce(&response);
                Some((job, response))
            }
        };
        let mut started = state.start(&policy, now);
        // This task takes one of those that were just started, or ends.
        let next = match started.launched.checked_sub(1) {
            Some(others) => {
                started.launched = others;
                state.launched.pop_front()
            }
            None => None,
        };
        self.arm(&mut state);
        drop(state);
        if next.is_some() {
            // It has left the queue.
            self.room.notify_all();
        }
        pass.gate().changed();
        if let Some((job, response)) = finished {
            self.deliver(job, response, now);
        }
        for job in doomed {
            let wait = job
                .deadline
                .map_or(Duration::ZERO, |deadline| deadline - now);
            self.end_waiting(job, too_slow(wait));
        }
        self.launch(started);
        next
    }

    /// Ends a request that is not in flight.
    fn end_waiting(&self, job: Box<Job>, error: Error) {
        let response = Response::failed(job.rank.id, error);
        self.deliver(job, ResponseBox::from(response), Instant::now());
        self.room.notify_all();
    }

    /// Hands a terminal event over, counted.
    fn deliver(&self, job: Box<Job>, mut response: ResponseBox, now: Instant) {
        let job = self.shells.empty(job);
        response.attempts = job.attempts;
        response.place = job.call.place;
        let total = now - job.accepted;
        self.stats.ended(&Ended {
            model: job.model,
            status: response.status(),
            waited: job.waited.unwrap_or(total),
            total,
            usage: response.usage().copied(),
        });
        // Who waits may close the client at once, and then nothing may seem to be owed.
        let somebody_waits = !job.delivery.wants_chunks();
        if somebody_waits {
            self.settle();
        }
        job.delivery.finish(response);
        if !somebody_waits {
            self.settle();
        }
    }

    /// What became of all requests so far, and what the limits are.
    pub fn report(&self) -> Report {
        let now = Instant::now();
        let slots = self.policy.look().max_concurrent_requests;
        let live = lock(&self.state).live(slots, now);
        self.stats.snapshot(time(now), &live)
    }

    /// How many requests of its lane are before one that waits, and the least time until it can go.
    pub fn position(&self, id: u64) -> Option<(u64, Duration)> {
        lock(&self.state).position(id, Instant::now())
    }

    /// Counts a delivered terminal event.
    fn settle(&self) {
        if self.owed.fetch_sub(1, Ordering::AcqRel) == 1 {
            // Who waits looks under the lock: he has seen this, or is told.
            let _state = lock(&self.state);
            self.drained.notify_all();
        }
    }

    /// Sees to it that the timer task wakes in time for what was just added.
    fn arm(&self, state: &mut State) {
        let earlier = |next: &Instant| state.armed.is_none_or(|armed| *next < armed);
        if let Some(next) = state.next_change().filter(earlier) {
            state.armed = Some(next);
            self.timer.notify_one();
        }
    }

    /// The timer's visit: deadlines, backoffs and pauses that are over, and when to come again.
    fn tick(self: &Arc<Self>) -> Option<Instant> {
        let now = Instant::now();
        let mut state = lock(&self.state);
        let policy = self.policy.look();
        let expired = state.line.expired(now);
        state.line.return_due(now);
        let mut started = state.start(&policy, now);
        let (ask, overdue) = self.tokens.tick(now);
        started.ask |= ask;
        state.armed = state.next_change();
        let next = state.armed;
        drop(state);
        if let Some(open) = overdue {
            tracing::warn!(
                "a bearer token was asked for {} ago and has not come: answer with oai_provide_token or oai_refuse_token",
                classify::seconds(open)
            );
        }
        for job in expired {
            let error = missed(&job);
            self.end_waiting(job, error);
        }
        self.launch(started);
        next
    }
}

impl Waits for Scheduler {
    fn ask_again(self: Arc<Self>, scope: &Scope) {
        self.look_again(|state| state.line.open(scope));
    }
}

impl Holder for Scheduler {
    fn has_room(self: Arc<Self>) {
        self.look_again(|_| true);
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.timer.notify_one();
    }
}

/// An attempt as the statistics count it.
fn observed(job: &Job, end: &End, pass: &Pass) -> Attempt {
    let response = match end {
        End::Outcome(Outcome::Success(response) | Outcome::Failed(_, response)) => Some(response),
        _ => None,
    };
    let sent = pass.was_sent();
    Attempt {
        model: job.model,
        tokens_charged: if sent { job.tokens } else { 0 },
        http_status: response.map_or(0, |response| response.http_status),
        first_byte: pass.first_byte(),
        sent: if sent { job.call.body.length() } else { 0 },
        received: response.map_or(0, |response| response.received),
    }
}

/// How many may wait. Where nobody may, one who waits for a place needs one all the same, to be next.
fn room(policy: &Policy, patient: bool) -> usize {
    let least = u32::from(patient && policy.queue_full == QueueFull::Wait);
    policy.queue_size.max(least) as usize
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

mod tokens;

#[cfg(test)]
mod tests;
