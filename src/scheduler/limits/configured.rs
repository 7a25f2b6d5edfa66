//! The limits that the user set: plain buckets that only our own requests empty.
//!
//! They are apart from what is learned, so that nothing a server says can raise them.

use std::time::Duration;

use super::bucket::{Bucket, wait};
use super::{Cost, Time, Unit};

/// The limits that the user set; 0 is "not set".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Configured {
    /// Requests a minute.
    pub requests_per_minute: u64,
    /// Tokens a minute.
    pub tokens_per_minute: u64,
    /// Requests that may go out at once after idling; without it a whole minute's worth.
    pub burst: u64,
}

/// The buckets of a [`Configured`].
#[derive(Debug, Default)]
pub(super) struct Own {
    settings: Configured,
    /// By [`Unit::index`].
    buckets: [Option<Bucket>; 2],
}

impl Own {
    /// Takes new settings. A bucket that was not there starts full; one that was keeps its debts.
    pub fn configure(&mut self, settings: Configured, now: Time) {
        if settings == self.settings {
            return;
        }
        let Configured {
            requests_per_minute: requests,
            tokens_per_minute: tokens,
            burst,
        } = settings;
        let burst = if burst > 0 { burst } else { requests };
        self.settings = settings;
        for (slot, (per_minute, capacity)) in self
            .buckets
            .iter_mut()
            .zip([(requests, burst), (tokens, tokens)])
        {
            let (rate, capacity) = (per_minute as f64 / 60.0, capacity as f64);
            match slot {
                _ if per_minute == 0 => *slot = None,
                Some(bucket) => {
                    bucket.advance(now);
                    bucket.rate = rate;
                    bucket.capacity = capacity;
                }
                None => *slot = Some(Bucket::new(capacity, rate, capacity, now)),
            }
        }
    }

    /// The limit that this request can never pass.
    pub fn too_small_for(&self, cost: Cost) -> Option<u64> {
        let limit = self.settings.tokens_per_minute;
        (limit > 0 && cost.tokens > limit).then_some(limit)
    }

    pub fn advance(&mut self, now: Time) {
        for bucket in self.buckets.iter_mut().flatten() {
            bucket.advance(now);
        }
    }

    pub fn take(&mut self, cost: Cost) {
        for (unit, bucket) in Unit::ALL.into_iter().zip(&mut self.buckets) {
            if let Some(bucket) = bucket {
                bucket.take(cost.of(unit));
            }
        }
    }

    pub fn give_back(&mut self, cost: Cost) {
        for (unit, bucket) in Unit::ALL.into_iter().zip(&mut self.buckets) {
            if let Some(bucket) = bucket {
                bucket.give_back(cost.of(unit));
            }
        }
    }

    /// Time until a request may go, for each limit.
    pub fn waits(&self, cost: Cost) -> impl Iterator<Item = (Unit, Duration)> {
        self.each()
            .map(move |(unit, bucket)| (unit, bucket.wait_for(cost.of(unit), 0.0)))
    }

    /// The least time until so much can have gone, for each limit.
    pub fn least_waits(&self, need: impl Fn(Unit) -> f64) -> impl Iterator<Item = Duration> {
        self.each()
            .map(move |(unit, bucket)| wait(need(unit) - bucket.level, bucket.rate))
    }

    /// Per second.
    pub fn rate(&self, unit: Unit) -> Option<f64> {
        self.buckets[unit.index()]
            .as_ref()
            .map(|bucket| bucket.rate)
    }

    fn each(&self) -> impl Iterator<Item = (Unit, &Bucket)> {
        Unit::ALL
            .into_iter()
            .zip(&self.buckets)
            .filter_map(|(unit, bucket)| Some((unit, bucket.as_ref()?)))
    }
}
