//! What the scheduler keeps under its lock, and the steps that change it: who starts, and what follows from an attempt.
//!
//! Nothing here waits, sends or delivers: each step returns what is to be done once the lock is free.

mod elsewhere;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::attempt::Outcome;
use super::breaker::{Allow, Breaker, BreakerState};
use super::classify;
use super::gate::{Gate, Waits, instant, time};
use super::job::Job;
use super::limits::{Admit, Never, Refusal};
use super::line::{Line, Scope};
use super::notice::Notices;
use super::pass::{Ended, Pass, SharedBreaker};
use super::policy::Policy;
use super::retry::{self, Decision, History, Pauses, Trouble, Why};
use super::stats::{Live, LiveScope, Stats};
use super::tokens::{Standing, Tokens};
use crate::completion::{Cancelled, EventQueue, Holder, Response, ResponseBox, Stop};
use crate::error::Error;
use crate::status;
use crate::sync::lock;

/// A job that has a slot, how it is told to stop, and its rights.
pub(super) struct Launched {
    pub job: Box<Job>,
    pub cancelled: Cancelled,
    pub pass: Arc<Pass>,
}

/// What [`State::start`] leads to.
#[derive(Default)]
pub(super) struct Started {
    /// How many were added to [`State::launched`]; each needs a task that takes one.
    pub launched: usize,
    /// Those that can never go.
    pub failed: Vec<(Box<Job>, Error)>,
    /// The host is to be asked for a token, unless it was meanwhile.
    pub ask: bool,
}

impl Started {
    /// Adds what a later step led to.
    pub fn append(&mut self, later: &mut Started) {
        self.launched += later.launched;
        self.failed.append(&mut later.failed);
        self.ask |= later.ask;
    }
}

/// How a flight ended.
pub(super) enum End {
    Outcome(Outcome),
    Stopped(Stop),
    Deadline,
    Panicked,
}

/// What a flight's end leads to.
pub(super) enum Verdict {
    Deliver(ResponseBox),
    /// Another attempt at that time.
    BackOff(Instant),
    /// Another attempt as soon as its scope lets it.
    Rejoin,
}

/// Those whose deadline a pause outlasts.
#[allow(clippy::vec_box, reason = "they are moved on as they are")]
type Doomed = Vec<Box<Job>>;

/// The limits and the breaker that a lane goes through.
struct Way {
    gate: Arc<Gate>,
    breaker: Option<SharedBreaker>,
    /// When something of it last succeeded.
    succeeded: Option<Instant>,
}

/// A scheduler's state.
pub(super) struct State {
    /// Of one in flight it keeps how to stop it. It may be landing at that moment, and finds out then that its place is
    /// gone.
    pub line: Line<Box<Job>, Cancelled>,
    /// Those that have a slot and whose task has not begun, oldest first. A task takes the oldest and not one of its
    /// own: so the order of the first steps is that of the starts, whichever task runs first.
    pub launched: VecDeque<Launched>,
    /// Queues that hold requests back, by the address that [`Line`] knows them by.
    unread: HashMap<u64, Arc<EventQueue>>,
    /// Set once no more requests are taken.
    pub closed: Option<Stop>,
    /// When the timer task will look again by itself.
    pub armed: Option<Instant>,
    ways: HashMap<Scope, Way>,
    /// The lanes of fallbacks: which one, and the group whose limits apply there.
    elsewhere: HashMap<Scope, (u8, Scope)>,
    notices: Notices,
    /// The settings that `ways` were made with.
    policy: Arc<Policy>,
    stats: Arc<Stats>,
    tokens: Arc<Tokens>,
    owner: Weak<dyn Waits>,
    holder: Weak<dyn Holder>,
}

impl State {
    pub fn new<T: Waits + Holder + 'static>(
        policy: Arc<Policy>,
        stats: Arc<Stats>,
        tokens: Arc<Tokens>,
        owner: Weak<T>,
    ) -> State {
        State {
            line: Line::new(),
            launched: VecDeque::new(),
            unread: HashMap::new(),
            closed: None,
            armed: None,
            ways: HashMap::new(),
            elsewhere: HashMap::new(),
            policy,
            stats,
            notices: Notices::default(),
            holder: owner.clone(),
            tokens,
            owner,
        }
    }

    /// Takes note of changed settings.
    fn follow(&mut self, policy: &Arc<Policy>, now: Instant) {
        if Arc::ptr_eq(&self.policy, policy) {
            return;
        }
        let before = std::mem::replace(&mut self.policy, policy.clone());
        if before.identity != policy.identity || before.fallbacks != policy.fallbacks {
            self.ways.clear();
        }
        let same_breaker = before.breaker_failures == policy.breaker_failures
            && before.breaker_reset == policy.breaker_reset;
        for (scope, way) in &mut self.ways {
            let group = self.elsewhere.get(scope).map_or(scope, |(_, group)| group);
            way.gate
                .configure(policy.limits_of(group), policy.learn_limits, now);
            if !same_breaker {
                way.breaker = breaker(policy);
            }
        }
        self.line.open_all();
    }

    fn way(&mut self, scope: Scope) -> &Way {
        let (policy, owner, elsewhere) = (&self.policy, &self.owner, &self.elsewhere);
        let unknown = match self.ways.entry(scope) {
            Entry::Occupied(known) => return known.into_mut(),
            Entry::Vacant(unknown) => unknown,
        };
        let scope = unknown.key();
        let (identity, group) = match elsewhere.get(scope) {
            None => (policy.identity, scope),
            Some((place, group)) => {
                let fallback = policy.fallbacks.get(usize::from(*place) - 1);
                (
                    fallback.map_or(policy.identity, |there| there.identity),
                    group,
                )
            }
        };
        let limits = policy.limits_of(group);
        let gate = Gate::of(identity, group, limits, policy.learn_limits);
        gate.subscribe(owner.clone(), scope);
        unknown.insert(Way {
            gate,
            breaker: breaker(policy),
            succeeded: None,
        })
    }

    /// The limits of a scope.
    pub fn gate(&mut self, scope: &Scope) -> Arc<Gate> {
        self.way(scope.clone()).gate.clone()
    }

    /// The scopes in use and what holds them back.
    pub fn live(&mut self, slots: u32, now: Instant) -> Live {
        let mut depths: HashMap<Scope, u64> = self
            .line
            .depths()
            .map(|(scope, depth)| (scope.clone(), depth))
            .collect();
        let scopes = self.ways.iter().map(|(scope, way)| LiveScope {
            name: scope.to_string(),
            limiter: way.gate.state(now),
            breaker: way
                .breaker
                .as_ref()
                .map_or(BreakerState::Closed, |breaker| lock(breaker).state()),
            waiting: depths.remove(scope).unwrap_or(0),
            expected_wait: way.gate.least_wait(now, self.line.ahead(scope), 1),
        });
        Live {
            scopes: scopes.collect(),
            waiting: self.line.waiting() as u64,
            in_flight: self.line.in_flight() as u64,
            slots: slots.into(),
            no_token: self.tokens.standing(now) == Standing::Missing,
        }
    }

    /// How many requests of its lane are before one that waits, and the least time until it can go.
    pub fn position(&mut self, id: u64, now: Instant) -> Option<(u64, Duration)> {
        let (scope, tokens, before) = {
            let (job, before) = self.line.position(id)?;
            (job.scope.clone(), job.tokens, before)
        };
        Some((before.0, self.gate(&scope).least_wait(now, before, tokens)))
    }

    /// When there is something to do without any outcome.
    pub fn next_change(&self) -> Option<Instant> {
        let changes = [self.line.next_change(), self.tokens.next_change()];
        changes.into_iter().flatten().min()
    }

    /// Gives free slots to those who wait and whose limits let them through.
    pub fn start(&mut self, policy: &Arc<Policy>, now: Instant) -> Started {
        self.follow(policy, now);
        let mut started = Started::default();
        let most = policy.max_concurrent_requests as usize;
        loop {
            self.start_lanes(&mut started, policy, most, now);
            // More than the free slots are not needed at once, unless the lanes of those are blocked.
            if !self.release(most - most.min(self.line.in_flight())) {
                break;
            }
        }
        if self.line.waiting() > 0 && self.notices.is_time(now) {
            let live = self.live(policy.max_concurrent_requests, now);
            let waited = |scope: &str| {
                let first = self.line.first(scope);
                let until = self.line.parked_until(scope).map_or(now, |at| at.max(now));
                first.map_or(Duration::ZERO, |job| until - job.accepted)
            };
            let own = |scope: &str| {
                let group = self.elsewhere.get(scope).map(|(_, group)| &**group);
                policy.limits_of(group.unwrap_or(scope))
            };
            if let Some(notice) = self.notices.look(&live, time(now), own, waited) {
                tracing::warn!("{notice}");
            }
        }
        started
    }

    /// Brings at most `most` requests back into their lanes for each queue that has been read; false if there was none.
    fn release(&mut self, most: usize) -> bool {
        if most == 0 || self.unread.is_empty() {
            return false;
        }
        let (line, holder) = (&mut self.line, &self.holder);
        let mut some = false;
        self.unread.retain(|key, queue| {
            if line.holds(*key) && !queue.hold(holder) {
                line.release(*key, most);
                some = true;
            }
            line.holds(*key)
        });
        some
    }

    /// The queue that a job's events go to, if it takes no more until somebody reads it.
    fn unread_queue(&self, job: &Job) -> Option<Arc<EventQueue>> {
        let queue = job.delivery.queue()?;
        (queue.is_bounded() && queue.hold(&self.holder)).then(|| queue.clone())
    }

    fn park_next(&mut self, until: Option<Instant>, now: Instant) {
        self.line.park_next(until);
        if let Some(until) = until {
            self.notices.parked(until, now);
        }
    }

    fn start_lanes(
        &mut self,
        started: &mut Started,
        policy: &Arc<Policy>,
        most: usize,
        now: Instant,
    ) {
        // It may change meanwhile; whoever changes it opens all lanes once the lock is free.
        let standing = self.tokens.standing(now);
        while let Some(job) = self.line.next(most) {
            if let Some(queue) = self.unread_queue(job) {
                let key = Arc::as_ptr(&queue) as u64;
                self.line.hold_next(key);
                self.unread.insert(key, queue);
                continue;
            }
            let (scope, tokens, own_key) = (job.scope.clone(), job.tokens, job.own_key);
            let way = self.way(scope);
            let (gate, breaker) = (way.gate.clone(), way.breaker.clone());
            if !own_key && standing == Standing::Missing {
                self.line.park_next(None);
                started.ask = true;
                continue;
            }
            let permit = match gate.admit(now, tokens) {
                Admit::Go(permit) => permit,
                Admit::At(at) => {
                    if !self.divert_next(policy, instant(at), now) {
                        self.park_next(Some(instant(at)), now);
                    }
                    continue;
                }
                Admit::Blocked => {
                    self.line.park_next(None);
                    continue;
                }
                Admit::Never(never) => {
                    let job = self.line.take_next();
                    started.failed.extend(job.map(|job| {
                        let error = too_large(&never, job.tokens);
                        (job, error)
                    }));
                    continue;
                }
            };
            let mut ticket = None;
            if let Some(breaker) = &breaker {
                // Before asking: the probe's outcome may come between the answer and the mark.
                gate.mark_parked();
                match lock(breaker).allow(time(now)) {
                    Allow::Go(given) => ticket = Some((breaker.clone(), given)),
                    wait => {
                        gate.refund(permit, now);
                        let until = match wait {
                            Allow::At(at) => Some(instant(at)),
                            _ => None,
                        };
                        if !until.is_some_and(|until| self.divert_next(policy, until, now)) {
                            self.park_next(until, now);
                        }
                        continue;
                    }
                }
            }
            let pass = Pass::new(gate, permit, ticket, policy.max_retry_after, now);
            let cancelled = Cancelled::default();
            if let Some(mut job) = self.line.launch_next(cancelled.clone()) {
                job.delivery.launched(cancelled.clone());
                self.launched.push_back(Launched {
                    job,
                    cancelled,
                    pass,
                });
                started.launched += 1;
                if !own_key && standing != Standing::Fixed {
                    self.tokens.used();
                    started.ask |= standing == Standing::Due;
                }
            }
        }
    }

    /// What follows from the end of a flight; the slot is free already, and so is the pass of a success. Also those that
    /// the end dooms.
    pub fn judge(
        &mut self,
        job: &mut Job,
        end: End,
        pass: &Pass,
        policy: &Policy,
        now: Instant,
    ) -> (Verdict, Doomed) {
        let harm = pass.was_sent() && !job.may_repeat;
        let id = job.rank.id;
        let failed = |error: Error| {
            let error = Error {
                may_have_executed: harm,
                ..error
            };
            (
                Verdict::Deliver(ResponseBox::from(Response::failed(id, error))),
                Vec::new(),
            )
        };
        let (trouble, response) = match end {
            End::Stopped(reason) => {
                pass.end(Ended::GivenUp, now);
                return failed(reason.error());
            }
            End::Deadline => {
                pass.end(Ended::GivenUp, now);
                return failed(missed(job));
            }
            End::Panicked => {
                pass.end(Ended::GivenUp, now);
                return failed(Error::new(
                    status::PANIC,
                    "the request met an internal failure of the library; other requests are not affected",
                ));
            }
            End::Outcome(Outcome::Success(response)) => {
                if let Some(way) = self.ways.get_mut(&job.scope) {
                    way.succeeded = Some(now);
                }
                return (Verdict::Deliver(response), Vec::new());
            }
            End::Outcome(Outcome::Failed(trouble, response)) => (trouble, response),
        };
        if matches!(
            trouble,
            Trouble::Answer {
                http_status: 401,
                ..
            }
        ) && !job.own_key
            && !job.renewed
            && self.tokens.rejected(job.token)
        {
            pass.end(Ended::Answered, now);
            job.renewed = true;
            self.stats.retried("unauthorized");
            tracing::info!(
                "request {}: {}: the server did not take the token; it is sent once more with the next one",
                job.rank.id,
                describe(job),
            );
            return (Verdict::Rejoin, Vec::new());
        }
        let history = History {
            retries: job.retries.into(),
            scope_moved: self
                .ways
                .get(&job.scope)
                .and_then(|way| way.succeeded)
                .is_some_and(|at| at > job.attempted),
            may_repeat: job.may_repeat,
        };
        let chance = random();
        let decision = retry::decide(policy, &trouble, history, chance);
        let pauses = retry::pauses(&trouble);
        if let Some(pauses) = pauses {
            let before = pass.gate().pause_left(now);
            pass.refused(now, &refusal(policy, &trouble, pauses, &decision, chance));
            let longer = pass.gate().pause_left(now).saturating_sub(before);
            if !longer.is_zero() {
                self.stats.paused(longer);
            }
        }
        pass.end(
            if is_no_answer(&trouble) {
                Ended::Failed
            } else {
                Ended::Answered
            },
            now,
        );

        let (delay, counts, reason) = match decision {
            Decision::GiveUp(why) => {
                let why = if job.renewed && response.http_status == 401 {
                    Why::TokenRejected
                } else {
                    why
                };
                if self.may_try_elsewhere(job, &trouble, policy)
                    && self.try_elsewhere(job, policy, Duration::MAX, now)
                {
                    return (Verdict::Rejoin, Vec::new());
                }
                return (give_up(job, response, why), Vec::new());
            }
            Decision::Retry {
                delay,
                counts,
                reason,
            } => (delay, counts && !pass.is_probe(), reason),
        };
        let (wait, doomed) = match pauses {
            None => (delay, Vec::new()),
            Some(_) => {
                let wait = pass.gate().least_wait(now, (0, 0), job.tokens);
                let doomed = self.line.doomed(&job.scope, now + wait);
                (wait, self.spare(doomed, policy, wait, now))
            }
        };
        if job.deadline.is_some_and(|at| now + wait >= at) {
            if self.may_try_elsewhere(job, &trouble, policy)
                && self.try_elsewhere(job, policy, wait, now)
            {
                return (Verdict::Rejoin, doomed);
            }
            return (cannot_be_met(job, response, wait), doomed);
        }
        self.stats.retried(reason);
        log_retry(job, &response, policy, wait, counts, reason);
        job.retries += u8::from(counts);
        match pauses {
            None => (Verdict::BackOff(now + wait), doomed),
            Some(_) => (Verdict::Rejoin, doomed),
        }
    }
}

fn breaker(policy: &Policy) -> Option<SharedBreaker> {
    (policy.breaker_failures > 0).then(|| {
        Arc::new(Mutex::new(Breaker::new(
            policy.breaker_failures,
            policy.breaker_reset,
        )))
    })
}

fn is_no_answer(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::NoAnswer { .. })
}

/// What the limiter is told of a refusal.
fn refusal(
    policy: &Policy,
    trouble: &Trouble,
    pauses: Pauses,
    decision: &Decision,
    chance: f64,
) -> Refusal {
    let requested = match trouble {
        Trouble::Answer { requested, .. } => *requested,
        _ => None,
    };
    let backoff = match decision {
        Decision::Retry { delay, .. } => *delay,
        Decision::GiveUp(_) => policy.initial_retry_delay,
    };
    Refusal {
        retry_after: requested.map(|asked| asked.min(policy.max_retry_after)),
        dimension: match pauses {
            Pauses::RateLimit(dimension) => dimension,
            Pauses::SlowDown => None,
        },
        slow_down: pauses == Pauses::SlowDown,
        backoff,
        chance: if policy.retry_jitter == 0.0 {
            0.0
        } else {
            chance
        },
    }
}

fn give_up(job: &Job, response: ResponseBox, why: Why) -> Verdict {
    Verdict::Deliver(with_error(response, |error| {
        let error = classify::advise(error, job.attempts, why);
        tracing::warn!("request {}: {}: {error}", job.rank.id, describe(job));
        error
    }))
}

fn cannot_be_met(job: &Job, response: ResponseBox, wait: Duration) -> Verdict {
    Verdict::Deliver(with_error(response, |error| Error {
        message: format!(
            "the deadline cannot be met: the next attempt would be in {}, after {}: {}",
            classify::seconds(wait),
            classify::attempts(job.attempts),
            error.message
        )
        .into(),
        status: status::DEADLINE,
        ..error
    }))
}

fn log_retry(
    job: &Job,
    response: &Response,
    policy: &Policy,
    wait: Duration,
    counts: bool,
    reason: &str,
) {
    let said = response.error.as_ref().map_or("", |error| &error.message);
    let request_id = match response.request_id() {
        Some(id) => format!(" [{}]", id.to_string_lossy()),
        None => String::new(),
    };
    tracing::warn!(
        "request {}: attempt {} of {}: {reason} ({said}); retry {} of {}{} in {}{request_id}",
        job.rank.id,
        job.attempts,
        describe(job),
        job.retries + u8::from(counts),
        policy.max_retries,
        if counts { "" } else { " (not counted)" },
        classify::seconds(wait),
    );
}

fn with_error(mut response: ResponseBox, change: impl FnOnce(Error) -> Error) -> ResponseBox {
    response.error = response.error.take().map(change);
    response
}

/// The error of a request that is larger than a whole limit.
pub(super) fn too_large(never: &Never, tokens: u64) -> Error {
    Error::new(
        status::LIMIT_EXCEEDED,
        format!(
            "the request needs about {tokens} tokens, more than the whole {} of {} {}; make it smaller",
            if never.configured {
                "configured limit"
            } else {
                "limit that the server tells"
            },
            never.limit,
            never.dimension.name(),
        ),
    )
}

/// The error of a request whose deadline has passed.
pub(super) fn missed(job: &Job) -> Error {
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

/// The error of a request that its limits will not let through in time.
pub(super) fn too_slow(wait: Duration) -> Error {
    Error::new(
        status::DEADLINE,
        format!(
            "the deadline cannot be met: the rate limit lets the request through in {} at the earliest",
            classify::seconds(wait)
        ),
    )
}

/// The call in few words, for the log.
pub(super) fn describe(job: &Job) -> String {
    match &job.call.model {
        Some(model) => format!("{} {} ({model})", job.call.method, job.call.path),
        None => format!("{} {}", job.call.method, job.call.path),
    }
}

/// A number in 0..1 for jitter; nothing depends on its quality, only on different processes drawing different ones.
pub(super) fn random() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let bits = RandomState::new().hash_one(0u8) >> 11;
    bits as f64 / (1u64 << 53) as f64
}
