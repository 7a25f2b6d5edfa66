//! What passes between the scheduler and the limiter: permits, answers and refusals.

use std::time::Duration;

use super::ledger::Place;
use super::{Cost, Dimension, Time};

/// What [`Limiter::admit`](super::Limiter::admit) answers.
#[derive(Debug)]
pub enum Admit {
    /// It may go now.
    Go(Permit),
    /// Not before then; ask again then, or after the next outcome.
    At(Time),
    /// Not before some outcome; ask again after the next.
    Blocked,
    /// It can never go.
    Never(Never),
}

/// Why a request can never go: it costs more than the whole limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Never {
    /// Which limit.
    pub dimension: Dimension,
    /// The whole of it.
    pub limit: u64,
    /// The user set it, rather than the server.
    pub configured: bool,
}

/// The right to send one request. It ends in [`Limiter::finished`](super::Limiter::finished) or
/// [`Limiter::refund`](super::Limiter::refund), exactly once.
#[derive(Debug)]
pub struct Permit {
    pub(super) serial: u64,
    pub(super) cost: Cost,
    pub(super) admitted: Time,
    pub(super) place: Option<Place>,
    pub(super) answered: bool,
    pub(super) told: Told,
}

/// What the headers of an answer said about the limits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    /// Some limit could be read.
    pub any: bool,
    /// By dimension: less was left than the request cost.
    pub exhausted: [bool; 4],
}

/// A 429, or a 503 that says "slow down".
#[derive(Clone, Copy, Debug, Default)]
pub struct Refusal {
    /// What the server asked for, from the arrival of the answer, already capped by `max_retry_after_ms`.
    pub retry_after: Option<Duration>,
    /// The limit that the error text names.
    pub dimension: Option<Dimension>,
    /// It is the 503.
    pub slow_down: bool,
    /// The caller's own delay for this request's next retry, used when nothing else is known.
    pub backoff: Duration,
    /// From 0 to 1, drawn by the caller.
    pub chance: f64,
}
