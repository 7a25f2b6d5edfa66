//! The rate limiter as OpenAI's behaves: one [`Scope`] per API key and model, each with a bucket of requests and one
//! of tokens, truthful headers on every answer, and refusals that cost nothing.
//!
//! [`Scope::decide`] is a pure function of state and time; [`Limiter`] keeps the scopes and is told the time by
//! `handle`. Never reads a clock.

use std::collections::HashMap;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::bucket::Bucket;
use crate::errors::ApiError;
use crate::limits::{Limits, RetryAfter};

/// The two things that are limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dimension {
    Requests,
    Tokens,
}

impl Dimension {
    fn name(self) -> &'static str {
        match self {
            Dimension::Requests => "requests",
            Dimension::Tokens => "tokens",
        }
    }

    fn long_name(self) -> &'static str {
        match self {
            Dimension::Requests => "requests per min (RPM)",
            Dimension::Tokens => "tokens per min (TPM)",
        }
    }
}

/// What became of a request at the limiter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Admitted,
    /// Would fit after `wait`.
    Refused {
        dimension: Dimension,
        wait: Duration,
    },
    /// Larger than the whole bucket: never fits.
    TooLarge {
        dimension: Dimension,
    },
}

/// One limited dimension: the bucket that headers tell of and the hidden one, if any.
#[derive(Clone, Debug)]
struct Meter {
    dimension: Dimension,
    told: Bucket,
    hidden: Option<Bucket>,
}

impl Meter {
    fn wait_for(&mut self, amount: u64, now: Duration) -> Duration {
        let told = self.told.wait_for(amount, now);
        let hidden = self
            .hidden
            .as_mut()
            .map(|hidden| hidden.wait_for(amount, now));
        told.max(hidden.unwrap_or_default())
    }

    fn take(&mut self, amount: u64, now: Duration) {
        self.told.take(amount, now);
        if let Some(hidden) = &mut self.hidden {
            hidden.take(amount, now);
        }
    }
}

/// The limits of one API key and model.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    limits: Limits,
    meters: Vec<Meter>,
}

impl Scope {
    pub(crate) fn new(limits: Limits, now: Duration) -> Scope {
        let mut meters = Vec::new();
        let mut add =
            |dimension, rate: Option<u64>, window, start: Option<u64>, burst: Option<u64>| {
                let Some(rate) = rate else { return };
                let start = start.unwrap_or(rate);
                meters.push(Meter {
                    dimension,
                    told: Bucket::new(rate, window, rate, start, now),
                    hidden: burst.map(|burst| Bucket::new(rate, window, burst, start, now)),
                });
            };
        add(
            Dimension::Requests,
            limits.requests_per_minute,
            limits.requests_window(),
            limits.start_requests,
            limits.hidden_burst,
        );
        add(
            Dimension::Tokens,
            limits.tokens_per_minute,
            limits.tokens_window(),
            limits.start_tokens,
            limits.hidden_burst_tokens,
        );
        Scope { limits, meters }
    }

    /// Admits and charges a request of `tokens`, or refuses it at no cost.
    pub(crate) fn decide(&mut self, tokens: u64, now: Duration) -> Decision {
        let cost = |dimension| {
            if dimension == Dimension::Requests {
                1
            } else {
                tokens
            }
        };
        if let Some(meter) = self
            .meters
            .iter()
            .find(|meter| cost(meter.dimension) > meter.told.capacity())
        {
            return Decision::TooLarge {
                dimension: meter.dimension,
            };
        }
        let longest = self
            .meters
            .iter_mut()
            .map(|meter| (meter.wait_for(cost(meter.dimension), now), meter.dimension))
            // Of equal waits the first counts, so requests come before tokens.
            .rev()
            .max_by_key(|(wait, _)| *wait);
        if let Some((wait, dimension)) = longest.filter(|(wait, _)| !wait.is_zero()) {
            return Decision::Refused { dimension, wait };
        }
        for meter in &mut self.meters {
            meter.take(cost(meter.dimension), now);
        }
        Decision::Admitted
    }

    /// Adds the `x-ratelimit-*` headers as of `now`.
    pub(crate) fn write_headers(&mut self, headers: &mut HeaderMap, now: Duration) {
        if !self.limits.ratelimit_headers {
            return;
        }
        for meter in &mut self.meters {
            let name = meter.dimension.name();
            let mut put = |what: &str, value: String| {
                let name = HeaderName::try_from(format!("x-ratelimit-{what}-{name}"));
                if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
                    headers.insert(name, value);
                }
            };
            put("limit", meter.told.capacity().to_string());
            put("remaining", meter.told.remaining(now).to_string());
            put("reset", duration_text(meter.told.time_to_full(now)));
        }
    }

    /// The 429 for a decision that is not [`Decision::Admitted`].
    pub(crate) fn refusal(
        &mut self,
        decision: &Decision,
        tokens: u64,
        model: &str,
        now: Duration,
    ) -> Refusal {
        let (dimension, wait) = match decision {
            Decision::Refused { dimension, wait } => (*dimension, Some(*wait)),
            Decision::TooLarge { dimension } => (*dimension, None),
            Decision::Admitted => unreachable!("an admitted request is not refused"),
        };
        let told = self
            .meters
            .iter_mut()
            .find(|meter| meter.dimension == dimension);
        let (limit, remaining) = told
            .map(|meter| (meter.told.capacity(), meter.told.remaining(now)))
            .unwrap_or_default();
        let requested = if dimension == Dimension::Requests {
            1
        } else {
            tokens
        };
        let on = dimension.long_name();
        let mut message = match wait {
            Some(_) => format!(
                "Rate limit reached for {model} in organization org-test on {on}: Limit {limit}, Used {}, \
                 Requested {requested}.",
                limit - remaining
            ),
            None => format!(
                "Request too large for {model} in organization org-test on {on}: Limit {limit}, \
                 Requested {requested}. The input or output tokens must be reduced."
            ),
        };
        let mut headers = HeaderMap::new();
        if let Some(wait) = wait {
            if self.limits.names_delay() {
                message.push_str(&format!(" Please try again in {}.", duration_text(wait)));
            }
            if self.limits.retry_after != RetryAfter::None {
                let seconds = wait.as_nanos().div_ceil(1_000_000_000);
                headers.insert("retry-after", HeaderValue::from(seconds as u64));
            }
            if self.limits.retry_after == RetryAfter::SecondsAndMs {
                headers.insert("retry-after-ms", HeaderValue::from(ceil_ms(wait)));
            }
        }
        let error = ApiError {
            status: 429,
            kind: dimension.name(),
            code: Some("rate_limit_exceeded"),
            param: None,
            message,
        };
        Refusal { error, headers }
    }

    /// The scope under other settings; levels carry over as far as they fit, except where `restart` names a start.
    fn changed(&mut self, limits: Limits, restart: [bool; 2], now: Duration) -> Scope {
        let mut scope = Scope::new(limits, now);
        for meter in &mut scope.meters {
            let before = self
                .meters
                .iter_mut()
                .find(|before| before.dimension == meter.dimension);
            let Some(before) = before.filter(|_| !restart[meter.dimension as usize]) else {
                continue;
            };
            meter.told.inherit(&mut before.told, now);
            if let (Some(hidden), Some(before)) = (&mut meter.hidden, &mut before.hidden) {
                hidden.inherit(before, now);
            }
        }
        scope
    }
}

/// The answer to a refused request.
pub(crate) struct Refusal {
    pub(crate) error: ApiError,
    pub(crate) headers: HeaderMap,
}

/// All scopes of a server.
pub(crate) struct Limiter {
    limits: Limits,
    scopes: HashMap<(String, String), Scope>,
    /// When the settings were last set: the outage counts from there.
    set_at: Duration,
}

impl Limiter {
    pub(crate) fn new(limits: Limits, now: Duration) -> Limiter {
        Limiter {
            limits,
            scopes: HashMap::new(),
            set_at: now,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn is_limited(&self) -> bool {
        self.limits.is_limited()
    }

    /// The scope of `key` and `model`, made on first use.
    pub(crate) fn scope(&mut self, key: &str, model: &str, now: Duration) -> &mut Scope {
        let limits = &self.limits;
        self.scopes
            .entry((key.to_owned(), model.to_owned()))
            .or_insert_with(|| Scope::new(limits.for_model(model), now))
    }

    /// Replaces the settings. Levels carry over; `restart` says for requests and tokens whether they start anew.
    pub(crate) fn change(&mut self, limits: Limits, restart: [bool; 2], now: Duration) {
        for ((_, model), scope) in &mut self.scopes {
            *scope = scope.changed(limits.for_model(model), restart, now);
        }
        if limits.outage != self.limits.outage {
            self.set_at = now;
        }
        self.limits = limits;
    }

    /// The status to answer while the outage lasts.
    pub(crate) fn outage(&self, now: Duration) -> Option<u16> {
        let outage = self.limits.outage.as_ref()?;
        let begin = self.set_at + Duration::from_millis(outage.after_ms);
        let end = begin + Duration::from_millis(outage.for_ms);
        (begin..end).contains(&now).then_some(outage.status)
    }
}

fn ceil_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// A duration as OpenAI writes it: `120ms`, `1s`, `8.64s`, `6m0s`, `24h0m0s`; rounded up to a millisecond.
pub(crate) fn duration_text(duration: Duration) -> String {
    let ms = ceil_ms(duration);
    if ms == 0 {
        return "0s".to_owned();
    }
    if ms < 1000 {
        return format!("{ms}ms");
    }
    let (minutes, rest) = (ms / 60_000, ms % 60_000);
    let mut seconds = format!("{}.{:03}", rest / 1000, rest % 1000);
    seconds.truncate(seconds.trim_end_matches('0').trim_end_matches('.').len());
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
#[path = "limiter/tests.rs"]
mod tests;
