//! Decides when a request is sent, and whether once more.
//!
//! `client` submits jobs. The decisions are pure functions of state, time and outcome ([`backoff`], [`retry`],
//! [`retry_after`], [`line`]) and are tested as such; [`dispatch`] is the thin shell that runs them on tokio and drives
//! a [`crate::transport::Transport`]. It imports `transport`, `codec` and `completion`, never `client` or `ffi`.

mod alarm;
mod attempt;
mod backoff;
mod breaker;
mod classify;
mod dispatch;
mod fallback;
mod gate;
mod ids;
mod job;
mod limits;
mod line;
mod notice;
mod pass;
mod policy;
mod retry;
mod retry_after;
mod save;
mod shells;
mod state;
mod stats;
mod tokens;

pub use backoff::by_chance as backoff;
pub use dispatch::Scheduler;
pub use fallback::{Fallback, MOST as MOST_FALLBACKS};
pub use job::{Expect, NewJob};
pub use limits::Configured;
pub use policy::{Policy, QueueFull};
pub use retry::may_repeat;
pub use stats::{Report, Stats};
pub use tokens::Tokens;
