//! The one-time warning of what requests wait for, so that a user learns from the log which number to change.
//!
//! `state` asks it, at most once a second, when a step leaves requests waiting. It decides from what it is given and
//! says each reason once in a client's life; it reads no clock and starts no timer.

use std::time::Duration;

use tokio::time::Instant;

use super::classify::seconds;
use super::limits::{Configured, Dimension, DimensionState, Time};
use super::stats::{Binds, Live, LiveScope};

/// A wait that is worth a word.
const LONG: Duration = Duration::from_secs(5);
/// Looking costs a walk over the scopes.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// What a client's log was told.
#[derive(Default)]
pub struct Notices {
    told: Vec<Binds>,
    next_look: Option<Instant>,
    /// The end of the wait that was last a reason to look at once.
    longest: Option<Instant>,
}

impl Notices {
    /// Whether it is time to look; then not again for a second.
    pub fn is_time(&mut self, now: Instant) -> bool {
        let time = self.next_look.is_none_or(|next| now >= next);
        if time {
            self.next_look = Some(now + BETWEEN_LOOKS);
        }
        time
    }

    /// A lane waits until then. If that is long, it is time to look at once: no step may follow before its end. But not
    /// for each request that comes back to the same wait, or makes it a little longer.
    pub fn parked(&mut self, until: Instant, now: Instant) {
        let is_new = self
            .longest
            .is_none_or(|longest| until >= longest + BETWEEN_LOOKS);
        if is_new && until >= now + LONG {
            self.longest = Some(until);
            self.next_look = None;
        }
    }

    /// What to warn of, if that is new. `own` gives the limits that the user set for a scope, `waited` how long the
    /// first of its lane has waited, or has to wait in all if that is known.
    pub fn look(
        &mut self,
        live: &Live,
        now: Time,
        own: impl FnOnce(&str) -> Configured,
        waited: impl FnOnce(&str) -> Duration,
    ) -> Option<String> {
        let scope = live.longest()?;
        let binds = live.binds_in(scope, now);
        if self.told.contains(&binds) || waited(&scope.name).max(scope.expected_wait) < LONG {
            return None;
        }
        let text = advice(binds, live, scope, &own(&scope.name), now)?;
        self.told.push(binds);
        Some(text)
    }
}

fn advice(
    binds: Binds,
    live: &Live,
    scope: &LiveScope,
    own: &Configured,
    now: Time,
) -> Option<String> {
    let LiveScope {
        name,
        waiting,
        expected_wait,
        ..
    } = scope;
    let some = format!(
        "{waiting} {} for {name}",
        if *waiting == 1 {
            "request waits"
        } else {
            "requests wait"
        }
    );
    let limited = |what, own, option, dimensions| {
        let theirs = tighter(scope, dimensions);
        let last = format!(
            "and the last of them can go in {} at the earliest",
            seconds(*expected_wait)
        );
        if own > 0 && theirs.is_none_or(|limit| own as f64 / 60.0 <= limit.rate) {
            return format!(
                "{some}: your own limit of {own} {what} a minute ({option}) binds, {last}. Raise it if the server \
                 allows more"
            );
        }
        let told = theirs.map_or(String::new(), |limit| {
            format!(" ({} in {} s)", limit.limit, limit.window_seconds)
        });
        format!(
            "{some}: the limit of {what}{told} binds, {last}. More takes a higher limit, or another key or model"
        )
    };
    Some(match binds {
        Binds::Requests => limited(
            "requests",
            own.requests_per_minute,
            "requests_per_minute",
            [Dimension::Requests, Dimension::ProjectRequests],
        ),
        Binds::Tokens => limited(
            "tokens",
            own.tokens_per_minute,
            "tokens_per_minute",
            [Dimension::Tokens, Dimension::ProjectTokens],
        ),
        Binds::Concurrency => format!(
            "{some}: max_concurrent_requests, which is {}, binds. Raise it if the server can take more",
            live.slots
        ),
        Binds::Pause => format!(
            "{some}: the server asked for a pause, which lasts another {}",
            seconds(scope.limiter.paused_until?.saturating_sub(now))
        ),
        Binds::Breaker => format!(
            "{some}: the circuit breaker is open, since the server only fails; a probe goes out every circuit_breaker_reset_ms"
        ),
        // The first answers end it; of a token that is awaited there is a warning of its own.
        Binds::Nothing | Binds::SlowStart | Binds::BearerToken => return None,
    })
}

/// The tighter of two limits, as far as the server told them.
fn tighter(scope: &LiveScope, dimensions: [Dimension; 2]) -> Option<DimensionState> {
    dimensions
        .iter()
        .filter_map(|dimension| scope.limiter.dimensions[dimension.index()])
        .min_by(|a, b| a.rate.total_cmp(&b.rate))
}

#[cfg(test)]
mod tests {
    use super::super::breaker::BreakerState;
    use super::super::limits::{Binding, LimiterState};
    use super::*;

    fn live(binding: Binding, in_flight: u64, expected_wait: u64) -> Live {
        Live {
            waiting: 12,
            in_flight,
            slots: 5,
            no_token: false,
            scopes: vec![LiveScope {
                name: "gpt-4o".into(),
                limiter: LimiterState {
                    binding,
                    ..LimiterState::default()
                },
                breaker: BreakerState::Closed,
                waiting: 12,
                expected_wait: Duration::from_secs(expected_wait),
            }],
        }
    }

    fn look(live: &Live, waited: u64) -> Option<String> {
        let now = Duration::from_secs(100);
        let own = |_: &str| Configured::default();
        Notices::default().look(live, now, own, |_| Duration::from_secs(waited))
    }

    #[test]
    fn a_long_wait_is_told_with_what_binds_and_what_to_do() {
        let mut requests = live(Binding::Requests, 1, 9);
        requests.scopes[0].limiter.dimensions[Dimension::Requests.index()] = Some(DimensionState {
            limit: 500,
            window_seconds: 60.0,
            window_guessed: false,
            level: 0.0,
            rate: 8.3,
            our_rate: 8.3,
        });
        let text = look(&requests, 0).unwrap();
        for part in [
            "12 requests wait for gpt-4o",
            "limit of requests (500 in 60 s)",
            "9 s",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(
            look(&live(Binding::Tokens, 1, 9), 0)
                .unwrap()
                .contains("limit of tokens binds")
        );
        let slots = look(&live(Binding::Nothing, 5, 0), 6).unwrap();
        assert!(
            slots.contains("max_concurrent_requests, which is 5"),
            "{slots}"
        );
        let mut paused = live(Binding::Pause, 0, 30);
        paused.scopes[0].limiter.paused_until = Some(Duration::from_secs(130));
        assert!(look(&paused, 0).unwrap().contains("another 30 s"));
        let mut broken = live(Binding::Nothing, 0, 0);
        broken.scopes[0].breaker = BreakerState::HalfOpen;
        assert!(
            look(&broken, 6)
                .unwrap()
                .contains("circuit breaker is open")
        );
    }

    #[test]
    fn the_users_own_limit_is_named_where_it_is_the_tighter() {
        let own = |requests_per_minute| {
            move |_: &str| Configured {
                requests_per_minute,
                tokens_per_minute: 90,
                burst: 0,
            }
        };
        let mut told = live(Binding::Requests, 1, 9);
        told.scopes[0].limiter.dimensions[Dimension::Requests.index()] = Some(DimensionState {
            limit: 500,
            window_seconds: 60.0,
            window_guessed: false,
            level: 0.0,
            rate: 500.0 / 60.0,
            our_rate: 500.0 / 60.0,
        });
        for (live, requests, words) in [
            (
                &told,
                500,
                "your own limit of 500 requests a minute (requests_per_minute) binds",
            ),
            (&told, 501, "the limit of requests (500 in 60 s) binds"),
            (
                &live(Binding::Tokens, 1, 9),
                0,
                "your own limit of 90 tokens a minute (tokens_per_minute) binds",
            ),
        ] {
            let now = Duration::from_secs(100);
            let text = Notices::default().look(live, now, own(requests), |_| Duration::ZERO);
            assert!(
                text.as_ref().is_some_and(|text| text.contains(words)),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_short_wait_and_a_passing_reason_are_not_told() {
        assert_eq!(look(&live(Binding::Requests, 1, 4), 4), None);
        assert_eq!(look(&live(Binding::SlowStart, 1, 60), 60), None);
        assert_eq!(look(&live(Binding::Nothing, 1, 60), 60), None);
        assert_eq!(look(&Live::default(), 60), None);
    }

    #[test]
    fn each_reason_is_told_once() {
        let mut notices = Notices::default();
        let mut told = |live: &Live| {
            let (own, waited) = (
                |_: &str| Configured::default(),
                |_: &str| Duration::from_secs(6),
            );
            notices
                .look(live, Duration::from_secs(100), own, waited)
                .is_some()
        };
        assert!(told(&live(Binding::Nothing, 5, 0)));
        assert!(!told(&live(Binding::Nothing, 5, 0)));
        assert!(told(&live(Binding::Tokens, 1, 9)));
        assert!(!told(&live(Binding::Tokens, 1, 9)));
    }

    #[test]
    fn it_looks_once_a_second_unless_a_long_wait_begins() {
        let mut notices = Notices::default();
        let now = Instant::now();
        assert!(notices.is_time(now));
        assert!(!notices.is_time(now + Duration::from_millis(999)));
        assert!(notices.is_time(now + Duration::from_secs(1)));
        // Unless somebody has to wait for long from now on.
        notices.parked(now + Duration::from_millis(4_999), now);
        assert!(!notices.is_time(now));
        notices.parked(now + LONG, now);
        assert!(notices.is_time(now));
        // Once for a wait, however many come back to it.
        notices.parked(now + LONG + Duration::from_millis(999), now);
        assert!(!notices.is_time(now));
        notices.parked(now + LONG + Duration::from_secs(1), now);
        assert!(notices.is_time(now));
    }
}
