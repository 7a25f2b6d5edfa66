//! The scheduling settings in force; they may change between any two decisions.

use std::time::Duration;

use super::fallback::Fallback;
use super::limits::Configured;

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
    /// Whose limits apply: a hash of base URL, key, organization and project.
    pub identity: u64,
    /// Limits for models without their own.
    pub limits: Configured,
    pub model_limits: Vec<(String, Configured)>,
    /// Models that share their limits: from model to group.
    pub limit_groups: Vec<(String, String)>,
    /// A dated model counts as the one without its date; where models are named freely it does not.
    pub dated_models: bool,
    pub learn_limits: bool,
    /// 0: no breaker.
    pub breaker_failures: u32,
    pub breaker_reset: Duration,
    pub queue_full: QueueFull,
    /// Where else requests may be served.
    pub fallbacks: Vec<Fallback>,
    /// The wait that they are not sent elsewhere for.
    pub fallback_after: Duration,
}

/// What a blocking call does when the queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueFull {
    /// It fails at once.
    #[default]
    Reject,
    /// It waits for a place, within its deadline.
    Wait,
}

impl QueueFull {
    /// In the order of their numbers.
    pub const ALL: [QueueFull; 2] = [QueueFull::Reject, QueueFull::Wait];
}

impl Policy {
    /// The limits that the user set for a group, or for everything.
    pub fn limits_of(&self, group: &str) -> Configured {
        let own = self
            .model_limits
            .iter()
            .find(|(model, _)| self.group_of(model) == group);
        own.map_or(self.limits, |(_, limits)| *limits)
    }

    /// What a model shares its limits with: the group that the user named, else the model without its date, since
    /// `gpt-4o-2024-08-06` and `gpt-4-0613` count as `gpt-4o` and `gpt-4`.
    pub fn group_of<'a>(&'a self, model: &'a str) -> &'a str {
        match self.limit_groups.iter().find(|(name, _)| name == model) {
            Some((_, group)) => group,
            None if self.dated_models => without_date(model),
            None => model,
        }
    }
}

fn without_date(model: &str) -> &str {
    if !model.ends_with(|last: char| last.is_ascii_digit()) {
        return model;
    }
    let digits =
        |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    let mut parts = model.rsplitn(4, '-');
    match [parts.next(), parts.next(), parts.next(), parts.next()] {
        [Some(day), Some(month), Some(year), Some(rest)]
            if digits(day, 2) && digits(month, 2) && digits(year, 4) =>
        {
            rest
        }
        _ => match model.rsplit_once('-') {
            Some((rest, date)) if digits(date, 4) => rest,
            _ => model,
        },
    }
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
            identity: 0,
            limits: Configured::default(),
            model_limits: Vec::new(),
            limit_groups: Vec::new(),
            dated_models: true,
            learn_limits: true,
            breaker_failures: 0,
            breaker_reset: Duration::from_secs(30),
            queue_full: QueueFull::Reject,
            fallbacks: Vec::new(),
            fallback_after: Duration::from_secs(2),
        }
    }

    #[test]
    fn dated_names_count_as_their_model() {
        for (model, group) in [
            ("gpt-4o-2024-08-06", "gpt-4o"),
            ("gpt-4-0613", "gpt-4"),
            ("gpt-3.5-turbo-1106", "gpt-3.5-turbo"),
            ("gpt-4o", "gpt-4o"),
            ("text-embedding-3-small", "text-embedding-3-small"),
            ("text-embedding-ada-002", "text-embedding-ada-002"),
            ("-2024-08-06", ""),
            ("2024-08-06", "2024-08-06"),
            ("/files", "/files"),
        ] {
            assert_eq!(policy().group_of(model), group, "{model}");
        }
        let grouped = Policy {
            limit_groups: vec![("a".into(), "b".into())],
            ..policy()
        };
        assert_eq!(grouped.group_of("a"), "b");
        // Two deployments of Azure, however they are called.
        let deployments = Policy {
            dated_models: false,
            ..policy()
        };
        assert_eq!(deployments.group_of("gpt-4-0613"), "gpt-4-0613");
    }

    #[test]
    fn a_models_own_limits_come_before_the_general_ones() {
        let own = Configured {
            requests_per_minute: 5,
            ..Configured::default()
        };
        let policy = Policy {
            model_limits: vec![("m".into(), own)],
            ..policy()
        };
        assert_eq!(policy.limits_of("m"), own);
        assert_eq!(policy.limits_of("n"), Configured::default());
    }
}
