//! The token bucket: a level that refills steadily up to a capacity.
//!
//! The arithmetic under every limit, announced, configured or found. It never decides anything.

use std::time::Duration;

use super::Time;

/// Rounding must not make a caller who waited exactly long enough wait again.
const SLACK: f64 = 1e-6;

/// Nothing is forecast further away than this; whoever waits asks again.
const FAR: Duration = Duration::from_secs(7 * 86_400);

/// A level that refills steadily. It may be below zero when more was sent than, as it turned out, was there.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    pub capacity: f64,
    /// Per second, above zero.
    pub rate: f64,
    pub level: f64,
    at: Time,
}

impl Bucket {
    pub fn new(capacity: f64, rate: f64, level: f64, now: Time) -> Bucket {
        Bucket {
            capacity,
            rate,
            level: level.min(capacity),
            at: now,
        }
    }

    /// Brings the level up to `now`. Every other method speaks of the time last given here.
    pub fn advance(&mut self, now: Time) {
        if let Some(elapsed) = now.checked_sub(self.at) {
            self.level += self.rate * elapsed.as_secs_f64();
            self.at = now;
        }
        self.level = self.level.min(self.capacity);
    }

    pub fn take(&mut self, amount: f64) {
        self.level -= amount;
    }

    pub fn give_back(&mut self, amount: f64) {
        self.level = (self.level + amount).min(self.capacity);
    }

    /// Time until `amount` can be taken with `reserve` left over, as far as the capacity allows either. More than the
    /// capacity is never there: then it has to be full, or nearly so, for a capacity that grows is never quite full.
    pub fn wait_for(&self, amount: f64, reserve: f64) -> Duration {
        let need = if amount <= self.capacity {
            amount + reserve.min((self.capacity - amount) / 2.0)
        } else {
            0.99 * self.capacity
        };
        wait(need - self.level, self.rate)
    }
}

/// How long `rate` takes to bring `amount`, rounded up so that it is there then.
pub(super) fn wait(amount: f64, rate: f64) -> Duration {
    if amount <= SLACK {
        return Duration::ZERO;
    }
    Duration::try_from_secs_f64(amount / rate)
        .map_or(FAR, |wait| (wait + Duration::from_nanos(1)).min(FAR))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Duration::from_millis(ms)
    }

    #[test]
    fn refills_steadily_up_to_the_capacity() {
        let mut bucket = Bucket::new(10.0, 2.0, 0.0, at(0));
        bucket.advance(at(1500));
        assert_eq!(bucket.level, 3.0);
        bucket.advance(at(60_000));
        assert_eq!(bucket.level, 10.0);
    }

    #[test]
    fn a_clock_that_goes_back_changes_nothing() {
        let mut bucket = Bucket::new(10.0, 2.0, 0.0, at(1000));
        bucket.advance(at(10));
        assert_eq!(bucket.level, 0.0);
        bucket.advance(at(1500));
        assert_eq!(bucket.level, 1.0);
    }

    #[test]
    fn the_wait_is_long_enough_and_no_longer() {
        let mut bucket = Bucket::new(10.0, 3.0, -1.0, at(0));
        let wait = bucket.wait_for(1.0, 0.0);
        assert!(wait >= Duration::from_secs_f64(2.0 / 3.0));
        assert!(wait < Duration::from_secs_f64(2.0 / 3.0 + 1e-6));
        bucket.advance(wait);
        assert_eq!(bucket.wait_for(1.0, 0.0), Duration::ZERO);
    }

    #[test]
    fn more_than_the_capacity_waits_for_a_full_bucket() {
        let bucket = Bucket::new(10.0, 1.0, 4.0, at(0));
        assert_eq!(bucket.wait_for(50.0, 0.0).as_millis(), 5_900);
    }

    #[test]
    fn the_reserve_leaves_room_for_the_request() {
        let bucket = Bucket::new(10.0, 1.0, 4.0, at(0));
        assert_eq!(bucket.wait_for(4.0, 3.0).as_secs(), 3);
        assert_eq!(bucket.wait_for(8.0, 3.0).as_secs(), 5);
        assert_eq!(bucket.wait_for(10.0, 3.0).as_secs(), 6);
    }

    #[test]
    fn a_hopeless_wait_is_finite() {
        assert_eq!(wait(1e300, 1e-300), FAR);
        assert_eq!(wait(1.0, f64::MIN_POSITIVE), FAR);
    }
}
