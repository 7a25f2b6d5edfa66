//! Rate limits of one scope, kept and learned: how many requests and tokens may go out, and when.
//!
//! The scheduler owns one [`Limiter`] per scope and is the only caller. Everything here is pure: time is an argument,
//! chance is an argument, and nothing reads a clock, takes a lock, logs or does I/O. That is what lets `simulation`
//! drive this very code through an hour of traffic in a second.
//!
//! The parts: `headers` reads what an answer says, `window` infers what period a limit belongs to, `bucket` is the
//! arithmetic, `ledger` knows what was sent and what is unanswered, `learned` keeps one announced limit in step with
//! the server, `configured` holds what the user set, `pace` finds the limit that is not announced, `pause` holds the
//! scope after a refusal, `limiter` is the whole and `refusal` its answer to a 429, `permit` and `state` are what
//! passes in and out.

mod bucket;
mod configured;
mod headers;
mod learned;
mod ledger;
mod limiter;
mod pace;
mod pause;
mod permit;
#[cfg(test)]
mod properties;
mod refusal;
#[cfg(test)]
mod simulation;
mod state;
#[cfg(test)]
mod tests;
mod window;

use std::time::Duration;

pub use configured::Configured;
pub use headers::Snapshot;
pub use limiter::Limiter;
pub use permit::{Admit, Never, Permit, Refusal};
pub use state::{Binding, DimensionState, LimiterState};

/// An instant: the time since an epoch of the caller's choosing, the same one for every call on a limiter.
pub type Time = Duration;

/// What one request is charged, besides the one request that it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Tokens as the server counts them before it runs the request.
    pub tokens: u64,
}

impl Cost {
    fn of(self, unit: Unit) -> f64 {
        match unit {
            Unit::Requests => 1.0,
            Unit::Tokens => self.tokens as f64,
        }
    }
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Requests.
    Requests,
    /// Tokens.
    Tokens,
}

impl Unit {
    const ALL: [Unit; 2] = [Unit::Requests, Unit::Tokens];

    fn index(self) -> usize {
        self as usize
    }
}

/// One announced limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// `x-ratelimit-*-requests`
    Requests,
    /// `x-ratelimit-*-tokens`
    Tokens,
    /// `x-ratelimit-*-project-requests`
    ProjectRequests,
    /// `x-ratelimit-*-project-tokens`
    ProjectTokens,
}

impl Dimension {
    /// Every dimension; the position is [`Dimension::index`].
    pub const ALL: [Dimension; 4] = [
        Dimension::Requests,
        Dimension::Tokens,
        Dimension::ProjectRequests,
        Dimension::ProjectTokens,
    ];

    /// Where this dimension stands in arrays over all of them.
    pub fn index(self) -> usize {
        self as usize
    }

    /// What it counts.
    pub fn unit(self) -> Unit {
        match self {
            Dimension::Requests | Dimension::ProjectRequests => Unit::Requests,
            Dimension::Tokens | Dimension::ProjectTokens => Unit::Tokens,
        }
    }

    /// How header names end for it.
    pub fn name(self) -> &'static str {
        match self {
            Dimension::Requests => "requests",
            Dimension::Tokens => "tokens",
            Dimension::ProjectRequests => "project-requests",
            Dimension::ProjectTokens => "project-tokens",
        }
    }
}
