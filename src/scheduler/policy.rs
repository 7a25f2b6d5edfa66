//! The scheduling settings in force; they may change between any two decisions.

use std::time::Duration;

/// See the option table for what each means.
#[derive(Clone, Debug)]
pub struct Policy {
    pub max_concurrent_requests: u32,
    pub queue_size: u32,
    pub max_retries: u32,
    pub initial_retry_delay: Duration,
    pub backoff_factor: f64,
    pub max_retry_delay: Duration,
    pub retry_jitter: f64,
    pub max_retry_after: Duration,
    pub retry_unsafe: bool,
    pub attempt_timeout: Duration,
    /// For embeddings and moderations, which answer fast.
    pub short_attempt_timeout: Duration,
    /// `None`: no bound over all attempts.
    pub timeout: Option<Duration>,
    pub idle_timeout: Duration,
    pub ageing: Duration,
    pub stream_buffer_events: u32,
    pub max_response_bytes: u64,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The defaults of the option table.
    pub fn policy() -> Policy {
        Policy {
            max_concurrent_requests: 5,
            queue_size: 100,
            max_retries: 5,
            initial_retry_delay: Duration::from_secs(1),
            backoff_factor: 2.0,
            max_retry_delay: Duration::from_secs(16),
            retry_jitter: 0.25,
            max_retry_after: Duration::from_secs(120),
            retry_unsafe: false,
            attempt_timeout: Duration::from_secs(600),
            short_attempt_timeout: Duration::from_secs(60),
            timeout: None,
            idle_timeout: Duration::from_secs(300),
            ageing: Duration::from_secs(30),
            stream_buffer_events: 64,
            max_response_bytes: 1 << 30,
        }
    }
}
