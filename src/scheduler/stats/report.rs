//! The report that a user gets, as values and as JSON. `fields.md` is its documentation, and a test compares the two.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::super::breaker::BreakerState;
use super::super::limits::{Dimension, Time};
use super::Counters;
use super::histogram::Histogram;
use super::live::{Binds, Live, LiveScope};
use super::models::Counts;
use super::names::ByStatus;

/// Counts by a label; what never happened is left out.
pub type Labelled = BTreeMap<Cow<'static, str>, u64>;

/// All numbers of one client at one instant.
#[doc = include_str!("fields.md")]
#[derive(Serialize)]
pub struct Report {
    pub requests: Requests,
    pub attempts: u64,
    pub retries: Labelled,
    pub rate_limited: u64,
    pub fallbacks: u64,
    pub pauses: Pauses,
    pub tokens: Tokens,
    pub bytes: Bytes,
    pub latency: Latency,
    pub models: Vec<ByModel>,
    pub scopes: Vec<Scope>,
    pub binding: Binds,
}

#[derive(Serialize)]
pub struct Requests {
    pub accepted: u64,
    pub refused: Labelled,
    pub ended: Labelled,
    pub waiting: u64,
    pub in_flight: u64,
}

#[derive(Serialize)]
pub struct Pauses {
    pub count: u64,
    pub total_ms: u64,
}

#[derive(Clone, Copy, Default, Serialize)]
pub struct Tokens {
    pub charged: u64,
    pub used: u64,
    pub prompt: u64,
    pub completion: u64,
    pub cached: u64,
    pub reasoning: u64,
}

#[derive(Serialize)]
pub struct Bytes {
    pub sent: u64,
    pub received: u64,
}

#[derive(Serialize)]
pub struct Latency {
    pub queue_wait: Histogram,
    pub first_byte: Histogram,
    pub total: Histogram,
}

#[derive(Serialize)]
pub struct ByModel {
    pub model: String,
    pub ended: Labelled,
    pub tokens: Tokens,
}

#[derive(Serialize)]
pub struct Scope {
    pub scope: String,
    pub waiting: u64,
    pub in_flight: u64,
    pub expected_wait_ms: u64,
    pub binding: Binds,
    pub paused_ms: u64,
    pub slow_start: Option<u64>,
    pub breaker: &'static str,
    pub breaker_open_ms: u64,
    pub limits: Vec<Limit>,
    pub found: Vec<Found>,
}

#[derive(Serialize)]
pub struct Limit {
    pub dimension: &'static str,
    pub limit: u64,
    pub window_seconds: f64,
    pub window_guessed: bool,
    pub level: f64,
    pub rate_per_second: f64,
    pub our_rate_per_second: f64,
}

#[derive(Serialize)]
pub struct Found {
    pub dimension: &'static str,
    pub rate_per_second: f64,
    pub burst: f64,
    pub level: f64,
}

impl Report {
    pub(super) fn new(
        counters: &Counters,
        names: &[Arc<str>],
        accepted: u64,
        now: Time,
        live: &Live,
    ) -> Report {
        let models: Vec<ByModel> = counters.models.with(names).map(by_model).collect();
        let mut ended = Labelled::new();
        let mut tokens = Tokens::default();
        for model in &models {
            tokens.add(&model.tokens);
            for (label, count) in &model.ended {
                *ended.entry(label.clone()).or_default() += count;
            }
        }
        Report {
            requests: Requests {
                accepted,
                refused: labelled(&counters.refused),
                ended,
                waiting: live.waiting,
                in_flight: live.in_flight,
            },
            attempts: counters.attempts,
            retries: (counters.retries.iter())
                .map(|(reason, count)| (Cow::Owned(reason.replace(' ', "_")), *count))
                .collect(),
            rate_limited: counters.rate_limited,
            fallbacks: counters.fallbacks,
            pauses: Pauses {
                count: counters.pauses,
                total_ms: milliseconds(counters.paused),
            },
            tokens,
            bytes: Bytes {
                sent: counters.sent,
                received: counters.received,
            },
            latency: Latency {
                queue_wait: counters.queue_wait.clone(),
                first_byte: counters.first_byte.clone(),
                total: counters.total.clone(),
            },
            models,
            scopes: scopes(live, now),
            binding: live.binds(now),
        }
    }

    /// The report as one JSON object. It is valid whatever happened: a number that is not finite becomes null.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self)
            .expect("every key is a string, and nothing here fails to serialize")
    }
}

impl Tokens {
    fn add(&mut self, other: &Tokens) {
        for (sum, tokens) in [
            (&mut self.charged, other.charged),
            (&mut self.used, other.used),
            (&mut self.prompt, other.prompt),
            (&mut self.completion, other.completion),
            (&mut self.cached, other.cached),
            (&mut self.reasoning, other.reasoning),
        ] {
            *sum = sum.saturating_add(tokens);
        }
    }
}

fn labelled(counts: &ByStatus) -> Labelled {
    counts
        .iter()
        .map(|(label, count)| (Cow::Borrowed(label), count))
        .collect()
}

fn by_model((name, counts): (&str, Cow<'_, Counts>)) -> ByModel {
    ByModel {
        model: name.to_owned(),
        ended: labelled(&counts.ended),
        tokens: Tokens {
            charged: counts.charged,
            used: counts.used.total_tokens,
            prompt: counts.used.prompt_tokens,
            completion: counts.used.completion_tokens,
            cached: counts.used.cached_tokens,
            reasoning: counts.used.reasoning_tokens,
        },
    }
}

/// Scopes of several keys may have one name; a number behind it tells them apart.
fn scopes(live: &Live, now: Time) -> Vec<Scope> {
    let mut taken = HashSet::new();
    let mut name_of = |name: &str| {
        let numbered = (2..).map(|number| format!("{name}#{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        let free = names.find(|name| !taken.contains(name));
        let name = free.expect("the numbers do not end");
        taken.insert(name.clone());
        name
    };
    live.scopes
        .iter()
        .map(|scope| scope_now(name_of(&scope.name), scope, live, now))
        .collect()
}

fn scope_now(name: String, scope: &LiveScope, live: &Live, now: Time) -> Scope {
    let state = &scope.limiter;
    let (breaker, open) = match scope.breaker {
        BreakerState::Closed => ("closed", Duration::ZERO),
        BreakerState::Open { until } => ("open", until.saturating_sub(now)),
        BreakerState::HalfOpen => ("half_open", Duration::ZERO),
    };
    let limits = Dimension::ALL
        .into_iter()
        .filter_map(|dimension| Some((dimension, state.dimensions[dimension.index()]?)));
    let found = [
        ("requests", state.request_pace),
        ("tokens", state.token_pace),
    ]
    .into_iter()
    .filter_map(|(dimension, pace)| Some((dimension, pace?)));
    Scope {
        scope: name,
        waiting: scope.waiting,
        in_flight: state.in_flight,
        expected_wait_ms: milliseconds(scope.expected_wait),
        binding: live.binds_in(scope, now),
        paused_ms: (state.paused_until).map_or(0, |end| milliseconds(end.saturating_sub(now))),
        slow_start: state.slow_start,
        breaker,
        breaker_open_ms: milliseconds(open),
        limits: limits
            .map(|(dimension, limit)| Limit {
                dimension: dimension.name(),
                limit: limit.limit,
                window_seconds: limit.window_seconds,
                window_guessed: limit.window_guessed,
                level: limit.level,
                rate_per_second: limit.rate,
                our_rate_per_second: limit.our_rate,
            })
            .collect(),
        found: found
            .map(|(dimension, pace)| Found {
                dimension,
                rate_per_second: pace.rate,
                burst: pace.burst,
                level: pace.level,
            })
            .collect(),
    }
}

fn milliseconds(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}
