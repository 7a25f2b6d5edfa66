//! What became of a client's requests, counted: the numbers of `oai_client_stats_json` and `oai_client_stats_prometheus`.
//!
//! The scheduler records each event once, from any thread, under a lock that is held for some tens of nanoseconds; nothing
//! is allocated once a model has been seen. What submits count lies apart from what the runtime's threads do, or each would
//! wait for the other's memory. `fields.md` says what each number means. It reads no clock, decides nothing, and never keeps
//! anything of a request but its model's name.

mod histogram;
mod live;
mod models;
mod names;
mod prometheus;
mod report;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use self::histogram::Histogram;
use self::models::{Counted, Models};
use self::names::ByStatus;
use super::attempt::is_good;
use super::limits::Time;
use crate::codec::usage::Usage;
use crate::status::Status;
use crate::sync::{Apart, lock};

pub use self::live::{Binds, Live, LiveScope};
pub use self::models::Model;
pub use self::report::Report;

/// The counters of one client.
#[derive(Default)]
pub struct Stats {
    counters: Mutex<Counters>,
    submits: Apart<Submits>,
}

/// What each submit looks at or changes.
#[derive(Default)]
struct Submits {
    accepted: AtomicU64,
    models: Mutex<Models>,
}

/// An attempt that is over, whatever came of it.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    pub model: Model,
    /// What the limiter charged for it; 0 if that was given back.
    pub tokens_charged: u64,
    /// 0: there was no answer.
    pub http_status: u16,
    /// From its start to the headers of its answer.
    pub first_byte: Option<Duration>,
    /// Bytes of the request's body, if they went out.
    pub sent: u64,
    /// Bytes of the answer's body.
    pub received: u64,
}

/// A request whose terminal event is due.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    pub model: Model,
    pub status: Status,
    /// From acceptance to its first attempt, or to its end if there was none.
    pub waited: Duration,
    /// From acceptance to its end.
    pub total: Duration,
    /// What its answer said.
    pub usage: Option<Usage>,
}

#[derive(Clone, Default)]
struct Counters {
    refused: ByStatus,
    attempts: u64,
    /// Few, and known to the compiler: a search along them beats a table.
    retries: Vec<(&'static str, u64)>,
    rate_limited: u64,
    fallbacks: u64,
    pauses: u64,
    paused: Duration,
    sent: u64,
    received: u64,
    queue_wait: Histogram,
    first_byte: Histogram,
    total: Histogram,
    models: Counted,
}

impl Stats {
    /// What a model, if a request has one, is counted under.
    pub fn model(&self, model: Option<&str>) -> Model {
        lock(&self.submits.models).find(model)
    }

    /// A request was accepted. To be counted before anything of it is.
    pub fn accepted(&self) {
        self.submits.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was refused and has no events.
    pub fn refused(&self, status: Status) {
        lock(&self.counters).refused.count(status);
    }

    /// An attempt is over.
    pub fn attempted(&self, attempt: &Attempt) {
        let mut counters = lock(&self.counters);
        let counters = &mut *counters;
        counters.attempts += 1;
        counters.sent += attempt.sent;
        counters.received += attempt.received;
        counters.rate_limited += u64::from(attempt.http_status == 429);
        if let (Some(first_byte), true) = (attempt.first_byte, is_good(attempt.http_status)) {
            counters.first_byte.record(first_byte);
        }
        counters.models.of(attempt.model).charged += attempt.tokens_charged;
    }

    /// Messages of so many bytes went over a connection, each way.
    pub fn carried(&self, sent: u64, received: u64) {
        let mut counters = lock(&self.counters);
        counters.sent += sent;
        counters.received += received;
    }

    /// Another attempt will be made.
    pub fn retried(&self, reason: &'static str) {
        let mut counters = lock(&self.counters);
        let known = counters.retries.iter_mut().find(|(r, _)| *r == reason);
        match known {
            Some((_, count)) => *count += 1,
            None => counters.retries.push((reason, 1)),
        }
    }

    /// A request was sent elsewhere.
    pub fn fell_back(&self) {
        lock(&self.counters).fallbacks += 1;
    }

    /// A refusal made a scope pause, or pause for so much longer.
    pub fn paused(&self, length: Duration) {
        let mut counters = lock(&self.counters);
        counters.pauses += 1;
        counters.paused = counters.paused.saturating_add(length);
    }

    /// A request ended, however it ended.
    pub fn ended(&self, ended: &Ended) {
        let mut counters = lock(&self.counters);
        let counters = &mut *counters;
        counters.queue_wait.record(ended.waited);
        counters.total.record(ended.total);
        let model = counters.models.of(ended.model);
        model.ended.count(ended.status);
        if let Some(usage) = &ended.usage {
            model.use_up(usage);
        }
    }

    /// Everything while no scheduler is at work yet.
    pub fn before_first_use(&self) -> Report {
        self.snapshot(Time::ZERO, &Live::default())
    }

    /// Everything at one instant, with what the scheduler knows at `now` beside it.
    pub fn snapshot(&self, now: Time, live: &Live) -> Report {
        let counters = lock(&self.counters).clone();
        // After those: nothing may seem to have begun that was not accepted.
        let accepted = self.submits.accepted.load(Ordering::Relaxed);
        let names = lock(&self.submits.models).names();
        Report::new(&counters, &names, accepted, now, live)
    }
}

#[cfg(test)]
mod tests;
