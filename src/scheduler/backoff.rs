//! How long we wait by ourselves: exponential backoff.

use std::time::Duration;

use super::policy::Policy;

/// The delay before retry `retry` (from 0): min(initial · factorⁿ, max), less up to `retry_jitter` of it.
///
/// `random` is in 0..1. Jitter is taken off and never added, so that `max_retry_delay` holds.
pub fn delay(policy: &Policy, retry: u32, random: f64) -> Duration {
    let exponent = i32::try_from(retry).unwrap_or(i32::MAX);
    let most = policy.max_retry_delay.as_secs_f64();
    let grown = policy.initial_retry_delay.as_secs_f64() * policy.backoff_factor.powi(exponent);
    // An overflow to infinity is as good as the maximum; zero times infinity is not a number and means zero.
    let base = if grown.is_nan() { 0.0 } else { grown.min(most) };
    Duration::from_secs_f64(base * (1.0 - policy.retry_jitter * random))
}

/// The same with a chance of its own, for whoever backs off outside of a lane.
pub fn by_chance(policy: &Policy, retry: u32) -> Duration {
    delay(policy, retry, super::state::random())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::policy::tests::policy;

    #[test]
    fn without_jitter_the_delays_double_up_to_the_maximum() {
        let policy = Policy {
            retry_jitter: 0.0,
            ..policy()
        };
        let seconds: Vec<f64> = (0..7)
            .map(|n| delay(&policy, n, 0.7).as_secs_f64())
            .collect();
        assert_eq!(seconds, [1.0, 2.0, 4.0, 8.0, 16.0, 16.0, 16.0]);
    }

    #[test]
    fn the_users_own_settings_give_their_own_row() {
        let policy = Policy {
            retry_jitter: 0.0,
            initial_retry_delay: Duration::from_secs(2),
            backoff_factor: 3.0,
            max_retry_delay: Duration::from_secs(120),
            ..policy()
        };
        let seconds: Vec<f64> = (0..6)
            .map(|n| delay(&policy, n, 0.0).as_secs_f64())
            .collect();
        assert_eq!(seconds, [2.0, 6.0, 18.0, 54.0, 120.0, 120.0]);
    }

    #[test]
    fn jitter_takes_off_at_most_its_share() {
        let policy = policy();
        assert_eq!(delay(&policy, 2, 0.0), Duration::from_secs(4));
        assert_eq!(delay(&policy, 2, 1.0), Duration::from_secs(3));
    }

    #[test]
    fn extremes_neither_overflow_nor_panic() {
        let policy = Policy {
            backoff_factor: 100.0,
            retry_jitter: 0.0,
            ..policy()
        };
        assert_eq!(delay(&policy, u32::MAX, 0.5), Duration::from_secs(16));
        let none = Policy {
            initial_retry_delay: Duration::ZERO,
            ..policy
        };
        assert_eq!(delay(&none, u32::MAX, 0.5), Duration::ZERO);
    }
}
