//! What the scheduler knows at the time of a report and nobody has counted: who waits, and for what.

use std::time::Duration;

use serde::Serialize;

use super::super::breaker::BreakerState;
use super::super::limits::{Binding, LimiterState, Time};

/// A client as it is now.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Requests in the queue or between two attempts.
    pub waiting: u64,
    /// Requests that hold a slot.
    pub in_flight: u64,
    /// `max_concurrent_requests`.
    pub slots: u64,
    /// Tokens rotate, and there is none.
    pub no_token: bool,
    /// Scopes that this client has used.
    pub scopes: Vec<LiveScope>,
}

/// A scope as it is now.
#[derive(Clone, Debug)]
pub struct LiveScope {
    /// What the user knows it by: the limit group. Never anything of the key.
    pub name: String,
    pub limiter: LimiterState,
    pub breaker: BreakerState,
    /// Requests of this client that wait in its lane.
    pub waiting: u64,
    /// Until a request that were accepted now could go.
    pub expected_wait: Duration,
}

/// What keeps those who wait from being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Binds {
    Nothing,
    Requests,
    Tokens,
    Concurrency,
    Pause,
    Breaker,
    SlowStart,
    BearerToken,
}

impl Binds {
    pub const ALL: [Binds; 8] = [
        Binds::Nothing,
        Binds::Requests,
        Binds::Tokens,
        Binds::Concurrency,
        Binds::Pause,
        Binds::Breaker,
        Binds::SlowStart,
        Binds::BearerToken,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Binds::Nothing => "nothing",
            Binds::Requests => "requests",
            Binds::Tokens => "tokens",
            Binds::Concurrency => "concurrency",
            Binds::Pause => "pause",
            Binds::Breaker => "breaker",
            Binds::SlowStart => "slow_start",
            Binds::BearerToken => "bearer_token",
        }
    }
}

impl Live {
    /// What binds the scope in which most requests wait.
    pub fn binds(&self, now: Time) -> Binds {
        self.longest()
            .map_or(Binds::Nothing, |scope| self.binds_in(scope, now))
    }

    /// The scope in which most requests wait.
    pub fn longest(&self) -> Option<&LiveScope> {
        self.scopes.iter().max_by_key(|scope| scope.waiting)
    }

    /// What binds a scope. What would hold even with a slot free comes before the slots; the limits come last, since
    /// they are not asked while there is none.
    pub fn binds_in(&self, scope: &LiveScope, now: Time) -> Binds {
        if scope.waiting == 0 {
            Binds::Nothing
        } else if self.no_token {
            Binds::BearerToken
        } else if scope.breaker != BreakerState::Closed {
            Binds::Breaker
        } else if scope.limiter.paused_until.is_some_and(|end| end > now) {
            Binds::Pause
        } else if self.in_flight >= self.slots {
            Binds::Concurrency
        } else {
            match scope.limiter.binding {
                Binding::Nothing => Binds::Nothing,
                Binding::Requests => Binds::Requests,
                Binding::Tokens => Binds::Tokens,
                Binding::Pause => Binds::Pause,
                Binding::SlowStart => Binds::SlowStart,
            }
        }
    }
}
