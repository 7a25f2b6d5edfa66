//! What statistics show of a scope: the limits as known, and what holds it back.

use super::learned::Learned;
use super::pace::Pace;
use super::{Limiter, Time, Unit};

/// What holds the scope back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// Nothing.
    #[default]
    Nothing,
    /// The limit of requests, announced, configured or found.
    Requests,
    /// The limit of tokens.
    Tokens,
    /// A pause, or the even pace after it.
    Pause,
    /// The scope is new and has not answered.
    SlowStart,
}

impl From<Unit> for Binding {
    fn from(unit: Unit) -> Binding {
        match unit {
            Unit::Requests => Binding::Requests,
            Unit::Tokens => Binding::Tokens,
        }
    }
}

/// An announced limit as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DimensionState {
    /// The whole of it.
    pub limit: u64,
    /// Its period in seconds; a minute while nobody said.
    pub window_seconds: f64,
    /// The period is a guess.
    pub window_guessed: bool,
    /// What we think is left.
    pub level: f64,
    /// What the server refills a second.
    pub rate: f64,
    /// What of it others leave us.
    pub our_rate: f64,
}

/// A limit found from refusals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PaceState {
    /// Per second.
    pub rate: f64,
    /// At once.
    pub burst: f64,
    /// What we think is left of the burst.
    pub level: f64,
}

/// What statistics show of a scope.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LimiterState {
    /// Announced limits, by [`Dimension::index`](super::Dimension::index).
    pub dimensions: [Option<DimensionState>; 4],
    /// The found limit of requests.
    pub request_pace: Option<PaceState>,
    /// The found limit of tokens.
    pub token_pace: Option<PaceState>,
    /// The end of the pause.
    pub paused_until: Option<Time>,
    /// How many requests may be unanswered while the scope is new.
    pub slow_start: Option<u64>,
    /// What held the last request back.
    pub binding: Binding,
    /// Requests admitted and not ended.
    pub in_flight: u64,
    /// Requests admitted so far.
    pub charged_requests: u64,
    /// Tokens charged so far.
    pub charged_tokens: u64,
    /// Tokens that answers say were used.
    pub used_tokens: u64,
}

impl Limiter {
    /// What statistics show.
    pub fn state(&mut self, now: Time) -> LimiterState {
        self.advance(now);
        let (charged_requests, charged_tokens) = self.ledger.charged();
        let [request_pace, token_pace] = &self.found;
        LimiterState {
            dimensions: self
                .learned
                .each_ref()
                .map(|slot| slot.as_ref().map(announced)),
            request_pace: found(request_pace),
            token_pace: found(token_pace),
            paused_until: self.pause.until(now),
            slow_start: self.window,
            binding: self.binding,
            in_flight: self.ledger.in_flight(),
            charged_requests,
            charged_tokens,
            used_tokens: self.used_tokens,
        }
    }
}

fn announced(learned: &Learned) -> DimensionState {
    DimensionState {
        limit: learned.limit(),
        window_seconds: learned.window().seconds(),
        window_guessed: learned.window().is_guess(),
        level: learned.level(),
        rate: learned.rate(),
        our_rate: learned.our_rate(),
    }
}

fn found(pace: &Pace) -> Option<PaceState> {
    let (rate, burst, level) = pace.found()?;
    Some(PaceState { rate, burst, level })
}
