//! The token bucket: a pure function of its state and the time given to it.
//!
//! `limiter` keeps two or four of these per scope. All arithmetic is in integers (the level is kept in units times
//! nanoseconds of the window), so a caller that waits exactly [`Bucket::wait_for`] is never refused for a rounding
//! error. Never reads a clock.

use std::time::Duration;

/// A bucket of `capacity` units, refilled steadily by `rate` units a window.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    rate: u64,
    window_ns: u128,
    capacity: u64,
    /// Units in the bucket times `window_ns`.
    level: u128,
    at: Duration,
}

impl Bucket {
    /// A bucket that holds `start` units at `now`. A rate or window of 0 counts as 1.
    pub(crate) fn new(
        rate: u64,
        window: Duration,
        capacity: u64,
        start: u64,
        now: Duration,
    ) -> Bucket {
        let window_ns = window.as_nanos().max(1);
        let level = u128::from(start.min(capacity)) * window_ns;
        Bucket {
            rate: rate.max(1),
            window_ns,
            capacity,
            level,
            at: now,
        }
    }

    /// Brings the level up to `now`. A time before the last one changes nothing.
    fn refill(&mut self, now: Duration) {
        let Some(elapsed) = now.checked_sub(self.at) else {
            return;
        };
        self.at = now;
        self.level = (self.level + elapsed.as_nanos() * u128::from(self.rate)).min(self.full());
    }

    fn full(&self) -> u128 {
        u128::from(self.capacity) * self.window_ns
    }

    /// The most that one request can take.
    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Whole units in the bucket.
    pub(crate) fn remaining(&mut self, now: Duration) -> u64 {
        self.refill(now);
        (self.level / self.window_ns) as u64
    }

    /// Takes `amount`, which must have been seen to fit (`wait_for` returned zero).
    pub(crate) fn take(&mut self, amount: u64, now: Duration) {
        self.refill(now);
        self.level = self
            .level
            .saturating_sub(u128::from(amount) * self.window_ns);
    }

    /// How long until `amount` fits; zero when it fits now. More than the capacity waits for a full bucket.
    pub(crate) fn wait_for(&mut self, amount: u64, now: Duration) -> Duration {
        self.refill(now);
        self.time_to((u128::from(amount) * self.window_ns).min(self.full()))
    }

    /// How long until the bucket is full.
    pub(crate) fn time_to_full(&mut self, now: Duration) -> Duration {
        self.refill(now);
        self.time_to(self.full())
    }

    fn time_to(&self, level: u128) -> Duration {
        let missing = level.saturating_sub(self.level);
        let nanos = missing.div_ceil(u128::from(self.rate));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Takes over the level of `before`, as far as it fits: the limit changed while the server ran.
    pub(crate) fn inherit(&mut self, before: &mut Bucket, now: Duration) {
        before.refill(now);
        // In two parts, since the plain product can exceed 128 bits.
        let whole = before.level / before.window_ns * self.window_ns;
        let rest = before.level % before.window_ns * self.window_ns / before.window_ns;
        self.level = (whole + rest).min(self.full());
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn ms(value: u64) -> Duration {
        Duration::from_millis(value)
    }

    #[test]
    fn refills_steadily_up_to_its_capacity() {
        let mut bucket = Bucket::new(600, MINUTE, 600, 0, ms(0));
        assert_eq!(bucket.remaining(ms(99)), 0);
        assert_eq!(bucket.remaining(ms(100)), 1);
        assert_eq!(bucket.remaining(ms(1000)), 10);
        assert_eq!(bucket.time_to_full(ms(1000)), ms(59_000));
        assert_eq!(bucket.remaining(ms(600_000)), 600);
        assert_eq!(bucket.time_to_full(ms(600_000)), Duration::ZERO);
    }

    #[test]
    fn waiting_exactly_as_told_is_enough_for_any_rate() {
        for rate in [1, 7, 59, 60, 61, 3_000, 999_983] {
            let mut bucket = Bucket::new(rate, MINUTE, rate, 0, ms(3));
            let mut now = ms(3);
            for amount in [1, 2, 3, 7].map(|amount: u64| amount.min(rate)) {
                let wait = bucket.wait_for(amount, now);
                assert!(wait > Duration::ZERO);
                let early = now + wait - Duration::from_nanos(1);
                assert!(
                    bucket.clone().wait_for(amount, early) > Duration::ZERO,
                    "{rate}"
                );
                now += wait;
                assert_eq!(bucket.wait_for(amount, now), Duration::ZERO, "{rate}");
                bucket.take(amount, now);
            }
        }
    }

    #[test]
    fn a_smaller_capacity_bounds_the_burst_not_the_rate() {
        let mut bucket = Bucket::new(6000, MINUTE, 50, 50, ms(0));
        bucket.take(50, ms(0));
        assert_eq!(bucket.wait_for(1, ms(0)), ms(10));
        assert_eq!(bucket.remaining(ms(60_000)), 50);
    }

    #[test]
    fn time_running_backwards_changes_nothing() {
        let mut bucket = Bucket::new(60, MINUTE, 60, 10, ms(5000));
        assert_eq!(bucket.remaining(ms(1000)), 10);
        assert_eq!(bucket.remaining(ms(6000)), 11);
    }

    #[test]
    fn a_new_limit_keeps_the_level_as_far_as_it_fits() {
        let mut old = Bucket::new(600, MINUTE, 600, 300, ms(0));
        let mut same = Bucket::new(1200, Duration::from_secs(10), 1200, 1200, ms(0));
        same.inherit(&mut old, ms(0));
        assert_eq!(same.remaining(ms(0)), 300);
        let mut small = Bucket::new(60, MINUTE, 60, 0, ms(0));
        small.inherit(&mut old, ms(0));
        assert_eq!(small.remaining(ms(0)), 60);
    }

    #[test]
    fn a_day_of_a_large_limit_does_not_overflow() {
        let day = Duration::from_secs(86_400);
        let mut bucket = Bucket::new(u64::MAX, day, u64::MAX, 0, ms(0));
        bucket.remaining(day);
        assert_eq!(bucket.remaining(day), u64::MAX);
    }
}
