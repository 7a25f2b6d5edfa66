//! A histogram of times: fixed size, a few instructions a value, quantiles within a sixteenth.
//!
//! Each power of two is cut into eight steps. The unit is 2^-20 s (0.95 µs), so that the bounds that Prometheus gets are
//! powers of two in seconds and the counts under them are exact, not estimates.

use std::time::Duration;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

/// Binary digits of a value that are kept behind its first.
const DIGITS: u32 = 3;
const STEPS: usize = 1 << DIGITS;

/// Ticks in a second, as a power of two.
const SECOND: u32 = 20;

/// Times from 2^16 s (18 hours) on share the last step.
const LONGEST: u32 = SECOND + 16;
const BUCKETS: usize = (LONGEST - DIGITS + 1) as usize * STEPS;

/// The bounds told to Prometheus, as powers of two in ticks: from 1/512 s to 512 s.
const BOUNDS: std::ops::RangeInclusive<u32> = SECOND - 9..=SECOND + 9;

/// See the module.
#[derive(Clone)]
pub struct Histogram {
    /// Bucket `i` counts the ticks in `(low(i), low(i + 1)]`.
    buckets: [u64; BUCKETS],
    count: u64,
    sum: Duration,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram {
            buckets: [0; BUCKETS],
            count: 0,
            sum: Duration::ZERO,
            max: Duration::ZERO,
        }
    }
}

impl Histogram {
    pub fn record(&mut self, time: Duration) {
        self.buckets[bucket(ticks(time))] += 1;
        self.count += 1;
        self.sum = self.sum.saturating_add(time);
        self.max = self.max.max(time);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// The time that a share `q` of all values does not exceed, within a sixteenth of it; zero if there are none.
    pub fn quantile(&self, q: f64) -> Duration {
        let rank = (q * self.count as f64).ceil() as u64;
        let mut below = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            below += count;
            if below >= rank.max(1) {
                let middle = (low(index) + low(index + 1)) as f64 / 2.0;
                let middle = Duration::from_secs_f64(middle / f64::from(1 << SECOND));
                return middle.min(self.max);
            }
        }
        Duration::ZERO
    }

    /// Bounds in seconds and how many values do not exceed each, exactly.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let (mut next, mut below) = (0, 0);
        BOUNDS.map(move |power| {
            let end = bucket((1 << power) + 1);
            below += self.buckets[next..end].iter().sum::<u64>();
            next = end;
            (f64::from(power as i32 - SECOND as i32).exp2(), below)
        })
    }
}

/// A time in ticks, rounded up, so that a value on a bound does not exceed it.
fn ticks(time: Duration) -> u64 {
    let parts = u64::from(time.subsec_nanos()) << SECOND;
    let seconds = time.as_secs().min(1 << (LONGEST - SECOND));
    (seconds << SECOND) + parts.div_ceil(1_000_000_000)
}

fn bucket(ticks: u64) -> usize {
    let below = ticks.saturating_sub(1).min((1 << LONGEST) - 1);
    let power = (below | (STEPS as u64 - 1)).ilog2();
    let shift = power.saturating_sub(DIGITS);
    // Values under eight have a bucket each; above, the first digit is the bucket's row and the next three its column.
    let row = (power + 1).saturating_sub(DIGITS) as usize * STEPS;
    let column = (below >> shift) as usize % STEPS;
    row + column
}

/// The ticks that all values in bucket `index` exceed.
fn low(index: usize) -> u64 {
    let (row, column) = (index / STEPS, (index % STEPS) as u64);
    match row {
        0 => column,
        row => (STEPS as u64 + column) << (row - 1),
    }
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Histogram", 6)?;
        object.serialize_field("count", &self.count)?;
        object.serialize_field("sum_ms", &milliseconds(self.sum))?;
        object.serialize_field("p50_ms", &milliseconds(self.quantile(0.5)))?;
        object.serialize_field("p90_ms", &milliseconds(self.quantile(0.9)))?;
        object.serialize_field("p99_ms", &milliseconds(self.quantile(0.99)))?;
        object.serialize_field("max_ms", &milliseconds(self.max))?;
        object.end()
    }
}

/// To the microsecond, which is what the buckets know.
fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        for index in 0..BUCKETS {
            assert_eq!(bucket(low(index) + 1), index);
            assert_eq!(bucket(low(index + 1)), index);
        }
        assert_eq!(bucket(0), 0);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn a_value_on_a_bound_does_not_exceed_it() {
        let mut histogram = Histogram::default();
        histogram.record(Duration::from_millis(250));
        histogram.record(Duration::from_nanos(250_000_001));
        histogram.record(Duration::from_secs(100_000));
        let at = |seconds| histogram.cumulative().find(|(bound, _)| *bound == seconds);
        assert_eq!(at(0.125), Some((0.125, 0)));
        assert_eq!(at(0.25), Some((0.25, 1)));
        assert_eq!(at(0.5), Some((0.5, 2)));
        assert_eq!(at(512.0), Some((512.0, 2)));
        assert_eq!(histogram.count(), 3);
        assert_eq!(histogram.cumulative().count(), 19);
    }

    #[test]
    fn nothing_recorded_is_all_zero() {
        let json = serde_json::to_string(&Histogram::default()).unwrap();
        assert_eq!(
            json,
            r#"{"count":0,"sum_ms":0.0,"p50_ms":0.0,"p90_ms":0.0,"p99_ms":0.0,"max_ms":0.0}"#
        );
    }

    #[test]
    fn the_longest_times_do_no_harm() {
        let mut histogram = Histogram::default();
        histogram.record(Duration::MAX);
        histogram.record(Duration::MAX);
        assert_eq!(histogram.sum(), Duration::MAX);
        assert!(histogram.quantile(0.5) > Duration::from_secs(60_000));
    }

    proptest! {
        #[test]
        fn quantiles_are_within_a_sixteenth(
            mut nanos in prop::collection::vec(
                prop_oneof![0..20_000u64, 0..5_000_000_000u64, 0..60_000_000_000_000u64], 1..300),
            q in prop_oneof![Just(0.5), Just(0.9), Just(0.99), Just(1.0)],
        ) {
            let mut histogram = Histogram::default();
            for value in &nanos {
                histogram.record(Duration::from_nanos(*value));
            }
            nanos.sort_unstable();
            let rank = (q * nanos.len() as f64).ceil() as usize;
            let exact = nanos[rank - 1] as f64;
            let told = histogram.quantile(q).as_nanos() as f64;
            // A tick is 954 ns; below that nothing is told apart.
            prop_assert!((told - exact).abs() <= exact / 16.0 + 954.0, "{told} for {exact}");
        }

        #[test]
        fn counts_under_a_bound_are_exact(
            nanos in prop::collection::vec(0..2_000_000_000_000u64, 0..200),
        ) {
            let mut histogram = Histogram::default();
            for value in &nanos {
                histogram.record(Duration::from_nanos(*value));
            }
            for (bound, count) in histogram.cumulative() {
                let exact = nanos.iter().filter(|value| **value as f64 <= bound * 1e9).count();
                prop_assert_eq!(count, exact as u64, "up to {} s", bound);
            }
        }
    }
}
